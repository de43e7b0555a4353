"""The metrics of one video, and of several together. T: frames; H, W: pixels."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from faceanim.metrics.functional.frame_similarity import psnr, ssim
from faceanim.metrics.landmark_error import LandmarkError

METRICS = ("nme", "nme_mouth", "nme_eyes", "face_found_rate", "psnr", "ssim")
BETTER = {"nme": "lower", "nme_mouth": "lower", "nme_eyes": "lower"}  # the others: higher

_NO_REAL_FACE = "no face was found in any real frame"
_NO_GENERATED_FACE = "no face was found in any generated frame that has a real one"


@dataclass(frozen=True)
class Score:
    """A mean over n frames; value is None where there was none to take a mean over, and reason says why."""

    value: float | None
    n: int
    reason: str | None = None


@dataclass(frozen=True)
class VideoScores:
    """The `METRICS` of one video, or of several; counts of frames as in `LandmarkError`."""

    metrics: dict[str, Score]
    frames: int
    frames_without_real_face: int
    frames_without_generated_face: int

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        return cls(**content | {"metrics": {k: Score(**v) for k, v in content["metrics"].items()}})


def score_video(
    real_THW3: np.ndarray,
    generated_THW3: np.ndarray,
    real_points_T68x2: np.ndarray,
    generated_points_T68x2: np.ndarray,
) -> VideoScores:
    """Compare uint8 frames of one size, and the landmarks found in them (pixels, NaN where no face)."""
    metric = LandmarkError()
    metric.update(torch.from_numpy(real_points_T68x2), torch.from_numpy(generated_points_T68x2))
    found = {name: value.item() for name, value in metric.compute().items()}
    n_real = found["frames"] - found["frames_without_real_face"]
    n_both = n_real - found["frames_without_generated_face"]
    reason = _NO_GENERATED_FACE if n_real else _NO_REAL_FACE
    metrics = {
        "nme": _score(found["face"], n_both, reason),
        "nme_mouth": _score(found["mouth"], n_both, reason),
        "nme_eyes": _score(found["eyes"], n_both, reason),
        "face_found_rate": _score(found["face_found_rate"], n_real, _NO_REAL_FACE),
    }
    for name, compare in (("psnr", psnr), ("ssim", ssim)):
        values = compare(real_THW3, generated_THW3)
        metrics[name] = _score(values.double().mean().item(), len(values), "no frames")
    return VideoScores(
        metrics, found["frames"], found["frames_without_real_face"], found["frames_without_generated_face"]
    )


def pool(videos: Sequence[VideoScores]) -> VideoScores:
    """The scores over all frames of all videos: every frame counts the same, in whatever order they come."""
    counts = {
        field.name: sum(getattr(video, field.name) for video in videos)
        for field in dataclasses.fields(VideoScores)
        if field.name != "metrics"
    }
    return VideoScores(
        {name: _pooled([video.metrics[name] for video in videos]) for name in METRICS}, **counts
    )


def _pooled(scores: list[Score]) -> Score:
    n = sum(score.n for score in scores if score.value is not None)
    if n == 0:
        return Score(None, 0, "; ".join(sorted({score.reason for score in scores if score.reason})))
    total = math.fsum(score.value * score.n for score in scores if score.value is not None)
    return Score(total / n, n)


def _score(value: float, n: int, reason_if_none: str) -> Score:
    return Score(value, n) if n else Score(None, 0, reason_if_none)
