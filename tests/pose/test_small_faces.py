"""A face that is a few per cent of a large picture is found, where it is, and only if it is there."""

import numpy as np
import pytest

from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from faceanim.pose.small_faces import detect_closely, face_part, small_faces
from tests.helpers.demo import demo_frames


@pytest.fixture(scope="module")
def finder() -> FaceLandmarker:
    return landmarker("dlib")


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """144x192 pixels, of which the face's box has 54."""
    return demo_frames()[40]


def picture_of(height: int, width: int, *faces: tuple[np.ndarray, int, int]) -> np.ndarray:
    """Grey, with pictures at (left, top)."""
    picture = np.full((height, width, 3), 120, np.uint8)
    for face, left, top in faces:
        picture[top : top + face.shape[0], left : left + face.shape[1]] = face
    return picture


@pytest.mark.parametrize(
    ("height", "width", "left", "top"),
    [(1280, 960, 400, 100), (900, 1300, 1108, 756), (1350, 1350, 590, 600)],
)
def test_a_face_of_four_per_cent_of_the_height_is_found_in_its_place(face, finder, height, width, left, top):
    picture = picture_of(height, width, (face, left, top))
    assert not finder.detect(picture[None]).found.any()
    found = detect_closely(picture, finder)
    expected = finder.detect(face[None])
    assert np.linalg.norm(found.points[0] - (left, top) - expected.points[0], axis=1).mean() < 5
    centre = found.box[0].reshape(2, 2).mean(axis=0) - (left, top)
    assert np.linalg.norm(centre - expected.box[0].reshape(2, 2).mean(axis=0)) < 10
    assert found.confidence[0] > 0.5


def test_what_is_seen_in_the_whole_picture_is_as_it_was(face, finder):
    found, expected = detect_closely(face, finder), finder.detect(face[None])
    np.testing.assert_array_equal(found.points, expected.points)


def test_of_two_small_faces_each_can_be_cut_out(face, finder):
    picture = picture_of(1280, 960, (face, 100, 300), (face, 650, 320))
    boxes_F4 = small_faces(picture, finder)
    assert len(boxes_F4) == 2
    parts = [face_part(picture, box, finder) for box in boxes_F4]
    assert sorted(int(part.left > 480) for part in parts) == [0, 1]


def test_a_picture_without_a_face_has_none(finder):
    noise = np.random.default_rng(0).integers(0, 256, (18, 24, 3), np.uint8)
    for picture in (picture_of(700, 960), noise.repeat(40, axis=0).repeat(40, axis=1)):
        assert not detect_closely(picture, finder).found.any()
