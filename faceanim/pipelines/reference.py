"""The person to animate, found in a photograph and cut to the video's size. H, W: pixels; C: RGB."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image

from faceanim.media.image import as_rgb
from faceanim.pipelines.framing import Framing, frame_head
from faceanim.pose.errors import NoFaceFoundError
from faceanim.pose.landmarks import FaceLandmarker, with_depth
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.small_faces import detect_closely

_SMALLEST_FACE = 30  # pixels across that landmark backends need
_SOFT = 0.5  # of the video's side: a head cut out of fewer pixels looks soft

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The person to animate. image_HWC: uint8, of the video's size. points: (68, 2) landmarks in pixels of it.
    picture_HWC: all of the photograph. framing: where in it the image lies. depth: (68,) of the points, see
    `Landmarks`."""

    image_HWC: np.ndarray
    points: np.ndarray
    picture_HWC: np.ndarray
    framing: Framing
    depth: np.ndarray | None = None

    @property
    def landmarks(self) -> np.ndarray:
        """(68, 2) points, or (68, 3) with their depth where it is known, for `retarget`."""
        return with_depth(self.points, self.depth)


def find_reference(
    picture: str | Path | Image | np.ndarray,
    landmarker: FaceLandmarker,
    size: tuple[int, int],
    crop: bool = True,
    name: str | None = None,
) -> Reference:
    """Find the person in a photograph. Of several faces the largest; warns of a head of few pixels.

    Args:
        picture: a path, a PIL image or an array, see ``as_rgb``.
        landmarker: finds the face; a small one is searched for in parts of the image, see `detect_closely`.
        size: (height, width) of the video.
        crop: cut to the head; else the photograph has to have the video's shape already.
        name: for errors.

    Raises:
        NoFaceFoundError: a ValueError, where no face is found.
    """
    picture_HWC = as_rgb(picture)
    if name is None:
        name = f"reference image {picture}" if isinstance(picture, str | Path) else "reference image"
    height, width = picture_HWC.shape[:2]
    found = detect_closely(picture_HWC, landmarker)
    if not found.found.all():
        raise NoFaceFoundError(
            f"no face found in the {name} of {width}x{height} pixels; expected one that looks into the camera, "
            f"of about {_SMALLEST_FACE} pixels or more from ear to ear"
        )
    framing = frame_head(name, found.points, width, height, size, crop)
    _warn_of_few_pixels(name, framing)
    face = PoseSequence(found.points, found.confidence, 1.0, width, height, depth=found.depth)
    face = framing.poses(face)
    depth = None if face.depth is None else face.depth[0]
    return Reference(framing.cut(picture_HWC), face.points[0], picture_HWC, framing, depth)


def _warn_of_few_pixels(name: str, framing: Framing) -> None:
    """Warn of a head that is enlarged to more than twice its pixels."""
    have, made = min(framing.width, framing.height), min(framing.size)
    if have < _SOFT * made:
        log.warning(
            "%s: the head has %d pixels, which are enlarged to the %d of the video: it will look soft; expected %d or "
            "more, of an image taken from nearer",
            *(name, have, made, round(_SOFT * made)),
        )
