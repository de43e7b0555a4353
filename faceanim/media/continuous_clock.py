"""One clock for transport streams whose own jumps, such as recordings that were joined byte by byte.

n: packets of a stream, a row each: position in the file in bytes, then the times of decoding and of display in seconds
of the file's clock.
"""

import logging
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from faceanim.media.container import open_media, packets
from faceanim.media.errors import NoStreamError

_FORMAT = "mpegts"  # whose packets all have a time and a position
_BACK_SECONDS, _AHEAD_SECONDS = 1.0, 10.0  # a clock that jumps farther begins anew, as in FFmpeg

log = logging.getLogger(__name__)


class Jump(NamedTuple):
    """A jump of the file's clock between two packets of a stream.

    before, after: their positions. old, new: their times. shift: seconds to add to the times of all that comes after
    it, so that the stream's next frame follows the last one.
    """

    before: int
    after: int
    old: float
    new: float
    shift: float

    def overlaps(self, other: "Jump") -> bool:
        return self.before < other.after and other.before < self.after

    def precedes(self, position: int, seconds: float) -> bool:
        """Whether a packet of any stream comes after the jump."""
        near = abs(seconds - self.new) < abs(seconds - self.old)
        return position >= self.after or (position > self.before and near)


def continuous_packets(
    path: str | Path, container: av.container.InputContainer, *streams: av.stream.Stream
) -> Iterator[av.Packet]:
    """As `packets`, with times that run on where the file's clock jumps, see `clock_jumps`.

    At a jump the decoders are flushed: an empty packet, as at the end of a file, makes them return their last frames.
    """
    jumps = clock_jumps(path) if container.format.name == _FORMAT else ()
    n_before: dict[int, int] = {}
    for packet in packets(container, *streams):
        if jumps and None not in (packet.dts, packet.pos):
            seconds = float(packet.dts * packet.time_base)
            shifts = [jump.shift for jump in jumps if jump.precedes(packet.pos, seconds)]
            if len(shifts) != n_before.get(packet.stream_index, 0):
                last = av.Packet()
                last.stream, last.time_base = packet.stream, packet.time_base
                yield last
                packet.stream.codec_context.flush_buffers()
            n_before[packet.stream_index] = len(shifts)
            ticks = round(sum(shifts) / packet.time_base)
            packet.dts += ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks
        yield packet


def clock_jumps(path: str | Path) -> Sequence[Jump]:
    """Find the jumps of a file's clock; all its packets are read, none is decoded.

    The clock jumps where the times of a stream go back by more than 1 s or ahead by more than 10 s, unless another
    stream runs on through that place: then the one only pauses, or a time is damaged. Other containers have
    an index or an edit list, whose pauses are meant.
    """
    status = Path(path).stat()
    return _clock_jumps(Path(path), status.st_size, status.st_mtime_ns)


@lru_cache(64)
def _clock_jumps(path: Path, size: int, changed: int) -> Sequence[Jump]:
    try:
        with open_media(path, "video") as (container, stream):
            jumps = _jumps_in(container, stream, *container.streams.audio)
    except NoStreamError:
        with open_media(path, "sound") as (container, _):
            jumps = _jumps_in(container, *container.streams.audio)
    if jumps:
        times = ", ".join(f"{jump.old:.2f} to {jump.new:.2f} s" for jump in jumps)
        log.info("%s: its clock jumps from %s; the parts are read one after another", path, times)
    return jumps


def _jumps_in(container: av.container.InputContainer, *streams: av.stream.Stream) -> Sequence[Jump]:
    if container.format.name != _FORMAT:
        return ()
    numbers = {stream.index: array("d") for stream in streams}
    for packet in packets(container, *streams):
        if None not in (packet.dts, packet.pos):
            ticks = packet.dts, packet.dts if packet.pts is None else packet.pts
            numbers[packet.stream_index].extend((packet.pos, *(float(t * packet.time_base) for t in ticks)))
    tracks = [np.array(each).reshape(-1, 3) for each in numbers.values() if each]
    own = [_jumps_of(rows_n3) for rows_n3 in tracks]
    jumps: list[Jump] = []
    for jump in chain.from_iterable(own):
        if any(
            rows_n3[0, 0] < jump.before and rows_n3[-1, 0] > jump.after and not any(map(jump.overlaps, each))
            for rows_n3, each in zip(tracks, own, strict=True)
        ):
            continue  # the times of another stream do not jump there
        same = next((k for k, other in enumerate(jumps) if jump.overlaps(other)), None)
        if same is None:
            jumps.append(jump)
        else:  # keeps the shift of the stream that comes first, the picture's
            before, after = jumps[same].before, jumps[same].after
            jumps[same] = jumps[same]._replace(before=max(before, jump.before), after=min(after, jump.after))
    return sorted(jumps)


def _jumps_of(rows_n3: np.ndarray) -> list[Jump]:
    """The jumps of one stream's times; those of a single packet between others that agree are damage."""
    rows_n3 = np.concatenate([rows_n3, rows_n3[-1:]])  # so that the last packet has one that agrees
    away_n, on_n = np.diff(rows_n3[:-1, 1]), rows_n3[2:, 1] - rows_n3[:-2, 1]
    alone_n = (np.abs(away_n) > _BACK_SECONDS) & (np.abs(on_n) < _BACK_SECONDS)
    rows_n3 = np.delete(rows_n3, 1 + np.flatnonzero(alone_n), axis=0)
    step_n = np.diff(rows_n3[:, 1])
    jumps, first = [], 0
    for k in np.flatnonzero((step_n < -_BACK_SECONDS) | (step_n > _AHEAD_SECONDS)).tolist():
        (before, old, _), (after, new, begin) = rows_n3[k], rows_n3[k + 1]
        end = rows_n3[first : k + 1, 2].max() + np.median(step_n[first:k] if k > first else step_n)
        jumps.append(Jump(int(before), int(after), float(old), float(new), float(end - begin)))
        first = k + 1
    return jumps
