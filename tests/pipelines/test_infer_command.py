"""python infer.py, end to end with a tiny pipeline of random weights."""

import re
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from faceanim.media.image import read_image, write_image
from faceanim.media.sound import Soundtrack, has_sound, read_speech, write_wav
from faceanim.media.video import read_video
from faceanim.media.video_writer import VideoWriter, write_video
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.codec import TinyCodec
from tests.helpers.demo import demo_frames
from tests.helpers.inference import described
from tests.helpers.sounds import (
    GREY,
    onsets,
    tone,
    with_cover,
    with_damaged_packets,
    write_video_with_tracks,
    write_with_sound,
)


@pytest.fixture
def photograph(tmp_path) -> Path:
    write_image(tmp_path / "reference.png", demo_frames()[40])
    return tmp_path / "reference.png"


@pytest.fixture
def driving(tmp_path) -> Path:
    write_video(tmp_path / "driving.mp4", demo_frames()[:12:2], 12.0)
    return tmp_path / "driving.mp4"


@pytest.fixture
def given(pipeline_folder, photograph, tmp_path) -> tuple[str, ...]:
    """infer.py with the tiny pipeline and a photograph; later options win."""
    files = (f"pipeline={pipeline_folder}", f"reference={photograph}", f"output={tmp_path / 'out.mp4'}")
    return "infer.py", *files, "steps=1", "device=cpu"


@pytest.fixture
def infer(output_of, given):
    return lambda *options: output_of(*given, *options)


@pytest.fixture
def refused(error_of, given):
    return lambda *options: error_of(*given, *options)


def test_a_driving_video_gives_a_video_of_its_length_at_the_asked_rate(infer, driving, tmp_path):
    out = infer(f"driving={driving}", "fps=24")
    assert described(tmp_path / "out.mp4") == (12, 64, 64, 24)  # half a second
    assert "12 frames of 64x64 at 24 fps" in out


def test_side_by_side_with_a_sheet_and_the_video_s_own_rate(infer, driving, tmp_path):
    sheet = tmp_path / "sheet.png"
    infer(f"driving={driving}", "fps=null", "max_frames=5", "side_by_side=true", f"sheet={sheet}")
    assert described(tmp_path / "out.mp4") == (5, 4 * 64, 64, 12)
    assert read_image(sheet).shape[0] > 4 * 64 and read_image(sheet).shape[1] > 5 * 64


def test_saved_poses_drive_at_their_own_rate_and_guidance_and_seed_matter(infer, prepared_folder, tmp_path):
    poses = f"poses={prepared_folder / 'test.npz'}"
    made = {}
    for name, options in {"a": (), "b": (), "seed": ("seed=1",), "guided": ("guidance_scale=3",)}.items():
        infer(poses, f"output={tmp_path / name}.mp4", "max_frames=5", *options)
        made[name] = (tmp_path / f"{name}.mp4").read_bytes()
    assert described(tmp_path / "a.mp4") == (5, 64, 64, 12)
    assert made["a"] == made["b"] and len({made["a"], made["seed"], made["guided"]}) == 3
    infer(poses, "side_by_side=true")
    assert described(tmp_path / "out.mp4")[1] == 3 * 64  # no real frames to show


def test_short_gaps_are_filled_up_to_half_of_the_frames(infer, refused, tmp_path):
    faces = demo_frames()[:5].copy()
    noise = np.random.default_rng(0).integers(0, 256, faces.shape)
    faces[2:4] = noise[2:4]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    gaps = f"driving={tmp_path / 'gaps.mp4'}"
    out = infer(gaps)
    assert "2 of 5 frames have no face, from 0.08 to 0.17 s; filled from their neighbours" in out
    expected = "the face is not seen from 0.08 to 0.17 s; expected no gap of more than 0.05 s"
    assert expected in refused(gaps, "longest_gap=0.05")
    assert described(tmp_path / "out.mp4")[0] == 5

    faces[1] = noise[1]
    write_video(tmp_path / "gaps.mp4", faces, 24.0)
    err = refused(gaps, f"output={tmp_path / 'none.mp4'}")
    assert "expected a face in at least half of 5 frames, got one in 2" in err
    assert not (tmp_path / "none.mp4").exists()


def test_without_crop_both_have_to_be_square(infer, refused, driving, tmp_path):
    err = refused(f"driving={driving}", "crop=false")
    assert "reference.png: expected a square image with crop=false, got 192x144" in err
    write_image(tmp_path / "square.png", demo_frames()[0, :, 24:168])
    write_video(tmp_path / "square.mp4", demo_frames()[:3, :, 24:168], 24.0)
    options = (f"reference={tmp_path / 'square.png'}", "crop=false", "side_by_side=true")
    infer(f"driving={tmp_path / 'square.mp4'}", *options)
    assert described(tmp_path / "out.mp4") == (3, 4 * 64, 64, 24)


