"""Decoded frames on the clock of their video: which one is on display when."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple, TypeVar

import av

from faceanim.media.container import open_media
from faceanim.media.continuous_clock import clock_jumps, continuous_packets
from faceanim.media.errors import TruncatedMediaError

_EARLY_SECONDS = 0.001  # containers round timestamps, often to milliseconds: a frame due within 1 ms is shown
_USUAL_RATE = 25.0  # where the file says none

Frame = TypeVar("Frame")


class Timed(NamedTuple):
    """A decoded frame and when it is shown: from `begin` to `end`, in seconds."""

    begin: float
    end: float
    frame: av.VideoFrame


def declared_rate(stream: av.VideoStream) -> float:
    """Frames per second, on average, as the container says."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and rate > 0 else _USUAL_RATE


def timed_frames(
    path: str | Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    start: float = 0.0,
    stop: float | None = None,
) -> Iterator[Timed]:
    """Yield the frames in display order, in seconds from `start`, itself after the first frame.

    Frames between the key frame before `start` and `start` come too, at negative times. `MediaError` where the file
    ends well before the container says.
    """
    step = 1 / declared_rate(stream)
    first = begin = end = None
    for frame in _decoded(path, container, stream, start):
        if frame.pts is not None:
            seconds = float(frame.pts * frame.time_base)
        else:  # as those of a bare H.264 stream: one after another
            seconds = 0.0 if first is None else begin + first + start + step
        first = seconds if first is None else first
        begin = seconds - first - start
        if stop is not None and begin > stop - start - _EARLY_SECONDS:
            yield Timed(stop - start, stop - start, frame)  # never shown: the one before lasts until here
            return
        end = begin + (float(frame.duration * frame.time_base) if frame.duration else step)
        yield Timed(begin, end if stop is None else min(end, stop - start), frame)
    if end is not None and stream.duration:
        length = float(stream.duration * stream.time_base)
        # On the container's clock: .avi counts a late stream's duration from 0, others from its first frame.
        expected = float((stream.start_time or 0) * stream.time_base) + length - first
        end += start
        if end < expected - 0.1 * length and end < expected - 0.5 and not clock_jumps(path):
            raise TruncatedMediaError(f"video {path} ends early: expected {expected:.2f} s, got {end:.2f} s")


def _decoded(
    path: str | Path, container: av.container.InputContainer, stream: av.VideoStream, start: float
) -> Iterator[av.VideoFrame]:
    """All frames; where there is a long way to `start`, the first and those from the key frame before it on."""
    if start > 1 and container.format.name != "avi":  # whose timestamps are counted from its first frame on
        first = next(_in_order(path, container, stream), None)
        if first is None:
            return
        yield first
        if first.pts is not None:
            target = first.pts + int(start / stream.time_base)
            if first.interlaced_frame:  # a deinterlacer needs the frame before, too
                target -= int(1 / (declared_rate(stream) * stream.time_base)) + 1
            frames = None if clock_jumps(path) else _decoded_from(path, container, stream, first.pts, target)
            if frames is not None:
                yield from frames
                return
        with open_media(path, "video") as (anew, stream):
            yield from _in_order(path, anew, stream)
        return
    yield from _in_order(path, container, stream)


def _decoded_from(
    path: str | Path, container: av.container.InputContainer, stream: av.VideoStream, first: int, target: int
) -> Iterator[av.VideoFrame] | None:
    """Frames from the last key frame at or before the target on; None where the container does not find it.

    first, target: of the stream's clock. In an open group, frames are shown before their key frame that need the
    group before: the container finds the key frame after them, so that we look for one further back until it comes
    before the target.
    """
    back, second = 0, int(1 / stream.time_base)
    while True:
        try:
            container.seek(max(first, target - back), stream=stream)
        except av.FFmpegError:  # .flv without an index
            return None
        frames = _in_order(path, container, stream)
        frame = next(frames, None)
        if frame is not None and frame.pts is not None and frame.key_frame and frame.pts <= target:
            return _rejoined(frame, frames)
        if target - back <= first:
            return None
        back = 2 * back + second


def _in_order(
    path: str | Path, container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """The stream's frames in display order, with rising timestamps.

    .avi knows no times of display: where its frames are not stored in the order of display, the times of its packets
    are theirs, in order.
    """
    sorts = container.format.name == "avi"
    times: list[int] = []
    for packet in continuous_packets(path, container, stream):
        if sorts and packet.size and packet.pts is not None:
            heappush(times, packet.pts)
        for frame in packet.decode():
            if times:
                frame.pts = heappop(times)
            yield frame


def _rejoined(frame: av.VideoFrame, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    yield frame
    yield from frames


def each_once(timed: Iterable[tuple[float, float, Frame]]) -> Iterator[tuple[float, Frame]]:
    """Every frame that is on display at 0 or later, with its own time, the first one's may be negative: until the next
    one begins, whatever its own duration says."""
    before, shown, shown_end = 0.0, None, 0.0
    for begin, end, frame in timed:
        if shown is not None and begin > _EARLY_SECONDS:
            yield before, shown
        before, shown, shown_end = begin, frame, end
    if shown is not None and shown_end > max(before, _EARLY_SECONDS):
        yield before, shown


def at_rate(timed: Iterable[tuple[float, float, Frame]], fps: float) -> Iterator[tuple[float, Frame]]:
    """Repeat and leave out frames so that number k is the one on display at k / fps seconds."""
    k, shown, shown_end = 0, None, 0.0
    for begin, end, frame in timed:
        while shown is not None and k / fps < begin - _EARLY_SECONDS:
            yield k / fps, shown
            k += 1
        shown, shown_end = frame, end
    while shown is not None and k / fps < shown_end - _EARLY_SECONDS:
        yield k / fps, shown
        k += 1
