"""Colour charts as videos of any matrix, range, transfer curve and layout, by the standards' encoding equations.

P: patches; C: R, G, B. Nothing here is taken from the reader: it decodes, this encodes.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

PATCH = 16  # pixels a side: far enough from the next colour for any chroma interpolation
COLUMNS = 8

# Numbers of H.273 with E'Y = Kr R + Kg G + Kb B as the standards print them.
LUMA = {
    1: (0.2126, 0.7152, 0.0722),  # BT.709
    4: (0.30, 0.59, 0.11),  # FCC
    5: (0.299, 0.587, 0.114),  # BT.470BG
    6: (0.299, 0.587, 0.114),  # SMPTE 170M
    7: (0.212, 0.701, 0.087),  # SMPTE 240M
    9: (0.2627, 0.6780, 0.0593),  # BT.2020
}
YCGCO = 8
BT2087 = np.array(  # linear BT.709 to BT.2020: the standard's matrix, with more digits than it prints
    [
        [0.6274038959346990, 0.3292830383778837, 0.0433130656874172],
        [0.0690972893582320, 0.9195403950754587, 0.0113623155663092],
        [0.0163914388751503, 0.0880133078772260, 0.8955952532476237],
    ]
)
HLG, PQ, SDR_2020 = 18, 16, 14


def chart(top: int = 255) -> np.ndarray:
    """(P, 3) uint8: greys, primaries and skin, then random colours, up to `top`."""
    rng = np.random.default_rng(0)
    greys = np.linspace(0, top, 8)[:, None].repeat(3, axis=1)
    named = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    skin = [(224, 172, 150), (198, 134, 110), (141, 85, 66), (90, 56, 44)]
    noise = rng.integers(0, top + 1, (64 - 8 - 6 - 4, 3))
    return np.concatenate([greys, top * np.array(named), skin, noise]).clip(0, top).round().astype(np.uint8)


def hdr_signal(rgb_P3: np.ndarray, transfer: int) -> np.ndarray:
    """R'G'B' of BT.2020 in which SDR colours are shown with their white at 203 cd/m2 (BT.2408, BT.2087).

    HLG by BT.2100's inverse OOTF and OETF, PQ by its inverse EOTF, else SDR in BT.2020's primaries.
    """
    light_P3 = (rgb_P3 / 255) ** 2.4 @ BT2087.T
    if transfer == PQ:
        return _inverse_pq(light_P3 * 203)
    if transfer == HLG:
        display = light_P3 * 203 / 1000
        luminance = display @ np.array(LUMA[9])
        return _hlg_oetf(display * np.maximum(luminance, 1e-12)[:, None] ** ((1 - 1.2) / 1.2))
    return light_P3 ** (1 / 2.4)


def sdr_of(signal_P3: np.ndarray, transfer: int) -> np.ndarray:
    """(P, 3): SDR levels, 0 to 255, not rounded and without compression of highlights, of such a signal: the
    encoding curves above, turned round by searching in them."""
    light = np.concatenate([[0], np.geomspace(1e-9, 1, 200_001)])
    if transfer == PQ:
        light_P3 = np.interp(signal_P3, _inverse_pq(light * 10000), light) * 10000 / 203
    elif transfer == HLG:
        scene = np.interp(signal_P3, _hlg_oetf(light), light)
        light_P3 = scene * (scene @ np.array(LUMA[9]))[:, None] ** 0.2 * 1000 / 203
    else:
        light_P3 = signal_P3**2.4
    return 255 * np.linalg.solve(BT2087, light_P3.T).T.clip(0, None) ** (1 / 2.4)


def _inverse_pq(light: np.ndarray) -> np.ndarray:
    """BT.2100, table 4. light: cd/m2."""
    y = (light / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def _hlg_oetf(scene: np.ndarray) -> np.ndarray:
    """BT.2100, table 5. scene: 0 to 1."""
    log = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), log)


def coded(signal_P3: np.ndarray, matrix: int, full_range: bool, depth: int) -> np.ndarray:
    """(P, 3): Y'CbCr codes, rounded, of R'G'B' from 0 to 1 (H.273, equations 20 to 42)."""
    r, g, b = signal_P3.T
    top = 2**depth - 1
    middle, step = 2 ** (depth - 1), 2 ** (depth - 8)
    if matrix == YCGCO:
        r, g, b = (signal_P3 * (top if full_range else 219 * step) + (0 if full_range else 16 * step)).T
        planes = [g / 2 + (r + b) / 4, g / 2 - (r + b) / 4 + middle, (r - b) / 2 + middle]
    else:
        kr, kg, kb = LUMA[matrix]
        y = kr * r + kg * g + kb * b
        pb, pr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
        if full_range:
            planes = [top * y, top * pb + middle, top * pr + middle]
        else:
            planes = [(219 * y + 16) * step, (224 * pb + 128) * step, (224 * pr + 128) * step]
    return np.stack(planes, axis=1).round().clip(0, top).astype(np.int64)


def decoded(codes_P3: np.ndarray, matrix: int, full_range: bool, depth: int) -> np.ndarray:
    """(P, 3): R'G'B' from 0 to 1 by solving the encoding equations for these codes."""
    top, step = 2**depth - 1, 2 ** (depth - 8)
    luma_span, chroma_span, black = (top, top, 0) if full_range else (219 * step, 224 * step, 16 * step)
    if matrix == YCGCO:
        forward = np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0, -0.5]])
        chroma_span = luma_span
    else:
        kr, kg, kb = LUMA[matrix]
        luma = np.array([kr, kg, kb])
        forward = np.stack([luma, ([0, 0, 1] - luma) / (2 * (1 - kb)), ([1, 0, 0] - luma) / (2 * (1 - kr))])
    offsets = np.array([black, 2 ** (depth - 1), 2 ** (depth - 1)])
    values = (codes_P3 - offsets) / np.array([luma_span, chroma_span, chroma_span])
    return np.linalg.solve(forward, values.T).T.clip(0, 1)


