"""The one reader of sound: a piece at a time, on the picture's clock, whatever is wrong with the file.

n: samples of a piece; C: channels.
"""

import logging
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Literal

import av
import numpy as np

from faceanim.media.container import open_media, video_streams
from faceanim.media.continuous_clock import clock_jumps, continuous_packets
from faceanim.media.errors import EmptyMediaError, MediaError

Layout = Literal["mono", "stereo"]
DAMAGED, LATER_TRACK = "damaged", "later_track"  # the attribute `note` of the log records that warn of it

_GAP_SECONDS = 0.04  # sound is moved to where its timestamps say once they are off by two of its frames
_LOST_SECONDS = 0.001  # or by this where a packet could not be decoded
_JUMP_SECONDS = 1.0  # a single timestamp that is farther off than this, between others that agree, is damaged
# Without pictures, a clock that jumps farther begins anew: chained Ogg, whose packets have no places of their own.
_BACK_SECONDS, _AHEAD_SECONDS = 1.0, 10.0
_LOOK_SECONDS = 60.0  # how much of several tracks is read to find the first that is not silent
_SILENT = 1e-3  # of full scale
_COUNTED = {
    "aac",
    "mp3",
    "ac3",
    "eac3",
}  # formats without timestamps: FFmpeg counts, wrongly once the rate changes
_SEEK_SECONDS, _PREROLL_SECONDS = 10.0, 1.0  # from where on seeking is worth it; decoders need a run-up
_SILENT_PIECE = 48_000  # samples at most
_MOST_READ_ERRORS = 10  # in a row

log = logging.getLogger(__name__)


def sound_pieces(path: str | Path, rate: int, layout: Layout, start: float = 0.0) -> Iterator[np.ndarray]:
    """Yield the sound of a video or sound file as float32 pieces (n, C) that join without gaps, to its last sample.

    Sample k is heard k / rate seconds after `start`, itself in seconds after the file's first picture or, where there
    is none but a cover, after the first sample. What the file leaves open (sound that begins late, gaps, packets that
    cannot be decoded) is silence; what is heard before `start` is left out, so that there may be no piece at all. Of
    several tracks the first that is not silent is read. Sample rate, format and channels may change on the way;
    channels are mixed as FFmpeg does it (5.1: the centre counts most).

    Raises NoStreamError where there is no sound, MediaError where none of it can be decoded.
    """
    origin, track = first_picture(path), _track(path)
    # Opened anew: after a seek to the beginning, AAC's first samples would be lost.
    with open_media(path, "sound") as (container, _):
        stream = container.streams.audio[track]
        seek = origin is not None and start > _SEEK_SECONDS and not clock_jumps(path)
        if seek:
            container.seek(int((origin + start - _PREROLL_SECONDS) * av.time_base))
        frames = (frame for _, frame in _decoded(path, container, stream))
        done = 0  # samples yielded
        clock = _Clock(of_pictures=origin is not None, counted=container.format.name in _COUNTED)
        placed = _Placing(path, rate, layout, origin, start, clock).pieces(frames, may_be_empty=seek)
        for place, samples_nC in placed:
            while done < place:
                n = min(place - done, _SILENT_PIECE)
                yield np.zeros((n, samples_nC.shape[1]), np.float32)
                done += n
            if place + len(samples_nC) > done:
                yield samples_nC[done - place :]
                done = place + len(samples_nC)


def first_picture(path: str | Path) -> float | None:
    """Seconds on the file's clock at which its first picture is shown; None where it has none but a cover, or none
    that can be decoded."""
    with open_media(path, "sound") as (container, _):
        for stream in video_streams(container)[:1]:
            for _, frame in _decoded(path, container, stream):
                if frame is not None:
                    return _seconds(frame) or 0.0
    return None


