"""dlib face detection: boxes of all faces of an image. F: faces."""

import dlib
import numpy as np

from faceanim.media.image import resize


class FaceDetector:
    """dlib's frontal detector (part of the library, no weights to fetch).

    short_side: pixels to which an image's short side is brought first. It sees faces of 80 pixels and more
    there, a fifth of the short side by default, from brows to chin.
    min_score: from about -1 (everything) over 0 (dlib's default) to 3 (sure). A face's score moves by a tenth with a
    level of brightness; what is no face stays below -0.3 in the clips that were looked at.
    """

    def __init__(self, short_side: int = 400, min_score: float = -0.1) -> None:
        if short_side < 80:
            raise ValueError(f"short_side: expected 80 pixels or more, got {short_side}")
        self.short_side, self.min_score = short_side, min_score
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image_HWC: np.ndarray) -> np.ndarray:
        """Boxes (F, 4) float32 of a uint8 RGB image, largest first: left, top, right, bottom in its pixels."""
        height, width = image_HWC.shape[:2]
        scale = min(self.short_side / min(height, width), 4 * self.short_side / max(height, width))
        searched = resize(image_HWC, max(1, round(height * scale)), max(1, round(width * scale)))
        found, _, _ = self._detector.run(searched, 0, self.min_score)
        found = sorted(found, key=lambda face: -face.area())
        boxes = [(face.left(), face.top(), face.right(), face.bottom()) for face in found]
        return np.array(boxes, np.float32).reshape(-1, 4) / np.float32(scale)
