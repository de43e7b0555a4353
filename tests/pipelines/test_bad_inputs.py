"""Each bad input is one line and nothing half written, or has the documented way out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faceanim.media.image import write_image
from faceanim.media.video_writer import write_video
from faceanim.pose.sequence import PoseSequence
from tests.helpers.demo import demo_frames
from tests.helpers.images import png_header
from tests.helpers.inference import described
from tests.helpers.odd_videos import write_at


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """What is made here: good ones too, for a bad one to go with."""
    folder = tmp_path_factory.mktemp("inputs")
    frames = demo_frames()[:8]
    write_image(folder / "good.png", frames[0])
    write_video(folder / "good.mp4", frames, 24.0)
    write_image(folder / "no_face.png", np.full((96, 96, 3), 128, np.uint8))
    write_image(
        folder / "two_faces.png", np.concatenate([frames[0], frames[4, ::2, ::2].repeat(2, 0)], axis=1)
    )
    (folder / "huge.png").write_bytes(png_header(16384, 16384))
    (folder / "empty.png").touch()
    (folder / "text.mp4").write_text("no video")
    content = (folder / "good.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    write_video(folder / "still.mp4", np.full((3, 96, 96, 3), 128, np.uint8), 24.0)
    lost = frames.copy()
    lost[2:4] = 128
    write_video(folder / "lost.mp4", lost, 24.0)
    points = np.random.default_rng(0).uniform(0, 48, (2, 68, 2)).astype(np.float32)
    PoseSequence(points, np.ones(2, np.float32), 24.0, 64, 48).save(folder / "wide.npz")
    PoseSequence(points, np.ones(2, np.float32), 24.0, 200, 200).save(folder / "large.npz")
    lost = PoseSequence(points * np.nan, np.ones(2, np.float32), 24.0, 64, 64)
    lost.save(folder / "no_face.npz")
    fields = {"confidence": np.ones(0, np.float32), "fps": 24.0, "width": 64, "height": 64, "source": ""}
    np.savez(folder / "none.npz", points=np.empty((0, 68, 2), np.float32), **fields)
    write_video(folder / "one_frame.mp4", frames[:1], 24.0)
    write_at(folder / "variable_rate.mp4", frames, [0, 40, 110, 150, 240, 290, 330, 400])
    write_image(folder / "cut.jpg", frames[0])
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    (folder / "broken.png").write_bytes(png_header(96, 96))
    (folder / "empty.mp4").touch()
    shutil.copy(folder / "good.png", folder / "renamed.mp4")
    return folder


REFUSED = {
    "reference=no_face.png": "no face found in the reference image",
    "reference=huge.png": "too large: expected at most 50000000 pixels",
    "reference=empty.png": "cannot read image",
    "reference=good.mp4": "cannot read image",
    "reference=nowhere.png": "no such file",
    "reference=cut.jpg": "cannot read image",
    "reference=broken.png": "cannot read image",
    "driving=good.png": "cannot read video",
    "driving=text.mp4": "cannot read video",
    "driving=cut.mp4": "cannot read video",
    "driving=still.mp4": "no face found in any of 3 frames",
    "driving=empty.mp4": "cannot read video",
    "driving=renamed.mp4": "cannot read video",
    "poses=none.npz": "expected points (T, 68, 2), got (0, 68, 2)",
    "poses=wide.npz": "expected a square image with crop=false, got 64x48",
    "poses=good.png": "cannot read pose sequence",
    "poses=no_face.npz": "no face in any of 2 frames of the poses",
    "label=\U0010fffd": "label: no font here has U+10FFFD",
}


@pytest.fixture
def words(pipeline_folder, files, tmp_path) -> Callable[..., list[str]]:
    """infer.py with good files, but for the one that is named: reference=, driving= or poses=<file>; or a label."""

    def given(option: str) -> list[str]:
        name, _, file = option.partition("=")
        inputs = {"reference": files / "good.png", "driving": files / "good.mp4"}
        inputs[name] = file if name == "label" else files / file
        if name == "poses":
            del inputs["driving"]
        inputs |= {"pipeline": pipeline_folder, "output": tmp_path / "out.mp4", "steps": 1, "device": "cpu"}
        return ["infer.py", *(f"{key}={value}" for key, value in inputs.items())]

    return given


@pytest.mark.parametrize("option", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(error_of, words, tmp_path, option):
    assert REFUSED[option] in error_of(*words(option))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "n_frames"),
    [
        ("driving=lost.mp4", 8),  # two frames without a face: filled
        ("poses=large.npz", 2),  # of another size: scaled
        ("reference=two_faces.png", 8),  # the largest face
        ("driving=one_frame.mp4", 1),
        ("driving=variable_rate.mp4", None),
    ],
)
def test_what_has_a_way_out_gives_a_video(output_of, words, tmp_path, option, n_frames):
    output_of(*words(option), "max_frames=8")
    assert described(tmp_path / "out.mp4")[0] == (n_frames or 8)
