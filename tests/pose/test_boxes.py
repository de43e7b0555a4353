"""Boxes of faces."""

import numpy as np

from faceanim.pose.boxes import distinct


def test_of_boxes_of_one_face_the_largest_stays():
    boxes = [(0, 0, 10, 10), (1, 1, 12, 12), (30, 0, 35, 5), (0, 30, 20, 50)]
    assert distinct(np.array(boxes)).tolist() == [[0, 30, 20, 50], [1, 1, 12, 12], [30, 0, 35, 5]]
    assert distinct(np.empty((0, 4))).shape == (0, 4) and distinct(np.array([])).dtype == np.float32
