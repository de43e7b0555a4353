"""FID, FVD and KID: against Gaussians whose distance is known, scipy's matrix root, torch-fidelity, and plain loops."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from faceanim.metrics.frechet import FrechetDistance, KernelDistance
from faceanim.metrics.functional.frechet import frechet_distance
from faceanim.metrics.functional.kernel_distance import kernel_distance
from faceanim.metrics.score import resamples
from faceanim.metrics.set_scores import frechet_score, kernel_score
from tests.metrics.formula import features

CPU = torch.device("cpu")


def test_the_distance_of_two_known_gaussians_is_met_exactly():
    """Samples with exactly the wanted mean and covariance: two points on each axis. |m1 - m2|^2 + sum (s1 - s2)^2."""
    s1, s2 = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([2.0, 0.5, 3.0]).double()
    shift = torch.tensor([0.0, 3.0, -4.0]).double()

    def samples(s: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        points = torch.cat([torch.diag(s), -torch.diag(s)])
        return mean + points * ((len(points) - 1) / 2) ** 0.5

    expected = 25 + ((s1 - s2) ** 2).sum()
    found = frechet_distance(samples(s1, torch.zeros(3).double()), samples(s2, shift))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("sizes", [(200, 150, 16), (9, 11, 40), (100, 7, 20)])
def test_it_is_the_formula_with_scipys_matrix_root_for_singular_covariances_too(sizes):
    n, m, d = sizes
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (n, d)), rng.normal(0.3, 1.5, (m, d)) @ rng.normal(0, 1, (d, d))
    s1, s2 = np.cov(a.T), np.cov(b.T)
    root = np.real(sqrtm(s1 @ s2))
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
    found = frechet_distance(torch.from_numpy(a), torch.from_numpy(b)).item()
    assert found == pytest.approx(
        expected, rel=1e-5 if d < min(n, m) else 1e-3
    )  # scipy's root of a singular one


def test_it_is_torch_fidelitys_on_the_same_features():
    """The numbers are torch-fidelity 0.4.0's."""
    for n, m, d, expected, tolerance in (
        (60, 50, 12, 5.430777879780592, 1e-9),
        (9, 11, 40, 52.28825649576826, 1e-4),
    ):
        found = frechet_distance(features(n, d, 0.4), features(m, d, 1.1)).item()
        assert found == pytest.approx(expected, rel=tolerance)
    found = kernel_distance(features(40, 12, 0.4), features(40, 12, 1.1)).item()
    assert found == pytest.approx(0.44652321063684264, rel=1e-9)


def test_the_kernel_distance_is_the_unbiased_estimate_over_all_pairs():
    a, b = features(7, 5, 0.2), features(9, 5, 0.9)

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y / 5 + 1) ** 3)

    within_a = np.mean([k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    across = np.mean([k(x, y) for x in a for y in b])
    assert kernel_distance(a, b).item() == pytest.approx(within_a + within_b - 2 * across, rel=1e-12)


@pytest.mark.parametrize("metric", [FrechetDistance, KernelDistance])
def test_neither_the_order_of_updates_nor_ranks_of_odd_shares_change_a_distance(metric):
    real, made = features(30, 6, 0.3), features(23, 6, 0.8)
    whole, one, other = metric(), metric(), metric()
    whole.update(real, made)
    other.update(real[21:], made[:5])
    one.update(real[7:21], made[5:])
    one.update(real[:7], made[:0])
    one.merge_state(other)
    torch.testing.assert_close(one.compute(), whole.compute(), atol=1e-9, rtol=1e-9)
    empty = metric()
    assert empty.compute().isnan()
    empty.update(real[:1], made)
    assert empty.compute().isnan()


@pytest.mark.parametrize(
    ("score", "distance"), [(frechet_score, frechet_distance), (kernel_score, kernel_distance)]
)
def test_scores_of_clips_are_those_of_all_their_samples_with_an_interval_around(score, distance):
    cuts = (0, 4, 11, 12, 30)
    real, made = features(30, 5, 0.3).float().numpy(), features(30, 5, 0.8).float().numpy()
    clips = [[x[a:b] for a, b in pairwise(cuts)] for x in (real, made)]
    found = score(*clips, resamples(4, 100, 0), CPU)
    expected = distance(torch.from_numpy(real), torch.from_numpy(made)).item()
    assert found.value == pytest.approx(expected, rel=1e-9) and found.n == 30
    low, high = found.interval
    assert low < found.value < high
    assert score(clips[0][:1], clips[1][:1], resamples(1, 100, 0), CPU).interval is None
    nothing = score([real[:1]], [made[:0]], resamples(1, 100, 0), CPU)
    assert nothing.value is None and nothing.reason == "fewer than two samples"
