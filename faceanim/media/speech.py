"""Sound files, and the sound of videos, a piece at a time. N: samples."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from faceanim.media.container import opened
from faceanim.media.errors import MediaError

RATE = 16_000  # samples a second
MAX_SECONDS = 3600.0
_PIECE = 10 * RATE  # samples held at a time


def iter_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> Iterator[np.ndarray]:
    """Yield the first audio stream from its first sample on, as mono float32 pieces (N,) of RATE samples a second.

    Any sample rate; channels are mixed as FFmpeg does it (5.1: the centre counts most). `MediaError`, one line, for
    what is missing, empty, broken or not sound, and for what is longer than `max_seconds`, as soon as that is known.
    """
    with opened(path, "sound") as (container, stream):
        declared = container.duration / av.time_base if container.duration else 0.0
        if declared > max_seconds + 1:
            raise _too_long(path, max_seconds, declared)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        held: list[np.ndarray] = []
        n_held = n_given = 0
        for frame in _frames(container, stream):
            if frame is not None:
                frame.pts = None
            for piece in resampler.resample(frame):
                held.append(piece.to_ndarray().reshape(-1))
                n_held += len(held[-1])
            if n_given + n_held > max_seconds * RATE:
                raise _too_long(path, max_seconds, (n_given + n_held) / RATE)
            if n_held >= _PIECE:
                yield np.concatenate(held)
                n_given, n_held, held = n_given + n_held, 0, []
        if n_held:
            yield np.concatenate(held)
        if n_given + n_held == 0:
            raise MediaError(f"cannot read sound {path}: it holds no samples")


def read_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> np.ndarray:
    """All of `iter_speech` at once: (N,)."""
    return np.concatenate(list(iter_speech(path, max_seconds)))


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame | None]:
    yield from container.decode(stream)
    yield None  # lets the resampler give what it still holds


def _too_long(path: str | Path, limit: float, seconds: float) -> MediaError:
    return MediaError(f"sound {path} is too long: expected at most {limit:g} s, got {seconds:.1f} s or more")
