"""One picture to judge prepared clips by. T: frames; H, W: pixels; C: RGB."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceanim.data.manifest import ManifestRow
from faceanim.media.clip_reader import ClipReader
from faceanim.media.image import write_image
from faceanim.pose.draw import draw_over
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence

_CELL = 192  # pixels
_TITLE = 22
_COLUMNS = 6
_MAX_CLIPS = 20


def write_contact_sheet(folder: Path, rows: Sequence[ManifestRow]) -> Path:
    """Write `contact_sheet.png`: a strip of frames with landmarks for each of the first kept clips."""
    strips = [_strip(folder, row) for row in rows[:_MAX_CLIPS]]
    path = folder / "contact_sheet.png"
    write_image(path, np.concatenate(strips))
    return path


def _strip(folder: Path, row: ManifestRow) -> np.ndarray:
    indices = np.linspace(0, row.n_frames - 1, _COLUMNS).round().astype(int)
    points = PoseSequence.load(folder / row.landmarks_path).points[indices]
    points = rescale_points(points, (row.height, row.width), (_CELL, _CELL))
    cells = []
    interpolation = cv2.INTER_AREA if row.width > _CELL else cv2.INTER_CUBIC
    frames_THWC = ClipReader(folder / row.path).read(indices.tolist())
    for frame_HWC, frame_points in zip(frames_THWC, points, strict=True):
        cell_HWC = cv2.resize(frame_HWC, (_CELL, _CELL), interpolation=interpolation)
        cells.append(draw_over(cell_HWC, frame_points))
    title = np.full((_TITLE, _CELL * _COLUMNS, 3), 255, np.uint8)
    text = f"{row.clip_id} ({row.split}), frames {indices[0]} to {indices[-1]} of {row.n_frames}"
    cv2.putText(title, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([title, np.concatenate(cells, axis=1)])
