"""What is wrong with an upload is told by the error's type: every type has its words, every bad file its type."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from faceanim.app import messages
from faceanim.app.upload_errors import UPLOAD_ERRORS, OutOfMemoryError, from_json, to_json
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media import errors as media
from faceanim.media.audio import write_wav
from faceanim.media.image import write_image
from faceanim.media.video import read_video, write_video
from faceanim.pose import errors as pose
from tests.app.conftest import word
from tests.app.test_analyzer import limits
from tests.pipelines.test_bad_inputs import HOSTILE, png_header

LOOKS = ("photo", "video", "speech")


def all_types() -> set[type[ValueError]]:
    """Of media and pose, and their own."""

    def below(kind: type) -> set[type]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    faces = {kind for kind in vars(pose).values() if isinstance(kind, type) and issubclass(kind, ValueError)}
    return {OutOfMemoryError}.union(*map(below, {media.MediaError, *faces}))


def test_every_type_of_error_has_words_of_its_own():
    assert all_types() == set(UPLOAD_ERRORS)
    for look in LOOKS:
        words = {kind: messages.mistake(kind("changed words"), look, limits()) for kind in all_types()}
        assert len(set(words.values())) == len(words), words
        unknown = messages.mistake(ValueError("it is empty, truncated and too large"), look, limits())
        assert unknown not in words.values() and "cannot be used" in unknown


def test_an_error_comes_out_of_another_process_as_it_went_in():
    for kind in all_types():
        error = from_json(to_json(kind("what is in /tmp/x y.png\nis wrong")), "/tmp/x y.png")
        assert type(error) is kind and str(error) == "what is in FILE is wrong"

    class Special(media.EmptyMediaError):
        pass

    assert type(from_json(to_json(Special("a")), "")) is media.EmptyMediaError
    assert type(from_json(to_json(UnicodeDecodeError("utf-8", b"", 0, 1, "bad")), "")) is ValueError
    assert type(from_json({"mistake": "SystemExit", "message": "a"}, "")) is ValueError


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
OF_HOSTILE = {
    "bomb_16384px.png": "This photo has too many pixels",
    "broken.png": BROKEN,
    "truncated.jpg": INCOMPLETE,
    "empty.mp4": EMPTY,
    "jpeg_renamed.mp4": BROKEN,
    "text.mp4": BROKEN,
    "truncated.mp4": BROKEN,
    "no_face.mp4": NO_FACE,
    "broken.wav": BROKEN,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    frames = read_video(demo_clip_path()).frames_THWC[:3, :, :192]
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
    write_video(folder / "no_face.mp4", grey[None].repeat(3, 0), 24.0)
    hidden = np.full((36, *frames.shape[1:]), 128, np.uint8)
    hidden[[0, 1, 34, 35]] = frames[0]
    write_video(folder / "face_hidden.mp4", hidden, 24.0)
    write_video(folder / "long.mp4", grey[None].repeat(62, 0), 1.0)
    write_video(folder / "large.mp4", np.full((1, 3100, 3100, 3), 128, np.uint8), 24.0)
    write_video(folder / "silent_video.mp4", frames, 24.0)
    shutil.move(folder / "silent_video.mp4", folder / "silent_video.mov")
    for name, seconds in (("long", 62), ("short", 0.01), ("no_samples", 0)):
        write_wav(folder / f"{name}.wav", np.zeros(round(seconds * 16_000)))
    with av.open(str(folder / "sound_only.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), "fltp", "mono")
        sound.sample_rate = 16_000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return folder


def check_words(platform, photo: Path, bad: dict[Path, str]) -> None:
    """Brings each file beside a good photograph and compares what the visitor reads."""
    api = Client(platform.url, headers={"x-faceanim-visitor": word()}, verbose=False)
    for path, words in bad.items():
        kind = {".png": "photo", ".jpg": "photo", ".wav": "speech", ".mov": "speech"}.get(
            path.suffix, "video"
        )
        brought = {key: handle_file(file) for key, file in {"photo": photo, kind: path}.items()}
        with pytest.raises(AppError) as raised:
            api.predict(**brought, source="template" if kind == "photo" else kind, api_name="/animate")
        expected = words.format("sound" if kind == "speech" else kind)
        assert str(raised.value).startswith(expected), (path.name, str(raised.value))
    assert platform.health()["state"] == "ready"


def test_every_bad_file_gets_its_words_through_the_door(platform, uploads, files):
    check_words(platform, uploads.photo, {files / name: words for name, words in MADE.items()})


@pytest.mark.slow
def test_more_bad_files_get_theirs(platform, uploads, files):
    check_words(platform, uploads.photo, {files / name: words for name, words in MORE.items()})


@pytest.mark.slow
@pytest.mark.skipif(not HOSTILE.is_dir(), reason="the shared hostile files are not here")
def test_hostile_files_get_theirs(platform, uploads):
    check_words(platform, uploads.photo, {HOSTILE / name: words for name, words in OF_HOSTILE.items()})
