"""Frames without a face are filled from their neighbours."""

import numpy as np
import pytest

from faceanim.pose.gaps import fill_gaps
from faceanim.pose.sequence import PoseSequence


def sequence(values: list[float | None]) -> PoseSequence:
    """Every coordinate of frame t is values[t]; None is a frame without a face."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float32)
    points = np.broadcast_to(numbers[:, None, None], (len(values), 68, 2)).copy()
    return PoseSequence(points, np.isfinite(numbers).astype(np.float32), 24.0, 64, 64, "test")


def test_gaps_are_linear_in_time_and_the_ends_take_the_nearest_face():
    poses = sequence([None, None, 1, None, None, None, 5, 2, None])
    filled = fill_gaps(poses)
    np.testing.assert_allclose(filled.points[:, 0, 0], [1, 1, 1, 2, 3, 4, 5, 2, 2])
    assert (filled.points == filled.points[:, :1, :1]).all() and filled.points.dtype == np.float32
    assert filled.confidence.tolist() == [0, 0, 1, 0, 0, 0, 1, 1, 0]
    assert np.isnan(poses.points[0]).all()  # the input is left alone


def test_nothing_changes_where_every_frame_has_a_face():
    poses = sequence([1, 2, 3])
    np.testing.assert_array_equal(fill_gaps(poses).points, poses.points)


def test_a_sequence_without_any_face_cannot_be_filled():
    with pytest.raises(ValueError, match="expected a face in at least one of 2 frames, got none"):
        fill_gaps(sequence([None, None]))
