"""How far and how fast a head moves, of motions of which it is known."""

import numpy as np
import pytest

from faceanim.metrics.speech_motion import head_liveliness


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
