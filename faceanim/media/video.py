"""Read videos frame by frame, by timestamp; writing is in video_writer.py and offered here too.

T: frames; H, W: pixels as displayed; C: RGB.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from faceanim.media.container import opened
from faceanim.media.errors import MediaError
from faceanim.media.video_writer import VideoWriter, write_video

__all__ = [
    "TimedFrame",
    "Video",
    "VideoInfo",
    "VideoWriter",
    "average_rate",
    "iter_video",
    "read_video",
    "video_info",
    "write_video",
]

MAX_FRAMES = 20_000
MAX_PIXELS = 4096 * 4096
MAX_BYTES = 8 * 2**30

_EARLY_SECONDS = 0.001  # containers round timestamps, often to milliseconds: a frame due within 1 ms is shown
_UNSPECIFIED_COLORSPACE = 2


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about its first video stream, before its frames are read.

    width, height: pixels as displayed (rotation and pixel shape applied); fps: average rate;
    n_frames: as declared, None where the container does not say; seconds: likewise.
    """

    width: int
    height: int
    fps: float
    n_frames: int | None
    seconds: float | None
    codec: str


@dataclass(frozen=True)
class Video:
    """A whole video in memory. frames_THWC: uint8 RGB; fps: constant rate, or the average where it varies."""

    frames_THWC: np.ndarray
    fps: float


class TimedFrame(NamedTuple):
    """seconds: when the frame is shown, from the first frame on; image_HWC: uint8 RGB."""

    seconds: float
    image_HWC: np.ndarray


