"""Points between images of different size. Pixel centres lie at whole numbers, as in cv2.resize."""

import numpy as np


def rescale_points(
    points: np.ndarray, from_size: tuple[float, float], to_size: tuple[float, float]
) -> np.ndarray:
    """Map points (..., 2), x and y in pixels, from an image of size (height, width) to its resized copy."""
    scale_yx = np.divide(to_size, from_size)
    return ((np.asarray(points, np.float64) + 0.5) * scale_yx[::-1] - 0.5).astype(np.float32)
