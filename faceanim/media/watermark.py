"""A visible line of text in a corner of every frame. H, W: pixels; C: RGB."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from faceanim.media.watermark_fonts import Run, runs_of

_DARK = 0.45  # what is left of the picture's brightness behind the text
_SHARE = 1 / 24  # height of the text, of the frame's shorter side
_SMALLEST = 8  # pixels


class Watermark:
    """Draws `text`, in any language, in white on a darkened strip at the lower left of frames of one size.

    Raises ValueError for what cannot be drawn, see ``runs_of``.
    """

    def __init__(self, text: str, height: int, width: int) -> None:
        runs = runs_of(text)
        points = max(_SMALLEST, round(min(height, width) * _SHARE))
        placed = _Line(runs, points)
        if placed.width > width and points > _SMALLEST:
            points = max(_SMALLEST, int(points * width / (placed.width + points)))
            placed = _Line(runs, points)
        strip = placed.drawn(pad=max(1, points // 3))
        self.text_hw1 = (np.asarray(strip, np.float32) / 255)[-height:, :width, None]

    def over(self, frame_HWC: np.ndarray) -> np.ndarray:
        """A copy of the uint8 frame with the label."""
        labelled = frame_HWC.copy()
        h, w, _ = self.text_hw1.shape
        corner = labelled[-h:, :w].astype(np.float32) * _DARK
        labelled[-h:, :w] = np.round(corner + (255 - corner) * self.text_hw1).astype(np.uint8)
        return labelled


class _Line:
    """Runs next to each other on one base line."""

    def __init__(self, runs: list[Run], points: int) -> None:
        self._placed: list[tuple[str, ImageFont.FreeTypeFont, float]] = []  # with the run's left end
        boxes, x = [], 0.0
        for run in runs:
            font = run.sized(points)
            left, top, right, bottom = font.getbbox(run.text, anchor="ls")
            self._placed.append((run.text, font, x))
            boxes.append((x + left, top, x + right, bottom))
            x += font.getlength(run.text)
        self._box = (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )

    @property
    def width(self) -> float:
        return self._box[2] - self._box[0]

    def drawn(self, pad: int) -> Image.Image:
        """White on black, as large as the text and `pad` pixels on each side."""
        left, top, right, bottom = self._box
        strip = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad))
        for text, font, x in self._placed:
            ImageDraw.Draw(strip).text((pad - left + x, pad - top), text, fill=255, font=font, anchor="ls")
        return strip
