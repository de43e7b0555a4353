"""The 68 points fall into parts that a network can tell apart."""

from itertools import combinations

import numpy as np

from faceanim.pose.topology import LEFT_EYE, MOUTH, N_POINTS, PARTS, RIGHT_EYE


def test_the_parts_hold_every_point_once():
    assert sorted(index for part in PARTS for index in part.indices) == list(range(N_POINTS))


def test_every_part_has_a_colour_of_its_own():
    for a, b in combinations(PARTS, 2):
        assert np.abs(np.subtract(a.colour, b.colour)).max() >= 60, (a.name, b.name)


def test_index_sets_agree_with_the_parts():
    parts = {part.name: part for part in PARTS}
    assert parts["left_eye"].indices == LEFT_EYE and parts["right_eye"].indices == RIGHT_EYE
    assert parts["outer_lips"].indices + parts["inner_lips"].indices == MOUTH
    assert [name for name, part in parts.items() if part.closed] == [
        "right_eye",
        "left_eye",
        "outer_lips",
        "inner_lips",
    ]
