"""Every face of a picture is found, the largest first."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.pose.face_detection import FaceDetector


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def test_two_faces_come_largest_first_in_pixels_of_the_picture(detector):
    face = data.astronaut()[:256, 100:356]
    picture = np.full((256, 512, 3), 200, np.uint8)
    picture[:192, :192] = cv2.resize(face, (192, 192), interpolation=cv2.INTER_AREA)
    picture[:, 256:] = face
    large, small = detector.detect(picture)
    (alone,) = detector.detect(face)
    np.testing.assert_allclose(large, alone + np.array([256, 0, 256, 0]), atol=12)
    np.testing.assert_allclose(small, 0.75 * alone, atol=12)


def test_no_face_gives_no_box_and_odd_shapes_are_survived(detector):
    for height, width in ((200, 300), (1, 1), (4, 3000)):
        assert detector.detect(np.full((height, width, 3), 127, np.uint8)).shape == (0, 4)
