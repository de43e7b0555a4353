"""Contact sheets of kept and of dropped clips. T: frames; H, W: pixels; C: RGB."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceanim.data.manifest import ManifestRow
from faceanim.media.clip_reader import ClipReader
from faceanim.media.contact_sheet import evenly_spaced
from faceanim.media.image import resize
from faceanim.pose.draw import draw_over
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence
from scripts.prepare_celebvhq_hdtf.first_pass import Unreadable, source_frames
from scripts.prepare_celebvhq_hdtf.main_face import find_main_face
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.progress import saved_detections
from scripts.prepare_celebvhq_hdtf.sources import SourceClip

_CELL = 192  # pixels
_TITLE = 22
_COLUMNS = 6
_MAX_CLIPS = 20


def accepted_sheet(folder: Path, rows: Sequence[ManifestRow]) -> np.ndarray | None:
    """A strip of frames with landmarks for some kept clips, evenly spread over all: uint8 (H, W, 3)."""
    return _stacked([_accepted(folder, row) for row in _some(rows)])


def rejected_sheet(
    rows: Sequence[ManifestRow], clip_of: dict[str, SourceClip], options: PrepareOptions
) -> np.ndarray | None:
    """The same for some dropped clips, with every reason: whole frames of the source, as far as it is readable."""
    ordered = sorted(rows, key=lambda row: (row.drop_reasons, row.clip_id))
    return _stacked([_rejected(row, clip_of[row.clip_id], options) for row in _some(ordered)])


def _some(rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    return [rows[k] for k in evenly_spaced(len(rows), _MAX_CLIPS)]


def _stacked(strips: list[np.ndarray]) -> np.ndarray | None:
    return np.concatenate(strips) if strips else None


def _accepted(folder: Path, row: ManifestRow) -> np.ndarray:
    indices = _evenly(row.n_frames)
    points = PoseSequence.load(folder / row.landmarks_path).points[indices]
    frames_THWC = ClipReader(folder / row.path).read(indices)
    text = f"{row.clip_id} ({row.split}), frames {indices[0]} to {indices[-1]} of {row.n_frames}"
    return _strip(text, [_cell(frame, p) for frame, p in zip(frames_THWC, points, strict=True)])


def _rejected(row: ManifestRow, clip: SourceClip, options: PrepareOptions) -> np.ndarray:
    text, cells = f"{row.clip_id}: {row.drop_reasons}", []
    detections = saved_detections(clip, options)
    if detections is not None:
        main_face = find_main_face(detections)
        indices = _evenly(len(detections))
        try:
            for number, frame in enumerate(source_frames(clip, options)):
                if number in indices:
                    inside = main_face is not None and main_face.start <= number < main_face.stop
                    points = (
                        main_face.points[number - main_face.start] if inside else np.full((68, 2), np.nan)
                    )
                    cells += [_cell(frame.image_HWC, points)] * indices.count(number)
                if number >= indices[-1]:
                    break
        except Unreadable as error:
            text += f" ({error})"
    return _strip(text, cells)


def _evenly(n_frames: int) -> list[int]:
    return np.linspace(0, n_frames - 1, _COLUMNS).round().astype(int).tolist()


def _cell(frame_HWC: np.ndarray, points_68x2: np.ndarray) -> np.ndarray:
    """The frame with its landmarks, brought to the cell's size with white around it."""
    height, width = frame_HWC.shape[:2]
    scale = _CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small_HWC = resize(frame_HWC, *size[::-1])
    drawn = draw_over(small_HWC, rescale_points(points_68x2, (height, width), size[::-1]))
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    y, x = (_CELL - size[1]) // 2, (_CELL - size[0]) // 2
    cell[y : y + size[1], x : x + size[0]] = drawn
    return cell


def _strip(text: str, cells: list[np.ndarray]) -> np.ndarray:
    strip = np.full((_TITLE + _CELL * bool(cells), _CELL * _COLUMNS, 3), 255, np.uint8)
    cv2.putText(strip, text[:160], (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    for k, cell in enumerate(cells):
        strip[_TITLE:, k * _CELL : (k + 1) * _CELL] = cell
    return strip
