"""One person through a video; what is missing is filled or reported."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video, write_video
from faceanim.pose.composed import compose
from faceanim.pose.from_video import one_person, poses_from_video
from faceanim.pose.gaps import gaps
from faceanim.pose.landmarks import landmarker
from faceanim.pose.sequence import PoseSequence


def beside(poses: PoseSequence, frames: list[int], shift: float) -> np.ndarray:
    points = poses.points.copy()
    points[frames] += shift
    return points


def test_faces_elsewhere_are_somebody_else():
    """Of 60 frames ten show a face 400 pixels away, in the middle of the other's."""
    poses = compose("nodding")[:60]
    others = list(range(20, 30))
    mixed = PoseSequence(beside(poses, others, 400.0), poses.confidence, 24, 1024, 1024)
    found = one_person(mixed)
    assert (~found.found).nonzero()[0].tolist() == others
    assert found.confidence[others].max() == 0
    np.testing.assert_array_equal(found.points[40], poses.points[40])


def test_who_comes_back_in_time_is_the_same_person_and_after_long_another():
    poses = compose("nodding")
    points = poses.points.copy()
    points[30:40] = np.nan
    assert one_person(PoseSequence(points, poses.confidence, 24, 512, 512)).found.sum() == 134
    points[30:70] = np.nan
    away = PoseSequence(points, poses.confidence, 24, 512, 512)
    assert one_person(away).found.sum() == 74
    assert one_person(away, patience=2.0).found.sum() == 104


def test_gaps_are_listed():
    points = compose("nodding").points[:20].copy()
    points[[0, 1, 5, 19]] = np.nan
    assert gaps(PoseSequence(points, np.ones(20, np.float32), 24, 512, 512)) == [(0, 2), (5, 6), (19, 20)]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory) -> Path:
    """The demo clip's first 20 frames; at first nobody, and nobody again from frame 10 to 13."""
    frames = read_video(demo_clip_path()).frames_THWC[:20, :, :192].copy()
    frames[:2], frames[10:13] = 90, 90
    path = tmp_path_factory.mktemp("video") / "interrupted.mp4"
    write_video(path, frames, 25)
    return path


def test_short_gaps_are_filled_and_long_ones_are_an_error_that_says_when(interrupted, caplog):
    dlib = landmarker("dlib")
    poses = poses_from_video(interrupted, dlib)
    assert poses.fps == 25 and poses.found.all() and len(poses) == 18
    assert (poses.width, poses.height) == (192, 144)
    assert "3 of 18 frames have no face, from 0.40 to 0.52 s; filled" in caplog.text
    assert poses.confidence[8:11].max() == 0
    with pytest.raises(
        ValueError, match=r"not seen from 0\.40 to 0\.52 s; expected no gap of more than 0\.1 s"
    ):
        poses_from_video(interrupted, dlib, longest_gap=0.1)
    assert len(poses_from_video(interrupted, dlib, fps=12.5, max_frames=5, smoothing=0)) == 4
