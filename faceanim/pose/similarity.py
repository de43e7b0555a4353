"""The similarity that brings points nearest to others. N: points; x and y as one complex number, z = x + iy."""

from typing import NamedTuple

import numpy as np


class Similarity(NamedTuple):
    """z -> turn (z - centre) + target: |turn| scales, its angle turns. (...,) complex each."""

    turn: np.ndarray
    centre: np.ndarray
    target: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points (..., N, 2) moved; float64."""
        moved = (_complex(points) - self.centre[..., None]) * self.turn[..., None] + self.target[..., None]
        return np.stack([moved.real, moved.imag], axis=-1)

    @property
    def matrix_2x3(self) -> np.ndarray:
        """The same as an affine matrix, of one similarity."""
        shift = self.target - self.turn * self.centre
        return np.array(
            [[self.turn.real, -self.turn.imag, shift.real], [self.turn.imag, self.turn.real, shift.imag]]
        )


def similarity(points: np.ndarray, onto: np.ndarray) -> Similarity:
    """Fit points (..., N, 2) to others (N, 2): turned, scaled and moved, not mirrored (least squares; Umeyama, 1991).

    NaN where a point is, or where all are one.
    """
    z, w = _complex(points), _complex(onto)
    centre, target = z.mean(axis=-1), w.mean(axis=-1)
    centred = z - centre[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = (centred.conj() * (w - target)).sum(axis=-1) / (np.abs(centred) ** 2).sum(axis=-1)
    return Similarity(turn, centre, np.broadcast_to(target, centre.shape))


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1].astype(np.float64)
