"""python infer.py, end to end with a tiny pipeline of random weights."""

import re
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from faceanim.cli import CONF_FOLDER
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import read_image, write_image
from faceanim.media.sound import Soundtrack, has_sound, read_speech, write_wav
from faceanim.media.video import read_video
from faceanim.media.video_writer import VideoWriter, write_video
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.codec import TinyCodec
from faceanim.pipelines.motion_sources import DrivingVideo, SavedPoses, Speech
from faceanim.pipelines.request import request_of
from faceanim.pipelines.step_counts import uneven_steps
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.sequence import PoseSequence
from tests.helpers.inference import chosen, described
from tests.helpers.sounds import (
    GREY,
    onsets,
    tone,
    with_cover,
    with_damaged_packets,
    write_video_with_tracks,
    write_with_sound,
)
from tests.helpers.tiny_model import tiny_scheduler


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


def test_short_gaps_are_filled_up_to_half_of_the_frames_and_longer_ones_refused(infer, demo_frames, tmp_path):
    faces, noise = demo_frames[:5].copy(), np.random.default_rng(0).integers(0, 256, demo_frames[:5].shape)
    faces[2:4] = noise[2:4]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    code, out, err = infer(f"driving={tmp_path / 'gaps.mp4'}")
    assert code == 0, err
    assert "2 of 5 frames have no face, from 0.08 to 0.17 s; filled from their neighbours" in out
    code, _, err = infer(f"driving={tmp_path / 'gaps.mp4'}", "longest_gap=0.05")
    assert (
        code == 2 and "the face is not seen from 0.08 to 0.17 s; expected no gap of more than 0.05 s" in err
    )
    assert described(tmp_path / "out.mp4")[0] == 5

    faces[1] = noise[1]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    code, _, err = infer(f"driving={tmp_path / 'gaps.mp4'}", f"output={tmp_path / 'none.mp4'}")
    assert code == 2 and "expected a face in at least half of 5 frames, got one in 2" in err
    assert not (tmp_path / "none.mp4").exists()


