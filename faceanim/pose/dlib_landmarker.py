"""dlib's frontal face detector and 68-point predictor; both work offline. H, W: pixels; C: RGB."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from faceanim.pose.face_detection import FaceDetector
from faceanim.pose.landmarks import Face, Landmarks, check_frames
from faceanim.pose.scaling import rescale_points, resize_within

_MIN_SCORE = 0.0  # from about -1 (everything) to 3 (sure)
_ROLL_ANGLES = (-20.0, 20.0)  # degrees
_WEIGHTS_PACKAGE = "face_recognition_models"
_WEIGHTS_FILE = "models/shape_predictor_68_face_landmarks.dat"


class DlibLandmarker:
    """A `FaceLandmarker` for frontal faces from about 28 pixels across, rolled by up to about 40 degrees.

    The detector sees faces of 80 pixels and more, within about 20 degrees of upright. So a frame is searched
    at a short side of 400 to 640 pixels, and, if nothing is found, again rotated
    by 20 degrees either way. The largest face of the frame is taken. windows: frames are cut out around one face,
    and 240 pixels do.
    """

    def __init__(self, windows: bool = False) -> None:
        self._short_side = (240, 240) if windows else (400, 640)
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(dlib_weights()))
        self._all_faces = FaceDetector()

    def detect(self, frames_THWC: np.ndarray) -> Landmarks:
        """Find the largest face of each uint8 RGB frame; confidence is the detector's score, by a sigmoid."""
        check_frames(frames_THWC)
        return Landmarks.of(self._find(frame_HWC) for frame_HWC in frames_THWC)

    def boxes(self, image_HWC: np.ndarray) -> np.ndarray:
        """All upright faces of a uint8 RGB image, see `FaceDetector`: (F, 4) float32, largest first."""
        return self._all_faces.detect(image_HWC)

    def _find(self, frame_HWC: np.ndarray) -> Face | None:
        height, width = frame_HWC.shape[:2]
        searched = resize_within(frame_HWC, self._short_side)
        face = self._largest(searched) or self._largest_rolled(searched)
        if face is None:
            return None
        points = rescale_points(face.points, searched.shape[:2], (height, width))
        box = rescale_points(face.box.reshape(2, 2), searched.shape[:2], (height, width)).reshape(4)
        return Face(face.confidence, points, box)

    def _largest_rolled(self, image_HWC: np.ndarray) -> Face | None:
        """The best-scored face of the rotated copies, mapped back."""
        height, width = image_HWC.shape[:2]
        faces = []
        for angle in _ROLL_ANGLES:
            turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
            face = self._largest(
                cv2.warpAffine(image_HWC, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
            )
            if face is not None:
                back = cv2.invertAffineTransform(turn)
                centre, half = (face.box[:2] + face.box[2:]) / 2, (face.box[2:] - face.box[:2]) / 2
                centre = back[:, :2] @ centre + back[:, 2]
                box = np.concatenate([centre - half, centre + half])
                faces.append(Face(face.confidence, face.points @ back[:, :2].T + back[:, 2], box))
        return max(faces, key=lambda face: face.confidence, default=None)

    def _largest(self, image_HWC: np.ndarray) -> Face | None:
        image_HWC = np.ascontiguousarray(image_HWC)
        rectangles, scores, _ = self._detector.run(image_HWC, 0, _MIN_SCORE)
        if not rectangles:
            return None
        rectangle, score = max(zip(rectangles, scores, strict=True), key=lambda found: found[0].area())
        shape = self._predictor(image_HWC, rectangle)
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        box = np.array([rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()], np.float64)
        return Face(float(1 / (1 + np.exp(-score))), points, box)


def dlib_weights() -> Path:
    """The predictor's weights in their installed package, which is not imported (it needs setuptools)."""
    spec = find_spec(_WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _WEIGHTS_FILE
        if path.is_file():
            return path
    raise ValueError(
        f"landmarks=dlib needs {_WEIGHTS_FILE} of {_WEIGHTS_PACKAGE}: pip install 'faceanim[dlib]'"
    )