def write_chart(
    path: Path,
    codes_P3: np.ndarray,
    layout: str,
    codec: str = "ffv1",
    tags: tuple[int, int, int, int] = (2, 0, 2, 2),
    n_frames: int = 2,
    options: dict[str, str] | None = None,
    packed: str | None = None,
    cut: tuple[int, int] = (0, 0),
    scale: int = 1,
) -> None:
    """A video whose patches have these plane values, stored without loss. tags: matrix, range (1 limited, 2 full),
    primaries, transfer; 2, 0, 2, 2 are none. packed: the layout in which the same values are
    stored, if not planar. cut: rows and columns fewer. scale: larger patches."""
    plane_HW3 = codes_P3.reshape(-1, COLUMNS, 3).repeat(PATCH * scale, 0).repeat(PATCH * scale, 1)
    height, width = plane_HW3.shape[0] - cut[0], plane_HW3.shape[1] - cut[1]
    plane_HW3 = plane_HW3[:height, :width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, packed or layout
        context.thread_count = 1
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        for number in range(n_frames):
            frame = av.VideoFrame(width, height, layout)
            for index, plane in enumerate(frame.planes[:3]):
                across, down = round(width / plane.width), round(height / plane.height)
                values_HW = plane_HW3[::down, ::across, index]
                dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
                row = plane.line_size // np.dtype(dtype).itemsize
                padded = np.zeros((plane.height, row), dtype)
                padded[:, : plane.width] = values_HW
                plane.update(padded.tobytes())
            if packed is not None:
                frame = frame.reformat(format=packed)
            frame.colorspace, frame.color_range = tags[:2]
            frame.color_primaries, frame.color_trc = tags[2:]
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def patches(image_HWC: np.ndarray, scale: int = 1) -> np.ndarray:
    """(P, 3): the colours in the middle of the patches."""
    side = PATCH * scale
    return image_HWC[side // 2 :: side, side // 2 :: side].reshape(-1, 3).astype(int)
