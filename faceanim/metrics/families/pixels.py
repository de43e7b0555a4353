"""Pixel metrics: do the generated frames look like the real ones? T: frames; H, W: pixels."""

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.metric import MeanOverFrames, MetricSpec, Network, register
from faceanim.metrics.networks.lpips import Lpips, load_lpips
from faceanim.metrics.video_pair import VideoPair

# Identical frames have an infinite PSNR, which no mean survives: they count as this.
HIGHEST_PSNR = 100.0
SMALLEST_SIDE = 12  # pixels: SSIM looks through windows of 11
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # of Wang et al., for a range of 1


def psnr(real_THW3: np.ndarray, generated_THW3: np.ndarray) -> Tensor:
    """Peak signal-to-noise ratio in dB: float64 (T,), at most `HIGHEST_PSNR`.

    Frames uint8, compared as they are (data range 255).
    """
    _check_pair(real_THW3, generated_THW3)
    errors = [
        np.square(real.astype(np.int32) - generated).mean()
        for real, generated in zip(real_THW3, generated_THW3, strict=True)
    ]
    with np.errstate(divide="ignore"):
        return torch.from_numpy(10 * np.log10(255**2 / np.array(errors, np.float64))).clamp(max=HIGHEST_PSNR)


def ssim(real_THW3: np.ndarray, generated_THW3: np.ndarray) -> Tensor:
    """Structural similarity (Wang et al., 2004, eq. 13): float64 (T,), 1 is identical.

    Frames uint8, taken to [0, 1] (data range 1). Gaussian windows of 11 pixels, sigma 1.5, mean over RGB. As in the
    paper's program and in scikit-image, only windows that lie inside the frame count.
    """
    _check_pair(real_THW3, generated_THW3)
    values = [_ssim(real, generated) for real, generated in zip(real_THW3, generated_THW3, strict=True)]
    return torch.tensor(values, dtype=torch.float64)


def _ssim(real_HW3: np.ndarray, generated_HW3: np.ndarray) -> float:
    x, y = real_HW3 / 255, generated_HW3 / 255
    mean_x, mean_y = _smooth(x), _smooth(y)
    variance_x, variance_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    similarity /= (mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2)
    inside = slice(_WINDOW // 2, -(_WINDOW // 2))
    return float(similarity[inside, inside].mean())


def _smooth(image_HW3: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image_HW3, (_WINDOW, _WINDOW), _SIGMA)


def _check_pair(real_THW3: np.ndarray, generated_THW3: np.ndarray) -> None:
    """ValueError for frames that cannot be compared."""
    if real_THW3.shape != generated_THW3.shape or real_THW3.ndim != 4 or real_THW3.shape[3] != 3:
        raise ValueError(
            f"frames to compare: expected (T, H, W, 3) twice, got {real_THW3.shape}, {generated_THW3.shape}"
        )
    if real_THW3.dtype != np.uint8 or generated_THW3.dtype != np.uint8:
        raise ValueError(
            f"frames to compare: expected uint8, got {real_THW3.dtype} and {generated_THW3.dtype}"
        )
    if min(real_THW3.shape[1:3]) < SMALLEST_SIDE:
        raise ValueError(
            f"frames to compare: expected sides of {SMALLEST_SIDE} pixels or more, got {real_THW3.shape[1:3]}"
        )


class Psnr(MeanOverFrames):
    """Mean of the frames' peak signal-to-noise ratios in dB, see `psnr`."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return psnr(seen.real.frames_THW3, seen.generated.frames_THW3)


class Ssim(MeanOverFrames):
    """Mean structural similarity, see `ssim`."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return ssim(seen.real.frames_THW3, seen.generated.frames_THW3)


class PerceptualDistance(MeanOverFrames):
    """LPIPS of the generated and the real frames, 0: identical."""

    def __init__(self, network: Lpips) -> None:
        super().__init__()
        self.network = network

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return self.network.distance(seen.real.frames_THW3, seen.generated.frames_THW3)


register(MetricSpec(
    "psnr", "PSNR", "dB", "higher", "identical frames count as 100", lambda networks: Psnr(),
    compares="frames", limits=(-math.inf, HIGHEST_PSNR), headline=True, in_validation=True,
))  # fmt: skip
register(MetricSpec(
    "ssim", "SSIM", "", "higher", "Gaussian window of 11 pixels", lambda networks: Ssim(), compares="frames",
    limits=(-1, 1), in_validation=True,
))  # fmt: skip
LPIPS = Network("lpips", lambda setup: load_lpips(setup.files.find("alexnet"), setup.device))
register(MetricSpec(
    "lpips", "LPIPS", "", "lower", "AlexNet, version 0.1",
    lambda networks: PerceptualDistance(networks[LPIPS]), needs=(LPIPS,), compares="frames", in_validation=True,
))  # fmt: skip