def test_a_whole_photograph_with_sound_and_label(infer, photograph, tmp_path):
    """The driving video's clicks are heard on time, the photograph's corners are its own, the label is seen."""
    write_wav(tmp_path / "a.wav", np.where(np.arange(8000) % 4000 < 100, 0.8, 0).astype(np.float32), 16_000)
    with VideoWriter(tmp_path / "d.mp4", 12, 192, 144, sound=Soundtrack(tmp_path / "a.wav")) as writer:
        for frame in demo_frames()[:12:2]:
            writer.write(frame)
    options = ("paste_back=true", "label=AI-generated", "overlap_decoding=false", "fps=null")
    out = infer(f"driving={tmp_path / 'd.mp4'}", *options)
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


def test_a_driving_videos_sound_that_cannot_be_read_costs_the_sound_alone(command, given, tmp_path):
    path = tmp_path / "d.mkv"
    write_video_with_tracks(path, [tone(0.5, 48_000)], "ac3", frames_THWC=demo_frames()[:12])
    with_damaged_packets(path)
    code, out, err = command(*given, f"driving={path}", "max_frames=3")
    assert code == 0 and "3 frames of 64x64" in out
    assert f"cannot read sound {path}: corrupt, nothing of it can be decoded" in err + out
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio


def test_a_cover_drives_nothing(refused, tmp_path):
    err = refused(f"driving={with_cover(tmp_path / 'a.m4a', 'aac')}")
    assert "a.m4a: it has no video stream, only a cover picture" in err


def test_marks_and_sound_can_be_left_out_and_frames_written_as_files(infer, driving, tmp_path):
    infer(f"driving={driving}", "mark=false", "sound=false", f"output={tmp_path / 'frames'}")
    frames = sorted((tmp_path / "frames").iterdir())
    assert len(frames) == 12 and read_image(frames[0]).shape == (64, 64, 3)
    infer(f"driving={driving}", "mark=false", "max_frames=2")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert "comment" not in container.metadata


def test_a_dry_run_prints_the_plan_and_writes_nothing(infer, driving, tmp_path):
    out = infer(f"driving={driving}", "dry_run=true", "preset=fast", "steps=3")
    assert "12 frames of 64x64 at 24 fps, 0.5 s; sound: none" in out
    assert "denoising 3 segments, 3 windows of 4 frames at most, 3 steps, 2 forwards a step" in out
    assert re.search(r"expected  [\d.]+ s, [\d.]+ GB of memory of the process", out)
    assert not (tmp_path / "out.mp4").exists()


def test_a_tiny_decoder_decodes_in_the_codecs_place(infer, refused, driving, tmp_path):
    torch.manual_seed(0)
    TinyCodec((8, 8, 8), (1, 1, 1), (1, 1, 1), 8).save_pretrained(tmp_path / "taesd")
    made = {}
    for name, options in {"codec": (), "taesd": (f"decoder={tmp_path / 'taesd'}",)}.items():
        infer(f"driving={driving}", "max_frames=2", f"output={tmp_path / name}.mp4", *options)
        made[name] = (tmp_path / f"{name}.mp4").read_bytes()
    assert made["codec"] != made["taesd"]
    TinyCodec((8, 8), (1, 1), (1, 1), 8).save_pretrained(tmp_path / "other")
    assert "expected downscale 4 as the pipeline's codec, got 2" in refused(
        f"driving={driving}", f"decoder={tmp_path / 'other'}"
    )


def test_a_template_drives_and_a_driver_may_be_retargeted(infer, refused, driving, tmp_path):
    out = infer("template=nodding", "max_frames=3", "fps=12", "height=64", "width=96")
    assert "3 frames of 96x64 at 12 fps" in out
    assert "expected one of blinking" in refused("template=dancing")
    infer(f"driving={driving}", "max_frames=2", "retarget=relative")


def test_speech_drives_and_is_heard(infer, refused, tmp_path):
    write_wav(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32), 16_000)
    assert "holds no speech model: speech=<run folder" in refused(f"audio={tmp_path / 'a.wav'}")
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"audio={tmp_path / 'a.wav'}", f"speech={tmp_path / 'speech'}", "template=listening")
    out = infer(*options, "fps=10")
    assert "5 frames of 64x64 at 10 fps" in out
    assert has_sound(tmp_path / "out.mp4")


def test_the_sound_of_a_video_as_speech_is_written_where_its_lips_hear_it(infer, tmp_path):
    write_with_sound(tmp_path / "v.mkv", [0.6, 1.4], video_start=0.5, sound_start=0.8, frames_THWC=GREY[:50])
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"audio={tmp_path / 'v.mkv'}", f"speech={tmp_path / 'speech'}", "fps=10")
    out = infer(*options)
    assert "20 frames of 64x64 at 10 fps" in out  # the pictures' two seconds
    np.testing.assert_allclose(onsets(read_speech(tmp_path / "out.mp4")), [0.6, 1.4], atol=0.003)
