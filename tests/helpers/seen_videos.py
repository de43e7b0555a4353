"""Video pairs whose landmarks and embeddings are known, instead of found."""

import numpy as np
import torch

from faceanim.metrics.video_pair import Finders, SeenVideo, VideoPair


def video(
    n_frames: int,
    points: torch.Tensor | None = None,
    embeddings: torch.Tensor | None = None,
    frames_THW3: np.ndarray | None = None,
) -> SeenVideo:
    """A video in which this has been seen; its frames are black unless they are given."""
    seen = SeenVideo(
        np.zeros((n_frames, 4, 4, 3), np.uint8) if frames_THW3 is None else frames_THW3, Finders(None)
    )
    if points is not None:
        seen.points = points
    if embeddings is not None:
        seen.embeddings = embeddings
    return seen


def pair(
    real: torch.Tensor, generated: torch.Tensor, same_person: bool = True, fps: float = 25.0
) -> VideoPair:
    """Landmarks (T, 68, 2) of a real and a generated video."""
    reference = video(1, real[:1])
    return VideoPair(reference, video(len(real), real), video(len(generated), generated), fps, same_person)
