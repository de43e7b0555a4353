"""Scores of lips and heads made from speech, of motions of which they are known."""

import numpy as np
import pytest

from faceanim.metrics.speech_motion import head_liveliness, lip_scores, opening, shifted_scores
from faceanim.pose.expressions import open_mouth, smile


def test_the_opening_is_how_far_the_lips_are_apart():
    amount = np.array([0.0, 0.5, 1.0])
    found = opening(open_mouth(amount))
    assert found[0] == 0 and found[2] == pytest.approx(2 * found[1]) and 0.8 < found[2] < 1
    assert np.abs(opening(smile(amount))).max() < 0.1


def test_error_and_correlation_are_numpys():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=200), rng.normal(size=200)
    found = lip_scores(made, real)
    assert found.error == pytest.approx(np.mean(np.abs(made - real)))
    assert found.correlation == pytest.approx(np.cov(made, real)[0, 1] / made.std(ddof=1) / real.std(ddof=1))
    assert lip_scores(real, real) == (0, pytest.approx(1))
    assert lip_scores(np.full(200, 0.3), real).correlation == 0
    with pytest.raises(ValueError, match="of one length"):
        lip_scores(real, real[:10])


def test_what_is_right_at_its_moment_is_wrong_at_others():
    real = np.random.default_rng(0).normal(size=240)
    wrong = shifted_scores(real, real, 24.0)
    assert abs(wrong.correlation) < 0.1 and wrong.error > 0.8


def test_a_head_that_nods_evenly():
    time = np.arange(0, 10, 1 / 50)
    poses = np.zeros((500, 6))
    poses[:, 1] = np.radians(4) * np.sin(2 * np.pi * 0.5 * time)
    found = head_liveliness(poses, 50.0)
    assert found.spread_pitch == pytest.approx(4 / np.sqrt(2), rel=1e-3)
    assert found.spread_yaw == found.spread_roll == 0
    assert found.speed == pytest.approx(4 * 4 * 0.5, rel=1e-2)  # four amplitudes a period


def test_a_turn_at_constant_speed_and_one_pose():
    poses = np.zeros((11, 6))
    poses[:, 0], poses[:, 2] = np.radians(3.0 * np.arange(11)), np.radians(4.0 * np.arange(11))
    assert head_liveliness(poses, 10.0).speed == pytest.approx(50)
    with pytest.raises(ValueError, match="expected 2 poses or more, got 1"):
        head_liveliness(poses[:1], 10.0)
