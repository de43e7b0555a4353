"""PSNR and SSIM against scikit-image, an implementation of its own."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.families.pixels import HIGHEST_PSNR, psnr, ssim


@pytest.fixture(scope="module")
def videos() -> tuple[np.ndarray, np.ndarray]:
    """Ten real frames, and the same some frames later with noise: more frames than are compared at a time."""
    frames_THWC = read_video(demo_clip_path(), max_frames=200).frames_THWC
    noise = np.random.default_rng(0).normal(0, 8, frames_THWC[3:13].shape)
    return frames_THWC[:10], (frames_THWC[3:13] + noise).clip(0, 255).astype(np.uint8)


def test_psnr_is_that_of_scikit_image_frame_by_frame(videos):
    real, generated = videos
    expected = [peak_signal_noise_ratio(*pair, data_range=255) for pair in zip(real, generated, strict=True)]
    np.testing.assert_allclose(psnr(real, generated), expected, rtol=1e-12)


def test_ssim_is_that_of_scikit_image_with_wangs_gaussian_window(videos):
    real, generated = videos
    expected = [
        structural_similarity(
            *pair,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for pair in zip(real, generated, strict=True)
    ]
    np.testing.assert_allclose(ssim(real, generated), expected, atol=1e-9)
    assert max(expected) < 0.9


def test_identical_frames_count_as_the_highest_psnr_not_as_infinity(videos):
    real, generated = videos
    mixed = np.concatenate([real[:1], generated[1:]])
    assert psnr(real, mixed)[0] == HIGHEST_PSNR and psnr(real, mixed).isfinite().all()
    np.testing.assert_allclose(ssim(real, real), 1)


def test_a_single_frame_is_compared_too(videos):
    real, generated = videos
    assert psnr(real[:1], generated[:1]).shape == ssim(real[:1], generated[:1]).shape == (1,)


def test_frames_that_cannot_be_compared_are_refused():
    frames = np.zeros((2, 16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\) twice, got \(2, 16, 16, 3\), \(1, 16, 16, 3\)"):
        psnr(frames, frames[:1])
    with pytest.raises(ValueError, match="expected uint8, got uint8 and float64"):
        ssim(frames, frames / 1.0)
    with pytest.raises(ValueError, match="expected sides of 12 pixels or more"):
        ssim(frames[:, :8], frames[:, :8])