def test_without_crop_both_have_to_be_square(infer, driving, demo_frames, tmp_path):
    code, _, err = infer(f"driving={driving}", "crop=false")
    assert code == 2 and "reference.png: expected a square image with crop=false, got 192x144" in err
    write_image(tmp_path / "square.png", demo_frames[0, :, 24:168])
    write_video(tmp_path / "square.mp4", demo_frames[:3, :, 24:168], 24.0)
    options = (f"reference={tmp_path / 'square.png'}", "crop=false", "side_by_side=true")
    code, _, err = infer(f"driving={tmp_path / 'square.mp4'}", *options)
    assert code == 0, err
    assert described(tmp_path / "out.mp4") == (3, 4 * 64, 64, 24)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"driving": None}, "exactly one of driving, poses, template and audio, got none"),
        ({"poses": "a.npz"}, "got driving and poses"),
        ({"audio": "speech.wav"}, "got driving and audio"),
        ({"template": "nodding"}, "got driving and template"),
        ({"speech": "run"}, "speech=: is the model for audio"),
        ({"retarget": "same"}, "retarget: expected one of absolute, aligned, relative, got 'same'"),
        ({"reference": None}, "missing option: reference"),
        ({"output": "out.avi"}, "output: expected a name that ends in .mp4 or .gif, or a folder"),
        ({"sheet": "sheet.jpg"}, "sheet: expected a name that ends in .png, got sheet.jpg"),
        ({"fps": 0.0}, "fps: expected more than 0"),
        ({"fps": 2000.0}, "fps: expected a rate above 0 and at most 1000"),
        ({"longest_gap": -1.0}, "longest_gap: expected seconds of 0 or more, got -1"),
        ({"colour": "601"}, "colour: expected auto, bt601, bt709, got 601"),
        ({"smoothing": -0.1}, "smoothing: expected seconds of 0 or more, got -0.1"),
        (
            {"driving": None, "template": "nodding", "smoothing": -0.1},
            "smoothing: expected seconds of 0 or more",
        ),
        ({"steps": 0}, "steps: expected 1 or more, got 0"),
        ({"decode_batch": 0}, "decode_batch: expected 1 or more, got 0"),
        ({"seed": -1}, "seed: expected 0 or more, got -1"),
        ({"max_frames": 0}, "max_frames: expected more than 0, or null, got 0"),
        ({"height": 64}, "height, width: expected both or none, got 64 and None"),
        ({"scheduler": "euler"}, "scheduler: expected one of ddim, dpm"),
        ({"precision": "int8"}, "precision: expected auto, float32, bfloat16, float16, got 'int8'"),
        ({"cuda_graphs": True}, "cuda_graphs=true: expected compile=true"),
        ({"paste_back": True, "side_by_side": True}, "paste_back=true: expected side_by_side=false"),
        ({"long_video": "loops"}, "long_video: expected one of motion_frames, context_window, both"),
        ({"overlap": -1}, "overlap: expected 0 or more"),
        ({"window": 4, "overlap": 4}, "overlap: expected 0 or more and less than the window, got 4"),
        ({"segment": 0}, "segment: expected 1 frame or more"),
        ({"closed_loop": True}, "closed_loop: expected long_video=context_window"),
        ({"colour_match": 1.5}, "colour_match: expected 0 to 1, got 1.5"),
        ({"motion_noise": -1.0}, "motion_noise: expected 0 or more"),
        ({"workers": 0}, "workers: expected 1 or more"),
        ({"backend": "slurm"}, "backend: expected processes or ray, got 'slurm'"),
    ],
)
def test_wrong_options_are_found_before_anything_is_loaded(change, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        chosen(**change)


def test_a_request_has_every_option_in_the_part_that_it_belongs_to():
    options = {"driving": None, "audio": "a.wav", "template": "nodding", "speech": "run", "seed": 5}
    request = request_of(chosen(**options, long_video="both", segment=48, output="o.gif"))
    assert request.motion == Speech("a.wav", "run", "p", "nodding", 24.0, None, 5)
    assert (request.sampling.seed, request.sampling.long_video.segment) == (5, 48)
    assert (request.reference.path, request.output.path, request.runtime.pipeline) == ("r.png", "o.gif", "p")


@pytest.mark.parametrize("name", ["quality", "fast", "preview"])
def test_presets_choose_the_sampling_and_options_go_before_them(name):
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        given = ["pipeline=p", "reference=r", "output=o.mp4", "driving=d", f"preset={name}"]
        preset, changed = compose("infer", given), compose("infer", [*given, "steps=7"])
    assert preset.steps == {"quality": 40, "fast": 12, "preview": 6}[name] and changed.steps == 7
    assert uneven_steps(preset.scheduler, tiny_scheduler("v_prediction"), preset.steps) is None
    assert changed.guidance_scale == preset.guidance_scale == (1.0 if name == "preview" else 3.5)


def test_a_wrong_input_is_one_line_and_leaves_no_file(infer, driving, tmp_path):
    write_image(tmp_path / "grey.png", np.full((96, 96, 3), 128, np.uint8))
    wrong = {
        "poses=x.npz": "expected exactly one of driving, poses, template and audio, got driving and poses",
        "colour=red": "colour",
        "steps=many": "steps",
        "label='\U0010fffd'": "label: no font here has U+10FFFD",
        "pipeline=nowhere": "nowhere",
        f"reference={tmp_path / 'grey.png'}": "no face found in the reference image",
    }
    for option, expected in wrong.items():
        code, _, err = infer(f"driving={driving}", option)
        assert code == 2 and len(err.strip().splitlines()) == 1, (option, err)
        assert expected in err, option
    assert not (tmp_path / "out.mp4").exists()


def test_a_whole_photograph_with_sound_and_label(infer, photograph, demo_frames, tmp_path):
    """The driving video's clicks are heard on time, the photograph's corners are its own, the label is seen."""
    write_wav(tmp_path / "a.wav", np.where(np.arange(8000) % 4000 < 100, 0.8, 0).astype(np.float32), 16_000)
    with VideoWriter(tmp_path / "d.mp4", 12, 192, 144, sound=Soundtrack(tmp_path / "a.wav")) as writer:
        for frame in demo_frames[:12:2]:
            writer.write(frame)
    options = ("paste_back=true", "label=AI-generated", "overlap_decoding=false", "fps=null")
    code, out, err = infer(f"driving={tmp_path / 'd.mp4'}", *options)
    assert code == 0, err
    assert described(tmp_path / "out.mp4") == (6, 192, 144, 12) and "6 frames of 192x144" in out
    frame, photo = read_video(tmp_path / "out.mp4").frames_THWC[3].astype(int), read_image(photograph)
    assert np.abs(frame[:20, :20] - photo[:20, :20]).mean() < 4  # outside of the head
    assert np.abs(frame[60:90, 80:120] - photo[60:90, 80:120]).mean() > 10  # inside, noise of random weights
    assert np.abs(frame[-10:, :40] - photo[-10:, :40]).mean() > 15  # the label
    blocks = list(islice(Soundtrack(tmp_path / "out.mp4").blocks(), 23))
    loud = np.flatnonzero(np.abs(np.concatenate(blocks)[:, 0]) > 0.25)
    np.testing.assert_allclose(loud[np.diff(loud, prepend=-9999) > 999] / 48_000, [0, 0.25], atol=3e-3)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert "AI-generated" in container.metadata["comment"]


def test_a_driving_videos_sound_that_cannot_be_read_costs_the_sound_alone(infer, demo_frames, tmp_path):
    path = tmp_path / "d.mkv"
    write_video_with_tracks(path, [tone(0.5, 48_000)], "ac3", frames_THWC=demo_frames[:12])
    with_damaged_packets(path)
    code, out, err = infer(f"driving={path}", "max_frames=3")
    assert code == 0 and "3 frames of 64x64" in out
    assert f"cannot read sound {path}: corrupt, nothing of it can be decoded" in err + out
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_a_cover_drives_nothing(infer, tmp_path):
    code, _, err = infer(f"driving={with_cover(tmp_path / 'a.m4a', 'aac')}")
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert "a.m4a: it has no video stream, only a cover picture" in err


def test_marks_and_sound_can_be_left_out_and_frames_written_as_files(infer, driving, tmp_path):
    code, _, err = infer(f"driving={driving}", "mark=false", "sound=false", f"output={tmp_path / 'frames'}")
    assert code == 0, err
    frames = sorted((tmp_path / "frames").iterdir())
    assert len(frames) == 12 and read_image(frames[0]).shape == (64, 64, 3)
    code, _, err = infer(f"driving={driving}", "mark=false", "max_frames=2")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert code == 0 and "comment" not in container.metadata


def test_a_dry_run_prints_the_plan_and_writes_nothing(infer, driving, tmp_path):
    code, out, err = infer(f"driving={driving}", "dry_run=true", "preset=fast", "steps=3")
    assert code == 0, err
    assert "12 frames of 64x64 at 24 fps, 0.5 s; sound: none" in out
    assert "denoising 3 segments, 3 windows of 4 frames at most, 3 steps, 2 forwards a step" in out
    assert re.search(r"expected  [\d.]+ s, [\d.]+ GB of memory of the process", out)
    assert not (tmp_path / "out.mp4").exists()


def test_a_tiny_decoder_decodes_in_the_codecs_place(infer, driving, tmp_path):
    torch.manual_seed(0)
    TinyCodec((8, 8, 8), (1, 1, 1), (1, 1, 1), 8).save_pretrained(tmp_path / "taesd")
    made = {}
    for name, options in {"codec": (), "taesd": (f"decoder={tmp_path / 'taesd'}",)}.items():
        code, _, err = infer(f"driving={driving}", "max_frames=2", f"output={tmp_path / name}.mp4", *options)
        assert code == 0, err
        made[name] = (tmp_path / f"{name}.mp4").read_bytes()
    assert made["codec"] != made["taesd"]
    TinyCodec((8, 8), (1, 1), (1, 1), 8).save_pretrained(tmp_path / "other")
    code, _, err = infer(f"driving={driving}", f"decoder={tmp_path / 'other'}")
    assert code == 2 and "expected downscale 4 as the pipeline's codec, got 2" in err


def test_motion_without_any_face_or_in_a_frame_that_is_not_square_is_refused(tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((3, 96, 96, 3), 128, np.uint8), 24.0)
    with pytest.raises(ValueError, match="no face found in any of 3 frames of the video"):
        DrivingVideo(tmp_path / "grey.mp4").read((64, 64), landmarker=landmarker("dlib"))
    points = np.random.default_rng(0).uniform(0, 50, (2, 68, 2)).astype(np.float32)
    PoseSequence(points, np.ones(2, np.float32), 24.0, 64, 48).save(tmp_path / "wide.npz")
    with pytest.raises(ValueError, match=r"wide\.npz: expected a square image with crop=false, got 64x48"):
        SavedPoses(tmp_path / "wide.npz").read((64, 64))
    PoseSequence(points * np.nan, np.ones(2, np.float32), 24.0, 64, 64).save(tmp_path / "empty.npz")
    with pytest.raises(ValueError, match="no face in any of 2 frames of the poses"):
        SavedPoses(tmp_path / "empty.npz").read((64, 64))


def test_a_template_drives_and_a_driver_may_be_retargeted(infer, driving, tmp_path):
    code, out, err = infer("template=nodding", "max_frames=3", "fps=12", "height=64", "width=96")
    assert code == 0 and "3 frames of 96x64 at 12 fps" in out, err
    code, _, err = infer("template=dancing")
    assert code == 2 and "expected one of blinking" in err, err
    code, _, err = infer(f"driving={driving}", "max_frames=2", "retarget=relative")
    assert code == 0, err


def test_speech_drives_and_is_heard(infer, tmp_path):
    write_wav(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32), 16_000)
    code, _, err = infer(f"audio={tmp_path / 'a.wav'}")
    assert code == 2 and "holds no speech model: speech=<run folder" in err, err
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"audio={tmp_path / 'a.wav'}", f"speech={tmp_path / 'speech'}", "template=listening")
    code, out, err = infer(*options, "fps=10")
    assert code == 0 and "5 frames of 64x64 at 10 fps" in out, err
    assert has_sound(tmp_path / "out.mp4")


def test_the_sound_of_a_video_as_speech_is_written_where_its_lips_hear_it(infer, tmp_path):
    write_with_sound(tmp_path / "v.mkv", [0.6, 1.4], video_start=0.5, sound_start=0.8, frames_THWC=GREY[:50])
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"audio={tmp_path / 'v.mkv'}", f"speech={tmp_path / 'speech'}", "fps=10")
    code, out, err = infer(*options)
    assert code == 0 and "20 frames of 64x64 at 10 fps" in out, err  # the pictures' two seconds
    np.testing.assert_allclose(onsets(read_speech(tmp_path / "out.mp4")), [0.6, 1.4], atol=0.003)
