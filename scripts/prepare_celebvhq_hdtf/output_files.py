"""The files of the clips in the output folder, and which of them are left over."""

from collections.abc import Sequence
from pathlib import Path

from faceanim.data.manifest import ManifestRow
from scripts.prepare_celebvhq_hdtf.sources import PARTS, Release


def files_of(clip_id: str) -> dict[str, str]:
    """Column of the index: the file of a clip, relative to the output folder."""
    return {
        "path": f"clips/{clip_id}.mp4",
        "landmarks_path": f"landmarks/{clip_id}.npz",
        "audio_path": f"audio/{clip_id}.wav",
    }


def remove_stale(folder: Path, release: Release, rows: Sequence[ManifestRow]) -> None:
    """Delete what earlier runs made of this release's clips and the index, which is written, does not name.

    Files of other clips (another data set, raw videos that are gone) stay, and a line says how many there are.
    """
    named = {getattr(row, column) for row in rows for column in files_of("")}
    names = [name for clip in release.clips for name in (clip.name, *(f"{clip.name}_{p}" for p in PARTS))]
    for path in {path for name in names for path in files_of(name).values()} - named:
        (folder / path).unlink(missing_ok=True)
    others = sum(f"clips/{path.name}" not in named for path in (folder / "clips").glob("*.mp4"))
    if others:
        print(f"{others} file(s) in clips/ belong to no clip of this index: left from other raw videos")


def remove_temporary(folder: Path) -> None:
    """Delete temporary files, see `faceanim.media.files.atomic_path`, of workers that were killed."""
    for file in files_of("").values():
        for path in (folder / file).parent.glob(".*"):
            path.unlink(missing_ok=True)
