"""Is it the same person? One number a frame. T: frames; D: size of an embedding."""

import torch
from torch import Tensor


def identity_similarity(reference_TD: Tensor, generated_TD: Tensor) -> Tensor:
    """1 - the Euclidean distance of two faces' embeddings: float64 (T,), 1 is the same picture; NaN stays NaN.

    dlib's embeddings are trained so that one person's are less than 0.6 apart (99.4% right on Labeled Faces in the
    Wild): above 0.4 is the same person. Their cosine hardly differs between people: 0.83 is usual for two strangers.
    """
    if reference_TD.shape != generated_TD.shape or reference_TD.ndim != 2:
        raise ValueError(
            f"face embeddings: expected (T, D) twice, got {tuple(reference_TD.shape)}, {tuple(generated_TD.shape)}"
        )
    return 1 - torch.linalg.vector_norm(reference_TD.double() - generated_TD.double(), dim=1)