class _Placing:
    """Resamples the frames of one track and says where they belong; see ``sound_pieces``."""

    def __init__(
        self,
        path: str | Path,
        rate: int,
        layout: Layout,
        origin: float | None,
        start: float,
        clock: "_Clock",
    ) -> None:
        self.path, self.rate, self.layout, self.origin, self.start = path, rate, layout, origin, start
        self._n_channels = av.AudioLayout(layout).nb_channels
        self._clock = clock
        self._place = 0  # number of the sample that comes next
        self._kind: tuple[str, str, int] | None = None  # of the frames that the resampler takes
        self._resampler: av.AudioResampler | None = None

    def pieces(
        self, frames: Iterator[av.AudioFrame | None], may_be_empty: bool
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number of the first sample, which may be negative, samples (n, C)). frames: None for a packet that
        could not be decoded."""
        lost, nothing, why = False, True, "it holds no samples"
        for frame, following in pairwise(chain(frames, [None])):
            if frame is None or not _is_whole(frame):
                lost, why = True, "corrupt, nothing of it can be decoded"
                continue
            if self._clock.moves_to(frame, following, lost):
                yield from self._resampled(None)
                self.origin = self._clock.begin if self.origin is None else self.origin
                self._place = round((self._clock.begin - self.origin - self.start) * self.rate)
                if lost and not nothing:
                    _warn(f"sound {self.path} is damaged: silence for what cannot be decoded", DAMAGED)
            try:
                yield from self._resampled(frame)
                lost = nothing = False
            except (av.FFmpegError, ValueError):
                self._resampler = None
                lost, why = True, f"nobody knows how to mix its {frame.layout.nb_channels} channels"
        yield from self._resampled(None)
        if nothing and not may_be_empty:
            raise (MediaError if lost else EmptyMediaError)(f"cannot read sound {self.path}: {why}")

    def _resampled(self, frame: av.AudioFrame | None) -> Iterator[tuple[int, np.ndarray]]:
        """As `pieces`; None: what the resampler still holds."""
        kind = self._kind if frame is None else (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            yield from self._resampled(None)
        if self._resampler is None:
            self._kind = kind
            self._resampler = av.AudioResampler(format="flt", layout=self.layout, rate=self.rate)
        if frame is not None:
            frame.pts = None  # the place says where it goes
        for piece in self._resampler.resample(frame):
            samples_nC = np.ascontiguousarray(piece.to_ndarray().reshape(-1, self._n_channels))
            yield self._place, samples_nC
            self._place += len(samples_nC)
        if frame is None:
            self._resampler = None


class _Clock:
    """The times of one track's frames, without those that are damaged.

    begin, end: of the frame that it stands at, in seconds of the file's clock. of_pictures: whether pictures go by the
    same clock, which then is obeyed. counted: whether the timestamps are FFmpeg's own, and tell nothing but the length
    of what is lost.
    """

    def __init__(self, of_pictures: bool, counted: bool) -> None:
        self.begin = self.end = 0.0
        self._of_pictures, self._counted = of_pictures, counted
        self._runs, self._offset = False, 0.0

    def moves_to(self, frame: av.AudioFrame, following: av.AudioFrame | None, lost: bool) -> bool:
        """Go on to the next frame; whether it begins elsewhere than the one before ended. following: the one after it,
        where that is known. lost: whether something before it could not be decoded."""
        duration = frame.samples / frame.sample_rate
        jump = self._jump(frame, following, lost, duration)
        moves = not self._runs or abs(jump) > (_LOST_SECONDS if lost else _GAP_SECONDS)
        self.begin = self.end + jump if moves else self.end
        self.end = self.begin + duration
        self._runs = True
        return moves

    def _jump(
        self, frame: av.AudioFrame, following: av.AudioFrame | None, lost: bool, duration: float
    ) -> float:
        """Seconds from the end of the last frame to the begin of this one."""
        begin = _seconds(frame)
        if begin is None:
            return 0.0
        jump = begin + self._offset - self.end
        if self._counted and self._runs:
            jump = jump if lost else 0.0
            self._offset = self.end + jump - begin
        if not self._runs or abs(jump) < _JUMP_SECONDS:
            return jump
        after = None if following is None else _seconds(following)
        if after is not None and abs(after + self._offset - self.end - duration) < _GAP_SECONDS:
            return 0.0
        if not self._of_pictures and not -_BACK_SECONDS < jump < _AHEAD_SECONDS:
            self._offset -= jump
            return 0.0
        return jump


def _track(path: str | Path) -> int:
    """The place among the audio streams of the first that is not silent in its first minute; of the first that can be
    decoded where all are silent."""
    with open_media(path, "sound") as (container, _):
        streams = {s.index: s for s in container.streams.audio if s.codec_context is not None}
        places = {s.index: place for place, s in enumerate(container.streams.audio)}
        tracks = list(streams)
        if len(tracks) == 1:
            return places[tracks[0]]
        peaks: dict[int, float] = {}
        seconds = dict.fromkeys(tracks, 0.0)  # decoded of each
        for stream, frame in _decoded(path, container, *streams.values()):
            if frame is None or not _is_whole(frame):
                continue
            peaks[stream.index] = max(_peak(frame), peaks.get(stream.index, 0.0))
            seconds[stream.index] += frame.samples / frame.sample_rate
            if peaks.get(tracks[0], 0.0) > _SILENT or min(seconds.values()) > _LOOK_SECONDS:
                break
            if max(seconds.values()) > 2 * _LOOK_SECONDS:
                break
    for number, index in enumerate(tracks, start=1):
        if peaks.get(index, 0.0) > _SILENT:
            if number > 1:
                _warn(
                    f"sound {path}: its first track is silent, number {number} of {len(tracks)} is taken",
                    LATER_TRACK,
                )
            return places[index]
    return places[min(peaks, default=tracks[0])]


def _decoded(
    path: str | Path, container: av.container.InputContainer, *streams: av.stream.Stream
) -> Iterator[tuple[av.stream.Stream, av.AudioFrame | av.VideoFrame | None]]:
    """Yield (stream, frame) in the file's order, None for what can not be read or gives no frame."""
    errors = 0
    while errors < _MOST_READ_ERRORS:
        try:
            for packet in continuous_packets(path, container, *streams):
                errors = 0
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    frames = []
                for frame in frames or [None] * (packet.size > 0):  # not every decoder says that it could not
                    yield packet.stream, frame
            return
        except (
            av.FFmpegError,
            IndexError,
        ):  # IndexError: PyAV's, where the file's list of streams is damaged
            errors += 1
            yield streams[0], None


def _seconds(frame: av.AudioFrame | av.VideoFrame) -> float | None:
    """When the frame begins, on the file's clock."""
    return None if frame.pts is None else float(frame.pts * frame.time_base)


def _is_whole(frame: av.AudioFrame) -> bool:
    return frame.samples > 0 and frame.sample_rate > 0 and frame.layout.nb_channels > 0


def _peak(frame: av.AudioFrame) -> float:
    """The largest sample's size, of full scale. Resampled to one plane: PyAV reads a ninth one of eight (7.1)."""
    pieces = av.AudioResampler(format="flt").resample(frame)
    return max((float(np.abs(piece.to_ndarray()).max()) for piece in pieces), default=0.0)


@lru_cache(256)
def _warn(message: str, note: str) -> None:
    """Once, however often the same file is read."""
    log.warning(message, extra={"note": note})
