"""dlib face detection: boxes of all faces of an image. F: faces."""

import dlib
import numpy as np

from faceanim.media.image import resize

_SHORT_SIDE = 400  # pixels to which an image's short side is brought; the detector sees faces of 80 and more
# From about -1 (everything) to 3 (sure); 0 is dlib's default. A face's score moves by a tenth with a level of
# brightness; what is no face stays below -0.3 in the clips that were looked at.
_MIN_SCORE = -0.1


class FaceDetector:
    """dlib's frontal detector (part of the library, no weights to fetch).

    It sees faces of a fifth of the short side and more, from brows to chin.
    """

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image_HWC: np.ndarray) -> np.ndarray:
        """Boxes (F, 4) float32 of a uint8 RGB image, largest first: left, top, right, bottom in its pixels."""
        height, width = image_HWC.shape[:2]
        scale = min(_SHORT_SIDE / min(height, width), 4 * _SHORT_SIDE / max(height, width))
        searched = resize(image_HWC, max(1, round(height * scale)), max(1, round(width * scale)))
        found, _, _ = self._detector.run(searched, 0, _MIN_SCORE)
        found = sorted(found, key=lambda face: -face.area())
        boxes = [(face.left(), face.top(), face.right(), face.bottom()) for face in found]
        return np.array(boxes, np.float32).reshape(-1, 4) / np.float32(scale)
