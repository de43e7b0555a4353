"""Motion, flicker, background and drift, on pictures whose motion is known."""

import numpy as np
import pytest
import skimage.data
import torch

from faceanim.metrics.families.temporal import (
    BackgroundVariation,
    background_variation,
    flow_error,
    warping_error,
)
from faceanim.metrics.optical_flow import optical_flow
from faceanim.metrics.video_pair import Finders, SeenVideo, VideoPair
from tests.helpers.seen_videos import video


def moving(step: int, n_frames: int = 4, size: int = 256) -> np.ndarray:
    """The astronaut, moved to the right by `step` pixels a frame."""
    picture = skimage.data.astronaut()
    return np.stack(
        [picture[100 : 100 + size, 150 - step * t : 150 - step * t + size] for t in range(n_frames)]
    )


def inner(flow: np.ndarray) -> np.ndarray:
    return flow[:, 40:-40, 40:-40]


def test_the_flow_of_a_moved_picture_is_its_motion_in_pixels_of_256():
    flow = inner(optical_flow(moving(4)))
    assert np.abs(np.median(flow, axis=(0, 1, 2)) - (-4, 0)).max() < 0.1  # where each pixel came from
    half = inner(optical_flow(moving(4)[:, ::2, ::2]))  # half the size: the same share of the frame
    assert np.abs(np.median(half, axis=(0, 1, 2)) - (-4, 0)).max() < 0.2


def test_a_still_video_scores_the_real_ones_motion_and_a_copy_nothing():
    real, still = optical_flow(moving(4)), optical_flow(moving(0))
    assert still.any() == 0
    assert flow_error(real, real).max() == 0
    assert np.median(inner(np.linalg.norm(real, axis=-1)[..., None])) == pytest.approx(4, abs=0.2)
    np.testing.assert_allclose(flow_error(real, still), np.linalg.norm(real, axis=-1).mean(axis=(1, 2)))
    with pytest.raises(ValueError, match="optical flow: expected"):
        flow_error(real, real[:2])


def test_motion_leaves_little_unexplained_and_flicker_all_of_itself():
    smooth = moving(2)
    flicker = smooth.astype(np.int16)
    flicker[1::2] += 12
    flicker = flicker.clip(0, 255).astype(np.uint8)
    assert warping_error(smooth, optical_flow(smooth)).max() < 3
    assert warping_error(moving(0), optical_flow(moving(0))).max() == 0
    assert warping_error(flicker, optical_flow(flicker)).min() == pytest.approx(12, abs=3)


def test_background_variation_is_the_mean_difference_where_it_looks():
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    frames[1, :2] = 8  # changes by 8, and back, in the upper half
    away = np.zeros((4, 4), bool)
    away[1:3] = True
    assert background_variation(frames, away).tolist() == [4, 4]
    assert np.isnan(background_variation(frames, np.zeros((4, 4), bool))).all()


def test_the_background_is_away_from_the_real_face_for_every_method():
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.uniform(20, 44, (2, 68, 2))).float()
    shown = rng.integers(0, 255, (2, 64, 64, 3), dtype=np.uint8)
    shown[:, :6] = 100
    shown[1, :6] = 103  # the only part that is far enough from the face
    shown[:, 6:] = 50
    elsewhere = video(2, points - 200, frames_THW3=shown)
    seen = VideoPair(
        video(1, points[:1], frames_THW3=shown[:1]), video(2, points, frames_THW3=shown), elsewhere, 25.0
    )
    value = BackgroundVariation().values(seen)
    assert value.shape == (1,) and 0 < value.item() < 3
    still = VideoPair(seen.reference, seen.real, SeenVideo.still(shown[0], 2, Finders(None)), 25.0)
    assert BackgroundVariation().values(still).item() == 0
    nowhere = torch.full_like(points, torch.nan)
    lost = VideoPair(
        video(1, nowhere[:1], frames_THW3=shown[:1]), video(2, nowhere, frames_THW3=shown), elsewhere, 25.0
    )
    assert BackgroundVariation().values(lost).isnan().all()
