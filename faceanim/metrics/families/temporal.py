"""Temporal metrics: does the video move as it should, and does the rest stay still? T: frames; H, W: pixels;
h, w: pixels of the frames on which flow is found."""

import math
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.families.identity import EMBEDDER, IdentitySimilarity
from faceanim.metrics.families.landmarks import LandmarkError
from faceanim.metrics.families.pixels import LPIPS
from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, register
from faceanim.metrics.networks.lpips import Lpips
from faceanim.metrics.optical_flow import flow_frames
from faceanim.metrics.video_pair import VideoPair
from faceanim.pose.face_mask import face_mask

_AROUND = 0.3  # of the face's size, beyond the hull: hair and collar move with the head


def flow_error(real_Thw2: np.ndarray, generated_Thw2: np.ndarray) -> np.ndarray:
    """Mean distance of two videos' optical flow in pixels: float64 (T - 1,), 0: they move alike.

    tOF of TecoGAN (Chu et al., 2020, arXiv:1811.09393, section 4), with the Euclidean norm. A still video scores the
    real one's motion, flicker what it adds.
    """
    if real_Thw2.shape != generated_Thw2.shape:
        raise ValueError(f"optical flow: expected {real_Thw2.shape}, got {generated_Thw2.shape}")
    return np.linalg.norm(generated_Thw2.astype(np.float64) - real_Thw2, axis=-1).mean(axis=(1, 2))


def warping_error(frames_THW3: np.ndarray, flow_Thw2: np.ndarray) -> np.ndarray:
    """Mean absolute difference between a frame and the one before, moved onto it by the video's own flow:
    float64 (T - 1,), in levels of 255.

    What motion cannot explain: flicker, swimming texture, objects that appear and vanish (after Lai et al., 2018,
    arXiv:1808.00449, section 3.2, without their masks). A still video has none, so compare `flow_error` too.
    """
    frames = flow_frames(frames_THW3)
    y, x = np.mgrid[: flow_Thw2.shape[1], : flow_Thw2.shape[2]].astype(np.float32)
    errors = [
        np.abs(
            cv2.remap(
                before, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
            )
            - after.astype(np.float64)
        ).mean()
        for before, after, flow in zip(frames, frames[1:], flow_Thw2, strict=False)
    ]
    return np.array(errors, np.float64)


def background_variation(frames_THW3: np.ndarray, away_HW: np.ndarray) -> np.ndarray:
    """Mean absolute difference of consecutive frames where `away_HW` is true: float64 (T - 1,), in levels of 255.

    NaN throughout where it is true nowhere.
    """
    if away_HW.shape != frames_THW3.shape[1:3]:
        raise ValueError(f"region: expected {frames_THW3.shape[1:3]}, got {away_HW.shape}")
    if not away_HW.any():
        return np.full(max(0, len(frames_THW3) - 1), np.nan)
    seen_TN3 = frames_THW3[:, away_HW].astype(np.int16)
    return np.array([np.abs(b - a).mean() for a, b in pairwise(seen_TN3)], np.float64)


def drift(values_T: np.ndarray, fps: float) -> float:
    """The slope of the least-squares line through one number a frame, per second; NaN where fewer than two are there.

    values_T: NaN where there is none. fps: of these values.
    """
    there = np.flatnonzero(np.isfinite(values_T))
    if len(there) < 2:
        return float("nan")
    seconds, values = there / fps, values_T[there]
    seconds = seconds - seconds.mean()
    return float((seconds * (values - values.mean())).sum() / (seconds**2).sum())


