"""Simple expressions of an average face, for composed motion. T: frames.

Each function takes how much, frame by frame, and returns what the points do: (T, 68, 2) centimetres in the head's axes,
to be added to `FaceMotion.expression`.
"""

import numpy as np

from faceanim.pose.head_model import AVERAGE_HEAD_68x3
from faceanim.pose.topology import EYELIDS, LEFT_BROW, RIGHT_BROW

_X, _Y = AVERAGE_HEAD_68x3[:, 0], AVERAGE_HEAD_68x3[:, 1]
_MOUTH_HALF = _X[54]
_UPPER_LID_SHARE = 0.9  # of the way to a closed eye


def _moved(how_much_T: np.ndarray, moves: dict[int, tuple[float, float]]) -> np.ndarray:
    one_68x2 = np.zeros((68, 2))
    for index, move in moves.items():
        one_68x2[index] = move
    return np.asarray(how_much_T, np.float64)[:, None, None] * one_68x2


def close_eyes(share_T: np.ndarray) -> np.ndarray:
    """0: as they are; 1: the lids meet."""
    moves = {}
    for upper, lower in EYELIDS:
        gap = _Y[lower] - _Y[upper]
        moves[upper], moves[lower] = (0.0, _UPPER_LID_SHARE * gap), (0.0, (_UPPER_LID_SHARE - 1) * gap)
    return _moved(share_T, moves)


def open_mouth(centimetres_T: np.ndarray) -> np.ndarray:
    """The lower lip and the jaw go down by so much, and the corners come in by a tenth of it."""
    moves = {}
    for index in (*range(55, 60), *range(65, 68)):  # lower lip: all in the middle, less towards the corners
        moves[index] = (0.0, 1 - 0.5 * (_X[index] / _MOUTH_HALF) ** 2)
    for index in (48, 54, 60, 64):
        moves[index] = (-0.1 * np.sign(_X[index]), 0.3)
    for index in range(3, 14):  # jaw: most at the chin
        moves[index] = (0.0, 0.7 * max(0.0, 1 - (abs(index - 8) / 6) ** 2))
    return _moved(centimetres_T, moves)


def smile(centimetres_T: np.ndarray) -> np.ndarray:
    """The corners of the mouth go out by so much and up by two thirds of it; cheeks push the lower lids up a little."""
    moves = {}
    for index in range(48, 68):
        aside = _X[index] / _MOUTH_HALF
        moves[index] = (aside, -0.67 * aside**2)
    for _, lower in EYELIDS:
        moves[lower] = (0.0, -0.1)
    return _moved(centimetres_T, moves)


def round_lips(centimetres_T: np.ndarray) -> np.ndarray:
    """The corners of the mouth come in by so much."""
    return _moved(centimetres_T, {i: (-_X[i] / _MOUTH_HALF, 0.0) for i in range(48, 68)})


def raise_brows(centimetres_T: np.ndarray) -> np.ndarray:
    return _moved(centimetres_T, {i: (0.0, -1.0) for i in (*RIGHT_BROW, *LEFT_BROW)})
