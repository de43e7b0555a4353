"""The part of an image that is animated: cut, resized to the video, pasted back. H, W: pixels; C: RGB."""

import logging
from dataclasses import dataclass

import numpy as np

from faceanim.data.cropping import stabilised_square_crop
from faceanim.media.image import cut, resize
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence

_ASPECT = 0.01  # images whose width / height differs by less have the video's shape
_PADDED = 0.1  # share of the part over the border that goes unnoticed
_SOFT_EDGE = 0.06  # of the pasted part, as a share of its shorter side

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Framing:
    """A rectangle of the source image, in pixels; it may reach over the border. size: (height, width) of the
    video."""

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]

    def padding(self, width: int, height: int) -> float:
        """Share of its side by which it exceeds an image of width x height."""
        across = max(-self.x, self.x + self.width - width, 0) / self.width
        return max(across, max(-self.y, self.y + self.height - height, 0) / self.height)

    def cut(self, picture_HWC: np.ndarray) -> np.ndarray:
        """The part at the video's size (area down, cubic up); over the border the border's pixels are repeated."""
        return resize(cut(picture_HWC, self.x, self.y, self.width, self.height), *self.size)

    def poses(self, poses: PoseSequence) -> PoseSequence:
        """Return poses of the source image in the pixels of the video."""
        corner = np.array([self.x, self.y], np.float32)
        points = rescale_points(poses.points - corner, (self.height, self.width), self.size)
        return poses.placed(points, self.size[1] / self.width, self.size[1], self.size[0])

    def paste(self, generated_HWC: np.ndarray, picture_HWC: np.ndarray) -> np.ndarray:
        """Return a copy of the image with the generated part pasted in, its edges blended."""
        part = resize(generated_HWC, self.height, self.width)
        H, W = picture_HWC.shape[:2]
        x0, y0, x1, y1 = (
            max(0, self.x),
            max(0, self.y),
            min(W, self.x + self.width),
            min(H, self.y + self.height),
        )
        inside = slice(y0 - self.y, y1 - self.y), slice(x0 - self.x, x1 - self.x)
        alpha = self._alpha()[inside][..., None]
        pasted = picture_HWC.copy()
        behind = pasted[y0:y1, x0:x1].astype(np.float32)
        pasted[y0:y1, x0:x1] = np.round(behind + alpha * (part[inside] - behind)).astype(np.uint8)
        return pasted

    def _alpha(self) -> np.ndarray:
        """(height, width): 0 at the edge, rising to 1."""
        soft = max(1.0, _SOFT_EDGE * min(self.height, self.width))
        down, across = (
            np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / soft)
            for n in (self.height, self.width)
        )
        return np.minimum(down[:, None], across[None]).astype(np.float32)


def frame_head(
    name: str, points_T68x2: np.ndarray, width: int, height: int, size: tuple[int, int], crop: bool
) -> Framing:
    """Return the part of images of width x height that is animated at `size`.

    crop: the square that holds the head in all frames (``stabilised_square_crop``), widened or heightened to the
    video's shape; else the whole image, which has to have that shape. name: for errors.
    """
    out_height, out_width = size
    if not crop:
        if abs(width / height / (out_width / out_height) - 1) > _ASPECT:
            shape = "a square image" if out_width == out_height else f"the shape of {out_width}x{out_height}"
            raise ValueError(f"{name}: expected {shape} with crop=false, got {width}x{height}")
        return Framing(0, 0, width, height, size)
    x, y, side = stabilised_square_crop(points_T68x2, width, height)
    wide, high = side, side
    if out_width > out_height:
        wide = round(side * out_width / out_height)
        x = _shifted(x - (wide - side) // 2, wide, width)
    elif out_height > out_width:
        high = round(side * out_height / out_width)
        y = _shifted(y - (high - side) // 2, high, height)
    framing = Framing(x, y, wide, high, size)
    if (over := framing.padding(width, height)) > _PADDED:
        log.warning(
            "%s: the head is cut off by the image's border: %.0f%% of what is animated lies outside and repeats the "
            "border's pixels",
            *(name, 100 * over),
        )
    return framing


def _shifted(start: int, length: int, limit: int) -> int:
    """The start shifted into 0 to `limit` where the length fits, else centred."""
    return min(max(start, 0), limit - length) if length <= limit else (limit - length) // 2
