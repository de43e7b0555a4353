"""``ClipReader`` on decord, for comparison and for decord's own hardware. N: frames; H, W: pixels; C: RGB."""

from collections.abc import Sequence
from pathlib import Path

import decord
import numpy as np

from faceanim.media.clip_reader import checked_indices
from faceanim.media.errors import MediaError


class DecordReader:
    """Reads frames of a prepared clip by number, with the interface of ``ClipReader``.

    Only for clips written by `VideoWriter` (constant rate, closed GOPs, no B-frames): on other files decord returns
    wrong frames without a word, where ``ClipReader`` raises; it is slower (benchmarks/README.md); and its colours are
    truncated, about 1 level too dark, with the chroma of the nearest sample, where ``ClipReader`` rounds and
    interpolates. Open it in the process that reads: it runs one thread on the CPU and must not be carried through a
    fork.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise MediaError(f"cannot read clip {path}: no such file")
        try:
            self._reader = decord.VideoReader(str(self.path.resolve()), ctx=decord.cpu(0), num_threads=1)
        except (decord.DECORDError, RuntimeError) as error:
            raise MediaError(f"cannot read clip {path}: corrupt, or not a video") from error

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """Return the frames of these numbers, in this order (repeats allowed): uint8 (N, H, W, 3) RGB."""
        indices = checked_indices(indices, len(self), self.path)
        try:
            return self._reader.get_batch(indices).asnumpy()
        except (decord.DECORDError, RuntimeError) as error:
            raise MediaError(f"cannot read clip {self.path}: corrupt near frame {indices[0]}") from error
