"""Angles of heads that were turned on purpose, and of a real one."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.pose.head_pose import head_angles
from faceanim.pose.landmarkers import landmarker
from tests.helpers.heads import turned_head


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, 0, 0), (0, -15, 0), (0, 0, 30), (-30, 10, -12)])
def test_a_turned_head_gives_back_its_angles(angles: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(head_angles(turned_head(*angles)[None])[0], angles, atol=0.01)


def test_mouth_chin_brows_and_lids_do_not_turn_the_head() -> None:
    points = np.repeat(turned_head(12, 5, -7)[None], 2, axis=0)
    moving = [*range(3, 14), *range(17, 27), 37, 38, 40, 41, 43, 44, 46, 47, *range(48, 68)]
    points[1, moving] += (8, 40)
    np.testing.assert_array_equal(*head_angles(points))


def test_size_and_place_do_not_matter_and_no_face_has_no_angles() -> None:
    points = np.stack([turned_head(12, 5, -7), 0.3 * turned_head(12, 5, -7) - 40, np.full((68, 2), np.nan)])
    angles = head_angles(points)
    np.testing.assert_allclose(angles[0], angles[1], atol=0.01)
    assert np.isnan(angles[2]).all()


def test_a_real_face_mirrored_and_tilted_turns_the_other_way_and_tilts() -> None:
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380])
    turn = cv2.getRotationMatrix2D((150, 150), -15, 1)  # OpenCV counts counter-clockwise
    tilted = cv2.warpAffine(picture, turn, (300, 300), borderMode=cv2.BORDER_REPLICATE)
    found = landmarker("dlib").detect(np.stack([picture, picture[:, ::-1], tilted]))
    straight, mirrored, rolled = head_angles(found.points)
    assert mirrored[0] == pytest.approx(-straight[0], abs=6) and mirrored[2] == pytest.approx(
        -straight[2], abs=3
    )
    assert rolled[2] - straight[2] == pytest.approx(15, abs=3)
