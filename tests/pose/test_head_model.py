"""A head's pose in an image is found from its points: of average heads, of turned ones, and of a real one."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.pose.head_model import AVERAGE_HEAD_68x3, angles, fit_head, head_angles, project, rotations
from faceanim.pose.landmarkers import landmarker
from tests.helpers.heads import turned_head


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


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (0, -15, 0), (0, 0, 30), (-30, 10, -12)])
def test_a_turned_head_gives_back_its_angles(angles):
    np.testing.assert_allclose(head_angles(turned_head(*angles)[None])[0], angles, atol=0.01)


def test_mouth_chin_brows_and_lids_do_not_turn_the_head():
    points = np.repeat(turned_head(12, 5, -7)[None], 2, axis=0)
    moving = [*range(3, 14), *range(17, 27), 37, 38, 40, 41, 43, 44, 46, 47, *range(48, 68)]
    points[1, moving] += (8, 40)
    np.testing.assert_array_equal(*head_angles(points))


def test_size_and_place_do_not_matter_and_no_face_has_no_angles():
    points = np.stack([turned_head(12, 5, -7), 0.3 * turned_head(12, 5, -7) - 40, np.full((68, 2), np.nan)])
    angles = head_angles(points)
    np.testing.assert_allclose(angles[0], angles[1], atol=0.01)
    assert np.isnan(angles[2]).all()


def test_a_real_face_mirrored_and_tilted_turns_the_other_way_and_tilts():
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380])
    turn = cv2.getRotationMatrix2D((150, 150), -15, 1)  # OpenCV counts counter-clockwise
    tilted = cv2.warpAffine(picture, turn, (300, 300), borderMode=cv2.BORDER_REPLICATE)
    found = landmarker("dlib").detect(np.stack([picture, picture[:, ::-1], tilted]))
    straight, mirrored, rolled = head_angles(found.points)
    assert mirrored[0] == pytest.approx(-straight[0], abs=6)
    assert mirrored[2] == pytest.approx(-straight[2], abs=3)
    assert rolled[2] - straight[2] == pytest.approx(15, abs=3)
