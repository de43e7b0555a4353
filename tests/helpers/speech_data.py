"""Real people who speak; not part of the project."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from faceanim.data.manifest import INDEX_NAME, read_manifest, write_manifest
from scripts.prepare_celebvhq_hdtf.run import prepare
from tests.helpers.assets import asset
from tests.helpers.preparation import options

TRAINED_ON, HELD_OUT = ("liveportrait_d12", "moore_1_scenecut"), "liveportrait_d11"


def prepare_speech(folder: Path, names: Sequence[str] = (*TRAINED_ON, HELD_OUT)) -> Path:
    """Clips at 32 pixels, all to train on but HELD_OUT. Skips where they are not."""
    clips = asset("data/clips")
    raw, data = folder / "raw", folder / "data"
    raw.mkdir(parents=True)
    for name in names:
        (raw / f"{name}.mp4").symlink_to(clips / f"{name}.mp4")
    prepare(options(f"raw={raw}", f"output={data}", "size=32", "max_padding=0.5", "split_by=clip"))
    hold_out(data, HELD_OUT)
    return data


def hold_out(data: Path, name: str) -> None:
    """Make this clip the test split and all others the training split."""
    rows = read_manifest(data)
    assert all(row.keep and row.audio_path for row in rows)
    splits = [dataclasses.replace(row, split="test" if row.clip_id == name else "train") for row in rows]
    write_manifest(data / INDEX_NAME, splits)
