"""Is it the same person? One number a frame. T: frames; D: size of an embedding."""

import torch
from torch import Tensor


def identity_similarity(reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
    """1 - the Euclidean distance of two faces' embeddings: float64 (T,), 1 is the same picture; NaN stays NaN.

    dlib's embeddings are trained so that one person's are less than 0.6 apart (99.4% right on Labeled Faces in the
    Wild): above 0.4 is the same person. Their cosine hardly differs between people: 0.83 is usual for two strangers.
    """
    _check(reference_TD, generated_TD)
    return 1 - torch.linalg.vector_norm(reference_TD.double() - generated_TD.double(), dim=1)


def cosine_similarity(reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
    """The cosine of two faces' embeddings, as networks of the ArcFace family are trained on: float64 (T,), 1 is the
    same picture, strangers are near 0; NaN stays NaN."""
    _check(reference_TD, generated_TD)
    a, b = reference_TD.double(), generated_TD.double()
    return (a * b).sum(dim=1) / (a.norm(dim=1) * b.norm(dim=1))


def _check(reference_TD: Tensor, generated_TD: Tensor) -> None:
    if reference_TD.shape != generated_TD.shape or reference_TD.ndim != 2:
        raise ValueError(
            f"face embeddings: expected (T, D) twice, got {tuple(reference_TD.shape)}, {tuple(generated_TD.shape)}"
        )
