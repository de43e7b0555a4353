"""Every metric on real clips: what was done to them moves the figures that it should, the right way, and no others."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from faceanim.data.cropping import apply_crop, stabilised_square_crop
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.baselines import warp
from faceanim.metrics.families import METRICS
from faceanim.metrics.families.identity import EMBEDDER, FaceEmbedder
from faceanim.metrics.families.pixels import LPIPS
from faceanim.metrics.metric import LANDMARKS
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.networks.lpips import Lpips, load_lpips
from faceanim.metrics.video_pair import SeenVideo, VideoPair
from faceanim.pose.landmarkers import landmarker
from tests.helpers.assets import present
from tests.helpers.formula import fill

SIZE, N_FRAMES = 192, 12  # at 12 frames a second


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> MetricSuite:
    """LPIPS sees through weights of no training here: enough to tell changes, not to weigh them."""
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    backbone = {k: v for k, v in fill(Lpips()).state_dict().items() if k.startswith("features.")}
    torch.save(backbone, path)
    lpips = load_lpips(path, torch.device("cpu"))
    return MetricSuite({LANDMARKS: landmarker("dlib"), EMBEDDER: FaceEmbedder(), LPIPS: lpips}, 4)


@pytest.fixture(
    scope="module",
    params=[demo_clip_path(), *present("data/clips", "moore_3_speech.mp4")],
    ids=lambda path: path.stem,
)
def clip(request, suite) -> tuple[SeenVideo, SeenVideo]:
    """Reference and real frames, cropped as a preparation does."""
    frames = read_video(request.param, fps=12).frames_THWC[:N_FRAMES]
    points = suite.finders.landmarker.detect(frames).points
    crop = stabilised_square_crop(points, *frames.shape[2:0:-1])
    real = SeenVideo(apply_crop(frames, crop, SIZE), suite.finders)
    return SeenVideo(real.frames_THW3[:1], suite.finders), real


@pytest.fixture(scope="module")
def figures(clip, suite) -> Callable[[np.ndarray], dict[str, float]]:
    reference, real = clip

    def figures(generated_THW3: np.ndarray) -> dict[str, float]:
        seen = VideoPair(reference, real, SeenVideo(generated_THW3, suite.finders), 12.0)
        return {name: float(metric.values(seen).double().mean()) for name, metric in suite.metrics().items()}

    return figures


@pytest.fixture(scope="module")
def perfect(clip, figures) -> dict[str, float]:
    return figures(clip[1].frames_THW3.copy())


def within(found: dict[str, float], bounds: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in bounds.items():
        assert low <= found[name] <= high, f"{name}: expected {low} to {high}, got {found[name]}"


NO_CHANGE_OF_FACE = {
    "nme": (0, 0.04),
    "nme_mouth": (0, 0.03),
    "nme_eyes": (0, 0.04),
    "nme_success_rate": (1, 1),
    "face_found_rate": (1, 1),
    "pose_distance": (0, 2.5),
    "expression_distance": (0, 0.035),
    "identity": (0.4, 0.85),  # somewhat less alike
}


def test_every_metric_is_looked_at_here(perfect):
    assert set(perfect) == {s.name for s in METRICS.values() if s.distance is None and not s.needs_sound}


def test_a_perfect_copy_is_perfect_and_as_steady_as_the_real_video(perfect, clip, figures):
    exact = dict.fromkeys(("nme", "nme_mouth", "nme_eyes", "pose_distance", "expression_distance"), (0, 0))
    exact |= dict.fromkeys(("lpips", "flow_error", "tlp", "nme_drift"), (0, 0))
    exact |= dict.fromkeys(("nme_success_rate", "face_found_rate"), (1, 1))
    within(perfect, exact | {"psnr": (100, 100), "ssim": (1 - 1e-6, 1 + 1e-6), "identity": (0.7, 0.99)})
    assert perfect["warping_error"] > 0.3 and perfect["background_variation"] > 0.2  # a real scene lives


def test_noise_is_seen_in_pictures_and_between_them_but_not_in_the_face(perfect, clip, figures):
    frames = clip[1].frames_THW3
    noise = np.random.default_rng(0).normal(0, 15, frames.shape)
    found = figures((frames + noise).clip(0, 255).astype(np.uint8))
    within(found, NO_CHANGE_OF_FACE | {"psnr": (20, 30), "ssim": (0, 0.7), "flow_error": (0.3, 3)})
    assert found["warping_error"] > 3 * perfect["warping_error"]
    assert found["background_variation"] > 3 * perfect["background_variation"]
    assert found["lpips"] > 0.01 and found["tlp"] > 0.005


def test_blur_is_seen_in_pictures_and_lets_less_change_between_them(perfect, clip, figures):
    frames = clip[1].frames_THW3
    found = figures(np.stack([cv2.GaussianBlur(frame, (0, 0), 2.5) for frame in frames]))
    within(found, NO_CHANGE_OF_FACE | {"psnr": (20, 35), "ssim": (0.5, 0.95), "flow_error": (0.05, 1)})
    assert found["warping_error"] < perfect["warping_error"]
    assert found["background_variation"] < perfect["background_variation"]
    assert found["lpips"] > 0.003


def test_a_frozen_face_moves_wrongly_and_is_the_steadiest_of_all(perfect, clip, figures):
    found = figures(np.repeat(clip[1].frames_THW3[:1], N_FRAMES, axis=0))
    within(
        found,
        {
            "nme": (0.03, 0.5),
            "nme_mouth": (0.03, 0.5),
            "nme_eyes": (0.02, 0.5),
            "nme_success_rate": (0, 0.95),
            "face_found_rate": (1, 1),
            "pose_distance": (1, 10),
            "expression_distance": (0.01, 0.2),
            "psnr": (15, 37),
            "ssim": (0.3, 0.95),
            "flow_error": (0.4, 10),
            "warping_error": (0, 0),
            "background_variation": (0, 0),
            "identity": (1, 1),
            "nme_drift": (0.01, math.inf),  # ever farther from where it stood
            "identity_drift": (0, 0),
        },
    )
    assert found["lpips"] > 0.001 and found["tlp"] > 0.001


def test_a_mouth_that_sits_too_low_is_an_error_of_the_mouth(perfect, clip, figures):
    real = clip[1]
    points = real.points.numpy()
    lower = points.copy()
    lower[:, 48:68, 1] += 0.2 * np.linalg.norm(points[:, 45] - points[:, 36], axis=-1)[:, None]
    moved = [warp(frame, a, b[None])[0] for frame, a, b in zip(real.frames_THW3, points, lower, strict=True)]
    found = figures(np.stack(moved))
    within(
        found,
        {
            "nme_mouth": (0.1, 0.25),
            "nme": (0.03, 0.12),
            "nme_eyes": (0, 0.02),
            "expression_distance": (0.04, 0.15),
            "face_found_rate": (1, 1),
            "psnr": (28, 40),
            "ssim": (0.94, 0.99),
            "flow_error": (0, 0.1),
            "identity": (0.4, 0.85),
        },
    )
    assert found["warping_error"] == pytest.approx(perfect["warping_error"], rel=0.05)
    assert found["background_variation"] == pytest.approx(perfect["background_variation"], rel=0.05)
