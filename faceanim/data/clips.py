"""Whole prepared clips, for evaluation and previews."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.data.manifest import ManifestRow
from faceanim.media.clip_reader import ClipReader
from faceanim.pose.sequence import PoseSequence


class Clip(NamedTuple):
    """frames: uint8 (T, H, W, 3). poses: their landmarks, in the clip's pixels."""

    frames: np.ndarray
    poses: PoseSequence


def load_clip(folder: str | Path, row: ManifestRow, max_frames: int | None = None) -> Clip:
    """Reads a clip and its landmarks, from its first frame on."""
    n = row.n_frames if max_frames is None else min(row.n_frames, max_frames)
    frames = ClipReader(Path(folder) / row.path).read(range(n))
    return Clip(frames, PoseSequence.load(Path(folder) / row.landmarks_path)[:n])
