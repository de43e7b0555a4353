"""Which frames of a clip make a training sample. Pure functions of an explicit generator."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Placement = Literal["random", "preceding"]


@dataclass(frozen=True)
class SamplingRules:
    """How a sample is drawn from a clip.

    frames: T, targets per sample. spacing: step between the targets of a window, in frames; 0 draws T single
        frames anywhere (stage 1: one reference serves several targets).
    reference_distance: least number of frames between reference and window, where the clip allows it.
    motion_frames: number of consecutive motion frames, none of them in the window. motion_placement:
        anywhere in the clip, or right before the window as in inference.
    """

    frames: int = 1
    spacing: int = 1
    reference_distance: int = 0
    motion_frames: int = 4
    motion_placement: Placement = "random"

    def __post_init__(self):
        if self.motion_placement not in ("random", "preceding"):
            raise ValueError(f"motion_placement: expected random or preceding, got {self.motion_placement!r}")
        if self.frames < 1 or self.spacing < 0 or self.motion_frames < 0 or self.reference_distance < 0:
            raise ValueError(f"sampling rules: frames >= 1 and the rest >= 0 expected, got {self}")

    def span(self) -> int:
        """Frames that a clip needs at least."""
        return (self.frames - 1) * self.spacing + 1 if self.spacing else self.frames


@dataclass(frozen=True)
class FrameChoice:
    """Frame numbers of one sample. motion is empty where no motion frames fit."""

    reference: int
    window: tuple[int, ...]
    motion: tuple[int, ...]


def choose_frames(n_frames: int, rules: SamplingRules, rng: np.random.Generator) -> FrameChoice:
    """Raises ValueError when the clip is shorter than a window."""
    if n_frames < rules.span():
        raise ValueError(f"a sample needs {rules.span()} frames, the clip has {n_frames}")
    if rules.spacing:
        start = int(rng.integers(n_frames - rules.span() + 1))
        window = tuple(start + rules.spacing * i for i in range(rules.frames))
    else:
        window = tuple(sorted(int(i) for i in rng.choice(n_frames, rules.frames, replace=False)))
    return FrameChoice(
        reference=_choose_reference(n_frames, window, rules, rng),
        window=window,
        motion=_choose_motion(n_frames, window, rules, rng),
    )


def _choose_reference(
    n_frames: int, window: tuple[int, ...], rules: SamplingRules, rng: np.random.Generator
) -> int:
    if not rules.spacing:
        return int(rng.integers(n_frames))
    frames = np.arange(n_frames)
    distance = np.maximum(window[0] - frames, frames - window[-1])
    far = frames[distance >= min(rules.reference_distance, distance.max())]
    return int(rng.choice(far))


def _choose_motion(
    n_frames: int, window: tuple[int, ...], rules: SamplingRules, rng: np.random.Generator
) -> tuple[int, ...]:
    n = rules.motion_frames
    if n == 0:
        return ()
    if rules.motion_placement == "preceding":
        start = window[0] - n
        return tuple(range(start, start + n)) if start >= 0 else ()
    taken = np.zeros(n_frames, dtype=bool)
    taken[list(window) if not rules.spacing else slice(window[0], window[-1] + 1)] = True
    starts = [s for s in range(n_frames - n + 1) if not taken[s : s + n].any()]
    return tuple(range(s := int(rng.choice(starts)), s + n)) if starts else ()
