"""Which clip each sample index is drawn from."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np


class ClipOrder:
    """A shuffled order of clips, anew in each epoch, and a pure function of (seed, sample index).

    sources: of each clip. length: samples per epoch. weights: how often each source is drawn, relative to the
    others; within a source all clips come equally often. None: all clips equally often, of whatever source.
    """

    def __init__(
        self, sources: Sequence[str], length: int, seed: int, weights: Mapping[str, float] | None = None
    ):
        self.length, self.seed = length, seed
        if weights is None:
            self._clips, self._ends = [np.arange(len(sources))], np.array([length])
            return
        names = sorted(set(sources))
        if sorted(weights) != names or min(weights.values()) < 0 or not any(weights.values()):
            raise ValueError(
                f"source_weights: expected weights >= 0 of the sources {names}, got {dict(weights)}"
            )
        share = np.array([weights[name] for name in names]) / sum(weights.values())
        self._ends = np.round(np.cumsum(share) * length).astype(int)
        none = [n for n, s, k in zip(names, share, self._counts(), strict=True) if s and not k]
        if none:
            raise ValueError(
                f"source_weights: an epoch of {length} samples holds none of {none}: raise samples_per_clip"
            )
        self._clips = [np.flatnonzero(np.array(sources) == name) for name in names]

    def _counts(self) -> np.ndarray:
        return np.diff(self._ends, prepend=0)

    def __getitem__(self, index: int) -> int:
        """The clip, as an index into the sources, of any sample index >= 0."""
        epoch, place = divmod(index, self.length)
        slot = _permutation(self.seed, epoch, self.length)[place]
        source = int(np.searchsorted(self._ends, slot, side="right"))
        count, clips = int(self._counts()[source]), self._clips[source]
        return int(clips[(epoch * count + slot - (self._ends[source] - count)) % len(clips)])


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, length]).permutation(length)
