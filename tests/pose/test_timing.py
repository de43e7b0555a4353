"""Other rates, other lengths."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.timing import loop, resample


def swinging(fps: float, seconds: float = 4.0, hertz: float = 1.5) -> PoseSequence:
    """All points move along a sine of 100 pixels."""
    time = np.arange(round(seconds * fps)) / fps
    points = np.zeros((len(time), 68, 2), np.float32) + 100 * np.sin(2 * np.pi * hertz * time)[:, None, None]
    return PoseSequence(points.astype(np.float32), np.ones(len(time), np.float32), fps, 512, 512)


@pytest.mark.parametrize(("from_fps", "to_fps"), [(24, 30), (25, 24), (29.97, 24), (60, 25), (24, 60)])
def test_a_resampled_sine_errs_by_what_linear_interpolation_must(from_fps, to_fps):
    """At most A (2 pi f / fps)^2 / 8 between two samples (the second derivative's bound), and nearly that somewhere."""
    poses = swinging(from_fps)
    found = resample(poses, to_fps)
    time = np.arange(len(found)) / to_fps
    known = time <= (len(poses) - 1) / from_fps
    error = np.abs(found.points[:, 0, 0] - 100 * np.sin(2 * np.pi * 1.5 * time))[known].max()
    bound = 100 * (2 * np.pi * 1.5 / from_fps) ** 2 / 8
    assert error <= bound * 1.001
    assert error > 0.5 * bound or from_fps % to_fps == 0
    assert found.fps == to_fps and len(found) == round(len(poses) / from_fps * to_fps)


def test_the_same_rate_changes_nothing_and_there_and_back_is_exact_at_a_multiple():
    poses = compose("nodding")
    np.testing.assert_array_equal(resample(poses, 24).points, poses.points)
    np.testing.assert_allclose(resample(resample(poses, 48), 24).points, poses.points, atol=1e-4)


def test_between_a_face_and_none_there_is_none():
    poses = swinging(24)
    points = poses.points.copy()
    points[10] = np.nan
    found = resample(replace(poses, points=points), 48)
    assert (~found.found).nonzero()[0].tolist() == [19, 20, 21]


def test_loops_go_there_and_back_and_never_jump():
    poses = compose("turning")
    found = loop(poses, 500)
    assert len(found) == 500
    step = np.abs(np.diff(poses.points, axis=0)).max()
    assert np.abs(np.diff(found.points, axis=0)).max() <= step
    np.testing.assert_array_equal(loop(poses, 7).points, poses.points[:7])


def test_mistakes_are_named():
    poses = compose("nodding")
    with pytest.raises(ValueError, match="fps above 0"):
        resample(poses, 0)
    with pytest.raises(ValueError, match="1 frame or more, got 0"):
        loop(poses, 0)
