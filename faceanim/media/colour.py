"""Decoded frames to 8-bit RGB of BT.709, by the colour tags of the file.

H, W: pixels of the frame; h, w: of its chroma planes; C: RGB. The numbers of matrices, primaries and transfer curves
are those of ITU-T H.273, as files and FFmpeg have them.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, Interpolation, VideoReformatter

from faceanim.media.errors import MediaError
from faceanim.media.tone_mapping import to_bt709

UntaggedColour = Literal["auto", "bt601", "bt709"]  # the matrix of files that do not name theirs

_RGB, _BT709, _UNSPECIFIED, _RESERVED, _BT601, _YCGCO, _BT2020 = 0, 1, 2, 3, 6, 8, 9
_LUMA = {  # Kr, Kb of H.273, table 4: BT.709, FCC, BT.470BG, SMPTE 170M, SMPTE 240M, BT.2020
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
_OF_PRIMARIES = {1: _BT709, 5: _BT601, 6: _BT601, 7: 7, 9: _BT2020}  # the matrix that goes with them
_HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
_WIDE = (ColorPrimaries.BT2020, ColorPrimaries.SMPTE432)
_PLANAR = re.compile(r"(yuv|yuvj|yuva)4(20|22|44|40|11|10)p(|(9|10|12|14|16)le)")
_DEPTHS = (8, 9, 10, 12, 14, 16)
# Without the flags swscale truncates: RGB comes out 1 to 1.5 levels too dark.
_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class ColourTags(NamedTuple):
    """How a frame's values become colours. full_range: black is 0, not 16 of 255."""

    matrix: int
    full_range: bool
    primaries: int
    transfer: int


def check_untagged(colour: str, option: str = "colour") -> None:
    """ValueError unless this is an `UntaggedColour`."""
    if colour not in get_args(UntaggedColour):
        raise ValueError(f"{option}: expected {', '.join(get_args(UntaggedColour))}, got {colour}")


def is_tagged(frame: av.VideoFrame) -> bool:
    """Whether the file says which matrix its colours have, or needs none (RGB, grey)."""
    return len(frame.format.components) < 3 or frame.format.is_rgb or _tagged_matrix(frame) is not None


def colour_tags(frame: av.VideoFrame, untagged: UntaggedColour = "auto") -> ColourTags:
    """The tags of a frame, completed: a matrix that is not named is that of the primaries or HDR curve, else what
    `untagged` says; auto: BT.709 from 720 lines on, BT.601 below."""
    matrix = _tagged_matrix(frame)
    if matrix is None:
        hd = frame.height >= 720 if untagged == "auto" else untagged == "bt709"
        matrix = _BT709 if hd else _BT601
    primaries = frame.color_primaries
    if primaries in (0, _UNSPECIFIED, _RESERVED):
        wide = matrix == _BT2020 or frame.color_trc in _HDR
        primaries = ColorPrimaries.BT2020 if wide else ColorPrimaries.BT709
    full_range = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColourTags(matrix, full_range, int(primaries), frame.color_trc)


def _tagged_matrix(frame: av.VideoFrame) -> int | None:
    if frame.colorspace not in (_RGB, _UNSPECIFIED, _RESERVED):
        return frame.colorspace
    if frame.color_trc in _HDR:
        return _BT2020
    return _OF_PRIMARIES.get(frame.color_primaries)


