"""What a validation measures on sampled clips. T: frames; H, W: pixels; D: size of an embedding."""

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric

from faceanim.metrics.candidates import ClipFrames
from faceanim.metrics.face_embedding import FaceEmbedder
from faceanim.metrics.functional.frame_similarity import psnr, ssim
from faceanim.metrics.identity import IdentitySimilarity
from faceanim.metrics.landmark_error import LandmarkError
from faceanim.metrics.perceptual import lpips
from faceanim.pose.landmarks import landmarker

log = logging.getLogger(__name__)

NAMES = ("nme", "face_found_rate", "psnr", "ssim", "identity", "lpips")


class ValidationMetrics:
    """The `NAMES`, each a mean over all frames of all clips, on all ranks; NaN where there is no frame for it.

    nme and face_found_rate as in evaluation (`LandmarkError`): with landmarks found anew in real and generated
    frames. identity: `IdentitySimilarity` of the generated frames to the reference.
    unavailable: by name, why a metric cannot be had here; it then has no value at all.
    """

    def __init__(self, landmarks: str = "dlib") -> None:
        self.unavailable: dict[str, str] = {}
        self._landmarker = self._try(("nme", "face_found_rate", "identity"), lambda: landmarker(landmarks))
        self._embedder = self._try(("identity",), FaceEmbedder) if self._landmarker else None
        self._lpips = self._try(("lpips",), lpips)
        self._landmarks, self._identity = LandmarkError(), IdentitySimilarity()
        self._psnr, self._ssim = MeanMetric(), MeanMetric()
        for metric in (self._psnr, self._ssim):
            metric.set_dtype(torch.float64)

    @property
    def available(self) -> list[str]:
        return [name for name in NAMES if name not in self.unavailable]

    def update(self, frames: ClipFrames) -> None:
        """Adds a clip."""
        real, generated = frames.real_THW3, frames.generated_THW3
        self._psnr.update(psnr(real, generated).double())
        self._ssim.update(ssim(real, generated).double())
        if self._lpips is not None:
            for t in range(len(real)):
                self._lpips.update(_picture(generated[t]), _picture(real[t]))
        if self._landmarker is None:
            return
        found = self._landmarker.detect(generated).points
        self._landmarks.update(
            torch.from_numpy(self._landmarker.detect(real).points), torch.from_numpy(found)
        )
        if self._embedder is not None:
            reference = frames.reference_HW3[None]
            face = self._embedder.embed(reference, self._landmarker.detect(reference).points)
            embeddings = self._embedder.embed(generated, found)
            self._identity.update(
                torch.from_numpy(face.repeat(len(embeddings), axis=0)), torch.from_numpy(embeddings)
            )

    def compute(self, names: Sequence[str], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """The values of these, and a fresh start. All ranks have to ask for the same names; device: where they talk."""
        values: dict[str, Tensor] = {}
        if "nme" in names or "face_found_rate" in names:
            found = _reduced(self._landmarks, device)
            values |= {"nme": found["face"], "face_found_rate": found["face_found_rate"]}
        for name, metric in (("psnr", self._psnr), ("ssim", self._ssim), ("lpips", self._lpips)):
            if name in names:
                values[name] = _reduced(metric, device)
        if "identity" in names:
            values["identity"] = _reduced(self._identity, device)["similarity"]
        return {name: values[name].float() for name in names}

    def reset(self) -> None:
        for metric in (self._landmarks, self._identity, self._psnr, self._ssim, self._lpips):
            if metric is not None:
                metric.reset()

    def _try(self, names: Sequence[str], build: Callable[[], Any]) -> Any:
        try:
            return build()
        except Exception as error:  # a missing package or weight file must not end a training
            self.unavailable |= dict.fromkeys(names, str(error))
            log.warning("validation: no %s: %s", ", ".join(names), error)
            return None


def _reduced(metric: Metric, device: torch.device | str) -> Any:
    """The metric's value over all ranks; its states wait on the CPU, the backend may know the device's only."""
    metric.to(device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*called before the ``update``")  # a rank may have no clip
        value = metric.compute()
    metric.to("cpu").reset()
    return value


def _picture(frame_HW3: np.ndarray) -> Tensor:
    return torch.from_numpy(frame_HW3).permute(2, 0, 1)[None].float() / 255
