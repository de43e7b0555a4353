"""Words about a photo, from its landmarks."""

import pytest

from faceanim.app.messages import of_photo
from tests.pose.test_head_pose import turned_head


@pytest.mark.parametrize(
    ("angles", "word"),
    [
        ((40, 7, 0), "turned to the side by about 40 degrees"),
        ((0, 35, 0), "looks up or down"),
        ((0, -21, 0), "looks up or down"),
        ((0, 7, 30), "tilted"),
    ],
)
def test_a_head_that_is_turned_far_is_warned_of(angles, word):
    (said,) = of_photo(turned_head(*angles), 512, 512, n_faces=1)
    assert word in said


def test_a_face_that_looks_into_the_camera_is_not():
    assert of_photo(turned_head(5, 7, -5), 512, 512, n_faces=1) == []
    assert of_photo(turned_head(20, 25, -15), 512, 512, n_faces=1) == []
