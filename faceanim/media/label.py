"""A visible line of text in a corner of every frame. H, W: pixels; C: RGB."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_DARK = 0.45  # what is left of the picture's brightness behind the text
_SHARE = 1 / 24  # height of the text, of the frame's shorter side
_SMALLEST = 8  # pixels


class Label:
    """Draws `text` in white on a darkened strip at the lower left of frames of one size."""

    def __init__(self, text: str, height: int, width: int) -> None:
        points = max(_SMALLEST, round(min(height, width) * _SHARE))
        font = ImageFont.load_default(points)
        left, top, right, bottom = font.getbbox(text)
        if right - left > width and points > _SMALLEST:
            points = max(_SMALLEST, int(points * width / (right - left + points)))
            font = ImageFont.load_default(points)
            left, top, right, bottom = font.getbbox(text)
        pad = max(1, points // 3)
        strip = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad))
        ImageDraw.Draw(strip).text((pad - left, pad - top), text, fill=255, font=font)
        self._text_hw1 = (np.asarray(strip, np.float32) / 255)[-height:, :width, None]

    def over(self, frame_HWC: np.ndarray) -> np.ndarray:
        """A copy of the uint8 frame with the label."""
        labelled = frame_HWC.copy()
        h, w, _ = self._text_hw1.shape
        corner = labelled[-h:, :w].astype(np.float32) * _DARK
        labelled[-h:, :w] = np.round(corner + (255 - corner) * self._text_hw1).astype(np.uint8)
        return labelled
