"""Analysis of uploads in processes that are limited, without the web around."""

import asyncio
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from faceanim.app.analyzer import Analyzer, read_arrays
from faceanim.app.messages import UserError
from faceanim.media.image import read_image, write_image
from faceanim.media.sound import Soundtrack, read_speech
from faceanim.media.video import read_video, write_video
from faceanim.pipelines.motion_sources import DrivingVideo
from tests.helpers.demo import demo_frames
from tests.helpers.odd_videos import KINDS, write_at
from tests.helpers.platform import settings_of
from tests.helpers.sounds import onsets, tone, with_damaged_packets, write_video_with_tracks, write_with_sound


@pytest.fixture
def analyze(files):
    """Analyze an upload of ann's with this content: analyze(kind, path, **limits), or with a coroutine function of
    (analyzer, path of the upload) in place of kind."""

    def run(kind, source: Path, **limits):
        place = files.new_place("ann", source.name)
        shutil.copy(source, place)

        async def one():
            driving = DrivingVideo(None, 24.0)
            analyzer = Analyzer(files, settings_of("x", **limits)[0].limits, "dlib", (64, 64), driving, True)
            try:
                if callable(kind):
                    return await kind(analyzer, place)
                if kind == "photo":
                    return await analyzer.photo("ann", place)
                return await analyzer.motion("ann", kind, place)
            finally:
                await analyzer.sandbox.close()

        return asyncio.run(one())

    return run


def test_of_two_faces_the_larger_is_taken_until_the_other_is_chosen(analyze, files, uploads, tmp_path):
    face = read_image(uploads.photo)
    large, small = (face.repeat(n, axis=0).repeat(n, axis=1) for n in (3, 2))
    small = np.pad(small, ((0, len(large) - len(small)), (0, 0), (0, 0)), mode="edge")
    write_image(tmp_path / "two.png", np.concatenate([small[:, ::-1], large], axis=1))

    async def both(analyzer, place):
        found = await asyncio.gather(analyzer.photo("ann", place), analyzer.photo("ann", place, 1))
        assert await analyzer.photo("ann", place, 1) is found[1]  # it is not analyzed twice
        return found

    first, second = analyze(both, tmp_path / "two.png")
    assert len(first.boxes) == 2 and first.crop[0] > second.crop[0]
    assert "There are 2 faces" in first.warnings[0] and first.face_file is None
    assert files.owned(second.face_file, "ann") and second.face_file.name == "two_face_2.png"
    assert read_image(second.face_file).shape[1] < small.shape[1]
    assert np.abs(first.image.astype(int) - second.image).mean() > 10


def test_a_full_body_photo_s_face_is_found(analyze, tmp_path):
    picture = np.full((1280, 960, 3), 120, np.uint8)
    picture[100:244, 400:592] = demo_frames()[40]
    write_image(tmp_path / "body.png", picture)
    photo = analyze("photo", tmp_path / "body.png")
    assert len(photo.boxes) == 1 and photo.image.shape == (64, 64, 3)


def test_odd_but_good_videos_are_taken(analyze, tmp_path):
    """HEVC, VP9, ten bits, uneven times: what phones and browsers record."""
    for kind in ("hevc", "vp9", "ten_bit", "variable_rate"):
        suffix, codec, pixels, options, times = KINDS[kind]
        path = tmp_path / f"{kind}{suffix}"
        motion = analyze("video", write_at(path, demo_frames()[:6], times[:6], 1, codec, pixels, options))
        assert len(motion.poses) == pytest.approx(6 * 24 / 25, abs=1), kind


def test_sound_that_cannot_be_read_costs_a_video_its_sound_alone(analyze, tmp_path):
    path = tmp_path / "v.mkv"
    write_video_with_tracks(path, [tone(0.6, 48_000)], "ac3", frames_THWC=demo_frames()[60:75])
    with_damaged_packets(path)
    motion = analyze("video", path)
    assert len(motion.poses) >= 14 and motion.sound is None
    assert motion.warnings == ("The sound of this video cannot be read, so that the result will be silent.",)


def test_lips_and_sound_of_a_video_as_speech_have_one_origin(analyze, tmp_path):
    write_with_sound(tmp_path / "v.mkv", [1.0, 2.5], video_start=0.5, sound_start=0.2)
    motion = analyze("speech", tmp_path / "v.mkv")
    for path in (motion.speech, motion.sound.path):
        np.testing.assert_allclose(onsets(read_speech(path)), [1.0, 2.5], atol=0.002)


def test_sound_stays_as_it_is_to_the_bit(analyze, uploads):
    motion = analyze("speech", uploads.speech)
    np.testing.assert_array_equal(read_speech(motion.speech), read_speech(uploads.speech))
    kept, own = (list(islice(track.blocks(), 50)) for track in (motion.sound, Soundtrack(uploads.speech)))
    np.testing.assert_array_equal(kept, own)


def test_a_face_that_is_hidden_for_moments_is_reported(analyze, uploads, tmp_path):
    frames = read_video(uploads.video).frames_THWC.repeat(2, 0)
    frames[4:7] = 128
    write_video(tmp_path / "hidden.mp4", frames, 24.0)
    assert analyze("video", tmp_path / "hidden.mp4").warnings == (
        "The face is hidden for moments in this video; these are filled in from before and after.",
    )
    assert analyze("video", uploads.video).warnings == ()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"analysis_seconds": 0.001}, "could not be read in time, or at all"),
        ({"photo_megapixels": 0.01}, "too many pixels: at most 0.01 million"),
        ({"photo_megabytes": 0.001}, r"too large: at most 0\.001 MB"),
        ({"analysis_gigabytes": 0.05}, "This photo is too large for this platform"),  # not that it is broken
    ],
)
def test_what_takes_too_much_is_explained_and_leaves_nothing(
    analyze, files, uploads, tmp_path, limits, words
):
    face = read_image(uploads.photo)
    times = 20 if "analysis_gigabytes" in limits else 1  # 33 MB
    write_image(tmp_path / "photo.png", face.repeat(times, axis=0).repeat(times, axis=1))
    with pytest.raises(UserError, match=words):
        analyze("photo", tmp_path / "photo.png", **limits)
    assert [path for path in files.folder.rglob("*") if path.is_file()] == []


def test_arrays_of_another_type_shape_or_with_objects_are_refused(tmp_path):
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
