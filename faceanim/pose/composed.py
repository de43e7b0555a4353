"""Motion that was thought out, not filmed: what the templates of these names show. T: frames."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from faceanim.pose.expressions import close_eyes, open_mouth, raise_brows, round_lips, smile
from faceanim.pose.head_model import AVERAGE_HEAD_68x3
from faceanim.pose.idle_motion import blinks_at, sway
from faceanim.pose.motion import FaceMotion, Head, recompose
from faceanim.pose.sequence import PoseSequence

FPS, SIZE = 24.0, 512
_YAW, _PITCH, _ROLL = range(3)


def compose(name: str) -> PoseSequence:
    """The composed motion of this name on an average head, 512 x 512 at 24 fps; always the same."""
    if name not in COMPOSED:
        raise ValueError(f"motion: expected one of {', '.join(COMPOSED)}, got {name!r}")
    return recompose(COMPOSED[name](), average_head(), SIZE, SIZE, f"composed: {name}")


def average_head() -> Head:
    """The average head in the middle of SIZE x SIZE pixels, looking straight."""
    return Head(AVERAGE_HEAD_68x3, np.eye(3), SIZE / 28, np.array([SIZE / 2, SIZE * 0.55]))


def _alive(seconds: float, blinks: list[float], degrees: float, seed: int) -> FaceMotion:
    """A head that sways by so many degrees, and blinks."""
    n, rng = round(seconds * FPS), np.random.default_rng(seed)
    turn = np.stack([sway(n, FPS, rng) * share for share in (1.0, 0.6, 0.5)], axis=-1) * np.radians(degrees)
    shift = np.stack([sway(n, FPS, rng) for _ in range(2)], axis=-1) * 0.05 * degrees
    still = FaceMotion.still(n, FPS)
    turn, shift = _from_rest(turn), _from_rest(shift)
    return replace(still, turn=turn, shift=shift, expression=close_eyes(blinks_at(blinks, n, FPS)))


def _from_rest(values_T: np.ndarray) -> np.ndarray:
    """Beginning and ending at 0, so that the template can follow itself."""
    t = np.linspace(0, 1, len(values_T))
    line = values_T[:1] + t[:, None] * (values_T[-1:] - values_T[:1])
    return values_T - line


def _bump(motion: FaceMotion, begin: float, end: float) -> np.ndarray:
    """(T,) 0 outside, 1 in the middle, smooth."""
    share = np.clip((np.arange(len(motion)) / FPS - begin) / (end - begin), 0, 1)
    return np.sin(np.pi * share) ** 2


def _held(motion: FaceMotion, begin: float, end: float, ramp: float) -> np.ndarray:
    """(T,) 0 outside, 1 inside, with smooth ramps of so many seconds within."""
    time = np.arange(len(motion)) / FPS
    share = np.clip(np.minimum(time - begin, end - time) / ramp, 0, 1)
    return share**2 * (3 - 2 * share)


def _turned(motion: FaceMotion, axis: int, degrees_T: np.ndarray) -> FaceMotion:
    turn = motion.turn.copy()
    turn[:, axis] += np.radians(degrees_T)
    return replace(motion, turn=turn)


def _with(motion: FaceMotion, *expressions: np.ndarray) -> FaceMotion:
    return replace(motion, expression=motion.expression + sum(expressions))


def _nodding() -> FaceMotion:
    motion = _alive(6, [0.3, 3.1, 5.2], 1.5, 1)
    for begin, degrees in ((0.8, 12), (1.6, 9), (3.6, 13), (4.4, 8)):
        motion = _turned(motion, _PITCH, degrees * _bump(motion, begin, begin + 0.8))
    return motion


def _turning() -> FaceMotion:
    motion = _alive(8, [0.9, 3.9, 7.0], 1.5, 2)  # one blinks when the gaze moves far
    motion = _turned(motion, _YAW, 24 * _held(motion, 0.7, 3.7, 0.9) - 24 * _held(motion, 3.9, 7.2, 0.9))
    return _turned(motion, _ROLL, 3 * _held(motion, 0.7, 3.7, 0.9) - 3 * _held(motion, 3.9, 7.2, 0.9))


def _blinking() -> FaceMotion:
    return _alive(6, [0.6, 1.9, 2.4, 4.0, 5.2], 1.5, 3)


def _listening() -> FaceMotion:
    motion = _alive(10, [1.2, 4.1, 4.6, 7.9], 4, 4)
    for begin in (2.2, 2.9, 6.3):
        motion = _turned(motion, _PITCH, 6 * _bump(motion, begin, begin + 0.7))
    motion = _turned(motion, _ROLL, 5 * _held(motion, 4.5, 9, 1.2))
    brows = 0.35 * _held(motion, 2.0, 3.8, 0.4)
    return _with(motion, raise_brows(brows), smile(0.25 * _held(motion, 5.8, 9, 0.8)))


def _smiling() -> FaceMotion:
    motion = _alive(6, [0.5, 3.4], 2.5, 5)
    amount = _held(motion, 0.9, 5.2, 0.7)
    return _with(motion, smile(0.55 * amount), open_mouth(0.12 * amount), raise_brows(0.15 * amount))


def _reading_aloud() -> FaceMotion:
    """Phrases of syllables, four to five a second, with pauses to breathe; nods on some of them."""
    motion, rng = _alive(10, [1.0, 3.6, 6.1, 8.6], 3, 6), np.random.default_rng(60)
    opened, rounded = np.zeros(len(motion)), np.zeros(len(motion))
    for begin, end in ((0.4, 2.9), (3.4, 5.6), (6.2, 9.4)):
        now = begin
        while now < end:
            length = float(rng.uniform(0.18, 0.28))
            opened = np.maximum(opened, rng.uniform(0.25, 1.0) * _bump(motion, now, now + 1.25 * length))
            if rng.uniform() < 0.3:
                rounded = np.maximum(rounded, _bump(motion, now - 0.05, now + 1.4 * length))
            now += length
        motion = _turned(motion, _PITCH, 4 * _bump(motion, begin, begin + 0.6))
    return _with(motion, open_mouth(1.1 * opened), round_lips(0.45 * rounded))


COMPOSED: dict[str, Callable[[], FaceMotion]] = {
    "nodding": _nodding,
    "turning": _turning,
    "blinking": _blinking,
    "listening": _listening,
    "smiling": _smiling,
    "reading_aloud": _reading_aloud,
}
