"""Idle motion: blinks, and a slowly swaying head. T: frames."""

from dataclasses import replace

import numpy as np

from faceanim.pose.motion import FaceMotion

_DEGREES, _CENTIMETRES = (3.5, 2.5, 1.5), 0.15  # of the idle head: yaw, pitch, roll; to the sides
_BLINK_SECONDS = 0.3  # from open to open: shut in a third of it
_BETWEEN_BLINKS = (1.5, 6.0)  # seconds; about 16 blinks a minute, as in conversation
_SWAYS = ((0.08, 0.5), (0.17, 0.3), (0.31, 0.15), (0.53, 0.06))  # hertz, share


def blinks(n_frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(T,) how far the eyes are shut, 0 to 1, at random times."""
    times, now = [], float(rng.uniform(0.5, _BETWEEN_BLINKS[1]))
    while now < n_frames / fps:
        times.append(now)
        now += float(rng.uniform(*_BETWEEN_BLINKS))
    return blinks_at(times, n_frames, fps)


def blinks_at(seconds: list[float], n_frames: int, fps: float) -> np.ndarray:
    """(T,) how far the eyes are shut, 0 to 1, by blinks that begin at these times."""
    shut = np.zeros(n_frames)
    time = np.arange(n_frames) / fps
    for begin in seconds:
        share = np.clip((time - begin) / _BLINK_SECONDS, 0, 1)
        one = np.where(
            share < 1 / 3, np.sin(1.5 * np.pi * share), np.cos(0.75 * np.pi * (share - 1 / 3)) ** 2
        )
        peak = int(np.ceil((begin + _BLINK_SECONDS / 3) * fps))
        if peak < n_frames:
            one[peak] = 1.0  # at low rates too some frame shows closed eyes
        shut = np.maximum(shut, one * (share > 0) * (share < 1))
    return shut


def sway(n_frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(T,) slow and smooth, mostly within -1 to 1: sines of random phases, so that any length is one motion."""
    time = np.arange(n_frames) / fps
    phases = rng.uniform(0, 2 * np.pi, len(_SWAYS))
    return sum(a * np.sin(2 * np.pi * f * time + p) for (f, a), p in zip(_SWAYS, phases, strict=True))


def idle(n_frames: int, fps: float, rng: np.random.Generator) -> FaceMotion:
    """Return the idle motion of a head, with a neutral face; it starts at rest."""
    turn = np.stack([np.radians(degrees) * sway(n_frames, fps, rng) for degrees in _DEGREES], axis=-1)
    shift = np.stack([_CENTIMETRES * sway(n_frames, fps, rng) for _ in range(2)], axis=-1)
    return replace(FaceMotion.still(n_frames, fps), turn=turn - turn[0], shift=shift - shift[0])
