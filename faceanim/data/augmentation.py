"""Geometric jitter: one small shift, turn and zoom for all frames of a sample, so that nothing trembles.

It keeps a model that sees few clips from knowing a frame by where the head is.
"""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Jitter:
    """probability: of jittering a sample at all. shift: at most, as a share of the frame's sides.
    rotate: at most, in degrees. scale: at most, as a share; all either way, uniformly."""

    probability: float = 0.0
    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0

    def __post_init__(self):
        if not 0 <= self.probability <= 1 or min(self.shift, self.rotate, self.scale) < 0 or self.scale >= 1:
            raise ValueError(
                f"jitter: probability from 0 to 1, the rest >= 0 and scale < 1 expected, got {self}"
            )

    def draw(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray | None:
        """A (2, 3) matrix that maps points in pixels, or None where this sample stays as it is."""
        if rng.random() >= self.probability:
            return None
        angle = rng.uniform(-self.rotate, self.rotate)
        zoom = 1 + rng.uniform(-self.scale, self.scale)
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
        matrix[:, 2] += rng.uniform(-self.shift, self.shift, 2) * (width, height)
        return matrix


def warp_frames(frames_NHW3: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """uint8 frames moved by the matrix; what comes in from outside repeats the border."""
    height, width = frames_NHW3.shape[1:3]
    return np.stack(
        [
            cv2.warpAffine(
                f, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            for f in frames_NHW3
        ]
    )


def warp_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(..., 2) float32 points in pixels moved by the matrix; NaN stays NaN."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
