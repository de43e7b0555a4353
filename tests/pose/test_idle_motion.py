"""Blinks, and a head that is never quite still."""

import numpy as np
import pytest

from faceanim.pose.idle_motion import blinks, blinks_at, sway


@pytest.mark.parametrize("fps", [8.0, 15.0, 24.0, 60.0])
def test_every_blink_shuts_the_eyes_at_every_rate_and_is_soon_over(fps):
    shut = blinks_at([0.4, 2.0], round(4 * fps), fps)
    assert (shut >= 0).all() and (shut <= 1).all()
    assert ((shut[1:] == 1) & (shut[:-1] < 1)).sum() == 2
    time = np.arange(len(shut)) / fps
    away = (time < 0.4) | ((time > 0.4 + 0.3 + 1 / fps) & (time < 2.0)) | (time > 2.3 + 1 / fps)
    assert shut[away].max() == 0


def test_people_blink_about_sixteen_times_a_minute():
    shut = blinks(600 * 24, 24.0, np.random.default_rng(0))
    assert 120 < ((shut[1:] == 1) & (shut[:-1] < 1)).sum() < 200


def test_swaying_is_slow_and_stays_near():
    values = sway(600 * 24, 24.0, np.random.default_rng(0))
    assert np.abs(values).max() <= 1.01 and abs(values.mean()) < 0.05
    assert np.abs(np.diff(values)).max() * 24 < 1.5
    np.testing.assert_array_equal(values[:100], sway(100, 24.0, np.random.default_rng(0)))
