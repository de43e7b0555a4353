"""Does the generated face move like the real one?"""

import torch
from torch import Tensor

from faceanim.metrics.functional.landmark_error import face_is_there, landmark_error
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair


class LandmarkError(MeanOverFrames):
    """Normalised mean error of a part (see `landmark_error`) over the frames in which both faces were found.

    `lost` counts the frames in which either was not; how often a generated face fails, `FaceFoundRate` says.
    """

    higher_is_better = False

    def __init__(self, part: str = "face") -> None:
        super().__init__()
        self.part = part

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return landmark_error(seen.real.points, seen.generated.points, self.part)


class FaceFoundRate(MeanOverFrames):
    """The share of frames with a generated face, among those whose real face was found; `lost` counts the others."""

    higher_is_better = True
    needs_real = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T,), 0 or 1."""
        found = seen.generated.points.isfinite().all(dim=(1, 2)).double()
        return torch.where(face_is_there(seen.real.points), found, torch.nan)


class LandmarkSuccessRate(MeanOverFrames):
    """The share of frames whose landmark error is at most `limit`; a face that was not found is a failure, so that a
    method gains nothing by losing the faces that it gets wrong. `lost` counts frames without a real face."""

    higher_is_better = True

    def __init__(self, limit: float = 0.1) -> None:
        super().__init__()
        self.limit = limit

    def values(self, seen: VideoPair) -> Tensor:
        """(T,), 0 or 1."""
        right = (landmark_error(seen.real.points, seen.generated.points) <= self.limit).double()
        return torch.where(face_is_there(seen.real.points), right, torch.nan)
