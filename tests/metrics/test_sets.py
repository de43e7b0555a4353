"""FID, FVD and KID: against Gaussians whose distance is known, scipy's matrix root, torch-fidelity, and plain loops."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from faceanim.metrics.families.sets import frechet_distance, frechet_limit, frechet_score, kernel_score
from tests.helpers.formula import features

CPU = torch.device("cpu")


def kernel_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """KID of two sets, each a single clip."""
    return kernel_score([a.numpy()], [b.numpy()], 0, CPU).value


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
    tolerance = 1e-5 if d < min(n, m) else 1e-3  # scipy's root of a singular one
    assert found == pytest.approx(expected, rel=tolerance)


def test_it_is_torch_fidelitys_on_the_same_features():
    """The numbers are torch-fidelity 0.4.0's."""
    for n, m, d, expected, tolerance in (
        (60, 50, 12, 5.430777879780592, 1e-9),
        (9, 11, 40, 52.28825649576826, 1e-4),
    ):
        found = frechet_distance(features(n, d, 0.4), features(m, d, 1.1)).item()
        assert found == pytest.approx(expected, rel=tolerance)
    found = kernel_distance(features(40, 12, 0.4), features(40, 12, 1.1))
    assert found == pytest.approx(0.44652321063684264, rel=1e-9)


def test_the_kernel_distance_is_the_unbiased_estimate_over_all_pairs():
    a, b = features(7, 5, 0.2), features(9, 5, 0.9)

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y / 5 + 1) ** 3)

    within_a = np.mean([k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within_b = np.mean([k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    across = np.mean([k(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * across, rel=1e-12)


@pytest.mark.parametrize(
    ("score", "distance"),
    [
        (lambda real, made: frechet_score(real, made, 0, CPU), lambda a, b: frechet_distance(a, b).item()),
        (lambda real, made: kernel_score(real, made, 0, CPU), kernel_distance),
    ],
)
def test_scores_of_clips_are_those_of_all_their_samples_with_an_interval_around(score, distance):
    cuts = (0, 4, 11, 12, 30)
    real, made = features(30, 5, 0.3).float().numpy(), features(30, 5, 0.8).float().numpy()
    clips = [[x[a:b] for a, b in pairwise(cuts)] for x in (real, made)]
    found = score(*clips)
    expected = distance(torch.from_numpy(real), torch.from_numpy(made))
    assert found.value == pytest.approx(expected, rel=1e-9) and found.n == 30
    low, high = found.interval
    assert low < found.value < high
    assert score(clips[0][:2], clips[1][:2]).interval is None
    assert score([*clips[0][:2], real[:3]], [*clips[1][:2], made[:0]]).interval is None
    nothing = score([real[:1]], [made[:0]])
    assert nothing.value is None and nothing.reason == "fewer than two samples"


def test_fids_interval_is_its_spread_from_one_set_of_clips_to_the_next():
    rng = np.random.default_rng(0)

    def clips() -> list[np.ndarray]:
        real = rng.normal(0, 0.7, (20, 1, 8)) + rng.normal(0, 0.7, (20, 12, 8))
        return [real, 1.2 * real + 0.5 + 0.3 * rng.normal(0, 1, real.shape)]

    found = [frechet_score(*clips(), 0, CPU) for _ in range(60)]
    half = np.median([f.interval[1] - f.interval[0] for f in found]) / 2
    assert half == pytest.approx(2.09 * np.std([f.value for f in found], ddof=1), rel=0.3)


def gaussian_clips(rng: np.random.Generator, n_clips: int, n_frames: int, alike: float) -> list[np.ndarray]:
    """Features (C, N, 16) of two Gaussians whose Frechet distance is `GAUSSIAN_DISTANCE`. alike: variance that
    frames of a clip have in common."""

    def unit() -> np.ndarray:
        own, common = (rng.normal(0, 1, (n_clips, n, 16)) for n in (n_frames, 1))
        return alike**0.5 * common + (1 - alike) ** 0.5 * own

    real = unit()
    return [real, 1.2 * real + 0.1 + 0.3 * unit()]


GAUSSIAN_DISTANCE = 16 * 0.1**2 + 16 * ((1.2**2 + 0.3**2) ** 0.5 - 1) ** 2


def test_fid_at_infinity_is_the_known_distance_of_two_gaussians():
    rng = np.random.default_rng(0)
    clips = gaussian_clips(rng, 12_000, 1, 0.0)
    assert frechet_limit(*clips, 0, CPU).value == pytest.approx(GAUSSIAN_DISTANCE, rel=0.05)


def test_fid_at_infinity_takes_out_what_few_clips_add_where_single_frames_as_samples_do_not():
    rng, fid, limit, of_frames = np.random.default_rng(0), [], [], []
    for seed in range(5):
        clips = gaussian_clips(rng, 100, 110, 0.8)
        frames = [x.reshape(-1, 1, 16) for x in clips]
        fid.append(frechet_distance(*(torch.from_numpy(x[:, 0]) for x in frames)).item())
        limit.append(frechet_limit(*clips, seed, CPU).value)
        of_frames.append(frechet_limit(*frames, seed, CPU).value)
    excess, left, frames_left = (np.mean(x) - GAUSSIAN_DISTANCE for x in (fid, limit, of_frames))
    assert excess > 0.05 and abs(left) < 0.5 * excess < frames_left


@pytest.mark.parametrize("shape", [(46, 240), (400, 20), (100, 99)])
def test_fid_at_infinity_is_unavailable_with_few_frames_or_clips(shape):
    found = frechet_limit(*(np.zeros((2, *shape, 4), np.float32)), 0, CPU)
    expected = "too few to extrapolate: expected 10000 frames of 60 clips or more, got "
    assert found.value is None and found.reason == f"{expected}{shape[0] * shape[1]} of {shape[0]}"
