"""HDR and wide-gamut video to SDR of BT.709, by the standards. H, W: pixels; C: RGB.

Light is counted in units of the SDR's white, which BT.2408 puts at 203 cd/m2 (75% of HLG, 58% of PQ): what was SDR
before it was packed into HDR comes out as it was, but for its last 5%.
"""

from functools import cache

import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

WHITE = 203.0  # cd/m2: reference white, BT.2408, table 1
PEAK = 1000.0  # cd/m2: BT.2100's nominal peak of an HLG display, the usual one of PQ material; above it is white too
KNEE = 0.95  # of the white's light: from here on highlights are compressed
_DISPLAY_GAMMA = 2.4  # BT.1886
_STEPS = (1 << 16) - 1  # of the tables
_D65 = (0.3127, 0.3290)
_CHROMATICITIES = {  # x, y of R, G, B
    ColorPrimaries.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    ColorPrimaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    ColorPrimaries.SMPTE432: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_LUMINANCE_BT2020 = (0.2627, 0.6780, 0.0593)


def to_bt709(signal_HWC: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """Return uint8 (H, W, 3) R'G'B' of BT.709 for an SDR display.

    The display light of the signal (BT.2100 for HLG and PQ, BT.1886 for all SDR), to BT.709's primaries, what lies
    outside them clipped (BT.2407's plain conversion), highlights of HDR compressed channel by channel (see
    `compress_highlights`), and back by the inverse of BT.1886's curve.
    signal_HWC: float32 R'G'B', black 0, nominal peak 1. primaries, transfer: numbers of H.273; primaries that are not
    BT.2020's or Display P3's count as BT.709's, curves that are not HLG or PQ as SDR.
    """
    hdr = transfer in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
    light_HWC = _curve(transfer if hdr else ColorTrc.BT709)[_index(signal_HWC)]
    if transfer == ColorTrc.ARIB_STD_B67:
        light_HWC *= _ootf_gain(light_HWC)[..., None]
    if primaries in _CHROMATICITIES and primaries != ColorPrimaries.BT709:
        light_HWC = cv2.transform(light_HWC, _to_bt709_primaries(ColorPrimaries(primaries)))
    top = PEAK / WHITE if hdr else 1.0
    light_HWC *= np.float32(1 / top)
    np.maximum(light_HWC, 0, out=light_HWC)
    np.sqrt(light_HWC, out=light_HWC)  # finer steps of the table in the dark
    return _encoded(top)[_index(light_HWC)]


def pq_light(signal: np.ndarray) -> np.ndarray:
    """BT.2100, table 4: the EOTF of PQ, in cd/m2."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = signal ** (1 / m2)
    return 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def hlg_scene_light(signal: np.ndarray) -> np.ndarray:
    """BT.2100, table 5: the inverse OETF of HLG, 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def compress_highlights(light: np.ndarray) -> np.ndarray:
    """Light from 0 to PEAK / WHITE to light from 0 to 1: unchanged up to the knee, then logarithmic up to the peak.

    The curve of BT.2446-1, method C (section 6.1.5, k1 to k4), which goes through the knee with an unbroken slope;
    its inflection point is above the knee, so that SDR in HDR comes back. d = 1 - k3.
    """
    d = _compression()
    above = np.maximum(light / KNEE - 1, 0)
    return np.minimum(np.where(above > 0, KNEE + KNEE * d * np.log1p(above / d), light), 1)


@cache
def _compression() -> float:
    """1 - k3, by bisection: the one with which the peak comes out as 1."""
    low, high = 1e-6, 1.0
    above = PEAK / WHITE / KNEE - 1
    for _ in range(60):
        d = (low + high) / 2
        low, high = (low, d) if KNEE + KNEE * d * np.log1p(above / d) > 1 else (d, high)
    return low


@cache
def _curve(transfer: int) -> np.ndarray:
    """Signal, 0 to 1, to light; for HLG that of the scene, else that of the display in units of the white."""
    signal = np.linspace(0, 1, _STEPS + 1)
    if transfer == ColorTrc.SMPTE2084:
        light = pq_light(signal) / WHITE
    elif transfer == ColorTrc.ARIB_STD_B67:
        light = hlg_scene_light(signal)
    else:
        light = signal**_DISPLAY_GAMMA
    return light.astype(np.float32)


@cache
def _encoded(top: float) -> np.ndarray:
    """Root of the light, 0 to 1 at `top`, to 0 to 255."""
    light = np.linspace(0, 1, _STEPS + 1) ** 2 * top
    if top > 1:
        light = compress_highlights(light)
    return np.rint(255 * light ** (1 / _DISPLAY_GAMMA)).astype(np.uint8)


def _index(values: np.ndarray) -> np.ndarray:
    """Indices into the tables; values outside 0 to 1 are clipped."""
    return np.clip(values * np.float32(_STEPS) + np.float32(0.5), 0, _STEPS).astype(np.uint16)


def _ootf_gain(scene_HWC: np.ndarray) -> np.ndarray:
    """BT.2100, table 5: the OOTF of HLG, gamma 1.2 at the nominal peak: display light by scene light, (H, W)."""
    luminance_HW = scene_HWC @ np.array(_LUMINANCE_BT2020, np.float32)
    return luminance_HW ** np.float32(0.2) * np.float32(PEAK / WHITE)


@cache
def _to_bt709_primaries(primaries: ColorPrimaries) -> np.ndarray:
    """3x3, float32: linear RGB of these primaries to that of BT.709, by the chromaticities."""
    to_xyz = [_rgb_to_xyz(_CHROMATICITIES[each]) for each in (ColorPrimaries.BT709, primaries)]
    return np.linalg.solve(*to_xyz).astype(np.float32)


def _rgb_to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> np.ndarray:
    """SMPTE RP 177: the matrix whose white is D65 of luminance 1."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*chromaticities, _D65)]).T
    return xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
