"""Sound as float32 in a .wav of one fixed form, so that what an untrusted process wrote can be checked byte by byte.

N: samples; C: channels.
"""

import struct
from pathlib import Path

import numpy as np

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FLOAT = 3


def write_plain_wav(path: Path, samples_NC: np.ndarray, rate: int) -> None:
    samples_NC = np.ascontiguousarray(samples_NC, np.float32)
    path.write_bytes(_header(samples_NC.nbytes, samples_NC.shape[1], rate) + samples_NC.tobytes())


def is_plain_wav(path: Path, channels: int, rate: int) -> bool:
    """Whether the file's header is, to the bit, what `write_plain_wav` writes before so many samples."""
    n_bytes = path.stat().st_size - _HEADER.size
    with path.open("rb") as file:
        return n_bytes >= 0 and file.read(_HEADER.size) == _header(n_bytes, channels, rate)


def n_samples(path: Path, channels: int) -> int:
    return (path.stat().st_size - _HEADER.size) // (4 * channels)


def _header(n_bytes: int, channels: int, rate: int) -> bytes:
    frame = 4 * channels
    sizes = (b"RIFF", n_bytes + 36, b"WAVE", b"fmt ", 16, _FLOAT, channels, rate, rate * frame, frame, 32)
    return _HEADER.pack(*sizes, b"data", n_bytes)
