"""Does the generated face stay the reference's? T: frames; D: size of an embedding."""

import torch
from torch import Tensor
from torchmetrics import Metric

from faceanim.metrics.functional.identity import identity_similarity


class IdentitySimilarity(Metric):
    """Mean similarity over all frames in which both faces were found, and how often they were not.

    `compute` returns a dictionary of float64 and int64 tensors: `similarity` (see `identity_similarity`; NaN where
    there is no frame to take a mean over), `frames`, `frames_without_reference_face` (left out) and
    `frames_without_generated_face` (failures among the others, left out of the mean).
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sum", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for count in ("frames", "frames_without_reference_face", "frames_without_generated_face"):
            self.add_state(count, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, reference_TD: Tensor, generated_TD: Tensor) -> None:
        """Embeddings of the same number of faces, such as `FaceEmbedder`'s; NaN where no face was found."""
        similarity = identity_similarity(reference_TD, generated_TD)
        there = reference_TD.isfinite().all(dim=1)
        self.frames += len(similarity)
        self.frames_without_reference_face += (~there).sum()
        self.frames_without_generated_face += (there & ~generated_TD.isfinite().all(dim=1)).sum()
        self.sum += similarity.nansum()

    def compute(self) -> dict[str, Tensor]:
        """Over all frames seen since the last reset."""
        lost = self.frames_without_reference_face + self.frames_without_generated_face
        return {
            "similarity": self.sum / (self.frames - lost),  # 0 / 0 is NaN
            "frames": self.frames,
            "frames_without_reference_face": self.frames_without_reference_face,
            "frames_without_generated_face": self.frames_without_generated_face,
        }
