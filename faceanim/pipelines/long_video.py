"""Strategies for videos of any length: which frames are denoised together. T: frames."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from faceanim.bounds import at_least

Strategy = Literal["motion_frames", "context_window", "both"]


class Segment(NamedTuple):
    """Consecutive frames that are finished before the next segment begins.

    frames: their numbers in the video. windows: what the networks see at once, as numbers in the segment; together
    they cover it. motion: whether the segment begins with the last frames of the one before as motion frames.
    """

    frames: range
    windows: list[list[int]]
    motion: bool


@dataclass(frozen=True)
class LongVideo:
    """The strategy for videos that are longer than one window.

    strategy: "motion_frames": window after window, none overlapping, each conditioned on the last frames of the one
    before. "context_window": windows that overlap, whose predictions are averaged at every step (MultiDiffusion,
    Bar-Tal et al., 2023, arXiv:2302.08113), as Moore-AnimateAnyone and AniPortrait do. "both": overlapping windows
    within segments, motion frames from segment to segment. None: motion_frames for a model that has them, else
    context_window.
    window: frames at once; None: the pipeline's ``chunk_frames``. overlap: frames that neighbouring windows share.
    segment: frames of a segment under "both". closed_loop: the last window continues with the video's first frames, as
    in the public implementations, so that the end joins the beginning; every frame then waits for the last one.
    """

    strategy: str | None = field(default=None, metadata={"option": "long_video"})
    window: int | None = None
    overlap: int = 4
    segment: int = 96
    closed_loop: bool = False

    def __post_init__(self) -> None:
        if self.strategy is not None and self.strategy not in get_args(Strategy):
            raise ValueError(
                f"long_video: expected one of {', '.join(get_args(Strategy))}, got {self.strategy!r}"
            )
        at_least(1, window=self.window, segment=self.segment)
        if self.overlap < 0 or (self.window is not None and not 0 <= self.overlap < self.window):
            raise ValueError(f"overlap: expected 0 or more and less than the window, got {self.overlap}")
        if self.closed_loop and self.strategy != "context_window":
            raise ValueError(f"closed_loop: expected long_video=context_window, got {self.strategy}")

    def segments(self, T: int, window: int, motion_frames: int) -> list[Segment]:
        """Plan T frames. window: taken where none was chosen. motion_frames: the model's number of them."""
        window = self.window or window
        strategy = self.strategy or ("motion_frames" if motion_frames else "context_window")
        if strategy != "context_window" and not motion_frames:
            raise ValueError(f"long_video={strategy}: this pipeline has no motion frames, use context_window")
        if strategy == "motion_frames":
            pieces = balanced(T, window)
            return [Segment(frames, [list(range(len(frames)))], frames.start > 0) for frames in pieces]
        overlap = min(self.overlap, window - 1)
        if strategy == "context_window":
            return [Segment(range(T), context_windows(T, window, overlap, self.closed_loop), False)]
        return [
            Segment(frames, context_windows(len(frames), window, overlap), frames.start > 0)
            for frames in balanced(T, max(self.segment, window))
        ]


def balanced(T: int, at_most: int) -> list[range]:
    """Split T frames into as few pieces as possible, whose lengths differ by one frame at most."""
    n = -(-T // at_most)
    borders = [T * k // n for k in range(n + 1)]
    return [range(a, b) for a, b in pairwise(borders)]


def context_windows(T: int, window: int, overlap: int, closed_loop: bool = False) -> list[list[int]]:
    """Windows of ``window`` frames, each ``overlap`` frames into the one before; all frames in one where they fit.

    The last one ends with the video and may reach further into the one before. closed_loop: it continues with frame 0
    instead, as the "uniform" scheduler of AnimateDiff's and AnimateAnyone's public code has it.
    """
    if T <= window:
        return [list(range(T))]
    stride = window - overlap
    if closed_loop:
        return [[k % T for k in range(start, start + window)] for start in range(0, T, stride)]
    starts = [*range(0, T - window, stride), T - window]
    return [list(range(start, start + window)) for start in starts]
