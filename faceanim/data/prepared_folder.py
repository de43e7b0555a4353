"""What a prepared folder, or a URL of one, holds: its index, and whole clips for evaluation and previews."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faceanim.data.manifest import INDEX_NAME, ManifestRow, read_manifest
from faceanim.media.clip_reader import ClipReader
from faceanim.media.storage import is_url, join, local_copy
from faceanim.pose.repair import fill_gaps
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


def load_clip(
    folder: str | Path, row: ManifestRow, max_frames: int | None = None, at_end: bool = False
) -> Clip:
    """Reads a clip and its landmarks: from its first frame on, or (at_end) up to its last."""
    n = row.n_frames if max_frames is None else min(row.n_frames, max_frames)
    start = row.n_frames - n if at_end else 0
    with local_copy(join(folder, row.path)) as path:
        frames = ClipReader(path).read(range(start, start + n))
    return Clip(frames, read_poses(folder, row)[start : start + n])


def read_reference(folder: str | Path, row: ManifestRow) -> tuple[np.ndarray, np.ndarray]:
    """A clip's first frame, uint8 (H, W, 3), and its landmarks (68, 2), the next face's where it shows none."""
    frames = load_clip(folder, row, max_frames=1).frames
    return frames[0], fill_gaps(read_poses(folder, row)).points[0]


def earliest_of_source(row: ManifestRow, rows: Sequence[ManifestRow]) -> ManifestRow:
    """Of the kept clips, of whatever split, that were cut from the same raw video, the first."""
    source = (row.source, row.source_path)
    siblings = [other for other in rows if other.keep and (other.source, other.source_path) == source]
    return min(siblings, key=lambda other: (other.source_start_frame, other.clip_id))
