"""Files from outside, of cameras, phones and broadcasts, are read as players show them."""

import av
import numpy as np
import pytest
from PIL import Image

from faceanim.media.image import read_image
from faceanim.media.sound import SPEECH_RATE, read_speech
from faceanim.media.video import iter_video, read_video
from tests.helpers.assets import asset
from tests.helpers.odd_videos import combing
from tests.helpers.sounds import heard_by_people

asset("cases")  # each is one of these


def test_a_photograph_with_a_mistyped_tag_is_upright():
    path = asset("cases/exif_mistyped_tag.jpg")
    with Image.open(path) as image:
        stored = np.array(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(path), np.rot90(stored, -1))


def test_a_mirrored_selfie_is_mirrored_and_not_turned():
    path = asset("cases/mirrored_selfie.mp4")
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    shown = next(iter_video(path)).image_HWC.astype(int)
    assert np.abs(shown - frame[:, ::-1]).mean() < 3 < np.abs(shown - frame[::-1, ::-1]).mean()


def test_a_real_hlg_video_looks_like_the_video_it_was_made_of():
    path = asset("cases/hlg_bt2100.mov")
    hdr = read_video(path).frames_THWC
    sdr = read_video(asset("data/clips/liveportrait_d18.mp4")).frames_THWC[: len(hdr)]
    difference = hdr.astype(int) - sdr
    assert np.abs(difference).mean() < 1.5  # it was made by a converter that darkens by 1
    assert next(iter_video(path, fps=24)).image_HWC.shape == (480, 480, 3)


def shared_number_of(image_HWC: np.ndarray) -> int:
    """The number in a frame of frame_numbered/: bit b is a block of 64x32 px at row b // 4, column b % 4."""
    blocks = [image_HWC[32 * (b // 4) + 8 :, 64 * (b % 4) + 16 :][:16, :32].mean() > 127 for b in range(12)]
    return sum(bit << b for b, bit in enumerate(blocks))


def test_frames_of_real_odd_files_come_once_and_in_order():
    """The last one is cut by an edit list."""
    for name, n_frames in {
        "cfr_bframes": 300,
        "opengop": 300,
        "startoffset": 300,
        "vfr": 300,
        "vp9": 150,
    }.items():
        path = asset(f"data/frame_numbered/{name}.mp4")
        assert [shared_number_of(frame.image_HWC) for frame in iter_video(path)] == list(range(n_frames)), (
            name
        )
    cut = iter_video(asset("data/frame_numbered/copycut_editlist.mp4"))
    first, *others = [shared_number_of(frame.image_HWC) for frame in cut]
    assert first > 0 and others == list(range(first + 1, first + 222))


def test_the_shared_interlaced_clip_has_no_combs_left():
    path = asset("cases/interlaced.mp4")
    with av.open(str(path)) as container:
        before = [combing(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    after = [combing(frame.image_HWC) for frame in iter_video(path)]
    assert len(after) == len(before) == 24 and np.mean(after) < 0.7 * np.mean(before)


def test_real_files_are_heard_by_lips_and_people_alike():
    for name, seconds in (
        ("cases/rate_changes.mp3", 15.13),
        ("cases/sound_format_changes.ts", 3.98),
        ("cases/silent_first_track.mp4", 4.66),
        ("cases/cover_picture.m4a", 7.5),
        ("data/clips/moore_3_speech.mp4", None),
    ):
        lips, written = read_speech(asset(name)), heard_by_people(asset(name), seconds or 4.6)[::3]
        assert seconds is None or len(lips) / SPEECH_RATE == pytest.approx(seconds, abs=0.02), name
        n = min(len(lips), len(written)) // 160 * 160
        a, b = (np.abs(samples[:n]).reshape(-1, 160).mean(axis=1) for samples in (lips, written))
        assert a.max() > 0.05 and np.corrcoef(a, b)[0, 1] > 0.98, name