def video_info(path: str | Path, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Describe a video; decodes its first frame, so that a file that cannot be read is found out here."""
    with opened(path, "video") as (container, stream):
        converter = FrameConverter(path, stream, max_pixels)
        for _, _, frame in _timed_frames(path, container, stream):
            height, width = converter(frame).shape[:2]
            seconds = float(stream.duration * stream.time_base) if stream.duration else None
            codec = stream.codec_context.name
            return VideoInfo(width, height, _declared_rate(stream), stream.frames or None, seconds, codec)
    raise MediaError(f"cannot read video {path}: it holds no frames")


def iter_video(
    path: str | Path,
    fps: float | None = None,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_PIXELS,
    start: float = 0.0,
    stop: float | None = None,
) -> Iterator[TimedFrame]:
    """Yield the frames of a video one at a time; only a frame or two are held in memory.

    With `fps`, frame k is the one on display at k / fps seconds after the first frame, so variable rates,
    late starts and edit lists come out right; without it, every frame of the source at its own time. More
    than `max_frames` frames, frames of more than `max_pixels`, corrupt or truncated files raise `MediaError`.
    start, stop: seconds after the first frame; only this part is yielded, and times count from `start`.
    """
    if fps is not None and not 0 < fps <= 1000:
        raise ValueError(f"fps: expected a rate above 0 and at most 1000, or None, got {fps}")
    with opened(path, "video") as (container, stream):
        converter = FrameConverter(path, stream, max_pixels)
        timed = _timed_frames(path, container, stream, start, stop)
        shown = _each_once(timed) if fps is None else _at_rate(timed, fps)
        n_frames = 0
        for seconds, frame in shown:
            if n_frames == max_frames:
                raise MediaError(f"video {path} is too long: expected at most {max_frames} frames")
            yield TimedFrame(seconds, converter(frame))
            n_frames += 1
    if n_frames == 0:
        raise MediaError(f"cannot read video {path}: it holds no frames")


def read_video(
    path: str | Path,
    fps: float | None = None,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Video:
    """Read a whole video, at its own frames and average rate or, with `fps`, resampled to that constant rate.

    Use `iter_video` where length is not bounded: frames that take more than `max_bytes` raise `MediaError`.
    """
    images: list[np.ndarray] = []
    last_seconds, n_bytes = 0.0, 0
    for frame in iter_video(path, fps, max_frames, max_pixels):
        n_bytes += frame.image_HWC.nbytes
        if n_bytes > max_bytes:
            raise MediaError(f"video {path} is too large: expected at most {max_bytes} bytes of frames")
        images.append(frame.image_HWC)
        last_seconds = frame.seconds
    if fps is None:
        fps = average_rate(last_seconds, len(images), video_info(path, max_pixels).fps)
    return Video(np.stack(images), float(fps))


def average_rate(last_seconds: float, n_frames: int, declared: float) -> float:
    """Frames per second from the timestamps, or the declared rate where they agree (it has no rounding)."""
    if n_frames < 2 or last_seconds <= 0:
        return declared
    measured = (n_frames - 1) / last_seconds
    return declared if abs(measured / declared - 1) < 0.01 else measured


def _declared_rate(stream: av.VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate and rate > 0 else 25.0


def _timed_frames(
    path: str | Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    start: float = 0.0,
    stop: float | None = None,
) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """Yield (begin, end, frame) in display order, in seconds from `start`, itself after the first frame.

    Frames between the key frame before `start` and `start` come too, at negative times.
    """
    step = 1 / _declared_rate(stream)
    first = end = None
    for index, frame in enumerate(_decoded(container, stream, start)):
        seconds = index * step if frame.pts is None else float(frame.pts * frame.time_base)
        first = seconds if first is None else first
        begin = seconds - first - start
        if stop is not None and begin > stop - start - _EARLY_SECONDS:
            yield (
                stop - start,
                stop - start,
                frame,
            )  # never shown: it says that the one before lasts until here
            return
        end = begin + (float(frame.duration * frame.time_base) if frame.duration else step)
        yield begin, end if stop is None else min(end, stop - start), frame
    if end is not None and stream.duration:
        expected = float(stream.duration * stream.time_base)
        end += start
        if end < 0.9 * expected and end < expected - 0.5:
            raise MediaError(f"video {path} ends early: expected {expected:.2f} s, got {end:.2f} s")


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, start: float
) -> Iterator[av.VideoFrame]:
    """All frames; where there is a long way to `start`, the first and those from the key frame before it on."""
    if start > 1:
        first = next(container.decode(stream), None)
        if first is None:
            return
        yield first
        if first.pts is not None:
            yield from _decoded_from(container, stream, first.pts, first.pts + int(start / stream.time_base))
            return
    yield from container.decode(stream)


def _decoded_from(
    container: av.container.InputContainer, stream: av.VideoStream, first: int, target: int
) -> Iterator[av.VideoFrame]:
    """Frames from the last key frame at or before the target on. first, target: of the stream's clock.

    In an open group, frames are shown before their key frame that need the group before: the container finds
    the key frame after them, so that we look for one further back until it comes before the target.
    """
    back, second = 0, int(1 / stream.time_base)
    while True:
        container.seek(max(first, target - back), stream=stream)
        frames = container.decode(stream)
        frame = next(frames, None)
        if frame is None or (frame.key_frame and frame.pts <= target) or target - back <= first:
            break
        back = 2 * back + second
    if frame is not None:
        yield frame
    yield from frames


def _each_once(
    timed: Iterable[tuple[float, float, av.VideoFrame]],
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame that is on display at 0 or later: until the next one begins, whatever its own duration says."""
    before, shown, shown_end = 0.0, None, 0.0
    for begin, end, frame in timed:
        if shown is not None and begin > _EARLY_SECONDS:
            yield max(0.0, before), shown
        before, shown, shown_end = begin, frame, end
    if shown is not None and shown_end > max(before, _EARLY_SECONDS):
        yield max(0.0, before), shown


def _at_rate(
    timed: Iterable[tuple[float, float, av.VideoFrame]], fps: float
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Repeat and leave out frames so that number k is the one on display at k / fps seconds."""
    k, shown, shown_end = 0, None, 0.0
    for start, end, frame in timed:
        while shown is not None and k / fps < start - _EARLY_SECONDS:
            yield k / fps, shown
            k += 1
        shown, shown_end = frame, end
    while shown is not None and k / fps < shown_end - _EARLY_SECONDS:
        yield k / fps, shown
        k += 1


class FrameConverter:
    """Turns decoded frames into uint8 RGB as displayed: square pixels, upright, right colour matrix."""

    def __init__(self, path: str | Path, stream: av.VideoStream, max_pixels: int) -> None:
        self.path = path
        self.max_pixels = max_pixels
        context = stream.codec_context
        ratio = stream.sample_aspect_ratio
        self.pixel_shape = float(ratio) if ratio and ratio > 0 else 1.0
        self.size = self._displayed_size(context.width, context.height)
        self._reformatter = VideoReformatter()  # one for all frames: it keeps its tables

    def _displayed_size(self, width: int, height: int) -> tuple[int, int]:
        """The size in square pixels; the side that is stretched grows, so that no detail is lost."""
        if self.pixel_shape > 1:
            width = round(width * self.pixel_shape)
        else:
            height = round(height / self.pixel_shape)
        if width * height > self.max_pixels:
            raise MediaError(
                f"video {self.path} is too large: expected at most {self.max_pixels} pixels a frame, "
                f"got {width}x{height}"
            )
        return width, height

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        size = self._displayed_size(frame.width, frame.height)
        if size != self.size:
            raise MediaError(f"video {self.path} changes its frame size: expected {self.size}, got {size}")
        unlabelled_hd = frame.colorspace == _UNSPECIFIED_COLORSPACE and frame.height >= 720
        rgb = self._reformatter.reformat(
            frame,
            *size,
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if unlabelled_hd else None,
            src_color_range=ColorRange.JPEG if frame.color_range == ColorRange.JPEG else None,
            interpolation=Interpolation.BICUBIC,
        ).to_ndarray()
        quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, as in numpy
        return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb
