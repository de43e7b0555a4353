"""MediaPipe's mesh at 68 points: where dlib has them, for every frame by itself, small faces too."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import read_image
from faceanim.media.video import iter_video, read_video
from faceanim.pipelines.reference import find_reference
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker, Landmarks
from faceanim.pose.motion import Head
from faceanim.pose.scaling import rescale_points
from faceanim.pose.topology import LEFT_EYE, NOSE_TIP, PARTS, RIGHT_EYE

pytest.importorskip("mediapipe")
from faceanim.pose.mediapipe_landmarker import BUNDLE, MediapipeLandmarker
from tests.helpers.assets import WEIGHTS, present
from tests.helpers.demo import demo_frames
from tests.helpers.landmarker_tester import BoxTester

ROOT = Path(__file__).resolve().parents[2]

# the index of each point's mirror image
MIRROR = [
    *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
    *(*range(45, 41, -1), 47, 46, *range(39, 35, -1), 41, 40),
    *(*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65),
]


@pytest.fixture(scope="module")
def weights() -> Path:
    if not (WEIGHTS / BUNDLE.name).is_file():
        pytest.skip(f"{BUNDLE.name} is not there: set FACEANIM_WEIGHTS to its folder")
    return WEIGHTS


@pytest.fixture(scope="module")
def mediapipe_landmarker(weights: Path) -> FaceLandmarker:
    return landmarker("mediapipe", weights=weights)


@pytest.fixture(scope="module")
def frames_THWC() -> np.ndarray:
    return read_video(demo_clip_path()).frames_THWC


def astronaut() -> np.ndarray:
    return pytest.importorskip("skimage.data").astronaut()


def pictures() -> Iterator[np.ndarray]:
    """Photographs, paintings and statues, and a frame of each video, of what is there."""
    yield astronaut()
    for path in present("data/images"):
        yield read_image(path)
    for path in present("data/clips", "*.mp4"):
        yield next(iter_video(path, None, 10_000))[1]


def eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[RIGHT_EYE[0]] - points[LEFT_EYE[3]]))


def error(points: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(68,) distances, in distances of the eyes' outer corners."""
    return np.linalg.norm(points - expected, axis=1) / eye_distance(expected)


def test_every_part_of_the_face_lies_where_dlib_has_it(mediapipe_landmarker):
    """Measured on 26 pictures: 0.03 on average, 0.05 for the jaw; at most 0.05 and, for one part, 0.08."""
    dlib_landmarker = landmarker("dlib")
    errors = []
    for image_HWC in pictures():
        expected = dlib_landmarker.detect(image_HWC[None])
        found = mediapipe_landmarker.detect(image_HWC[None])
        assert expected.found.all() and found.found.all()
        errors.append(error(found.points[0], expected.points[0]))
        assert max(errors[-1][part.points].mean() for part in PARTS) < 0.1
        assert errors[-1].mean() < 0.06
    assert np.mean(errors) < 0.04


def test_a_mirrored_picture_gives_mirrored_points(mediapipe_landmarker):
    image_HWC = astronaut()
    points = mediapipe_landmarker.detect(image_HWC[None]).points[0]
    mirrored = mediapipe_landmarker.detect(image_HWC[None, :, ::-1]).points[0]
    back = np.stack([image_HWC.shape[1] - 1 - mirrored[:, 0], mirrored[:, 1]], axis=1)
    np.testing.assert_array_less(error(back[MIRROR], points), 0.06)


def test_each_frame_is_looked_at_for_itself(frames_THWC, mediapipe_landmarker):
    """Also behind a cut, and behind frames without a face."""
    nobody = np.zeros_like(frames_THWC[:1])
    video_THWC = np.concatenate([frames_THWC[:2], nobody, frames_THWC[-1:], frames_THWC[:1]])
    found = mediapipe_landmarker.detect(video_THWC)
    assert found.found.tolist() == [True, True, False, True, True]
    pieces = [mediapipe_landmarker.detect(frame_HWC[None]) for frame_HWC in video_THWC]
    np.testing.assert_array_equal(found.points, Landmarks.concatenate(pieces).points)
    assert found.confidence.tolist() == [1, 1, 0, 1, 1]
    np.testing.assert_array_equal(found.box[0, :2], found.points[0].min(axis=0))


