"""Frames without a face are filled from their neighbours; smoothing takes jitter, and leaves lips and lids alone."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.repair import fill_gaps, fill_short_gaps, savitzky_golay, smooth
from faceanim.pose.sequence import PoseSequence

JITTER = 0.6  # pixels of 512, as dlib's


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
    with pytest.raises(ValueError, match=r"a.mp4: the face is not seen from 0.08 to 0.17 s; expected"):
        fill_short_gaps(poses, 1 / 24, "video a.mp4")
    with pytest.raises(ValueError, match="a face in at least half of 3 frames, got one in 1"):
        fill_short_gaps(sequence([None, 1, None]), 1.0, "poses")
    with pytest.raises(ValueError, match="longest_gap: expected 0 or more, got -1"):
        fill_short_gaps(poses, -1.0, "poses")


def shaking(name: str = "nodding"):
    poses = compose(name)
    noise = np.random.default_rng(0).normal(0, JITTER, poses.points.shape).astype(np.float32)
    return poses, replace(poses, points=poses.points + noise)


def roughness(points: np.ndarray) -> float:
    return float(np.abs(np.diff(points, 3, axis=0)).mean())


def test_jitter_goes_down_and_the_motion_stays():
    true, shaken = shaking()
    found = smooth(shaken)
    rigid = [*range(17, 36)]
    assert roughness(found.points[:, rigid]) < 0.45 * roughness(shaken.points[:, rigid])
    before = np.abs(shaken.points - true.points)[:, rigid].mean()
    assert np.abs(found.points - true.points)[:, rigid].mean() < 0.75 * before


def test_there_is_no_lag():
    true, shaken = shaking()
    found = smooth(shaken)
    frames = np.arange(10, len(true) - 10)

    def error(lag: float) -> float:
        expected = np.interp(frames - lag, np.arange(len(true)), true.points[:, 30, 1])
        return float(np.abs(found.points[frames, 30, 1] - expected).mean())

    lags = np.arange(-2, 2.01, 0.1)
    assert abs(lags[int(np.argmin([error(lag) for lag in lags]))]) <= 0.3


def test_lips_and_lids_do_on_the_head_what_they_did():
    _, shaken = shaking("reading_aloud")
    found = smooth(shaken)
    assert np.abs(lip_aperture(found.points) - lip_aperture(shaken.points)).max() < 0.01
    assert np.corrcoef(lip_aperture(found.points), lip_aperture(shaken.points))[0, 1] > 0.999
    openness = [eye_openness(poses.points).mean(axis=1) for poses in (found, shaken)]
    assert np.corrcoef(*openness)[0, 1] > 0.995


def test_parabolas_pass_unchanged_ends_included():
    t = np.arange(40.0)
    curve = np.stack([3 + 0.2 * t, t**2 / 50], axis=1)
    np.testing.assert_allclose(savitzky_golay(curve, 9), curve, atol=1e-9)


def test_gaps_stay_gaps_and_short_sequences_as_they_are():
    poses = compose("nodding")
    points = poses.points.copy()
    points[20:22] = np.nan
    found = smooth(replace(poses, points=points))
    assert (~found.found).nonzero()[0].tolist() == [20, 21]
    np.testing.assert_array_equal(smooth(poses[:2]).points, poses.points[:2])
    np.testing.assert_array_equal(smooth(poses, 0).points, poses.points)
    assert len(smooth(poses[:4])) == 4
    with pytest.raises(ValueError, match="0 or more"):
        smooth(poses, -1)
