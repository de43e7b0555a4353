"""Sound of video and sound files: for people, for speech networks, and in memory; all on the clock of `sound_pieces`.

N: samples.
"""

import logging
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from faceanim.media.errors import EmptyMediaError, MediaError, MediaTooLongError, NoStreamError
from faceanim.media.files import atomic_path
from faceanim.media.sound_reader import sound_pieces

RATE = 48_000  # samples a second of what is written
CHANNELS = 2
BLOCK = 1024  # samples
SPEECH_RATE = 16_000  # samples a second of what speech networks take, mono
MAX_SECONDS = 3600.0  # of speech
UNREADABLE = "unreadable"  # the attribute `note` of the log record that warns of it
_SPEECH_PIECE = 10 * SPEECH_RATE  # samples held at a time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Soundtrack:
    """The sound of a video or sound file. start: where the new video begins in it, in seconds."""

    path: Path
    start: float = 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 (BLOCK, CHANNELS) at RATE without end, silence after the last sample; only a block or two
        are held. Raises MediaError where there is no sound or none of it can be decoded."""
        sound = chain(sound_pieces(self.path, RATE, "stereo", self.start), _silence())
        held: list[np.ndarray] = []
        n_held = 0
        for piece in sound:
            held.append(piece)
            n_held += len(piece)
            if n_held < BLOCK:
                continue
            joined = np.concatenate(held)
            whole = n_held - n_held % BLOCK
            yield from joined[:whole].reshape(-1, BLOCK, CHANNELS)
            held, n_held = [joined[whole:]], n_held - whole


def _silence() -> Iterator[np.ndarray]:
    while True:
        yield np.zeros((BLOCK, CHANNELS), np.float32)


def has_sound(path: str | Path) -> bool:
    """Whether the file holds sound that can be decoded; a warning says why where there is some that cannot."""
    try:
        next(sound_pieces(path, RATE, "stereo"), None)
        return True
    except NoStreamError:
        return False
    except MediaError as error:
        log.warning("%s; the video is read without its sound", error, extra={"note": UNREADABLE})
        return False


def read_soundtrack(
    path: str | Path, rate: int = SPEECH_RATE, start: float = 0.0, seconds: float = 60.0
) -> np.ndarray | None:
    """Read the sound as mono float32 (N,) in -1 to 1; None if the file has none.

    Sample k is heard k / rate seconds after `start`; an early end is silence too, so that N = round(seconds * rate).
    Raises MediaError where the sound is there and cannot be read.
    """
    samples_N = np.zeros(round(seconds * rate), np.float32)
    done = 0
    try:
        for piece_n1 in sound_pieces(path, rate, "mono", start):
            part = piece_n1[: len(samples_N) - done, 0]
            samples_N[done : done + len(part)] = part
            done += len(part)
            if done == len(samples_N):
                break
    except NoStreamError:
        return None
    return samples_N


def iter_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> Iterator[np.ndarray]:
    """Yield the sound as mono float32 pieces (N,) of SPEECH_RATE samples a second.

    Raises MediaError for what is missing, empty, broken or not sound, and as soon as more than `max_seconds` were read
    (what a file says of its length may be wrong).
    """
    held: list[np.ndarray] = []
    n_held = n_given = 0
    for piece_n1 in sound_pieces(path, SPEECH_RATE, "mono"):
        held.append(piece_n1[:, 0])
        n_held += len(piece_n1)
        if n_given + n_held > max_seconds * SPEECH_RATE:
            raise MediaTooLongError(f"sound {path} is too long: expected at most {max_seconds:g} s, got more")
        if n_held >= _SPEECH_PIECE:
            yield np.concatenate(held)
            n_given, n_held, held = n_given + n_held, 0, []
    if n_held:
        yield np.concatenate(held)
    if n_given + n_held == 0:
        raise EmptyMediaError(f"cannot read sound {path}: it holds no samples after its first picture")


def read_speech(path: str | Path, max_seconds: float = MAX_SECONDS) -> np.ndarray:
    """All of `iter_speech` at once: (N,)."""
    return np.concatenate(list(iter_speech(path, max_seconds)))


def write_wav(path: str | Path, samples_N: np.ndarray, rate: int = SPEECH_RATE) -> None:
    """Write mono float samples as a 16-bit .wav, atomically; what exceeds -1 to 1 is clipped."""
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples_N, -1, 1) * 32767).astype("<i2").tobytes())
