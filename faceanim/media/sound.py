"""The sound that goes with a generated video: read as a stream, on the picture's clock.

n: samples of a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np

from faceanim.media.container import opened
from faceanim.media.errors import MediaError

RATE = 48_000  # of what is written
CHANNELS = 2
BLOCK = 1024  # samples

_GAP_SECONDS = 0.04  # timestamps that jitter by less than two frames of sound are taken as continuous


@dataclass(frozen=True)
class Soundtrack:
    """The first sound of a video or sound file.

    start: where the new video begins, in seconds after the file's first picture, or in a file without pictures after
    its first sample. Sound that begins late, gaps and an early end are silence.
    """

    path: Path
    start: float = 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (BLOCK, CHANNELS) at RATE without end, silence after the last sample; only a block or two
        are held. Raises MediaError where the file cannot be read."""
        sound = chain(self._samples(), _silence())
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

    def _samples(self) -> Iterator[np.ndarray]:
        """(n, CHANNELS) pieces that join without gaps, from `start` to the last sample of the file."""
        with opened(self.path, "sound") as (container, _):
            origin = _first_picture(container)
        # Opened anew: after a seek to the beginning, AAC's first samples would be lost.
        with opened(self.path, "sound") as (container, stream):
            done = 0  # samples yielded
            place = expected = None  # sample number and second at which the next piece begins
            resampler = _resampler()
            for frame in chain(container.decode(stream), [None]):
                if frame is not None:
                    begin = float(frame.pts * frame.time_base) if frame.pts is not None else expected or 0.0
                    origin = begin if origin is None else origin
                    if place is None or abs(begin - expected) > _GAP_SECONDS:
                        place, resampler = round((begin - origin - self.start) * RATE), _resampler()
                    expected = begin + frame.samples / frame.sample_rate
                    frame.pts = None  # the place says where it goes
                for piece in resampler.resample(frame):
                    samples = np.ascontiguousarray(piece.to_ndarray().reshape(-1, CHANNELS))
                    if place is None:
                        break
                    if place > done:
                        yield from _silent(place - done)
                        done = place
                    new = samples[max(0, done - place) :]
                    place += len(samples)
                    if len(new):
                        yield new
                        done += len(new)


def has_sound(path: str | Path) -> bool:
    """Whether the file holds a sound stream that can be decoded."""
    try:
        with opened(path, "sound"):
            return True
    except MediaError:
        return False


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="flt", layout="stereo", rate=RATE)


def _silence() -> Iterator[np.ndarray]:
    while True:
        yield np.zeros((BLOCK, CHANNELS), np.float32)


def _silent(n: int) -> Iterator[np.ndarray]:
    for start in range(0, n, BLOCK):
        yield np.zeros((min(BLOCK, n - start), CHANNELS), np.float32)


def _first_picture(container: av.container.InputContainer) -> float | None:
    """Seconds on the file's clock at which its first picture is shown; None where it has none but a cover."""
    pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not pictures or pictures[0].codec_context is None:
        return None
    frame = next(container.decode(pictures[0]), None)
    if frame is None or frame.pts is None:
        return 0.0
    return float(frame.pts * frame.time_base)
