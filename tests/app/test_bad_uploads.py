"""Bad uploads through the whole platform: each is explained by its kind, and nothing of it stays."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from gradio_client.exceptions import AppError

from faceanim.media.image import write_image
from faceanim.media.sound import write_wav
from faceanim.media.video import write_video
from tests.helpers.demo import demo_frames
from tests.helpers.images import png_header
from tests.helpers.sounds import tone, write_sound

BROKEN = "This file is broken, or no {} at all."
EMPTY, INCOMPLETE = "This {} is empty.", "This {} is incomplete"
NO_FACE = "No face was found in this {}."
MADE = {  # one of each type
    "empty.png": EMPTY,
    "cut.png": INCOMPLETE,
    "no_face.png": NO_FACE,
    "huge.png": "This photo has too many pixels: at most 40 million are taken.",
    "face_hidden.mp4": "The face is hidden for too long in this video.",
    "long.mp4": "This video is too long: at most 60 seconds are taken. Cut it.",
    "sound_only.mp4": "There is no picture in this file. Use an MP4",
    "short.wav": "This sound is too short.",
    "silent_video.mov": "There is no sound in this file. Use a WAV",
}
MORE = {
    "empty.wav": EMPTY,
    "no_samples.wav": EMPTY,
    "text.png": BROKEN,
    "cut.mp4": BROKEN,
    "no_face.mp4": NO_FACE,
    "large.mp4": "The frames of this video are too large: at most 9 million pixels each",
    "long.wav": "This sound is too long: at most 60 seconds are taken. Cut it.",
}
KINDS = {"png": "photo", "jpg": "photo", "wav": "speech", "mov": "speech", "mp4": "video", "webm": "video"}


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    frames = demo_frames()[:3]
    grey = np.full((96, 96, 3), 128, np.uint8)
    for name in ("empty.png", "empty.wav"):
        (folder / name).touch()
    (folder / "text.png").write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    write_image(folder / "cut.jpg", noise)
    (folder / "cut.png").write_bytes((folder / "cut.jpg").read_bytes()[:9000])
    write_image(folder / "no_face.png", grey)
    (folder / "huge.png").write_bytes(png_header(16384, 16384))
    write_video(folder / "good.mp4", frames, 24.0)
    content = (folder / "good.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    shutil.copy(folder / "good.mp4", folder / "silent_video.mov")
    write_video(folder / "no_face.mp4", grey[None].repeat(3, 0), 24.0)
    hidden = np.full((36, *frames.shape[1:]), 128, np.uint8)
    hidden[[0, 1, 34, 35]] = frames[0]
    write_video(folder / "face_hidden.mp4", hidden, 24.0)
    write_video(folder / "long.mp4", grey[None].repeat(62, 0), 1.0)
    write_video(folder / "large.mp4", np.full((1, 3100, 3100, 3), 128, np.uint8), 24.0)
    for name, seconds in (("long", 62), ("short", 0.01), ("no_samples", 0)):
        write_wav(folder / f"{name}.wav", np.zeros(round(seconds * 16_000)))
    write_sound(folder / "sound_only.mp4", "aac", [(tone(1, 16_000), 0.0)], 16_000)
    return folder


@pytest.mark.parametrize("expected", [MADE, pytest.param(MORE, marks=pytest.mark.slow)], ids=["made", "more"])
def test_every_bad_file_gets_its_words(platform, uploads, bad_files, expected):
    animate = platform.client()
    for name, words in expected.items():
        kind = KINDS[name.split(".")[1]]
        with pytest.raises(AppError) as raised:
            bring(animate, uploads.photo, kind, bad_files / name)
        assert str(raised.value).startswith(words.format("sound" if kind == "speech" else kind)), name
    assert platform.health()["state"] == "ready"


def bring(animate, photo: Path, kind: str, path: Path) -> None:
    """A file of this kind, with a good photo if it is none itself."""
    animate(**{"photo": photo, kind: path, "source": "template" if kind == "photo" else kind})


@pytest.mark.parametrize("n", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_bad_uploads_leave_nothing(platform, uploads, tmp_path, n):
    animate, before, memory = platform.client(), len(platform.files()), platform.memory()
    starts = {
        "jpg": b"\xff\xd8\xff\xe0",
        "webm": b"\x1aE\xdf\xa3",
        "wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
        "png": b"\x89PNG\r\n\x1a\n",
        "mp4": b"\x00\x00\x00\x18ftypisom",
    }
    rng = np.random.default_rng(0)
    for number in range(n):
        suffix = list(starts)[number % len(starts)]
        kind, path = KINDS[suffix], tmp_path / f"bad_{number}.{suffix}"
        path.write_bytes(starts[suffix] + rng.bytes(2000))  # each another file
        with pytest.raises(AppError, match=r"Choose|Use a|broken"):
            bring(animate, uploads.photo, kind, path)
    assert len(platform.files()) <= before + 1, platform.files()  # the good photo
    assert platform.process.poll() is None and platform.health()["state"] == "ready"
    print(f"memory {memory / 1e6:.0f} MB, then {platform.memory() / 1e6:.0f} MB")
    assert platform.memory() < memory + 150e6
