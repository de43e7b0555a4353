"""SyncNet (Chung and Zisserman, 2016, "Out of time"), version 2: five frames of a face and 0.2 s of speech as vectors.

Own code: no maintained package has it, nor the cepstra that it was trained on.

B: windows; T: frames; H, W: pixels; N: samples of sound; W: its windows; K: frequencies; C: coefficients; F: filters.
"""

import numpy as np
from scipy.fft import dct
from torch import Tensor, nn

RATE = 16_000
_LENGTH, _STEP, _FFT = 400, 160, 512  # samples: 25 ms every 10 ms
_FILTERS, _COEFFICIENTS, _LIFTER, _EMPHASIS = 26, 13, 22, 0.97
_TINY = np.finfo(float).eps

SIZE = 1024  # of a vector
SIDE = 224  # pixels of a face
FRAMES = 5  # of a window, at 25 a second
COEFFICIENTS, STEPS = 13, 20  # of the sound of a window, at 100 a second


class SyncNet(nn.Module):
    """Keys are those of syncnet_python's published syncnet_v2.model: strict loading fits."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_flat(1, 64, 3, 1),
            nn.MaxPool2d(1),
            *_flat(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_flat(192, 384, 3, 1),
            *_flat(384, 256, 3, 1),
            *_flat(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_flat(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_deep(3, 96, (5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_deep(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_deep(256, 512, (1, 6, 6)),
        )
        self.netfcaud, self.netfclip = _head(), _head()

    def hear(self, sound_B1CS: Tensor) -> Tensor:
        """(B, 1024) of cepstra (B, 1, 13, 20)."""
        return self.netfcaud(self.netcnnaud(sound_B1CS).flatten(1))

    def see(self, faces_B3THW: Tensor) -> Tensor:
        """(B, 1024) of five frames each, 224x224, BGR, in [0, 255]."""
        return self.netfclip(self.netcnnlip(faces_B3THW).flatten(1))


def _flat(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def _deep(inputs: int, outputs: int, kernel: tuple[int, int, int], **options: object) -> list[nn.Module]:
    return [nn.Conv3d(inputs, outputs, kernel, **options), nn.BatchNorm3d(outputs), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, SIZE))


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
    found_WC = dct(logs_WF, norm="ortho")[:, :_COEFFICIENTS]
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
