"""One person through a video; what is missing is filled or reported."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.media.video import write_video
from faceanim.pose.composed import compose
from faceanim.pose.from_video import one_person, poses_from_video
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.repair import gaps
from faceanim.pose.sequence import PoseSequence
from tests.helpers.demo import demo_frames


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


def test_who_comes_back_is_the_same_person_however_long_they_were_away():
    poses = compose("nodding")
    points = poses.points.copy()
    points[30:40] = np.nan
    assert one_person(PoseSequence(points, poses.confidence, 24, 512, 512)).found.sum() == 134
    points[30:70] = np.nan
    away = PoseSequence(points, poses.confidence, 24, 512, 512)
    assert one_person(away).found.sum() == 104


def parts(n_frames: int, *shown: tuple[int, int, float]) -> PoseSequence:
    """At 24 fps: a face from each first to last frame (exclusive), moved so many pixels to the right."""
    poses = compose("nodding")[:n_frames]
    points = np.full_like(poses.points, np.nan)
    for first, last, shift in shown:
        points[first:last] = poses.points[first:last] + np.array([shift, 0], np.float32)
    return PoseSequence(points, poses.confidence, 24, 2048, 512)


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ([(0, 40, 0), (52, 100, 600)], [(0, 40), (52, 100)]),  # returns elsewhere
        ([(0, 40, 0), (80, 100, 600)], [(0, 40), (80, 100)]),  # after more than a second
        ([(0, 20, 0), (30, 50, 600), (60, 100, 1200)], [(0, 20), (30, 50), (60, 100)]),  # twice
        ([(0, 40, 0), (40, 100, 600)], [(40, 100)]),  # a cut to somebody else
        ([(0, 40, 0), (41, 100, 600)], [(41, 100)]),  # ... in which one frame is missed
        ([(0, 40, 0), (40, 60, 600), (70, 100, 1200)], [(0, 40)]),  # after a cut: who was it that left?
        ([(0, 40, 0), (46, 47, 900), (54, 100, 600)], [(0, 40), (54, 100)]),  # one false face in the gap
        ([(0, 40, 0), (50, 60, 900), (60, 100, 600)], [(0, 40)]),  # two come: who was it?
    ],
)
def test_who_returns_elsewhere_is_the_same_where_nobody_else_is_seen(shown, kept):
    found = one_person(parts(100, *shown)).found
    expected = np.zeros(100, bool)
    for first, last in kept:
        expected[first:last] = True
    np.testing.assert_array_equal(np.flatnonzero(found), np.flatnonzero(expected))


def test_gaps_are_listed():
    points = compose("nodding").points[:20].copy()
    points[[0, 1, 5, 19]] = np.nan
    assert gaps(PoseSequence(points, np.ones(20, np.float32), 24, 512, 512)) == [(0, 2), (5, 6), (19, 20)]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory) -> Path:
    """The demo clip's first 20 frames; at first nobody, and nobody again from frame 10 to 13."""
    frames = demo_frames()[:20].copy()
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
    with pytest.raises(ValueError, match=r"not seen from 0\.40 to 0\.52 s; .* more than 0\.1 s"):
        poses_from_video(interrupted, dlib, longest_gap=0.1)
    assert len(poses_from_video(interrupted, dlib, fps=12.5, max_frames=5, smoothing=0)) == 4


@pytest.fixture(scope="module")
def returned(tmp_path_factory):
    """Write a video at 12.5 fps of the demo clip's face on the left, nobody for so many frames, then on the right."""

    def write(away: int) -> Path:
        frames = demo_frames()[:30]
        pictures = np.full((30, 144, 480, 3), 127, np.uint8)
        pictures[:10, :, :192] = frames[:10]
        pictures[10 + away :, :, -192:] = frames[10 + away :]
        path = tmp_path_factory.mktemp("video") / "returned.mp4"
        write_video(path, pictures, 12.5)
        return path

    return write


def test_who_returns_elsewhere_drives_on_and_the_gap_is_filled_or_named(returned, caplog):
    dlib = landmarker("dlib")
    poses = poses_from_video(returned(4), dlib, smoothing=0)
    assert len(poses) == 30 and "4 of 30 frames have no face, from 0.80 to 1.12 s" in caplog.text
    middle = poses.points[..., 0].mean(axis=1)
    assert (middle[:10] < 192).all() and (middle[14:] > 288).all() and (np.diff(middle[9:15]) > 0).all()
    with pytest.raises(ValueError, match=r"not seen from 0\.80 to 1\.12 s; .* more than 0\.2 s"):
        poses_from_video(returned(4), dlib, longest_gap=0.2)


def test_of_a_video_with_a_long_absence_the_longest_part_is_a_template(returned):
    """As when the person comes back to the same place: more than a second of motion would be invented."""
    dlib = landmarker("dlib")
    assert len(poses_from_video(returned(13), dlib, smoothing=0)) == 10
    assert len(poses_from_video(returned(13), dlib, longest_gap=1.2, smoothing=0)) == 30
