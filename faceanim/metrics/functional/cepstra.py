"""Mel-frequency cepstra as SyncNet was trained on. N: samples; W: windows; K: frequencies; C: coefficients."""

import numpy as np

RATE = 16_000
_LENGTH, _STEP, _FFT = 400, 160, 512  # samples: 25 ms every 10 ms
_FILTERS, _COEFFICIENTS, _LIFTER, _EMPHASIS = 26, 13, 22, 0.97
_TINY = np.finfo(float).eps


def cepstra(sound_N: np.ndarray) -> np.ndarray:
    """float64 (W, 13), 100 a second, of sound at 16 kHz in [-1, 1]: those of python_speech_features.mfcc on 16 bit.

    Davis and Mermelstein, 1980: the cosine transform of the logarithm of the power in 26 triangles on the mel scale,
    liftered, its first number replaced by the logarithm of the window's energy. Windows are not tapered.
    """
    samples = np.round(np.clip(sound_N, -1, 1).astype(np.float64) * 32767)
    samples = np.append(samples[:1], samples[1:] - _EMPHASIS * samples[:-1])
    n_windows = 1 + max(0, -(-(len(samples) - _LENGTH) // _STEP))
    padded = np.zeros((n_windows - 1) * _STEP + _LENGTH)
    padded[: len(samples)] = samples[: len(padded)]
    windows_WL = np.lib.stride_tricks.sliding_window_view(padded, _LENGTH)[::_STEP]
    power_WK = np.abs(np.fft.rfft(windows_WL, _FFT)) ** 2 / _FFT
    energy_W = power_WK.sum(axis=1)
    bands_WF = power_WK @ _triangles().T
    logs_WF = np.log(np.where(bands_WF == 0, _TINY, bands_WF))
    found_WC = logs_WF @ _cosines().T
    found_WC *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_COEFFICIENTS) / _LIFTER)
    found_WC[:, 0] = np.log(np.where(energy_W == 0, _TINY, energy_W))
    return found_WC


def _triangles() -> np.ndarray:
    """(F, K): overlapping triangles whose corners are evenly spaced in mel = 2595 log10(1 + f / 700)."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, _FILTERS + 2) / 2595) - 1)
    bins = np.floor((_FFT + 1) * corners / RATE)
    k = np.arange(_FFT // 2 + 1)
    rows = []
    for left, peak, right in zip(bins, bins[1:], bins[2:], strict=False):
        rising = (k - left) / max(peak - left, 1) * ((k >= left) & (k < peak))
        falling = (right - k) / max(right - peak, 1) * ((k >= peak) & (k < right))
        rows.append(rising + falling)
    return np.stack(rows)


def _cosines() -> np.ndarray:
    """(C, F): the orthonormal cosine transform of type II."""
    c, f = np.arange(_COEFFICIENTS)[:, None], np.arange(_FILTERS)
    scale = np.where(c == 0, np.sqrt(1 / _FILTERS), np.sqrt(2 / _FILTERS))
    return scale * np.cos(np.pi * c * (2 * f + 1) / (2 * _FILTERS))
