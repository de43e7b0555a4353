"""Real people who speak, prepared by the real command; not part of the project."""

import dataclasses
from pathlib import Path

import pytest

from faceanim.data.manifest import INDEX_NAME, read_manifest, write_manifest
from tests.prepared import ROOT, run

CLIPS = ROOT.parent / "shared" / "data" / "clips"
TRAINED_ON, HELD_OUT = ("liveportrait_d11", "moore_1_scenecut"), "moore_3_speech"


def prepare_speech(folder: Path) -> Path:
    """Three clips at 32 pixels: two to train on, one held out. Skips where they are not."""
    if not CLIPS.is_dir():
        pytest.skip("no sample clips here")
    raw = folder / "raw"
    raw.mkdir(parents=True)
    for name in (*TRAINED_ON, HELD_OUT):
        (raw / f"{name}.mp4").symlink_to(CLIPS / f"{name}.mp4")
    data = folder / "data"
    options = (f"raw={raw}", f"output={data}", "size=32", "workers=0", "max_padding=0.5")
    done = run("-m", "scripts.prepare_celebvhq_hdtf", *options)
    assert done.returncode == 0, done.stderr
    rows = read_manifest(data)
    assert all(row.keep and row.audio_path for row in rows)
    splits = {row.clip_id: "test" if row.clip_id == HELD_OUT else "train" for row in rows}
    write_manifest(data / INDEX_NAME, [dataclasses.replace(row, split=splits[row.clip_id]) for row in rows])
    return data
