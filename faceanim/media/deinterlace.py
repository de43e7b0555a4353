"""Whole pictures from interlaced video, by FFmpeg's bwdif."""

from collections import deque
from collections.abc import Iterator

import av
import av.filter

from faceanim.media.timed_frames import Timed


def deinterlaced(timed: Iterator[Timed]) -> Iterator[Timed]:
    """Yield the same frames at the same times; those that are flagged as interlaced, without their combs.

    Each shows the instant of its earlier field, whose lines are kept; the other lines are interpolated from the frames
    around it. Progressive frames stay as they are, also between interlaced ones; until the first interlaced frame
    nothing is filtered.
    """
    graph: _Graph | None = None
    for one in timed:
        if graph is not None and not graph.takes(one.frame):
            yield from graph.finish()
            graph = None
        if graph is None and one.frame.interlaced_frame:
            graph = _Graph(one.frame)
        if graph is None:
            yield one
        else:
            yield from graph.filter(one)
    if graph is not None:
        yield from graph.finish()


class _Graph:
    """A filter graph for frames of one size and format: one frame out for each one in, a frame later."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._kind = _kind(frame)
        self._waiting: deque[Timed] = deque()
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        return _kind(frame) == self._kind

    def filter(self, one: Timed) -> Iterator[Timed]:
        self._waiting.append(one)
        self._graph.push(one.frame)
        yield from self._finished()

    def finish(self) -> Iterator[Timed]:
        """The last frames."""
        self._graph.push(None)
        yield from self._finished()

    def _finished(self) -> Iterator[Timed]:
        while self._waiting:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield self._waiting.popleft()._replace(frame=frame)


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
