"""NME against a hand computation, and what happens to faces that were not found."""

import numpy as np
import pytest
import torch

from faceanim.metrics.families.landmarks import (
    FaceFoundRate,
    LandmarkError,
    LandmarkSuccessRate,
    landmark_error,
)
from tests.helpers.seen_videos import pair


def face() -> torch.Tensor:
    """A made-up face (68, 2) whose outer eye corners are 50 pixels apart (a 30-40-50 triangle)."""
    points = torch.from_numpy(np.random.default_rng(0).uniform(0, 100, (68, 2))).float()
    points[36], points[45] = torch.tensor([10.0, 20.0]), torch.tensor([40.0, 60.0])
    return points


def clip(n_frames: int, seed: int) -> torch.Tensor:
    noise = np.random.default_rng(seed).normal(0, 2, (n_frames, 68, 2)).astype(np.float32)
    return face()[None] + torch.from_numpy(noise)


def test_every_point_five_pixels_off_at_an_eye_distance_of_fifty_is_an_error_of_a_tenth():
    real = face()[None]
    moved = real + torch.tensor([3.0, -4.0])
    for part in ("face", "mouth", "eyes"):
        torch.testing.assert_close(
            landmark_error(real, moved, part), torch.tensor([0.1], dtype=torch.float64), atol=1e-6, rtol=0
        )


def test_a_perfect_copy_scores_exactly_zero():
    for metric, perfect in ((LandmarkError(), 0), (LandmarkSuccessRate(), 1), (FaceFoundRate(), 1)):
        metric.update(pair(clip(5, 1), clip(5, 1)))
        assert metric.compute().item() == perfect and metric.n == 5


def test_a_face_is_right_up_to_the_limit_and_wrong_beyond():
    real = clip(4, 1)
    eyes = (real[:, 45] - real[:, 36]).norm(dim=1)
    shifts = torch.tensor([0.0, 0.099, 0.101, 0.5]) * eyes
    moved = real + torch.stack([shifts, torch.zeros(4)], dim=1)[:, None]
    metric = LandmarkSuccessRate()
    assert metric.values(pair(real, moved)).tolist() == [1, 1, 0, 0]


def test_a_real_face_without_eye_distance_counts_as_not_found():
    real = clip(2, 1)
    real[0, 45] = real[0, 36]
    metric = LandmarkError()
    metric.update(pair(real, clip(2, 2)))
    assert metric.lost == 1 and metric.compute().isfinite()


def test_wrong_shapes_and_parts_say_what_was_expected():
    with pytest.raises(ValueError, match=r"generated landmarks: expected \(T, 68, 2\), got \(2, 478, 3\)"):
        landmark_error(clip(2, 1), torch.zeros(2, 478, 3))
    with pytest.raises(ValueError, match="expected 2 frames as the real ones, got 3"):
        landmark_error(clip(2, 1), clip(3, 1))
    with pytest.raises(ValueError, match="expected one of face, mouth, eyes, got 'nose'"):
        landmark_error(clip(2, 1), clip(2, 1), "nose")
