"""The evaluation's metrics on the clips that are sampled in a validation during training."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from faceanim.metrics.metric_suite import validation_suite
from faceanim.metrics.video_pair import ClipFrames, VideoPair


class ValidationMetrics:
    """The metrics with `in_validation`, each a mean over all frames of all clips, on all ranks; NaN without any frame.

    Landmarks are found anew in real and generated frames, and identity is that of the generated frames to the
    reference, as in an evaluation.
    unavailable: by name, why a metric cannot be computed here; it then has no value at all.
    """

    def __init__(self, landmarks: str = "dlib") -> None:
        suite = validation_suite(landmarks)
        self._finders, self.unavailable = suite.finders, suite.unavailable
        self._metrics = suite.metrics()

    @property
    def available(self) -> list[str]:
        return list(self._metrics)

    def update(self, frames: ClipFrames) -> None:
        """Add a clip."""
        seen = VideoPair.of(frames, self._finders)
        for metric in self._metrics.values():
            metric.update(seen)

    def compute(self, names: Sequence[str], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Return these values and reset. All ranks must give the same names; device: for their communication."""
        return {name: _reduced(self._metrics[name], device).float() for name in names}

    def reset(self) -> None:
        for metric in self._metrics.values():
            metric.reset()


def _reduced(metric: Metric, device: torch.device | str) -> Tensor:
    """The metric's value over all ranks; its states wait on the CPU, the backend may know the device's only."""
    metric.to(device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*called before the ``update``")  # a rank may have no clip
        value = metric.compute()
    metric.to("cpu").reset()
    return value
