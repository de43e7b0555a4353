"""Every registered metric with a number per frame keeps the contract; those of simple formulas have their numbers."""

import warnings

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.metrics.families import METRICS
from faceanim.metrics.families.identity import EMBEDDER, FaceEmbedder
from faceanim.metrics.families.lip_sync import LIP_SYNC, LipSync
from faceanim.metrics.families.pixels import LPIPS
from faceanim.metrics.metric import Network
from faceanim.metrics.networks.lpips import Lpips
from faceanim.metrics.networks.syncnet import SyncNet
from faceanim.metrics.video_pair import Finders, SeenVideo, VideoPair
from faceanim.pose.topology import LEFT_EYE, MOUTH, RIGHT_EYE
from tests.helpers.formula import fill
from tests.helpers.metric_tester import MetricTester

MEASURED = [name for name, spec in METRICS.items() if spec.make is not None]


@pytest.fixture(scope="module")
def networks() -> dict[Network, object]:
    cpu = torch.device("cpu")
    return {EMBEDDER: FaceEmbedder(), LPIPS: fill(Lpips()), LIP_SYNC: LipSync(fill(SyncNet()), cpu)}


@pytest.fixture(scope="module")
def clips() -> list[VideoPair]:
    """Three clips with frames of a real video; landmarks and embeddings are drawn, some lost: of a generated frame, a
    real one, and all of one clip."""
    rng = np.random.default_rng(0)
    frames_THW3 = read_video(demo_clip_path()).frames_THWC[:24, 32:96, 48:112]
    faces = torch.from_numpy(rng.uniform(10, 54, (1, 68, 2))).float()

    def seen(frames: np.ndarray, spread: float, lost: list[int]) -> SeenVideo:
        video = SeenVideo(np.ascontiguousarray(frames), Finders(None))
        video.points = faces + torch.from_numpy(rng.normal(0, spread, (len(frames), 68, 2))).float()
        video.embeddings = torch.from_numpy(rng.normal(0, 0.05, (len(frames), 128))).float()
        video.points[lost], video.embeddings[lost] = torch.nan, torch.nan
        return video

    found = []
    for start, real_lost, made_lost in ((0, [], []), (8, [2], [0, 5]), (16, range(8), [])):
        real = frames_THW3[start : start + 8]
        made = (real + rng.normal(0, 9, real.shape)).clip(0, 255).astype(np.uint8)
        sound = None if start == 16 else rng.normal(0, 0.1, 8 * 640).astype(np.float32)
        videos = seen(real[:1], 0.5, []), seen(real, 0.5, list(real_lost)), seen(made, 3.0, made_lost)
        if start == 16:
            videos[0].points[:] = videos[2].points[:] = torch.nan
            videos[2].embeddings[:] = torch.nan
        found.append(VideoPair(*videos, fps=25.0, sound_N=sound))
    return found


def part_error(points: tuple[int, ...] = tuple(range(68))):
    def reference(seen: VideoPair) -> np.ndarray:
        real, made = seen.real.points.double().numpy(), seen.generated.points.double().numpy()
        eyes = np.hypot(*(real[:, 45] - real[:, 36]).T)
        off = np.hypot(*np.moveaxis((made - real)[:, list(points)], -1, 0)).mean(axis=1) / eyes
        return np.where(np.isfinite(made).all(axis=(1, 2)), off, np.nan)

    return reference


def success(seen: VideoPair) -> np.ndarray:
    right = np.nan_to_num(part_error()(seen), nan=np.inf) <= 0.1
    return np.where(seen.real.points.isfinite().all(dim=(1, 2)), right.astype(float), np.nan)


def found_rate(seen: VideoPair) -> np.ndarray:
    made = seen.generated.points.isfinite().all(dim=(1, 2)).double()
    return np.where(seen.real.points.isfinite().all(dim=(1, 2)), made, np.nan)


def psnr(seen: VideoPair) -> np.ndarray:
    pairs = zip(seen.real.frames_THW3, seen.generated.frames_THW3, strict=True)
    return np.array([peak_signal_noise_ratio(*pair, data_range=255) for pair in pairs])


def ssim(seen: VideoPair) -> np.ndarray:
    """With Wang's Gaussian window."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(seen.real.frames_THW3, seen.generated.frames_THW3, strict=True)
    found = [structural_similarity(*pair, data_range=255, channel_axis=-1, **options) for pair in pairs]
    return np.array(found)


def identity(seen: VideoPair) -> np.ndarray:
    reference, made = (v.embeddings.double().numpy() for v in (seen.reference, seen.generated))
    return 1 - np.sqrt(((made - reference) ** 2).sum(axis=1))


def slope(of):
    def reference(seen: VideoPair) -> np.ndarray:
        values = of(seen)
        there = np.flatnonzero(np.isfinite(values))
        return np.array([np.polyfit(there / seen.fps, values[there], 1)[0] if len(there) > 1 else np.nan])

    return reference


def flow_error(seen: VideoPair) -> np.ndarray:
    off = seen.generated.flow_Thw2.astype(float) - seen.real.flow_Thw2
    return np.sqrt((off**2).sum(axis=-1)).mean(axis=(1, 2))


REFERENCES = {
    "nme": part_error(),
    "nme_mouth": part_error(MOUTH),
    "nme_eyes": part_error((*RIGHT_EYE, *LEFT_EYE)),
    "nme_success_rate": success,
    "face_found_rate": found_rate,
    "psnr": psnr,
    "ssim": ssim,
    "identity": identity,
    "flow_error": flow_error,
    "nme_drift": slope(part_error()),
    "identity_drift": slope(identity),
}


@pytest.fixture
def tester(request, networks, clips) -> MetricTester:
    name = request.param
    return MetricTester(lambda: METRICS[name].make(networks), clips, REFERENCES.get(name))


@pytest.mark.parametrize("tester", REFERENCES, indirect=True)
def test_numbers_are_those_of_another_implementation(tester):
    tester.check_values()


@pytest.mark.parametrize("tester", MEASURED, indirect=True)
def test_the_mean_is_over_all_numbers_on_all_ranks_in_any_order_and_missing_ones_are_counted(tester):
    tester.check_mean_over_ranks_and_orders()


@pytest.mark.parametrize("tester", MEASURED, indirect=True)
def test_nothing_to_take_a_mean_over_is_nan_and_never_zero(tester):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*called before the ``update``")
        tester.check_nothing_is_nan()
