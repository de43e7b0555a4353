"""Random access to the clips that this project prepared. N: frames; H, W: pixels; C: RGB."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from faceanim.media.errors import MediaError
from faceanim.media.video import MAX_PIXELS, FrameConverter

# The header says everything about such a clip: decoding frames to guess at rate and format costs 2 ms.
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2",
    "fpsprobesize": "0",
    "probesize": "5000",
}
_GROUP = 12  # frames between key frames, as the preparation writes them; any other number is only slower


class ClipReader:
    """Reads frames of a prepared clip by number, fast and frame-accurate.

    Only for clips written by `VideoWriter` (constant rate, closed GOPs, no B-frames). Every frame is checked by
    its timestamp: any other file gives the right frames or a `MediaError`, and belongs to
    `faceanim.media.video`. Open it in the process that reads; it runs one thread.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise MediaError(f"cannot read clip {path}: no such file")
        try:
            self._container = av.open(str(self.path.resolve()), options=_OPTIONS, metadata_errors="replace")
        except av.FFmpegError as error:
            raise MediaError(f"cannot read clip {path}: corrupt, or not a video") from error
        if not self._container.streams.video:
            raise MediaError(f"cannot read clip {path}: it has no video stream")
        self._stream = self._container.streams.video[0]
        if self._stream.codec_context is None:
            raise MediaError(f"cannot read clip {path}: corrupt, or of an unknown codec")
        ticks = 1 / ((self._stream.average_rate or 1) * self._stream.time_base)
        if ticks.denominator != 1 or not self._stream.frames:
            raise self._not_prepared(0)
        self._ticks = int(ticks)  # of the stream's clock, from frame to frame
        self._stream.codec_context.thread_count = 1
        self._start = self._stream.start_time or 0
        self._converter = FrameConverter(path, self._stream, MAX_PIXELS)

    def __len__(self) -> int:
        return self._stream.frames

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """Return the frames of these numbers, in this order (repeats allowed): uint8 (N, H, W, 3) RGB."""
        indices = checked_indices(indices, len(self), self.path)
        places: dict[int, list[int]] = {}
        for place, index in enumerate(indices):
            places.setdefault(index, []).append(place)
        wanted, images_NHW3 = sorted(places), None
        try:
            for index, frame in zip(wanted, self._decode(wanted), strict=True):
                image = self._converter(frame)
                if images_NHW3 is None:
                    images_NHW3 = np.empty((len(indices), *image.shape), np.uint8)
                images_NHW3[places[index]] = image
        except av.FFmpegError as error:
            raise MediaError(f"cannot read clip {self.path}: corrupt near frame {indices[0]}") from error
        return images_NHW3

    def _decode(self, wanted: list[int]) -> Iterator[av.VideoFrame]:
        """Yield the frames of these rising numbers; between them, decode on or seek, whichever is shorter."""
        at, frames = None, iter(())
        for index in wanted:
            if at is None or index - at > index % _GROUP + 1:
                self._container.seek(self._start + index * self._ticks, stream=self._stream)
                frames = self._container.decode(self._stream)
                frame = next(frames, None)
                at = self._number(frame, index)
                if not frame.key_frame or at > index:
                    raise self._not_prepared(index)
            while at != index:
                frame, before = next(frames, None), at
                at = self._number(frame, index)
                if at != before + 1:
                    raise self._not_prepared(index)
            if frame.interlaced_frame:
                raise MediaError(f"clip {self.path}: expected progressive frames, got an interlaced one")
            yield frame

    def _number(self, frame: av.VideoFrame | None, index: int) -> int:
        """Which frame this is, by its timestamp. index: of the one looked for, for the error."""
        if frame is None or frame.pts is None:
            raise MediaError(f"cannot read clip {self.path}: corrupt, or it ends before frame {index}")
        number, rest = divmod(frame.pts - self._start, self._ticks)
        if rest:
            raise self._not_prepared(index)
        return number

    def _not_prepared(self, index: int) -> MediaError:
        return MediaError(
            f"clip {self.path} has no frame of its own at place {index}: expected a constant rate and closed "
            "groups, as scripts.prepare_celebvhq_hdtf writes them"
        )


def checked_indices(indices: Sequence[int], n_frames: int, path: Path) -> list[int]:
    """Return the indices as integers; ValueError if there are none, or any outside the clip."""
    indices = [int(index) for index in indices]
    outside = [index for index in indices if not 0 <= index < n_frames]
    if outside:
        raise ValueError(f"clip {path}: expected frames from 0 to {n_frames - 1}, got {outside[:5]}")
    if not indices:
        raise ValueError(f"clip {path}: expected at least one frame number, got none")
    return indices