class ColourConverter:
    """Turns the decoded frames of one file into uint8 (H, W, 3) RGB of BT.709.

    Each Y'CbCr matrix and range by its own equation, chroma interpolated linearly between its samples, which lie in
    the middle of the pixels that they belong to (as FFmpeg's scaler has it, and `VideoWriter`, which uses it), rounded
    once at the end. HDR (HLG, PQ) and wide gamuts are tone-mapped, see `to_bt709`. MediaError for matrices that are
    not linear in R'G'B' (ICtCp, constant luminance and their like). One thread.
    path: for the errors.
    """

    def __init__(self, path: str | Path, untagged: UntaggedColour = "auto") -> None:
        check_untagged(untagged)
        self.path, self.untagged = path, untagged
        self._reformatter = VideoReformatter()  # one for all frames: it keeps its tables
        self._table: tuple[tuple[int, float], np.ndarray] | None = None  # of luma of 8 bits, and its range

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        tags = colour_tags(frame, self.untagged)
        mapped = tags.transfer in _HDR or tags.primaries in _WIDE
        name = _planar_name(frame.format)
        if name is None and not mapped:  # RGB, grey, palettes
            return self._reformat(frame, "rgb24", ColorRange.JPEG if tags.full_range else None).to_ndarray()
        if name is None:
            depth = frame.format.components[0].bits
            name = "gbrp" if depth <= 8 else f"gbrp{depth if depth in _DEPTHS else 16}le"
            g, b, r = self._planes(self._reformat(frame, name))
            top = np.float32(1 / (2**depth - 1))
            return to_bt709(cv2.merge([r, g, b]) * top, tags.primaries, tags.transfer)
        if name != frame.format.name:  # interleaved, or big-endian; the range named, so that no value changes
            frame = self._reformat(frame, name, ColorRange.MPEG, ColorRange.MPEG)
        luma, chroma = self._decoded(frame, tags)
        if not mapped:
            return cv2.merge([cv2.add(luma, plane, dtype=cv2.CV_8U) for plane in chroma])
        signal = cv2.merge([luma + plane for plane in chroma])
        signal *= np.float32(1 / 255)
        return to_bt709(signal, tags.primaries, tags.transfer)

    def _reformat(
        self,
        frame: av.VideoFrame,
        name: str,
        src_range: ColorRange | None = None,
        dst_range: ColorRange | None = None,
    ) -> av.VideoFrame:
        return self._reformatter.reformat(
            frame,
            format=name,
            src_color_range=src_range,
            dst_color_range=dst_range,
            interpolation=_ACCURATE,
            threads=1,
        )

    def _decoded(self, frame: av.VideoFrame, tags: ColourTags) -> tuple[np.ndarray, list[np.ndarray]]:
        """Luma, and what chroma adds to it for R, G and B: each (H, W), float32, 0 to 255, not clipped."""
        y, u, v = self._planes(frame)
        depth = frame.format.components[0].bits
        step, height, width = 2 ** (depth - 8), frame.height, frame.width
        black, white, chroma_span = (0, 2**depth - 1, 2**depth - 1)
        if not tags.full_range:
            black, white, chroma_span = 16 * step, 235 * step, 224 * step
        if tags.matrix == _YCGCO and not tags.full_range:
            chroma_span = 219 * step  # H.273: of R, G and B with their footroom, not of E'
        gain, zero = 255 / (white - black), 2 ** (depth - 1)
        luma = self._luma(y, black, gain)
        across = 1024 // frame.format.chroma_width(1024)
        down = 1024 // frame.format.chroma_height(1024)
        chroma = []
        for of_u, of_v in self._chroma_weights(tags.matrix):
            a, b = of_u * 255 / chroma_span, of_v * 255 / chroma_span
            small = cv2.addWeighted(u, a, v, b, -zero * (a + b), dtype=cv2.CV_32F)
            if (across, down) != (1, 1):
                size = small.shape[1] * across, small.shape[0] * down
                small = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
            chroma.append(small[:height, :width])
        return luma, chroma

    def _luma(self, y: np.ndarray, black: int, gain: float) -> np.ndarray:
        if y.dtype != np.uint8:
            return (y - np.float32(black)) * np.float32(gain)
        if self._table is None or self._table[0] != (black, gain):
            self._table = (black, gain), ((np.arange(256) - black) * gain).astype(np.float32)
        return cv2.LUT(y, self._table[1])

    def _chroma_weights(self, matrix: int) -> list[tuple[float, float]]:
        """Return the weights of Cb and Cr (-0.5 to 0.5) that, added to Y', give R', G' and B' (H.273)."""
        if matrix == _YCGCO:  # the planes are Cg and Co
            return [(-1, 1), (1, 0), (-1, -1)]
        if matrix not in _LUMA:
            known = ", ".join(str(number) for number in (*_LUMA, _YCGCO))
            raise MediaError(
                f"cannot read video {self.path}: expected one of the colour matrices {known} of H.273, got {matrix}"
            )
        kr, kb = _LUMA[matrix]
        kg, of_u, of_v = 1 - kr - kb, 2 * (1 - kb), 2 * (1 - kr)
        return [(0, of_v), (-kb / kg * of_u, -kr / kg * of_v), (of_u, 0)]

    @staticmethod
    def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
        """The first three planes, without copying: (H, W) and twice (h, w), uint8 or uint16."""
        dtype = np.dtype(np.uint8 if frame.format.components[0].bits <= 8 else "<u2")
        return [
            np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]
            for plane in frame.planes[:3]
        ]


def _planar_name(layout: av.VideoFormat) -> str | None:
    """The layout with one plane each for Y, Cb and Cr that holds the same values; None for what is not Y'CbCr."""
    if _PLANAR.fullmatch(layout.name):
        return layout.name
    if len(layout.components) < 3 or layout.is_rgb or layout.has_palette:
        return None
    shared = (layout.chroma_width(8), layout.chroma_height(8))
    pattern = {(4, 4): 420, (4, 8): 422, (8, 8): 444, (8, 4): 440, (2, 8): 411, (2, 2): 410}.get(shared)
    depth = layout.components[0].bits
    if pattern is None or depth not in _DEPTHS:
        return None
    return f"yuv{pattern}p" if depth == 8 else f"yuv{pattern}p{depth}le"