def test_small_faces_of_a_wide_frame_are_found_in_its_own_pixels(mediapipe_landmarker):
    """A head of 240 and of 120 of 1280 pixels: seen in squares of the short side, and of half of it."""
    head_HWC = astronaut()[:240, 110:350]
    points = mediapipe_landmarker.detect(head_HWC[None]).points[0]
    for size in (240, 120):
        frame_HWC = np.full((720, 1280, 3), 110, np.uint8)
        small = cv2.resize(head_HWC, (size, size), interpolation=cv2.INTER_AREA)
        frame_HWC[200 : 200 + size, 511 : 511 + size] = small
        found = mediapipe_landmarker.detect(frame_HWC[None])
        expected = rescale_points(points, (240, 240), (size, size)) + np.array([511, 200])
        assert found.found.all() and error(found.points[0], expected).mean() < 0.03


def test_the_largest_face_is_taken(mediapipe_landmarker):
    head_HWC = astronaut()[:240, 110:350]
    smaller = cv2.resize(head_HWC, (160, 160), interpolation=cv2.INTER_AREA)
    for left, right in ((head_HWC, smaller), (smaller, head_HWC)):
        two = [cv2.copyMakeBorder(x, 0, 240 - len(x), 0, 0, cv2.BORDER_REPLICATE) for x in (left, right)]
        found = mediapipe_landmarker.detect(np.concatenate(two, axis=1)[None])
        assert (found.points[0].mean(axis=0)[0] < len(left[0])) == (left is head_HWC)


def test_a_frame_without_a_face_is_nan_and_never_an_exception(mediapipe_landmarker):
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    sizes = ((2, 48, 64), (1, 2, 500), (1, 5000, 3), (1, 1, 1), (0, 48, 64))
    for frames in (*(np.zeros((*size, 3), np.uint8) for size in sizes), noise):
        found = mediapipe_landmarker.detect(frames)
        assert len(found) == len(frames) and not found.found.any() and (found.confidence == 0).all()


def test_wrong_options_frames_and_files_are_refused_with_the_reason(mediapipe_landmarker, weights, tmp_path):
    with pytest.raises(ValueError, match=r"expected uint8 \(T, H, W, 3\), got float64"):
        mediapipe_landmarker.detect(np.zeros((1, 8, 8, 3)))
    (tmp_path / BUNDLE.name).write_bytes(b"not a bundle")
    with pytest.raises(ValueError, match=f"cannot read .*{BUNDLE.name} as a MediaPipe bundle"):
        MediapipeLandmarker(tmp_path)


def test_a_small_face_comes_once_though_it_is_sought_in_squares_that_overlap(mediapipe_landmarker):
    picture = np.full((720, 1280, 3), 200, np.uint8)
    face = astronaut()[:256, 100:356]
    picture[300:460, 600:760] = cv2.resize(face, (160, 160), interpolation=cv2.INTER_AREA)
    (box,) = mediapipe_landmarker.boxes(picture)
    assert (box[:2] > (600, 300)).all() and (box[2:] < (760, 460)).all()


def test_it_gives_depth_and_dlib_does_not(mediapipe_landmarker):
    """In the scale of x: on average the average head's, 4 eye widths from the temples to the tip of the nose."""
    picture = demo_frames()[0]
    reference = find_reference(picture, mediapipe_landmarker, (512, 512))
    shape = Head.of(reference.landmarks).shape
    assert reference.landmarks.shape == (68, 3)
    assert shape[[0, 16], 2].mean() - shape[NOSE_TIP, 2] == pytest.approx(9.6, abs=1)
    assert find_reference(picture, landmarker("dlib"), (512, 512)).landmarks.shape == (68, 2)


class TestBoxes(BoxTester):
    @pytest.fixture
    def backend(self, mediapipe_landmarker):
        return mediapipe_landmarker


@pytest.mark.parametrize(
    "rest", ["", "cycle = [landmarker]; cycle.append(cycle); del landmarker, cycle; gc.collect()"]
)
def test_it_is_closed_without_a_word_and_without_waiting(weights, rest):
    """MediaPipe's own object never returns from its deletion by the garbage collector, and complains at exit."""
    make = "from faceanim.pose.landmarkers import landmarker as make; import gc"
    code = f"{make}; landmarker = make('mediapipe', weights={str(weights)!r}); {rest}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0 and "Traceback" not in done.stderr
