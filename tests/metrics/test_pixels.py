"""PSNR and SSIM of frames that are equal, single, or cannot be compared."""

import numpy as np
import pytest

from faceanim.metrics.families.pixels import HIGHEST_PSNR, psnr, ssim


def test_identical_frames_count_as_the_highest_psnr_not_as_infinity_and_a_single_frame_will_do():
    real = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    mixed = np.stack([real[0], 255 - real[1]])
    assert psnr(real, mixed)[0] == HIGHEST_PSNR and psnr(real, mixed)[1] < 10
    assert ssim(real[:1], mixed[:1]).tolist() == [pytest.approx(1)]


def test_frames_that_cannot_be_compared_are_refused():
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\) twice, got \(2, 16, 16, 3\), \(1, 16, 16, 3\)"):
        psnr(frames, frames[:1])
    with pytest.raises(ValueError, match="expected uint8, got uint8 and float64"):
        ssim(frames, frames / 1.0)
    with pytest.raises(ValueError, match="expected sides of 12 pixels or more"):
        ssim(frames[:, :8], frames[:, :8])
