"""The description of a metric, the registry, and the base class of metrics with a number per frame."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from faceanim.metrics.estimate import Estimate
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.video_pair import VideoPair
from faceanim.metrics.weight_files import WeightFiles
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker

# Estimate of a distance between sets: real and generated features (N, D) of each clip, seed, device.
SetDistance = Callable[[Sequence[np.ndarray], Sequence[np.ndarray], int, torch.device], Estimate]


@dataclass(frozen=True)
class Setup:
    """What networks are loaded with. batch: frames at a time, without effect on results."""

    protocol: Protocol
    files: WeightFiles
    device: torch.device
    batch: int


@dataclass(frozen=True)
class Network:
    """A network that metrics use, loaded once for all of them. load: ValueError if it is not available here."""

    name: str
    load: Callable[[Setup], Any]


def _load_landmarker(setup: Setup) -> FaceLandmarker:
    backend = landmarker(setup.protocol.landmarks)
    setup.files.note_landmarker(setup.protocol.landmarks, backend)
    return backend


LANDMARKS = Network("landmarks", _load_landmarker)


@dataclass(frozen=True)
class MetricSpec:
    """Everything that the package knows about a metric: measurement, summary, validation and reports read this record.

    Args:
        name: Key in metrics.json.
        title, unit, about: For reports; about is one line.
        better: Direction of improvement; zero: a signed figure that should be 0.
        make: Builds the metric from the loaded networks, for means over frames.
        distance: Estimates the distance of two sets of features, for metrics of whole sets (FID); needs then names the
            network that gives the features.
        needs: Networks; without one of them the metric is unavailable.
        needs_sound: The clip's sound is used.
        compares: With the real "frames" (not available across people), or with the real "motion"; None: the figure is
            of the video alone, so that the real video's own figure means something.
        of_whole_clip: One figure relates all frames of a clip to each other, so that fewer frames give another figure.
        still_wins: A still image is perfect by definition.
        limits: Smallest and largest possible value.
        interval_of: What the 95% interval is of: the mean, the distance over ever more clips, or the spread of the
            estimate at this number of clips (not a confidence interval).
        headline: Drawn over time; clips are ranked by the first of these that has values.
        in_validation: Also measured on validation samples during training.
        without_value: The reason reported for a clip without a value, if no more specific one applies.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher", "zero"]
    about: str
    make: "Callable[[Mapping[Network, Any]], MeanOverFrames] | None" = None
    distance: SetDistance | None = None
    needs: tuple[Network, ...] = ()
    needs_sound: bool = False
    compares: Literal["frames", "motion"] | None = None
    of_whole_clip: bool = False
    still_wins: bool = False
    limits: tuple[float, float] = (0.0, math.inf)
    interval_of: Literal["mean", "distance", "spread"] = "mean"
    headline: bool = False
    in_validation: bool = False
    without_value: str | None = None


METRICS: dict[str, MetricSpec] = {}


def register(spec: MetricSpec) -> None:
    """Add a metric to all evaluations, behind those already registered."""
    if (spec.make is None) == (spec.distance is None):
        raise ValueError(f"metric {spec.name}: expected either make or distance")
    if spec.name in METRICS:
        raise ValueError(f"metric {spec.name} is registered already")
    METRICS[spec.name] = spec


class MeanOverFrames(Metric):
    """The mean of one number per frame (pair of frames, clip) over all frames of all clips and ranks.

    NaN numbers are left out of the mean and counted in `lost`; `n` counts the others. `compute` is a float64 scalar,
    NaN, never 0, if there was nothing to take a mean over.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("n", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("lost", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    @abstractmethod
    def values(self, seen: VideoPair) -> Tensor:
        """One number per frame, pair of frames or clip: float64 (N,), NaN where there is none."""

    def stride(self, seen: VideoPair) -> int:
        """Frames from one number to the next."""
        return 1

    def update(self, seen: VideoPair) -> None:
        """Add a clip."""
        values = self.values(seen).to(self.sum.device, torch.float64)
        self.sum += values.nansum()
        self.n += values.isfinite().sum()
        self.lost += (~values.isfinite()).sum()

    def compute(self) -> Tensor:
        """The mean over all numbers since the last reset."""
        return self.sum / self.n  # 0 / 0 is NaN
