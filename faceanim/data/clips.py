"""What a prepared folder, or a URL of one, holds: its index, and whole clips for evaluation and previews."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.data.manifest import INDEX_NAME, ManifestRow, read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.storage import is_url, join, local_copy
from faceanim.pose.sequence import PoseSequence


class Clip(NamedTuple):
    """frames: uint8 (T, H, W, 3). poses: their landmarks, in the clip's pixels."""

    frames: np.ndarray
    poses: PoseSequence


def read_index(folder: str | Path) -> list[ManifestRow]:
    """All rows of the folder's index."""
    if not is_url(folder):
        return read_manifest(folder)
    with local_copy(join(folder, INDEX_NAME)) as copy:
        try:
            return read_manifest(copy.parent)
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy.parent), str(folder))) from error


def read_poses(folder: str | Path, row: ManifestRow) -> PoseSequence:
    with local_copy(join(folder, row.landmarks_path)) as path:
        return PoseSequence.load(path)


def load_clip(folder: str | Path, row: ManifestRow, max_frames: int | None = None) -> Clip:
    """Reads a clip and its landmarks, from its first frame on."""
    n = row.n_frames if max_frames is None else min(row.n_frames, max_frames)
    with local_copy(join(folder, row.path)) as path:
        frames = ClipReader(path).read(range(n))
    return Clip(frames, read_poses(folder, row)[:n])
