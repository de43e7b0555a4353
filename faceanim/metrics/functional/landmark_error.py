"""Normalised mean error of landmarks, frame by frame. T: frames."""

import torch
from torch import Tensor

from faceanim.pose.topology import LEFT_EYE, MOUTH, N_POINTS, RIGHT_EYE

# The 300-W convention (Sagonas et al., 2013): the distance between the outer corners of the eyes.
OUTER_EYE_CORNERS = (RIGHT_EYE[0], LEFT_EYE[3])
FACE_PARTS = {"face": tuple(range(N_POINTS)), "mouth": MOUTH, "eyes": (*RIGHT_EYE, *LEFT_EYE)}


def landmark_error(real_T68x2: Tensor, generated_T68x2: Tensor, part: str = "face") -> Tensor:
    """Mean distance of a part's points over the real face's inter-ocular distance: float64 (T,), 0: perfect.

    Points in pixels of one frame size. part: face (all 68), mouth (48-67) or eyes (36-47). A frame is NaN
    where either face is missing (NaN points), see `face_is_there`.
    """
    if part not in FACE_PARTS:
        raise ValueError(f"part: expected one of {', '.join(FACE_PARTS)}, got {part!r}")
    check_points(real_T68x2, generated_T68x2)
    real, generated = real_T68x2.double(), generated_T68x2.double()
    indices = list(FACE_PARTS[part])
    distance = torch.linalg.vector_norm(generated[:, indices] - real[:, indices], dim=-1).mean(dim=1)
    there = face_is_there(real) & generated.isfinite().all(dim=(1, 2))
    return torch.where(there, distance / interocular_distance(real), torch.nan)


def face_is_there(real_T68x2: Tensor) -> Tensor:
    """(T,) bool: frames with all points finite and an eye distance above 0, so that it can be divided by."""
    return real_T68x2.isfinite().all(dim=(1, 2)) & (interocular_distance(real_T68x2) > 0)


def interocular_distance(points_T68x2: Tensor) -> Tensor:
    """(T,), pixels, between the outer eye corners (points 36 and 45)."""
    right, left = OUTER_EYE_CORNERS
    return torch.linalg.vector_norm(points_T68x2[:, left] - points_T68x2[:, right], dim=-1)


def check_points(real_T68x2: Tensor, generated_T68x2: Tensor) -> None:
    """ValueError unless both are (T, 68, 2) with one T."""
    for name, points in (("real", real_T68x2), ("generated", generated_T68x2)):
        if points.ndim != 3 or points.shape[1:] != (N_POINTS, 2):
            raise ValueError(f"{name} landmarks: expected (T, {N_POINTS}, 2), got {tuple(points.shape)}")
    if len(real_T68x2) != len(generated_T68x2):
        raise ValueError(
            f"generated landmarks: expected {len(real_T68x2)} frames as the real ones, "
            f"got {len(generated_T68x2)}"
        )
