"""A head's place in a picture is found from its points."""

import numpy as np

from faceanim.pose.head_model import AVERAGE_HEAD_68x3, angles, fit_head, project, rotations
from faceanim.pose.head_pose import head_angles


def views(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles (T, 3) up to about 45 degrees, scales, centres."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.3, (n, 3)), rng.uniform(5, 20, n), rng.uniform(100, 300, (n, 2))


def test_a_projected_head_is_found_where_it_was_put():
    turn, scale, centre = views()
    points = project(AVERAGE_HEAD_68x3[None], rotations(turn), scale, centre)
    found = fit_head(points, AVERAGE_HEAD_68x3)
    for value, expected in zip(found, (rotations(turn), scale, centre), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-9)


def test_expressions_and_noise_hardly_move_it():
    turn, scale, centre = views()
    points = project(AVERAGE_HEAD_68x3[None], rotations(turn), scale, centre)
    points[:, 48:] += 0.5 * scale[:, None, None]  # the mouth, by half a centimetre
    points += np.random.default_rng(1).normal(0, 0.05, points.shape) * scale[:, None, None]
    rotation, *_ = fit_head(points, AVERAGE_HEAD_68x3)
    assert np.degrees(np.abs(angles(rotation) - turn)).mean() < 1.5


def test_angles_undo_rotations_and_have_the_signs_of_head_angles():
    turn, scale, centre = views()
    np.testing.assert_allclose(angles(rotations(turn)), turn, atol=1e-12)
    assert np.allclose(np.linalg.det(rotations(turn)), 1)
    for axis in range(3):
        one = np.zeros((1, 3))
        one[0, axis] = np.radians(15)
        points = project(AVERAGE_HEAD_68x3[None], rotations(one), scale[:1], centre[:1])
        rest = project(AVERAGE_HEAD_68x3[None], rotations(0 * one), scale[:1], centre[:1])
        change = (head_angles(points) - head_angles(rest))[0]
        assert 8 < change[axis] < 22, change
        assert np.abs(np.delete(change, axis)).max() < 5, change
