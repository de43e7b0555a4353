"""Write H.264 videos that every reader decodes to the same frames. T: frames; H, W: pixels; C: RGB."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from faceanim.media.files import atomic_path
from faceanim.media.sound import BLOCK, RATE, Soundtrack

AI_GENERATED = "AI-generated with faceanim: not a recording of real events"  # the comment of such videos


class VideoWriter:
    """Context manager that encodes uint8 RGB frames to an .mp4, which appears when the block succeeds.

    H.264, yuv420p, BT.709, constant rate, closed groups of `gop` frames and no B-frames, so that frame k is
    found by its number in any decoder. One encoder thread: the bytes do not depend on the number of cores.
    fps: frames per second. width, height: pixels, even. crf: 0 (lossless) to 51; about 17 looks lossless.
    comment: goes into the file's metadata. sound: becomes its AAC track, in step with the frames and as long as they.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        width: int,
        height: int,
        crf: float = 17,
        gop: int = 12,
        comment: str = "",
        sound: Soundtrack | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != ".mp4":
            raise ValueError(f"cannot write video {path}: expected a name that ends in .mp4")
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(
                f"cannot write video {path}: H.264 needs even sides of at least 2 pixels, "
                f"got width {width}, height {height}"
            )
        if not 0 < fps <= 1000:
            raise ValueError(f"cannot write video {path}: expected fps above 0 and at most 1000, got {fps}")
        if not 0 <= crf <= 51:
            raise ValueError(f"cannot write video {path}: expected crf from 0 to 51, got {crf}")
        if gop < 1:
            raise ValueError(f"cannot write video {path}: expected a gop of 1 frame or more, got {gop}")
        self.rate = Fraction(fps).limit_denominator(1001)  # 1001: exact for 30000/1001 and its like
        self.width, self.height, self.crf, self.gop = width, height, crf, gop
        self.comment, self.sound = comment, sound
        self.n_frames = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_path(self.path))
        try:
            self._container = self._stack.enter_context(
                av.open(str(temporary.resolve()), "w", format="mp4", options={"movflags": "+faststart"})
            )
            if self.comment:
                self._container.metadata["comment"] = self.comment
            self._stream = self._container.add_stream("libx264", rate=self.rate)
            context = self._stream.codec_context
            context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
            context.gop_size, context.max_b_frames, context.thread_count = self.gop, 0, 1
            context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            context.options = {
                "crf": str(self.crf),
                "preset": "medium",
                "tune": "fastdecode",  # training decodes a clip a thousand times: a third sooner, 12% more bytes
                "x264-params": f"open-gop=0:scenecut=0:keyint={self.gop}:min-keyint={self.gop}",
            }
            if self.sound is not None:
                self._stack.callback(self._start_sound().close)
        except BaseException as error:
            if not self._stack.__exit__(type(error), error, error.__traceback__):
                raise
        return self

    def write(self, frame_HWC: np.ndarray) -> None:
        """Append one frame: uint8 (height, width, 3) RGB."""
        check_frame(frame_HWC, (self.width, self.height), self.n_frames, self.path)
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
        frame = rgb.reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        )
        frame.pts, frame.time_base = self.n_frames, 1 / self.rate
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
        self.n_frames += 1
        if self.sound is not None:
            self._write_sound(until=round(self.n_frames / self.rate * RATE))

    def _start_sound(self) -> Iterator[np.ndarray]:
        """Adds the AAC track; returns the blocks that it is fed with."""
        self._audio = self._container.add_stream("aac", rate=RATE, layout="stereo")
        self._audio.bit_rate = 192_000
        self._blocks, self._n_samples = self.sound.blocks(), 0
        return self._blocks

    def _write_sound(self, until: int, end: bool = False) -> None:
        """Encodes the samples up to number `until`; but for the end, whole blocks only."""
        while until - self._n_samples >= (1 if end else BLOCK):
            block = next(self._blocks)[: until - self._n_samples]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block.reshape(1, -1)), format="flt", layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._n_samples, Fraction(1, RATE)
            for packet in self._audio.encode(frame):
                self._container.mux(packet)
            self._n_samples += len(block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:  # closes the container, then renames; on any error, closes and deletes
            if error is not None:
                raise error
            if self.n_frames == 0:
                raise ValueError(f"cannot write video {self.path}: no frames were given")
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            if self.sound is not None:
                self._write_sound(round(self.n_frames / self.rate * RATE), end=True)
                for packet in self._audio.encode(None):
                    self._container.mux(packet)


def check_frame(frame_HWC: np.ndarray, size: tuple[int, int], number: int, path: Path) -> None:
    """Raise ValueError unless the frame is uint8 RGB of this (width, height)."""
    expected = (size[1], size[0], 3)
    if frame_HWC.dtype != np.uint8 or frame_HWC.shape != expected:
        raise ValueError(
            f"cannot write frame {number} of {path}: expected uint8 {expected}, "
            f"got {frame_HWC.dtype} {frame_HWC.shape}"
        )


def write_video(
    path: str | Path,
    frames_THWC: Iterable[np.ndarray],
    fps: float,
    crf: float = 17,
    gop: int = 12,
    comment: str = "",
) -> None:
    """Write uint8 RGB frames (an array or any iterable, even sizes) as one .mp4, whole or not at all."""
    iterator = iter(frames_THWC)
    first = next(iterator, None)
    if first is None:
        raise ValueError(f"cannot write video {path}: no frames were given")
    height, width = first.shape[:2]
    with VideoWriter(path, fps, width, height, crf, gop, comment) as writer:
        writer.write(first)
        for frame_HWC in iterator:
            writer.write(frame_HWC)
