"""What every landmark backend that sees does with pictures, whatever it finds faces by."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.pose.landmarks import FaceLandmarker


class BoxTester:
    """Tests of the boxes of one backend; a subclass makes it."""

    @pytest.fixture
    def backend(self) -> FaceLandmarker:
        raise NotImplementedError

    def test_both_faces_of_a_picture_are_found_the_largest_first(self, backend):
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

    def test_no_face_gives_no_box_and_odd_shapes_are_survived(self, backend):
        for height, width in ((200, 300), (1, 1), (4, 3000)):
            assert backend.boxes(np.full((height, width, 3), 127, np.uint8)).shape == (0, 4)
