"""95% intervals cover 95%: simulated data sets of clips whose true mean, difference and KID are known."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from faceanim.metrics.estimate import Estimate, pooled
from faceanim.metrics.families.sets import kernel_score

CPU = torch.device("cpu")
WIDTH = 8  # of features
SHAPES: dict[str, Callable] = {  # of clip means, each around 0
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "skewed": lambda rng, n: rng.exponential(1, n) - 1,
    "heavy": lambda rng, n: np.exp(rng.normal(0, 0.75, n)) - np.exp(0.75**2 / 2),
}


def coverage(shape: str, n_clips: int, unequal: bool, n_sets: int) -> float:
    """How often the interval of `pooled` holds the true mean."""
    rng, held = np.random.default_rng(0), 0
    for k in range(n_sets):
        frames = rng.integers(24, 241, n_clips) if unequal else np.full(n_clips, 120)
        scores = [Estimate(v, int(n)) for v, n in zip(SHAPES[shape](rng, n_clips), frames, strict=True)]
        low, high = pooled(scores, 400, seed=k).interval
        held += low <= 0 <= high
    return held / n_sets


@pytest.mark.parametrize("n_clips", [3, 5, 10])
def test_the_interval_of_a_few_clips_covers_their_true_mean(n_clips):
    assert coverage("normal", n_clips, False, 400) > 0.92


@pytest.mark.slow
@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("n_clips", [3, 5, 10, 20, 46])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_intervals_cover_for_normal_and_skewed_clips_of_equal_and_unequal_length(shape, n_clips, unequal):
    """Skewed means of three clips are beyond every method: no three numbers tell of a tail."""
    least = 0.92 if shape == "normal" else 0.83 if n_clips < 5 else 0.89
    assert coverage(shape, n_clips, unequal, 2000) > least


def paired_clips(rng: np.random.Generator, n_clips: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Features (C, 6, D) of real frames, alike within a clip, and of frames made from them."""
    real = 0.89 * rng.normal(0, 1, (n_clips, 1, WIDTH)) + 0.45 * rng.normal(0, 1, (n_clips, 6, WIDTH))
    made = real + shift + 0.35 * rng.normal(0, 1, (n_clips, 1, WIDTH))
    return real, made + 0.35 * rng.normal(0, 1, (n_clips, 6, WIDTH))


def kernel_intervals(n_clips: int, n_sets: int, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Values (S,) and intervals (S, 2) of simulated data sets."""
    rng = np.random.default_rng(0)
    found = [kernel_score(*paired_clips(rng, n_clips, shift), 0, CPU) for _ in range(n_sets)]
    return np.array([f.value for f in found]), np.array([f.interval for f in found])


def true_kernel_distance(shift: float) -> float:
    """Of independent samples, very many."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(4):
        (real, _), (_, made) = (paired_clips(rng, 4000, shift) for _ in range(2))
        found.append(kernel_score([real[:, 0]], [made[:, 0]], 0, CPU).value)
    return float(np.mean(found))


def test_kids_interval_is_as_wide_as_kid_varies_from_one_set_of_paired_clips_to_the_next():
    values, intervals = kernel_intervals(20, 60)
    half = np.median(intervals[:, 1] - intervals[:, 0]) / 2
    assert half == pytest.approx(2.09 * values.std(ddof=1), rel=0.25)  # 2.09: Student's, 19 degrees


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.3, 0.0])
@pytest.mark.parametrize("n_clips", [3, 5, 10, 46])
def test_kids_interval_covers_the_true_kid_of_paired_clips(n_clips, shift):
    """Where nothing but noise is between the two sets it is too wide rather than too narrow."""
    _, intervals = kernel_intervals(n_clips, 500, shift)
    true = true_kernel_distance(shift)
    held = ((intervals[:, 0] <= true) & (true <= intervals[:, 1])).mean()
    assert 0.92 < held <= (1.0 if n_clips < 10 or not shift else 0.99)
