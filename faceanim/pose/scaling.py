"""Scaling of images and points. Pixel centres are at whole numbers, as in cv2.resize. C: RGB."""

import numpy as np

from faceanim.media.image import resize


def rescale_points(
    points: np.ndarray, from_size: tuple[float, float], to_size: tuple[float, float]
) -> np.ndarray:
    """Map points (..., 2), x and y in pixels, from an image of size (height, width) to its resized copy."""
    scale_yx = np.divide(to_size, from_size)
    return ((np.asarray(points, np.float64) + 0.5) * scale_yx[::-1] - 0.5).astype(np.float32)


def resize_within(frame_HWC: np.ndarray, short_side: tuple[int, int]) -> np.ndarray:
    """The frame with a short side of at least `short_side[0]` and at most `short_side[1]` pixels."""
    height, width = frame_HWC.shape[:2]
    scale = np.clip(min(height, width), *short_side) / min(height, width)
    if scale == 1:
        return frame_HWC
    scale = min(scale, 4 * short_side[1] / max(height, width))  # keeps extremely long frames small
    return resize(frame_HWC, max(1, round(height * scale)), max(1, round(width * scale)))
