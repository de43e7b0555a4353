"""A short run, and two prepared clips of the demo video."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.cropping import apply_crop, stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.manifest import INDEX_NAME, write_manifest
from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence
from tests.helpers.demo import demo_frames
from tests.helpers.manifest import clip_row

SIZE = 64


@pytest.fixture(scope="session")
def prepared_folder(shared) -> Path:
    """A clip to train on and one held out, six frames each, cut from the demo video one after the other."""
    return shared("prepared", _prepare)


def _prepare(folder: Path) -> None:
    frames_THWC = read_video(demo_clip_path(), fps=12).frames_THWC[:12]
    found = landmarker("dlib").detect(frames_THWC)
    height, width = frames_THWC.shape[1:3]
    crop = stabilised_square_crop(found.points, width, height)
    poses = PoseSequence(found.points, found.confidence, 12.0, width, height).crop(*crop, SIZE)
    rows = []
    for split, start in (("train", 0), ("test", 6)):
        frames = slice(start, start + 6)
        write_video(folder / f"{split}.mp4", apply_crop(frames_THWC[frames], crop, SIZE), 12.0)
        poses[frames].save(folder / f"{split}.npz")
        files = {
            "path": f"{split}.mp4",
            "landmarks_path": f"{split}.npz",
            "source_path": "carphone_pristine.mp4",
        }
        place = {"crop_x": crop.x, "crop_y": crop.y, "crop_size": crop.size, "source_start_frame": start}
        of = {"split": split, "n_frames": 6, "fps": 12.0, "width": SIZE, "height": SIZE}
        rows.append(clip_row(f"carphone_{split}", **files, **place, **of))
    write_manifest(folder / INDEX_NAME, rows)


@pytest.fixture
def evaluate(output_of) -> Callable[..., tuple[dict, str]]:
    """Run evaluate.py, and return its metrics.json and what it printed."""

    def run(run_dir: Path, *options: str) -> tuple[dict, str]:
        out = output_of("evaluate.py", f"run_dir='{run_dir}'", *options)
        return json.loads((run_dir / "metrics.json").read_text()), out

    return run


@pytest.fixture
def videos(tmp_path) -> tuple[Path, Path]:
    """Folders of predictions and references: a perfect copy, and the first frame repeated."""
    frames_THWC = demo_frames()[:24:6]
    predictions, references = tmp_path / "predictions", tmp_path / "references"
    for name, shown in (("copy.mp4", frames_THWC), ("still.mp4", np.repeat(frames_THWC[:1], 4, axis=0))):
        write_video(references / name, frames_THWC, 5.0, crf=0)
        write_video(predictions / name, shown, 5.0, crf=0)
    return predictions, references
