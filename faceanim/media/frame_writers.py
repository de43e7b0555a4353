"""Where generated frames go: an .mp4 with sound, a .gif, or a folder of .png files. H, W: pixels; C: RGB."""

import errno
import os
import re
import shutil
import uuid
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faceanim.media.errors import MediaError
from faceanim.media.files import NO_SPACE_OR_RIGHTS, atomic_path
from faceanim.media.sound import Soundtrack
from faceanim.media.video_writer import VideoWriter, check_frame

_NUMBERED = re.compile(r"\d{6}\.png")
_TICK = Fraction(1, 100)  # of a GIF's clock


class FrameWriter(Protocol):
    """A context manager that takes uint8 RGB frames; the file or folder appears when the block succeeds."""

    def __enter__(self) -> Self: ...

    def write(self, frame_HWC: np.ndarray) -> None: ...

    def __exit__(self, kind, error, traceback) -> None: ...


def frame_writer(
    path: str | Path, fps: float, width: int, height: int, comment: str = "", sound: Soundtrack | None = None
) -> FrameWriter:
    """The writer for this name: .mp4, .gif, or without a suffix a folder of .png files; these two without sound.

    comment: goes into the metadata, which a .gif has none of. Raises ValueError for any other suffix.
    """
    check_name(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".mp4":
        return VideoWriter(path, fps, width, height, comment=comment, sound=sound)
    return GifWriter(path, fps, width, height) if suffix else PngWriter(path, width, height, comment)


def check_name(path: str | Path) -> None:
    if Path(path).suffix.lower() not in (".mp4", ".gif", ""):
        raise ValueError(
            f"output: expected a name that ends in .mp4 or .gif, or a folder's name without a dot, got {path}"
        )


class PngWriter:
    """Frames as 000000.png, 000001.png, ... An older folder of nothing but such files is replaced."""

    def __init__(self, path: str | Path, width: int, height: int, comment: str = "") -> None:
        self.path, self.size = Path(path), (width, height)
        self.n_frames = 0
        self._info = PngInfo()
        if comment:
            self._info.add_text("Comment", comment)

    def __enter__(self) -> Self:
        if self.path.is_file():
            raise MediaError(f"cannot write {self.path}: a file is in the folder's place")
        if self.path.is_dir():
            foreign = [p.name for p in self.path.iterdir() if not _NUMBERED.fullmatch(p.name)]
            if foreign:
                raise MediaError(
                    f"cannot write {self.path}: the folder holds more than frames, such as {foreign[0]}"
                )
        self._temporary = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}")
        try:
            self._temporary.mkdir(parents=True)
        except OSError as error:
            raise self._told(error) from error
        return self

    def write(self, frame_HWC: np.ndarray) -> None:
        check_frame(frame_HWC, self.size, self.n_frames, self.path)
        try:
            name = self._temporary / f"{self.n_frames:06d}.png"
            Image.fromarray(np.ascontiguousarray(frame_HWC)).save(name, pnginfo=self._info)
        except OSError as error:
            raise self._told(error) from error
        self.n_frames += 1

    def __exit__(self, kind, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if error is None:
                if self.n_frames == 0:
                    raise ValueError(f"cannot write {self.path}: no frames were given")
                shutil.rmtree(self.path, ignore_errors=True)
                os.replace(self._temporary, self.path)
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _told(self, error: OSError) -> Exception:
        if error.errno not in NO_SPACE_OR_RIGHTS:
            return error
        return MediaError(f"cannot write {self.path}: {os.strerror(error.errno or errno.EIO)}")


class GifWriter:
    """An endless .gif, each frame with 256 colours of its own. A GIF's clock ticks in hundredths of a second."""

    def __init__(self, path: str | Path, fps: float, width: int, height: int) -> None:
        if not 0 < fps <= 50:
            raise ValueError(f"cannot write {path}: a GIF shows at most 50 frames a second, got fps={fps:g}")
        self.path, self.rate, self.size = Path(path), Fraction(fps).limit_denominator(1001), (width, height)
        self.n_frames = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        temporary = self._stack.enter_context(atomic_path(self.path))
        self._container = self._stack.enter_context(av.open(str(temporary.resolve()), "w", format="gif"))
        self._stream = self._container.add_stream("gif", rate=self.rate)
        context = self._stream.codec_context
        (context.width, context.height), context.pix_fmt = self.size, "pal8"
        context.time_base = _TICK
        self._graph, self._source = _palettes(*self.size)
        return self

    def write(self, frame_HWC: np.ndarray) -> None:
        check_frame(frame_HWC, self.size, self.n_frames, self.path)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
        frame.pts, frame.time_base = round(self.n_frames / self.rate / _TICK), _TICK
        self._source.push(frame)
        for packet in self._stream.encode(self._graph.pull()):
            self._container.mux(packet)
        self.n_frames += 1

    def __exit__(self, kind, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self._stack:
            if error is not None:
                raise error
            if self.n_frames == 0:
                raise ValueError(f"cannot write {self.path}: no frames were given")
            for packet in self._stream.encode(None):
                self._container.mux(packet)


def _palettes(width: int, height: int) -> tuple[av.filter.Graph, av.filter.context.FilterContext]:
    """RGB frames pushed into the second come out of the first with a palette of their own."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=_TICK)
    split, use = graph.add("split"), graph.add("paletteuse", "new=1")
    make, sink = graph.add("palettegen", "stats_mode=single"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(make, 0, 0)
    split.link_to(use, 1, 0)
    make.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph, source
