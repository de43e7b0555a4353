"""Lip sync: do the lips move with the speech? T: frames, at 25 a second; W: windows; S: shifts; D: size of a vector."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, Network, register
from faceanim.metrics.networks.syncnet import FRAMES, SIDE, STEPS, SyncNet, cepstra
from faceanim.metrics.video_pair import VideoPair
from faceanim.models.weights import load_into, read_tensors
from faceanim.pose.face_shape import with_forehead

FPS = 25
_SHIFTS = 15  # frames to either side
_PER_FRAME = 4  # cepstra
_FOREHEAD = 0.6  # a face detector's box reaches about to the hairline
_MARGIN, _GREY = 0.4, 110  # around that box, and the level outside the frame
_SMOOTH = 13  # frames over which boxes are the median


@dataclass
class LipSync:
    """SyncNet, ready to measure. batch: windows at a time."""

    network: SyncNet
    device: torch.device
    batch: int = 16

    @classmethod
    def load(cls, weights: Path, device: torch.device, batch: int) -> "LipSync":
        network = SyncNet()
        load_into(network, read_tensors(weights), weights, part="syncnet")
        return cls(network.to(device).eval().requires_grad_(False), device, batch)

    def score(self, seen: VideoPair) -> tuple[float, float]:
        """Confidence and distance of a clip; NaN without sound, faces, or six frames at 25 a second. Computed once."""
        if "lip_sync" not in seen.generated.notes:
            seen.generated.notes["lip_sync"] = self._score(seen)
        return seen.generated.notes["lip_sync"]

    def _score(self, seen: VideoPair) -> tuple[float, float]:
        points_T68x2 = seen.generated.points.numpy()
        if seen.sound_N is None or not np.isfinite(points_T68x2).all(axis=(1, 2)).any():
            return float("nan"), float("nan")
        faces_T = faces_at_25(seen.generated.frames_THW3, points_T68x2, seen.fps)
        cepstra_WC = cepstra(seen.sound_N)
        n_windows = min(len(faces_T), len(seen.sound_N) // (16_000 // FPS)) - FRAMES
        n_windows = min(n_windows, (len(cepstra_WC) - STEPS) // _PER_FRAME + 1)
        if n_windows < 1:
            return float("nan"), float("nan")
        with torch.no_grad():
            seen_WD = self._in_batches(
                self.network.see,
                [
                    torch.from_numpy(faces_T[w : w + FRAMES]).permute(3, 0, 1, 2).float()
                    for w in range(n_windows)
                ],
            )
            heard_WD = self._in_batches(
                self.network.hear,
                [
                    torch.from_numpy(cepstra_WC[_PER_FRAME * w : _PER_FRAME * w + STEPS].T[None]).float()
                    for w in range(n_windows)
                ],
            )
        return confidence_and_distance(seen_WD, heard_WD)

    def _in_batches(self, network: Callable[[Tensor], Tensor], windows: list[Tensor]) -> Tensor:
        found = [
            network(torch.stack(windows[k : k + self.batch]).to(self.device)).cpu()
            for k in range(0, len(windows), self.batch)
        ]
        return torch.cat(found)


def confidence_and_distance(seen_WD: Tensor, heard_WD: Tensor) -> tuple[float, float]:
    """As syncnet_python: the mean distance of the lips' vectors to the sound's, shifted by up to 15 frames; the
    smallest is the distance, and the median less the smallest the confidence. Before and after there is silence, zeros.
    """
    padded = F.pad(heard_WD, (0, 0, _SHIFTS, _SHIFTS))
    near_WSD = padded.unfold(0, 2 * _SHIFTS + 1, 1).transpose(1, 2)
    means_S = F.pairwise_distance(seen_WD[:, None], near_WSD).mean(dim=0)
    least = means_S.min()
    return float(means_S.median() - least), float(least)


def faces_at_25(frames_THW3: np.ndarray, points_T68x2: np.ndarray, fps: float) -> np.ndarray:
    """uint8 BGR (T, 224, 224, 3) at 25 a second: the square around each face as syncnet_python cuts it, from the box of
    its landmarks and forehead in the place of its detector's. At least one frame has a face; the others get the
    nearest's.
    """
    found = np.flatnonzero(np.isfinite(points_T68x2).all(axis=(1, 2)))
    nearest = found[np.abs(np.arange(len(points_T68x2))[:, None] - found).argmin(axis=1)]
    outline = with_forehead(points_T68x2[nearest], _FOREHEAD)
    low, high = outline.min(axis=1), outline.max(axis=1)
    boxes_T3 = np.concatenate([(low + high) / 2, (high - low).max(axis=1, keepdims=True) / 2], axis=1)
    places = np.floor(np.arange(int(len(frames_THW3) / fps * FPS + 1e-6)) / FPS * fps + 1e-6).astype(int)
    boxes_T3 = _median(boxes_T3[places])
    return np.stack([_cut(frames_THW3[t], *box) for t, box in zip(places, boxes_T3, strict=True)])


def _median(boxes_T3: np.ndarray) -> np.ndarray:
    padded = np.pad(boxes_T3, ((_SMOOTH // 2, _SMOOTH // 2), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH, axis=0), axis=-1)


def _cut(frame_HW3: np.ndarray, x: float, y: float, half: float) -> np.ndarray:
    """From the box's upper side to a margin below it, as wide as high."""
    side = 2 * half * (1 + _MARGIN)
    scale = SIDE / side
    left, top = x - half * (1 + _MARGIN), y - half
    matrix = np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])
    cut = cv2.warpAffine(
        frame_HW3, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=(_GREY, _GREY, _GREY)
    )
    return cut[..., ::-1]


class SyncScore(MeanOverFrames):
    """SyncNet's confidence or distance, a number a clip; `lost` counts clips without sound or face."""

    def __init__(self, network: LipSync, of: Literal["confidence", "distance"]) -> None:
        super().__init__()
        self.network, self.of = network, of

    def values(self, seen: VideoPair) -> Tensor:
        """(1,)"""
        confidence, distance = self.network.score(seen)
        return torch.tensor([confidence if self.of == "confidence" else distance], dtype=torch.float64)


LIP_SYNC = Network(
    "lip_sync", lambda setup: LipSync.load(setup.files.find("syncnet"), setup.device, setup.batch)
)
register(MetricSpec(
    "sync_confidence", "lip sync confidence", "", "higher", "SyncNet; clips with sound",
    lambda networks: SyncScore(networks[LIP_SYNC], "confidence"), needs=(LANDMARKS, LIP_SYNC), needs_sound=True,
))  # fmt: skip
register(MetricSpec(
    "sync_distance", "lip sync distance", "", "lower", "SyncNet; clips with sound",
    lambda networks: SyncScore(networks[LIP_SYNC], "distance"), needs=(LANDMARKS, LIP_SYNC), needs_sound=True,
))  # fmt: skip
