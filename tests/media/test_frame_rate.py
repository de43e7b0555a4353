"""A video of varying rate is read at its average rate by timestamps, everywhere; one of a constant rate as it is."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media.frame_rate import constant_rate
from faceanim.media.video import iter_video, read_video
from faceanim.pipelines.motion_sources import DrivingVideo
from faceanim.pose.from_video import find_person
from faceanim.pose.landmarkers import landmarker
from scripts.prepare_celebvhq_hdtf.first_pass import detect, source_frames
from scripts.prepare_celebvhq_hdtf.sources import SourceClip
from tests.helpers.demo import demo_frames
from tests.helpers.odd_videos import KINDS, N_FRAMES, make, number_of, numbered, write_at
from tests.helpers.preparation import OPTIONS

VARIABLE = [k * 40 + (600 if k > 8 else 0) - (12 if k % 3 else 0) for k in range(20)]  # ms


def on_display(path: Path, fps: float, n_frames: int) -> list[int]:
    """Numbers of the frames (by place) that are on display at k / fps, straight from the decoder's timestamps."""
    with av.open(str(path)) as container:
        seconds = np.array([float(frame.pts * frame.time_base) for frame in container.decode(video=0)])
    instants = np.arange(n_frames) / fps + seconds[0]
    return (np.searchsorted(seconds, instants + 0.001, side="right") - 1).tolist()


@pytest.mark.parametrize("kind", ["variable_rate", "gap"])
def test_what_varies_is_resampled_to_its_average(kind, tmp_path):
    path = make(tmp_path, kind)
    video = read_video(path)
    shown = [number_of(image) for image in video.frames_THWC]
    assert shown == on_display(path, video.fps, len(shown))
    assert len(shown) / video.fps == pytest.approx(KINDS[kind][4][-1] / 1000, abs=0.1)


@pytest.mark.parametrize("kind", ["b_frames", "open_gop", "late_start", "hevc", "vp9", "ten_bit"])
def test_a_constant_rate_keeps_its_own_frames(kind, tmp_path):
    path = make(tmp_path, kind)
    assert constant_rate(path) == (25, None)
    video = read_video(path)
    assert [number_of(image) for image in video.frames_THWC] == list(range(N_FRAMES)) and video.fps == 25


@pytest.mark.parametrize("fps", [30, 30000 / 1001, 24000 / 1001, 50])
def test_times_rounded_to_milliseconds_are_a_constant_rate(fps, tmp_path):
    path = write_at(tmp_path / "a.mkv", numbered(200), [round(1000 * k / fps) for k in range(200)])
    rate = constant_rate(path)
    assert rate.resampled is None and rate.fps == pytest.approx(fps, rel=2e-3)


def test_a_part_has_its_own_rate(tmp_path):
    times = [40 * k for k in range(50)] + [2000 + 100 * k + 35 * (k % 2) for k in range(30)]
    write_at(tmp_path / "a.mp4", numbered(80), times)
    assert constant_rate(tmp_path / "a.mp4", stop=1.9) == (25, None)
    assert constant_rate(tmp_path / "a.mp4", n_frames=40) == (25, None)
    assert constant_rate(tmp_path / "a.mp4", start=0.399, stop=1.9) == (25, None)  # a moment before a frame
    rate = constant_rate(tmp_path / "a.mp4", start=2.0)
    assert rate.fps == pytest.approx(10, rel=0.04) and rate.resampled in (None, rate.fps)
    assert constant_rate(tmp_path / "a.mp4").resampled == pytest.approx(79 / 4.935, rel=0.05)
    assert constant_rate(tmp_path / "a.mp4", fps=12) == (12, 12)


def test_a_variable_rate_drives_and_is_prepared_in_step_with_its_sound(tmp_path):
    """Landmarks, real frames and clips of fps=null: at each instant, those of the frame on display then."""
    path, finder = tmp_path / "v.mp4", landmarker("dlib")
    write_at(path, demo_frames()[:40:2], VARIABLE)
    own = [frame.image_HWC for frame in iter_video(path)]
    poses = find_person(path, finder)
    expected = on_display(path, poses.fps, len(poses))
    assert len(poses) / poses.fps == pytest.approx(VARIABLE[-1] / 1000, abs=0.1)
    assert expected != list(range(len(poses)))
    np.testing.assert_array_equal(poses.points, finder.detect(np.stack(own)).points[expected])
    motion = DrivingVideo(path, crop=False).read((144, 192), landmarker=finder)
    for image_HWC, k in zip(motion.real_frames(), expected, strict=True):
        np.testing.assert_array_equal(image_HWC, own[k])

    options = replace(OPTIONS, fps=None)
    clip = SourceClip("v", path, "v.mp4", "v", "v")
    shown = [frame.image_HWC for frame in source_frames(clip, options)]
    assert len(shown) == len(expected)
    for image_HWC, k in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(image_HWC, own[k])
    detections = detect(clip, options, finder)
    assert detections.fps == poses.fps and len(detections) == len(expected)


def test_a_single_frame_has_the_declared_rate(tmp_path):
    write_at(tmp_path / "a.mp4", numbered(1), [0], Fraction(1))
    assert constant_rate(tmp_path / "a.mp4").resampled is None
