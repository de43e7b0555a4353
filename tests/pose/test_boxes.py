"""Every face of a picture, by each backend's own detector."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.pose.boxes import distinct
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from tests.helpers.assets import WEIGHTS


def test_of_boxes_of_one_face_the_largest_stays():
    boxes = [(0, 0, 10, 10), (1, 1, 12, 12), (30, 0, 35, 5), (0, 30, 20, 50)]
    assert distinct(np.array(boxes)).tolist() == [[0, 30, 20, 50], [1, 1, 12, 12], [30, 0, 35, 5]]
    assert distinct(np.empty((0, 4))).shape == (0, 4) and distinct(np.array([])).dtype == np.float32


@pytest.fixture(params=["dlib", "mediapipe"])
def backend(request: pytest.FixtureRequest) -> FaceLandmarker:
    pytest.importorskip(request.param)
    try:
        return landmarker(request.param, weights=WEIGHTS)
    except ValueError as error:
        pytest.skip(str(error))


def test_both_faces_of_a_picture_are_found_the_largest_first(backend):
    face = data.astronaut()[:256, 100:356]
    picture = np.full((256, 512, 3), 200, np.uint8)
    picture[:192, :192] = cv2.resize(face, (192, 192), interpolation=cv2.INTER_AREA)
    picture[:, 256:] = face
    large, small = backend.boxes(picture)
    (alone,) = backend.boxes(face)
    assert large.dtype == np.float32 and 50 < alone[2] - alone[0] < 130
    np.testing.assert_allclose(large, alone + np.array([256, 0, 256, 0]), atol=12)
    np.testing.assert_allclose(small, 0.75 * alone, atol=12)
    found = backend.detect(face[None])
    middle = (alone[:2] + alone[2:]) / 2
    assert np.abs(found.points[0].mean(axis=0) - middle).max() < 25


def test_no_face_gives_no_box_and_odd_shapes_are_survived(backend):
    for height, width in ((200, 300), (1, 1), (4, 3000)):
        assert backend.boxes(np.full((height, width, 3), 127, np.uint8)).shape == (0, 4)


def test_a_small_face_comes_once_though_mediapipe_seeks_it_in_squares_that_overlap():
    pytest.importorskip("mediapipe")
    try:
        backend = landmarker("mediapipe", weights=WEIGHTS)
    except ValueError as error:
        pytest.skip(str(error))
    picture = np.full((720, 1280, 3), 200, np.uint8)
    face = data.astronaut()[:256, 100:356]
    picture[300:460, 600:760] = cv2.resize(face, (160, 160), interpolation=cv2.INTER_AREA)
    (box,) = backend.boxes(picture)
    assert (box[:2] > (600, 300)).all() and (box[2:] < (760, 460)).all()


def test_dlibs_are_those_of_its_detector():
    pytest.importorskip("dlib")
    from faceanim.pose.face_detection import FaceDetector

    picture = data.astronaut()
    np.testing.assert_array_equal(landmarker("dlib").boxes(picture), FaceDetector().detect(picture))
