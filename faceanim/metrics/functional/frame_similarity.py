"""How alike two videos look, frame by frame. T: frames; H, W: pixels."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

# Identical frames have an infinite PSNR, which no mean survives: they count as this.
HIGHEST_PSNR = 100.0
SMALLEST_SIDE = 12  # pixels: SSIM looks through windows of 11
_BORDER = 5  # pixels, half such a window
_CHUNK = 8  # frames compared at a time


def psnr(real_THW3: np.ndarray, generated_THW3: np.ndarray) -> Tensor:
    """Peak signal-to-noise ratio in dB: (T,), at most `HIGHEST_PSNR`.

    Frames uint8, compared as they are (data range 255).
    """

    def compare(real: Tensor, generated: Tensor) -> Tensor:
        return peak_signal_noise_ratio(
            generated, real, data_range=255.0, reduction="none", dim=(1, 2, 3)
        ).clamp(max=HIGHEST_PSNR)

    return _per_frame(compare, real_THW3, generated_THW3)


def ssim(real_THW3: np.ndarray, generated_THW3: np.ndarray) -> Tensor:
    """Structural similarity (Wang et al., 2004): (T,), 1 is identical.

    Frames uint8, taken to [0, 1] (data range 1). Gaussian windows of 11 pixels, sigma 1.5, mean over RGB. As
    in the paper's program and in scikit-image, only windows that lie inside the frame count; torchmetrics'
    own mean takes in the mirrored border too and differs by about 0.01 on small frames.
    """

    def compare(real: Tensor, generated: Tensor) -> Tensor:
        _, similarity_T3HW = structural_similarity_index_measure(
            generated / 255,
            real / 255,
            data_range=1.0,
            sigma=1.5,
            kernel_size=11,
            reduction="none",
            return_full_image=True,
        )
        return similarity_T3HW[..., _BORDER:-_BORDER, _BORDER:-_BORDER].mean(dim=(1, 2, 3))

    return _per_frame(compare, real_THW3, generated_THW3)


def _per_frame(
    compare: Callable[[Tensor, Tensor], Tensor], real_THW3: np.ndarray, generated_THW3: np.ndarray
) -> Tensor:
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
    values = [
        compare(_images(real_THW3[t : t + _CHUNK]), _images(generated_THW3[t : t + _CHUNK]))
        for t in range(0, len(real_THW3), _CHUNK)
    ]
    return torch.cat(values) if values else torch.zeros(0)


def _images(frames_THW3: np.ndarray) -> Tensor:
    return torch.from_numpy(frames_THW3).permute(0, 3, 1, 2).float()
