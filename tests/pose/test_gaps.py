"""Frames without a face are filled from their neighbours."""

import numpy as np
import pytest

from faceanim.pose.gaps import fill_gaps, fill_short_gaps
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


def test_short_gaps_are_filled_and_named_and_longer_ones_refused(caplog):
    poses = sequence([None, 1, None, None, 4, 5, 6, 7, 8])
    filled = fill_short_gaps(poses, 2 / 24, "video a.mp4", start=1.0)
    np.testing.assert_array_equal(filled.points, fill_gaps(poses).points)
    said = "video a.mp4: 3 of 9 frames have no face, from 1.00 to 1.04 s, 1.08 to 1.17 s; filled"
    assert said in caplog.text
    with pytest.raises(
        ValueError, match=r"a.mp4: the face is not seen from 0.08 to 0.17 s; expected no gap of more"
    ):
        fill_short_gaps(poses, 1 / 24, "video a.mp4")
    with pytest.raises(ValueError, match="a face in at least half of 3 frames, got one in 1"):
        fill_short_gaps(sequence([None, 1, None]), 1.0, "poses")
    with pytest.raises(ValueError, match="longest_gap: expected seconds of 0 or more, got -1"):
        fill_short_gaps(poses, -1.0, "poses")
