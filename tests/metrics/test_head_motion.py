"""Pose and expression: what one moves, the other does not see."""

import cv2
import numpy as np
import pytest
import torch

from faceanim.metrics.families.head_motion import (
    EXPRESSION,
    expression_distance,
    pose_distance,
)
from faceanim.pose.head_model import AVERAGE_HEAD_68x3
from faceanim.pose.topology import MOUTH


def face() -> np.ndarray:
    """An average face (68, 2) of an eye distance of 100 pixels."""
    return AVERAGE_HEAD_68x3[:, :2] * 100 / 8.9 + 200


def tensor(*faces: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(faces)).float()


def turned(points: np.ndarray, degrees: float, scale: float = 1.0) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((200, 200), -degrees, scale)
    return points @ matrix[:, :2].T + matrix[:, 2] + 7


def test_a_head_that_tilts_by_nine_degrees_is_three_degrees_off_on_average_and_has_the_same_expression():
    real, tilted = tensor(face()), tensor(turned(face(), 9.0))
    assert pose_distance(real, tilted).item() == pytest.approx(3.0, abs=0.05)  # yaw and pitch are right
    assert expression_distance(real, tilted).item() == pytest.approx(0, abs=1e-6)


def test_moving_nearer_changes_neither():
    real, nearer = tensor(face()), tensor(turned(face(), 0.0, 1.4))
    assert pose_distance(real, nearer).item() == pytest.approx(0, abs=1e-3)
    assert expression_distance(real, nearer).item() == pytest.approx(0, abs=1e-6)


def test_a_mouth_that_opens_by_a_tenth_of_the_eye_distance_counts_over_all_points_of_expression():
    opened = face()
    opened[list(MOUTH)] += (0, 10)
    expected = 0.1 * len(MOUTH) / len(EXPRESSION)
    assert expression_distance(tensor(face()), tensor(opened)).item() == pytest.approx(expected, rel=0.05)
    assert pose_distance(tensor(face()), tensor(opened)).item() == 0


def test_between_people_the_way_a_face_is_made_is_no_expression_but_its_changes_are():
    one, smile = face(), face()
    smile[list(MOUTH)] += (0, 10)
    other, other_smile = (
        points + np.where(np.arange(68)[:, None] == 57, (0, 15), 0) for points in (one, smile)
    )
    real, made = tensor(one, smile), tensor(other, other_smile)
    assert expression_distance(real, made, between_people=False).min() > 0.001
    assert expression_distance(real, made, between_people=True).max() < 1e-6
    assert expression_distance(real, tensor(other, other), between_people=True).min() > 0.01
    assert expression_distance(real[:1], made[:1], between_people=True).isnan().all()


def test_between_people_it_counts_how_heads_move_and_not_where_they_look():
    real, elsewhere = tensor(face(), turned(face(), 8.0)), tensor(turned(face(), 20.0), turned(face(), 28.0))
    assert pose_distance(real, elsewhere).min() > 6
    assert pose_distance(real, elsewhere, between_people=True).max() < 0.05
    still = tensor(face(), face())  # 8 degrees of one angle of three, in two halves
    assert pose_distance(real, still, between_people=True).tolist() == pytest.approx([4 / 3] * 2, abs=0.05)
    assert pose_distance(real[:1], still[:1], between_people=True).isnan().all()
