"""The sound that goes with a generated video, read as a stream."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from faceanim.media.errors import MediaError, NoStreamError
from faceanim.media.sound_reader import sound_pieces

RATE = 48_000  # of what is written
CHANNELS = 2
BLOCK = 1024  # samples
UNREADABLE = "unreadable"  # the attribute `note` of the log record that warns of it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Soundtrack:
    """The sound of a video or sound file. start: where the new video begins in it, in seconds, see ``sound_pieces``."""

    path: Path
    start: float = 0.0

    def blocks(self) -> Iterator[np.ndarray]:
        """Yields float32 (BLOCK, CHANNELS) at RATE without end, silence after the last sample; only a block or two
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


def _silence() -> Iterator[np.ndarray]:
    while True:
        yield np.zeros((BLOCK, CHANNELS), np.float32)
