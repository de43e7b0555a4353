"""Detection of faces that are too small for the whole image, as in full-body photographs.

H, W: pixels; C: RGB; F: faces.
"""

from typing import NamedTuple

import numpy as np

from faceanim.pose.boxes import distinct, squares
from faceanim.pose.landmarks import FaceLandmarker, Landmarks

_PARTS = (2, 4, 8)  # squares of the short side divided by this, until something is found
_SMALLEST = 160  # pixels of such a square: what is too small to be seen in it has too few pixels to be a face
_AROUND = (3.0, 2.4, 2.0, 1.6)  # sides of a face's box that are cut out with it


class FacePart(NamedTuple):
    """The part of an image around one face, which is found in it. found: of one frame, in pixels of the part."""

    image_HWC: np.ndarray
    left: int
    top: int
    found: Landmarks

    @property
    def found_in_picture(self) -> Landmarks:
        """The same in pixels of the image."""
        corner = np.array([self.left, self.top], np.float32)
        return Landmarks(
            self.found.points + corner,
            self.found.confidence,
            self.found.box + np.tile(corner, 2),
            self.found.depth,
        )


def detect_closely(picture_HWC: np.ndarray, finder: FaceLandmarker) -> Landmarks:
    """The largest face of a uint8 RGB image as `FaceLandmarker.detect` of one frame; where it sees none, a small one
    is looked for in ever smaller squares of the image, each enlarged."""
    found = finder.detect(picture_HWC[None])
    if found.found.all():
        return found
    for box in small_faces(picture_HWC, finder):
        if (part := face_part(picture_HWC, box, finder)) is not None:
            return part.found_in_picture
    return found


def small_faces(picture_HWC: np.ndarray, finder: FaceLandmarker) -> np.ndarray:
    """Boxes (F, 4) float32 in the image's pixels, largest first, of the largest squares that show any."""
    short_side = min(picture_HWC.shape[:2])
    for parts in _PARTS:
        side = short_side // parts
        if side < _SMALLEST:
            break
        boxes = [
            finder.boxes(np.ascontiguousarray(picture_HWC[top : top + side, left : left + side]))
            + np.array([left, top, left, top], np.float32)
            for top, left in squares(*picture_HWC.shape[:2], side)
        ]
        if len(found_F4 := distinct(np.concatenate(boxes))):
            return found_F4
    return np.empty((0, 4), np.float32)


def face_part(picture_HWC: np.ndarray, box: np.ndarray, finder: FaceLandmarker) -> FacePart | None:
    """The part of the image around a face in which that face is the one that is found; None where it is in none."""
    height, width = picture_HWC.shape[:2]
    centre, side = (box[:2] + box[2:]) / 2, float(max(box[2:] - box[:2]))
    for around in _AROUND:
        left, top = np.maximum(np.round(centre - side * around / 2), 0).astype(int)
        right, bottom = np.minimum(np.round(centre + side * around / 2), (width, height)).astype(int)
        part_HWC = np.ascontiguousarray(picture_HWC[top:bottom, left:right])
        found = finder.detect(part_HWC[None])
        if found.found[0]:
            middle = found.points[0].mean(axis=0) + np.array([left, top])
            if (np.abs(middle - centre) < side / 2).all():
                return FacePart(part_HWC, int(left), int(top), found)
    return None