class FlowError(MeanOverFrames):
    """tOF: how far the video's motion is from the real one's, in pixels of a frame of 256, see `flow_error`."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        return torch.from_numpy(flow_error(seen.real.flow_Thw2, seen.generated.flow_Thw2))


class TemporalPerceptualDistance(MeanOverFrames):
    """tLP: how much the LPIPS of consecutive frames differs from that of the real ones (TecoGAN: Chu et al., 2020,
    arXiv:1811.09393, section 4), 0: they change as much. Without the factor of 100 that the paper's tables have.
    """

    def __init__(self, network: Lpips) -> None:
        super().__init__()
        self.network = network

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        real, generated = seen.real.frames_THW3, seen.generated.frames_THW3
        changes = [self.network.distance(frames[:-1], frames[1:]) for frames in (real, generated)]
        return (changes[1] - changes[0]).abs()


class WarpingError(MeanOverFrames):
    """What the video's own motion does not explain, in levels of 255, see `warping_error`; a still video has none."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        return torch.from_numpy(warping_error(seen.generated.frames_THW3, seen.generated.flow_Thw2))


class BackgroundVariation(MeanOverFrames):
    """How much consecutive frames differ away from all faces of the clip, in levels of 255.

    Away from: the real faces and the reference's, dilated by 0.3 of their size, so that the place is the same for every
    method; of another person's motion, which is elsewhere, the generated faces. Where the camera is still, lower is
    better; the real video's own figure says what the scene itself does. NaN for clips without a face or room beside it.
    """

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        moving = seen.real if seen.same_person else seen.generated
        points = torch.cat([seen.reference.points, moving.points])
        there = points[points.isfinite().all(dim=(1, 2))].numpy()
        n_pairs = max(0, len(seen.generated) - 1)
        if not len(there):
            return torch.full((n_pairs,), torch.nan, dtype=torch.float64)
        height, width = seen.generated.frames_THW3.shape[1:3]
        near_HW = face_mask(there, height, width, dilation=_AROUND, soft_edge=0.0, region="clip")
        return torch.from_numpy(background_variation(seen.generated.frames_THW3, np.asarray(near_HW == 0)))


class Drift(MeanOverFrames):
    """The mean over clips of how fast another metric's numbers change, per second (see `drift`), 0: not at all.

    of: a metric with a number per frame, or per so many frames.
    """

    def __init__(self, of: MeanOverFrames) -> None:
        super().__init__()
        self.of = of

    def values(self, seen: VideoPair) -> Tensor:
        """(1,), NaN where fewer than two frames have a number."""
        slope = drift(self.of.values(seen).double().numpy(), seen.fps / self.of.stride(seen))
        return torch.tensor([slope], dtype=torch.float64)


register(MetricSpec(
    "flow_error", "motion error (tOF)", "px of 256", "lower", "optical flow against the real video's",
    lambda networks: FlowError(), compares="frames",
))  # fmt: skip
register(MetricSpec(
    "tlp", "tLP", "", "lower", "change from frame to frame in LPIPS, against the real video's",
    lambda networks: TemporalPerceptualDistance(networks[LPIPS]), needs=(LPIPS,), compares="frames",
))  # fmt: skip
register(MetricSpec(
    "warping_error", "warping error", "levels", "lower",
    "what the video's own motion leaves unexplained; 0 for a still one", lambda networks: WarpingError(),
    still_wins=True,
))  # fmt: skip
register(MetricSpec(
    "background_variation", "background variation", "levels", "lower",
    "change from frame to frame away from the face", lambda networks: BackgroundVariation(),
    needs=(LANDMARKS,), still_wins=True,
    without_value="fewer than two frames, or no room beside the face",
))  # fmt: skip
register(MetricSpec(
    "nme_drift", "drift of landmark error", "per second", "zero", "slope over the clip",
    lambda networks: Drift(LandmarkError()), needs=(LANDMARKS,), compares="frames", of_whole_clip=True,
    limits=(-math.inf, math.inf),
))  # fmt: skip
register(MetricSpec(
    "identity_drift", "drift of identity", "per second", "zero", "slope over the clip",
    lambda networks: Drift(IdentitySimilarity(networks[EMBEDDER].likeness)), needs=(LANDMARKS, EMBEDDER),
    of_whole_clip=True, still_wins=True, limits=(-math.inf, math.inf),
))  # fmt: skip
