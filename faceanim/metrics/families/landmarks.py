"""Landmark metrics: does the generated face move like the real one? T: frames."""

import torch
from torch import Tensor

from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, register
from faceanim.metrics.video_pair import VideoPair
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


class LandmarkError(MeanOverFrames):
    """Normalised mean error of a part (see `landmark_error`) over the frames in which both faces were found.

    `lost` counts the frames in which either was not; how often a generated face fails, `FaceFoundRate` says.
    """

    def __init__(self, part: str = "face") -> None:
        super().__init__()
        self.part = part

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return landmark_error(seen.real.points, seen.generated.points, self.part)


class FaceFoundRate(MeanOverFrames):
    """The share of frames with a generated face, among those whose real face was found; `lost` counts the others."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T,), 0 or 1."""
        found = seen.generated.points.isfinite().all(dim=(1, 2)).double()
        return torch.where(face_is_there(seen.real.points), found, torch.nan)


class LandmarkSuccessRate(MeanOverFrames):
    """The share of frames whose landmark error is at most `limit`; a face that was not found is a failure, so that a
    method gains nothing by losing the faces that it gets wrong. `lost` counts frames without a real face."""

    def __init__(self, limit: float = 0.1) -> None:
        super().__init__()
        self.limit = limit

    def values(self, seen: VideoPair) -> Tensor:
        """(T,), 0 or 1."""
        right = (landmark_error(seen.real.points, seen.generated.points) <= self.limit).double()
        return torch.where(face_is_there(seen.real.points), right, torch.nan)


for _name, _title, _part, _about in (
    ("nme", "landmark error", "face", "68 points, mean distance over the real outer eye corners'"),
    ("nme_mouth", "mouth error", "mouth", "the same, of the mouth's 20 points"),
    ("nme_eyes", "eye error", "eyes", "the same, of the eyes' 12 points"),
):
    register(MetricSpec(
        _name, _title, "eye distances", "lower", _about, lambda networks, part=_part: LandmarkError(part),
        needs=(LANDMARKS,), compares="frames", headline=_name == "nme",
        in_validation=_name == "nme",
    ))  # fmt: skip
register(MetricSpec(
    "nme_success_rate", "landmarks right", "share", "higher",
    "frames with a landmark error of at most 0.1; a lost face is wrong",
    lambda networks: LandmarkSuccessRate(), needs=(LANDMARKS,), compares="frames", limits=(0, 1),
))  # fmt: skip
register(MetricSpec(
    "face_found_rate", "faces found", "share", "higher",
    "frames with a generated face, of those with a real one", lambda networks: FaceFoundRate(),
    needs=(LANDMARKS,), limits=(0, 1), in_validation=True,
))  # fmt: skip
