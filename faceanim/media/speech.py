"""Sound as speech networks take it, a piece at a time. N: samples."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faceanim.media.errors import EmptyMediaError, MediaTooLongError
from faceanim.media.sound_reader import sound_pieces

RATE = 16_000  # samples a second
MAX_SECONDS = 3600.0
_PIECE = 10 * RATE  # samples held at a time


def iter_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> Iterator[np.ndarray]:
    """Yield the sound of a video or sound file as mono float32 pieces (N,) of RATE samples a second.

    Its clock is that of ``Soundtrack``, see ``sound_pieces``. `MediaError`, one line, for what is missing, empty,
    broken or not sound, and as soon as more than `max_seconds` were read (what a file says of its length may be wrong).
    """
    held: list[np.ndarray] = []
    n_held = n_given = 0
    for piece_n1 in sound_pieces(path, RATE, "mono"):
        held.append(piece_n1[:, 0])
        n_held += len(piece_n1)
        if n_given + n_held > max_seconds * RATE:
            raise MediaTooLongError(f"sound {path} is too long: expected at most {max_seconds:g} s, got more")
        if n_held >= _PIECE:
            yield np.concatenate(held)
            n_given, n_held, held = n_given + n_held, 0, []
    if n_held:
        yield np.concatenate(held)
    if n_given + n_held == 0:
        raise EmptyMediaError(f"cannot read sound {path}: it holds no samples after its first picture")


def read_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> np.ndarray:
    """All of `iter_speech` at once: (N,)."""
    return np.concatenate(list(iter_speech(path, max_seconds)))
