"""dlib finds the demo clip's face: small, rolled, scaled, and reports where there is none."""

import cv2
import numpy as np
import pytest
import skimage.data

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.pose.face_detection import FaceDetector
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from faceanim.pose.scaling import rescale_points
from faceanim.pose.topology import CHIN, LEFT_EYE, MOUTH, RIGHT_EYE
from tests.helpers.landmarker_tester import BoxTester


@pytest.fixture(scope="module")
def frames_THWC() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC


@pytest.fixture(scope="module")
def dlib_landmarker() -> FaceLandmarker:
    return landmarker("dlib")


def test_a_face_is_found_and_lies_the_right_way(frames_THWC, dlib_landmarker):
    found = dlib_landmarker.detect(frames_THWC[:20:10])
    assert found.found.all() and len(found) == 2
    assert found.points.dtype == np.float32 and found.points.shape == (2, 68, 2)
    for points, box in zip(found.points, found.box, strict=True):
        right, left, mouth = (points[list(part)].mean(axis=0) for part in (RIGHT_EYE, LEFT_EYE, MOUTH))
        assert right[0] < mouth[0] < left[0] and max(right[1], left[1]) < mouth[1] < points[CHIN, 1]
        assert (box[:2] < mouth).all() and (mouth < box[2:]).all()
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def test_strongly_rolled_frames_are_found(frames_THWC, dlib_landmarker):
    turn = cv2.getRotationMatrix2D((96, 72), 35, 1.0)
    rolled = cv2.warpAffine(frames_THWC[0], turn, (193, 144), borderMode=cv2.BORDER_REPLICATE)[None]
    found = dlib_landmarker.detect(rolled)
    assert found.found.all()
    upright = dlib_landmarker.detect(frames_THWC[:1]).points[0]
    expected = upright @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(found.points[0] - expected, axis=1).mean() < 1.5
    centre = (found.box[0, :2] + found.box[0, 2:]) / 2
    assert np.linalg.norm(centre - expected.mean(axis=0)) < 8


def test_the_rolled_end_of_the_demo_clip_is_found_whole(frames_THWC, dlib_landmarker):
    assert dlib_landmarker.detect(frames_THWC[96:]).found.all()


def test_points_come_back_in_the_frames_own_pixels(frames_THWC, dlib_landmarker):
    """Small, original and very large copies of one frame give the same face."""
    points = dlib_landmarker.detect(frames_THWC[:1]).points[0]
    for size in ((64, 86), (1080, 1448)):
        interpolation = cv2.INTER_AREA if size[0] < 144 else cv2.INTER_CUBIC
        copy = cv2.resize(frames_THWC[0], size[::-1], interpolation=interpolation)[None]
        back = rescale_points(dlib_landmarker.detect(copy).points[0], size, frames_THWC.shape[1:3])
        assert np.linalg.norm(back - points, axis=1).mean() < 2.5


def test_the_largest_face_is_taken(frames_THWC, dlib_landmarker):
    face = frames_THWC[0]
    half = cv2.resize(face, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    half = cv2.copyMakeBorder(half, 0, 144 - half.shape[0], 0, 0, cv2.BORDER_REPLICATE)
    two = np.concatenate([half, face], axis=1)[None]
    assert (dlib_landmarker.detect(two).points[0, :, 0] > half.shape[1]).all()


def test_a_frame_without_a_face_is_nan_and_never_an_exception(dlib_landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    for frames in (np.zeros((2, 48, 64, 3), np.uint8), noise, np.zeros((1, 2, 500, 3), np.uint8)):
        found = dlib_landmarker.detect(frames)
        assert not found.found.any() and np.isnan(found.points).all() and np.isnan(found.box).all()
        assert (found.confidence == 0).all()


def test_wrong_shapes_are_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"expected uint8 \(T, H, W, 3\), got float64"):
        landmarker("dlib").detect(np.zeros((1, 8, 8, 3)))


class TestBoxes(BoxTester):
    @pytest.fixture
    def backend(self, dlib_landmarker):
        return dlib_landmarker


def test_its_boxes_are_those_of_its_detector(dlib_landmarker):
    picture = skimage.data.astronaut()
    np.testing.assert_array_equal(dlib_landmarker.boxes(picture), FaceDetector().detect(picture))
