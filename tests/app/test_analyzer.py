"""Looking at uploads in processes that are limited, without the web around."""

import asyncio
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from faceanim.app.analyzer import Analyzer, UserError
from faceanim.app.file_store import FileStore
from faceanim.app.plain_wav import is_plain_wav, n_samples, write_plain_wav
from faceanim.app.settings import AppSettings, Limits
from faceanim.app.upload_analysis import read_arrays
from faceanim.cli import CONF_FOLDER
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import read_image, write_image
from faceanim.media.speech import read_speech
from faceanim.media.video import read_video, write_video
from tests.helpers.sounds import onsets, tone, with_damaged_packets, write_video_with_tracks, write_with_sound


def limits(**changes) -> Limits:
    """Those of conf/app.yaml with these changes."""
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        cfg = compose("app", ["pipeline=x"])
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AppSettings), cfg))
    return dataclasses.replace(settings.limits, **changes)


@pytest.fixture
def looking(tmp_path):
    """Run a coroutine of (a analyzer with these limits, the place of an upload of `ann`'s with this content)."""

    def run(look, source: Path, **changes):
        files = FileStore(tmp_path / "files", 60, 1e9)
        place = files.new_place("ann", source.name)
        shutil.copy(source, place)

        async def one():
            analyzer = Analyzer(files, limits(**changes), "dlib", (64, 64), 24.0, speaks=True)
            try:
                return await look(analyzer, place)
            finally:
                await analyzer.sandbox.close()

        return asyncio.run(one()), files

    return run


def test_of_two_faces_the_larger_is_taken_until_the_other_is_chosen(looking, uploads, tmp_path):
    face = read_image(uploads.photo)
    large = face.repeat(3, axis=0).repeat(3, axis=1)
    small = np.pad(
        face.repeat(2, axis=0).repeat(2, axis=1),
        ((0, len(large) - 2 * len(face)), (0, 0), (0, 0)),
        mode="edge",
    )
    write_image(tmp_path / "two.png", np.concatenate([small[:, ::-1], large], axis=1))

    async def both(analyzer, place):
        looks = await asyncio.gather(analyzer.photo("ann", place), analyzer.photo("ann", place, 1))
        assert await analyzer.photo("ann", place, 1) is looks[1]  # it is not looked at twice
        return looks

    (first, second), files = looking(both, tmp_path / "two.png")
    assert len(first.boxes) == 2 and first.crop[0] > second.crop[0]
    assert "There are 2 faces" in first.warnings[0] and first.face_file is None
    assert files.owned(second.face_file, "ann") and second.face_file.name == "two_face_2.png"
    assert read_image(second.face_file).shape[1] < small.shape[1]
    assert np.abs(first.image.astype(int) - second.image).mean() > 10


def test_a_full_body_photo_s_face_is_found_and_told_to_be_small(looking, tmp_path):
    picture = np.full((1280, 960, 3), 120, np.uint8)
    picture[100:244, 400:592] = read_video(demo_clip_path()).frames_THWC[40, :, :192]
    write_image(tmp_path / "body.png", picture)
    look, _ = looking(lambda analyzer, place: analyzer.photo("ann", place), tmp_path / "body.png")
    assert len(look.boxes) == 1 and look.image.shape == (64, 64, 3)


def test_sound_that_cannot_be_read_costs_a_video_its_sound_alone(looking, tmp_path):
    frames = read_video(demo_clip_path()).frames_THWC[60:75, :, :192]
    path = write_video_with_tracks(tmp_path / "v.mkv", [tone(0.6, 48_000)], "ac3", frames_THWC=frames)
    with_damaged_packets(path)
    look, _ = looking(lambda analyzer, place: analyzer.motion("ann", "video", place), path)
    assert len(look.poses) >= 14 and look.sound is None
    assert look.warnings == ("The sound of this video cannot be read, so that the result will be silent.",)


def test_lips_and_sound_of_a_video_as_speech_have_one_origin(looking, tmp_path):
    write_with_sound(tmp_path / "v.mkv", [1.0, 2.5], video_start=0.5, sound_start=0.2)
    look, _ = looking(lambda analyzer, place: analyzer.motion("ann", "speech", place), tmp_path / "v.mkv")
    for path in (look.speech, look.sound.path):
        np.testing.assert_allclose(onsets(read_speech(path)), [1.0, 2.5], atol=0.002)


def test_a_face_that_is_hidden_for_moments_is_told_of(looking, uploads, tmp_path):
    frames = read_video(uploads.video).frames_THWC.repeat(2, 0)
    frames[4:7] = 128
    write_video(tmp_path / "hidden.mp4", frames, 24.0)
    look, _ = looking(lambda analyzer, place: analyzer.motion("ann", "video", place), tmp_path / "hidden.mp4")
    assert look.warnings == (
        "The face is hidden for moments in this video; these are filled in from before and after.",
    )
    look, _ = looking(lambda analyzer, place: analyzer.motion("ann", "video", place), uploads.video)
    assert look.warnings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"look_seconds": 0.001}, "could not be read in time, or at all"),
        ({"photo_megapixels": 0.01}, "too many pixels: at most 0.01 million"),
        ({"photo_megabytes": 0.001}, r"too large: at most 0\.001 MB"),
    ],
)
def test_what_takes_too_much_ends_in_plain_words_and_leaves_nothing(
    looking, uploads, tmp_path, changes, words
):
    with pytest.raises(UserError, match=words):
        looking(lambda analyzer, place: analyzer.photo("ann", place), uploads.photo, **changes)
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_a_photo_that_takes_more_memory_than_a_look_may_have_is_too_large_not_broken(
    looking, uploads, tmp_path
):
    face = read_image(uploads.photo)
    write_image(tmp_path / "large.png", face.repeat(20, axis=0).repeat(20, axis=1))  # 33 MB
    with pytest.raises(UserError, match="This photo is too large for this platform"):
        looking(
            lambda analyzer, place: analyzer.photo("ann", place), tmp_path / "large.png", look_gigabytes=0.05
        )
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_plain_sound_is_what_was_written_and_anything_else_is_seen(tmp_path):
    sound = np.random.default_rng(0).normal(0, 0.1, (1000, 1)).astype(np.float32)
    write_plain_wav(tmp_path / "a.wav", sound, 16_000)
    assert is_plain_wav(tmp_path / "a.wav", 1, 16_000) and n_samples(tmp_path / "a.wav", 1) == 1000
    np.testing.assert_array_equal(read_speech(tmp_path / "a.wav"), sound[:, 0])  # to the bit
    assert not is_plain_wav(tmp_path / "a.wav", 2, 16_000)
    content = (tmp_path / "a.wav").read_bytes()
    for wrong in (content[:-4], b"", b"RIFF", content[:20] + b"\x02" + content[21:]):
        (tmp_path / "b.wav").write_bytes(wrong)
        assert not is_plain_wav(tmp_path / "b.wav", 1, 16_000)


def test_arrays_of_another_kind_shape_or_with_objects_are_refused(tmp_path):
    shapes = {"a": (np.float32, (None, 2))}
    good = np.zeros((3, 2), np.float32)
    np.savez(tmp_path / "a.npz", a=good)
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz", shapes)["a"], good)
    wrong = [good.astype(np.float64), good[0], np.zeros((3, 3), np.float32), good * np.nan, np.array([{}])]
    for array in wrong:
        np.savez(tmp_path / "b.npz", a=array)
        with pytest.raises(RuntimeError):
            read_arrays(tmp_path / "b.npz", shapes)
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(RuntimeError):
        read_arrays(tmp_path / "b.npz", shapes)
