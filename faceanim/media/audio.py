"""A part of a video's sound in memory, and .wav files. N: samples."""

import wave
from pathlib import Path

import numpy as np

from faceanim.media.errors import NoStreamError
from faceanim.media.files import atomic_path
from faceanim.media.sound_reader import sound_pieces


def read_soundtrack(
    path: str | Path, rate: int = 16_000, start: float = 0.0, seconds: float = 60.0
) -> np.ndarray | None:
    """The sound of a video or sound file as mono float32 (N,) in -1 to 1, or None if it has none.

    Sample k is heard k / rate seconds after `start`, see ``sound_pieces``; an early end is silence too, so that
    N = round(seconds * rate). Raises MediaError where the sound is there and cannot be read.
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


def write_wav(path: str | Path, samples_N: np.ndarray, rate: int = 16_000) -> None:
    """Write mono float samples as a 16-bit .wav, atomically; what exceeds -1 to 1 is clipped."""
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples_N, -1, 1) * 32767).astype("<i2").tobytes())
