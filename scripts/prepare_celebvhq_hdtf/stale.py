"""Files in the output that the index does not name: of an earlier split, of clips that are dropped now."""

from collections.abc import Sequence
from pathlib import Path

from faceanim.data.manifest import ManifestRow
from scripts.prepare_celebvhq_hdtf.sources import PARTS, Release

PLACES = {"clips": ".mp4", "landmarks": ".npz", "audio": ".wav"}


def remove_stale(folder: Path, release: Release, rows: Sequence[ManifestRow]) -> None:
    """Delete what earlier runs made of this release's clips and the index, which is written, does not name.

    Files of other clips (another data set, raw videos that are gone) stay, and a line says how many there are.
    """
    named = {name for row in rows for name in (row.path, row.landmarks_path, row.audio_path)}
    for clip in release.clips:
        for name in (clip.name, *(f"{clip.name}_{part}" for part in PARTS)):
            for place, suffix in PLACES.items():
                if f"{place}/{name}{suffix}" not in named:
                    (folder / place / f"{name}{suffix}").unlink(missing_ok=True)
    others = sum(f"clips/{path.name}" not in named for path in (folder / "clips").glob("*.mp4"))
    if others:
        print(f"{others} file(s) in clips/ belong to no clip of this index: left from other raw videos")
