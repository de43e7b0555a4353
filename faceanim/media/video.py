"""Read videos frame by frame, by timestamp; writing is in video_writer.py and offered here too.

T: frames; H, W: pixels as displayed; C: RGB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from faceanim.media.colour import ColourConverter, UntaggedColour, is_tagged
from faceanim.media.container import open_media
from faceanim.media.continuous_clock import clock_jumps
from faceanim.media.deinterlace import deinterlaced
from faceanim.media.errors import (
    EmptyMediaError,
    FrameSizeChangesError,
    MediaError,
    MediaTooLongError,
    TooManyPixelsError,
)
from faceanim.media.frame_rate import constant_rate
from faceanim.media.orientation import display_matrix, upright
from faceanim.media.timed_frames import at_rate, declared_rate, each_once, timed_frames
from faceanim.media.video_writer import VideoWriter, write_video

__all__ = [
    "TimedFrame",
    "Video",
    "VideoInfo",
    "VideoWriter",
    "iter_video",
    "read_video",
    "video_info",
    "write_video",
]

MAX_FRAMES = 20_000
MAX_PIXELS = 4096 * 4096
MAX_BYTES = 8 * 2**30


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about its first video stream, before its frames are read.

    width, height: pixels as displayed (rotation and pixel shape applied); fps: average rate;
    n_frames: as declared, None where the container does not say; seconds: likewise. colour_tagged: whether the file
    says how its colours are coded, see `colour_tags`.
    """

    width: int
    height: int
    fps: float
    n_frames: int | None
    seconds: float | None
    codec: str
    colour_tagged: bool


@dataclass(frozen=True)
class Video:
    """A whole video in memory. frames_THWC: uint8 RGB; fps: their constant rate."""

    frames_THWC: np.ndarray
    fps: float


class TimedFrame(NamedTuple):
    """seconds: when the frame is shown, from the first frame on; image_HWC: uint8 RGB."""

    seconds: float
    image_HWC: np.ndarray


def video_info(path: str | Path, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """Describe a video; decodes its first frame, so that a file that cannot be read is found out here."""
    with open_media(path, "video") as (container, stream):
        converter = FrameConverter(path, stream, max_pixels)
        for _, _, frame in timed_frames(path, container, stream):
            height, width = converter(frame).shape[:2]
            known = stream.duration and not clock_jumps(path)
            seconds = float(stream.duration * stream.time_base) if known else None
            codec = stream.codec_context.name
            rate, n_frames = declared_rate(stream), stream.frames or None
            return VideoInfo(width, height, rate, n_frames, seconds, codec, is_tagged(frame))
    raise EmptyMediaError(f"cannot read video {path}: it holds no frames")


def iter_video(
    path: str | Path,
    fps: float | None = None,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_PIXELS,
    start: float = 0.0,
    stop: float | None = None,
    colour: UntaggedColour = "auto",
) -> Iterator[TimedFrame]:
    """Yield the frames of a video one at a time; only a frame or two are held in memory.

    With `fps`, frame k is the one on display at k / fps seconds after the first frame, so variable rates,
    late starts and edit lists come out right; without it, every frame of the source at its own time (for a
    constant rate that suits the video see `constant_rate`). Interlaced frames come deinterlaced. More than
    `max_frames` frames, frames of more than `max_pixels`, corrupt or truncated files raise `MediaError`.
    start, stop: seconds after the first frame; only this part is yielded, and times count from `start`.
    colour: how files without colour tags are read, see `colour_tags`.
    """
    if fps is not None and not 0 < fps <= 1000:
        raise ValueError(f"fps: expected a rate above 0 and at most 1000, or None, got {fps}")
    with open_media(path, "video") as (container, stream):
        converter = FrameConverter(path, stream, max_pixels, colour)
        timed = deinterlaced(timed_frames(path, container, stream, start, stop))
        shown = each_once(timed) if fps is None else at_rate(timed, fps)
        n_frames = 0
        for seconds, frame in shown:
            if n_frames == max_frames:
                raise MediaTooLongError(f"video {path} is too long: expected at most {max_frames} frames")
            yield TimedFrame(max(0.0, seconds), converter(frame))
            n_frames += 1
    if n_frames == 0:
        raise EmptyMediaError(f"cannot read video {path}: it holds no frames")


def read_video(
    path: str | Path,
    fps: float | None = None,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    colour: UntaggedColour = "auto",
) -> Video:
    """Read a whole video at a constant rate: `fps`, or its own, the average where it varies (see `constant_rate`).

    Use `iter_video` where length is not bounded: frames that take more than `max_bytes` raise `MediaError`.
    """
    images: list[np.ndarray] = []
    rate, n_bytes = constant_rate(path, fps, max_frames + 1), 0
    for frame in iter_video(path, rate.resampled, max_frames, max_pixels, colour=colour):
        n_bytes += frame.image_HWC.nbytes
        if n_bytes > max_bytes:
            raise MediaError(f"video {path} is too large: expected at most {max_bytes} bytes of frames")
        images.append(frame.image_HWC)
    return Video(np.stack(images), rate.fps)


class FrameConverter:
    """Turns decoded frames into uint8 RGB of BT.709 as displayed: square pixels, upright."""

    def __init__(
        self, path: str | Path, stream: av.VideoStream, max_pixels: int, colour: UntaggedColour = "auto"
    ) -> None:
        self.path = path
        self.max_pixels = max_pixels
        context = stream.codec_context
        ratio = stream.sample_aspect_ratio
        self.pixel_shape = float(ratio) if ratio and ratio > 0 else 1.0
        # None where the stream begins so late that its header was not met yet.
        self.size = self._displayed_size(context.width, context.height) if context.width else None
        self._colour = ColourConverter(path, colour)

    def _displayed_size(self, width: int, height: int) -> tuple[int, int]:
        """The size in square pixels; the side that is stretched grows, so that no detail is lost."""
        if self.pixel_shape > 1:
            width = round(width * self.pixel_shape)
        else:
            height = round(height / self.pixel_shape)
        if width * height > self.max_pixels:
            raise TooManyPixelsError(
                f"video {self.path} is too large: expected at most {self.max_pixels} pixels a frame, "
                f"got {width}x{height}"
            )
        return width, height

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        size = self._displayed_size(frame.width, frame.height)
        if size != (self.size or size):
            raise FrameSizeChangesError(
                f"video {self.path} changes its frame size: expected {self.size}, got {size}"
            )
        self.size = size
        rgb = self._colour(frame)
        if size != (frame.width, frame.height):
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)
        return upright(rgb, display_matrix(frame))
