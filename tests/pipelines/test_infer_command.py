"""python infer.py, end to end with a tiny pipeline of random weights."""

from fractions import Fraction
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.audio import write_wav
from faceanim.media.image import read_image, write_image
from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.pipelines.driving import motion_from_poses, motion_from_video
from faceanim.pipelines.inference import InferenceOptions
from faceanim.pose.landmarks import landmarker
from faceanim.pose.sequence import PoseSequence


@pytest.fixture(scope="session")
def demo_frames() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC[:, :, :192]


@pytest.fixture
def photograph(tmp_path, demo_frames) -> Path:
    write_image(tmp_path / "reference.png", demo_frames[40])
    return tmp_path / "reference.png"


@pytest.fixture
def driving(tmp_path, demo_frames) -> Path:
    write_video(tmp_path / "driving.mp4", demo_frames[:12:2], 12.0)
    return tmp_path / "driving.mp4"


@pytest.fixture
def infer(command, pipeline_folder, photograph, tmp_path):
    """Run infer.py with the tiny pipeline; later options win."""

    def run(*options: str) -> tuple[int, str, str]:
        given = (f"pipeline={pipeline_folder}", f"reference={photograph}", f"output={tmp_path / 'out.mp4'}")
        return command("infer.py", *given, "steps=1", "device=cpu", *options)

    return run


def described(path: Path) -> tuple[int, int, int, Fraction]:
    """(frames, width, height, fps), on which two decoders have to agree."""
    reader = decord.VideoReader(str(path))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        n_frames = sum(1 for _ in container.decode(stream))
        size, rate = (stream.width, stream.height), stream.average_rate
    assert (len(reader), reader[0].shape[1::-1]) == (n_frames, size)
    assert reader.get_avg_fps() == pytest.approx(float(rate))
    return n_frames, *size, rate


def test_a_driving_video_gives_a_video_of_its_length_at_the_asked_rate(infer, driving, tmp_path):
    code, out, err = infer(f"driving={driving}", "fps=24")
    assert code == 0, err
    assert described(tmp_path / "out.mp4") == (12, 64, 64, 24)  # half a second
    assert "12 frames of 64x64 at 24 fps" in out


def test_side_by_side_with_a_sheet_and_the_video_s_own_rate(infer, driving, tmp_path):
    sheet = tmp_path / "sheet.png"
    code, _, err = infer(
        f"driving={driving}", "fps=null", "max_frames=5", "side_by_side=true", f"sheet={sheet}"
    )
    assert code == 0, err
    assert described(tmp_path / "out.mp4") == (5, 4 * 64, 64, 12)
    assert read_image(sheet).shape[0] > 4 * 64 and read_image(sheet).shape[1] > 5 * 64


def test_saved_poses_drive_at_their_own_rate_and_guidance_and_seed_matter(infer, prepared_folder, tmp_path):
    poses = f"poses={prepared_folder / 'test.npz'}"
    made = {}
    for name, options in {"a": (), "b": (), "seed": ("seed=1",), "guided": ("guidance_scale=3",)}.items():
        code, _, err = infer(poses, f"output={tmp_path / name}.mp4", "max_frames=5", *options)
        assert code == 0, err
        made[name] = (tmp_path / f"{name}.mp4").read_bytes()
    assert described(tmp_path / "a.mp4") == (5, 64, 64, 12)
    assert made["a"] == made["b"] and len({made["a"], made["seed"], made["guided"]}) == 3
    code, _, _ = infer(poses, "side_by_side=true")
    assert code == 0 and described(tmp_path / "out.mp4")[1] == 3 * 64  # no real frames to show


def test_frames_without_a_face_are_filled_up_to_half_of_them(infer, demo_frames, tmp_path):
    faces, noise = demo_frames[:5].copy(), np.random.default_rng(0).integers(0, 256, demo_frames[:5].shape)
    faces[2:4] = noise[2:4]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    code, out, err = infer(f"driving={tmp_path / 'gaps.mp4'}")
    assert code == 0, err
    assert "2 of 5 frames have no face; filled from their neighbours" in out
    assert described(tmp_path / "out.mp4")[0] == 5

    faces[1] = noise[1]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    code, _, err = infer(f"driving={tmp_path / 'gaps.mp4'}", f"output={tmp_path / 'none.mp4'}")
    assert code == 2 and "expected a face in at least half of 5 frames, got one in 2" in err
    assert not (tmp_path / "none.mp4").exists()


def test_without_crop_both_have_to_be_square(infer, driving, demo_frames, tmp_path):
    code, _, err = infer(f"driving={driving}", "crop=false")
    assert code == 2 and "reference.png: expected a square picture with crop=false, got 192x144" in err
    write_image(tmp_path / "square.png", demo_frames[0, :, 24:168])
    write_video(tmp_path / "square.mp4", demo_frames[:3, :, 24:168], 24.0)
    options = (f"reference={tmp_path / 'square.png'}", "crop=false", "side_by_side=true")
    code, _, err = infer(f"driving={tmp_path / 'square.mp4'}", *options)
    assert code == 0, err
    assert described(tmp_path / "out.mp4") == (3, 4 * 64, 64, 24)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"driving": None}, r"exactly one of driving=<video>, poses=<npz>, .*, got none"),
        ({"poses": "a.npz"}, "got driving and poses"),
        ({"audio": "speech.wav"}, "got driving and audio"),
        ({"template": "nodding"}, "got driving and template"),
        ({"driving": None, "template": "nodding", "speech": "run"}, "speech=: is the model for audio"),
        ({"retarget": "same"}, "retarget: expected one of absolute, aligned, relative, got 'same'"),
        ({"output": "out.avi"}, "output: expected a name that ends in .mp4, got out.avi"),
        ({"sheet": "sheet.jpg"}, "sheet: expected a name that ends in .png, got sheet.jpg"),
        ({"fps": 0.0}, "fps: expected a rate above 0"),
        ({"steps": 0}, "steps: expected 1 or more, got 0"),
        ({"max_frames": 0}, "max_frames: expected 1 or more, or null, got 0"),
    ],
)
def test_wrong_options_are_found_before_anything_is_loaded(change, expected):
    right = {
        "pipeline": "p",
        "reference": "r.png",
        "output": "o.mp4",
        "driving": "d.mp4",
        "poses": None,
        "audio": None,
        "template": None,
        "speech": None,
        "retarget": "absolute",
        "crop": True,
        "fps": 24.0,
        "max_frames": None,
        "steps": 20,
        "guidance_scale": 1.0,
        "seed": 0,
        "landmarks": "dlib",
        "device": "auto",
        "side_by_side": False,
        "sheet": None,
    }
    InferenceOptions(**right)
    InferenceOptions(**right | {"driving": None, "audio": "a.wav", "template": "nodding"})
    with pytest.raises(ValueError, match=expected):
        InferenceOptions(**right | change)


def test_a_wrong_input_is_one_line_and_leaves_no_file(infer, driving, tmp_path):
    write_image(tmp_path / "grey.png", np.full((96, 96, 3), 128, np.uint8))
    wrong = {
        "template=nodding": "got driving and template",
        "colour=red": "colour",
        "steps=many": "steps",
        "pipeline=nowhere": "nowhere",
        f"reference={tmp_path / 'grey.png'}": "no face found in the reference image",
    }
    for option, expected in wrong.items():
        code, _, err = infer(f"driving={driving}", option)
        assert code == 2 and len(err.strip().splitlines()) == 1, (option, err)
        assert expected in err, option
    assert not (tmp_path / "out.mp4").exists()


def test_motion_without_any_face_or_in_a_frame_that_is_not_square_is_refused(tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((3, 96, 96, 3), 128, np.uint8), 24.0)
    with pytest.raises(ValueError, match="no face found in any of 3 frames of the driving video"):
        motion_from_video(tmp_path / "grey.mp4", landmarker("dlib"))
    points = np.random.default_rng(0).uniform(0, 50, (2, 68, 2)).astype(np.float32)
    PoseSequence(points, np.ones(2, np.float32), 24.0, 64, 48).save(tmp_path / "wide.npz")
    with pytest.raises(ValueError, match="expected a square frame, got 64x48"):
        motion_from_poses(tmp_path / "wide.npz")
    PoseSequence(points * np.nan, np.ones(2, np.float32), 24.0, 64, 64).save(tmp_path / "empty.npz")
    with pytest.raises(ValueError, match="no face in any of 2 frames of the poses"):
        motion_from_poses(tmp_path / "empty.npz")


def test_a_template_drives_and_a_driver_may_be_retargeted(infer, driving, tmp_path):
    code, out, err = infer("template=nodding", "max_frames=3", "fps=12", "steps=1")
    assert code == 0 and "3 frames of 64x64 at 12 fps" in out, err
    code, _, err = infer("template=dancing")
    assert code == 2 and "expected one of blinking" in err, err
    code, _, err = infer(f"driving={driving}", "max_frames=2", "retarget=relative", "steps=1")
    assert code == 0, err


def test_speech_drives(infer, tmp_path):
    write_wav(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32))
    code, _, err = infer(f"audio={tmp_path / 'a.wav'}")
    assert code == 2 and "holds no speech model: speech=<run folder" in err, err
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"audio={tmp_path / 'a.wav'}", f"speech={tmp_path / 'speech'}", "template=listening")
    code, out, err = infer(*options, "fps=10", "steps=1")
    assert code == 0 and "5 frames of 64x64 at 10 fps" in out, err
