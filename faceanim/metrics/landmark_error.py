"""Does the generated face move like the real one? T: frames."""

import torch
from torch import Tensor
from torchmetrics import Metric

from faceanim.metrics.functional.landmark_error import (
    FACE_PARTS,
    check_points,
    face_is_there,
    landmark_error,
)


class LandmarkError(Metric):
    """Normalised mean error over all frames in which both faces were found, and how often they were not.

    `compute` returns a dictionary of float64 and int64 tensors: `face`, `mouth`, `eyes` (the errors, see
    `landmark_error`), `face_found_rate` (over the frames whose real face was found), `frames`,
    `frames_without_real_face` (left out of everything else) and `frames_without_generated_face` (failures
    among the others). Errors and rate are NaN where there is no frame to take a mean over, never 0.
    """

    higher_is_better = False
    is_differentiable = False
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        for part in FACE_PARTS:
            self.add_state(f"sum_{part}", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for count in ("frames", "frames_without_real_face", "frames_without_generated_face"):
            self.add_state(count, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, real_T68x2: Tensor, generated_T68x2: Tensor) -> None:
        """Landmarks of the same frames, in pixels; NaN where no face was found."""
        check_points(real_T68x2, generated_T68x2)
        real_there = face_is_there(real_T68x2)
        generated_there = generated_T68x2.isfinite().all(dim=(1, 2))
        self.frames += len(real_T68x2)
        self.frames_without_real_face += (~real_there).sum()
        self.frames_without_generated_face += (real_there & ~generated_there).sum()
        for part in FACE_PARTS:
            error = landmark_error(real_T68x2, generated_T68x2, part)
            setattr(self, f"sum_{part}", getattr(self, f"sum_{part}") + error.nansum())

    def compute(self) -> dict[str, Tensor]:
        """Over all frames seen since the last reset."""
        with_real = self.frames - self.frames_without_real_face
        with_both = with_real - self.frames_without_generated_face
        errors = {part: getattr(self, f"sum_{part}") / with_both for part in FACE_PARTS}  # 0 / 0 is NaN
        return errors | {
            "face_found_rate": with_both.double() / with_real,
            "frames": self.frames,
            "frames_without_real_face": self.frames_without_real_face,
            "frames_without_generated_face": self.frames_without_generated_face,
        }
