"""Many frames in one picture. T: frames; H, W: pixels; C: RGB."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_BACKGROUND = 255
_LABEL_PADDING = 4  # pixels around a label


def tile(rows: list[list[np.ndarray]], labels: list[str] | None = None, gap: int = 2) -> np.ndarray:
    """Lay frames out in a white grid, row by row: uint8 (height, width, 3).

    rows: uint8 (H, W, 3) frames of one size; rows may differ in length, what is missing stays white.
    labels: one a row, written to its left. gap: white pixels between frames and around the grid.
    """
    if not rows or not any(rows):
        raise ValueError("sheet: expected at least one frame, got none")
    if labels is not None and len(labels) != len(rows):
        raise ValueError(f"sheet: expected a label for each of {len(rows)} rows, got {len(labels)}")
    if gap < 0:
        raise ValueError(f"sheet: expected a gap of 0 pixels or more, got {gap}")
    height, width = next(row for row in rows if row)[0].shape[:2]
    for number, row in enumerate(rows):
        for frame_HWC in row:
            if frame_HWC.shape != (height, width, 3) or frame_HWC.dtype != np.uint8:
                raise ValueError(
                    f"sheet, row {number}: expected uint8 {(height, width, 3)}, "
                    f"got {frame_HWC.dtype} {frame_HWC.shape}"
                )
    drawn = [_label(label) for label in labels or []]
    left = gap + max((label.shape[1] for label in drawn), default=0)
    line = max([height, *(label.shape[0] for label in drawn)])  # text can be higher than tiny frames
    columns = max(len(row) for row in rows)
    size = (gap + len(rows) * (line + gap), left + columns * (width + gap), 3)
    sheet = np.full(size, _BACKGROUND, np.uint8)
    for number, row in enumerate(rows):
        y = gap + number * (line + gap)
        for column, frame_HWC in enumerate(row):
            x = left + column * (width + gap)
            sheet[y : y + height, x : x + width] = frame_HWC
        if drawn:
            text = drawn[number]
            top = y + (line - text.shape[0]) // 2
            sheet[top : top + text.shape[0], : text.shape[1]] = text
    return sheet


def side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Join frames (H, W, 3) or videos (T, H, W, 3) of one height, and length, from left to right."""
    if not columns:
        raise ValueError("side by side: expected at least one column, got none")
    heights = [column.shape[:-2] for column in columns]
    if len(set(heights)) > 1:
        raise ValueError(f"side by side: expected columns of one length and height, got {heights}")
    return np.concatenate(columns, axis=-2)


def evenly_spaced(n_frames: int, at_most: int = 8) -> list[int]:
    """Indices of at most `at_most` frames, evenly spaced from the first to the last."""
    return np.linspace(0, n_frames - 1, min(n_frames, at_most)).round().astype(int).tolist()


def video_sheet(videos: Mapping[str, np.ndarray], at_most: int = 8) -> np.ndarray:
    """A sheet with a labelled row of evenly spaced frames for each video (T, H, W, 3), all of one size."""
    rows = [[video[t] for t in evenly_spaced(len(video), at_most)] for video in videos.values()]
    return tile(rows, labels=list(videos))


def _label(text: str) -> np.ndarray:
    """Black text on white in Pillow's built-in font: uint8 (height, width, 3)."""
    font = ImageFont.load_default()
    left, top, right, bottom = font.getbbox(text)
    size = (int(right - left) + 2 * _LABEL_PADDING, int(bottom - top) + 2 * _LABEL_PADDING)
    image = Image.new("RGB", size, (_BACKGROUND,) * 3)
    ImageDraw.Draw(image).text((_LABEL_PADDING - left, _LABEL_PADDING - top), text, fill=(0, 0, 0), font=font)
    return np.array(image)
