"""Scores of lips made from speech."""

import numpy as np
import pytest

from faceanim.metrics.speech_motion import lip_scores, opening, shifted_scores
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
