"""Smoothing takes jitter, not motion, and leaves lips and lids alone."""

from dataclasses import replace

import numpy as np
import pytest

from faceanim.pose.composed import compose
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.smoothing import savitzky_golay, smooth

JITTER = 0.6  # pixels of 512, as dlib's


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
