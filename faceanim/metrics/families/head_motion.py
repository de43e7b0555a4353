"""Head pose and expression: does the head turn, and the face look, as it should? T: frames; E: expression points."""

import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.families.landmarks import check_points
from faceanim.metrics.metric import LANDMARKS, MeanOverFrames, MetricSpec, register
from faceanim.metrics.video_pair import VideoPair
from faceanim.pose.head_model import head_angles
from faceanim.pose.similarity import similarity
from faceanim.pose.topology import LEFT_BROW, LEFT_EYE, MOUTH, RIGHT_BROW, RIGHT_EYE

# Points that an expression hardly moves (corners of the eyes, bridge and base of the nose), and where they lie on an
# average face: its outer eye corners are 1 apart, x to the right, y down.
_RIGID = (36, 39, 42, 45, 27, 28, 29, 30, 33)
_TEMPLATE_9x2 = np.array(
    [
        (-0.5, 0.0),
        (-0.18, 0.0),
        (0.18, 0.0),
        (0.5, 0.0),
        (0.0, -0.04),
        (0.0, 0.12),
        (0.0, 0.27),
        (0.0, 0.42),
        (0.0, 0.54),
    ]
)
EXPRESSION = (*RIGHT_BROW, *LEFT_BROW, *RIGHT_EYE, *LEFT_EYE, *MOUTH)


def pose_distance(real_T68x2: Tensor, generated_T68x2: Tensor, between_people: bool = False) -> Tensor:
    """Mean over yaw, pitch and roll of the absolute difference in degrees: float64 (T,), 0: perfect.

    The average pose distance of face reenactment, with angles from the landmarks (`head_angles`) instead of from a
    fitted 3D model: only figures from the same angles compare. between_people: see `expression_distance`; then it is
    how the heads move that is compared, not where they look. NaN where either face is missing.
    """
    check_points(real_T68x2, generated_T68x2)
    real, generated = (torch.from_numpy(head_angles(p.numpy())) for p in (real_T68x2, generated_T68x2))
    difference = (generated - real + 180) % 360 - 180
    if between_people:
        both = difference.isfinite().all(dim=1)
        if both.sum() < 2:
            return torch.full((len(real),), torch.nan, dtype=torch.float64)
        difference = difference - difference[both].mean(dim=0)
    return difference.abs().mean(dim=1)


def expression_distance(real_T68x2: Tensor, generated_T68x2: Tensor, between_people: bool = False) -> Tensor:
    """Mean distance of brows, eyes and mouth with the head held still, in inter-ocular distances: float64 (T,).

    The average expression distance of face reenactment, with landmarks in the place of a 3D model's coefficients: each
    face is moved, turned in the image and scaled until what an expression hardly moves lies on an average face.
    between_people: compares what differs from each face's mean over the frames where both are there, as two people
    differ at rest; it takes two such frames. NaN where either face is missing.
    """
    check_points(real_T68x2, generated_T68x2)
    real, generated = (expression(p.double().numpy()) for p in (real_T68x2, generated_T68x2))
    both = np.isfinite(real).all(axis=(1, 2)) & np.isfinite(generated).all(axis=(1, 2))
    if between_people:
        if both.sum() < 2:
            return torch.full((len(real),), torch.nan, dtype=torch.float64)
        real, generated = (e - e[both].mean(axis=0) for e in (real, generated))
    distance = np.linalg.norm(generated - real, axis=-1).mean(axis=1)
    return torch.from_numpy(np.where(both, distance, np.nan))


def expression(points_T68x2: np.ndarray) -> np.ndarray:
    """Brows, eyes and mouth on the average face: float64 (T, E, 2); NaN where there is no face."""
    fit = similarity(points_T68x2[:, _RIGID], _TEMPLATE_9x2)
    return fit(points_T68x2[:, EXPRESSION])


class PoseDistance(MeanOverFrames):
    """Mean absolute difference of yaw, pitch and roll in degrees, see `pose_distance`; between two people, of how they
    change."""

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return pose_distance(seen.real.points, seen.generated.points, not seen.same_person)


class ExpressionDistance(MeanOverFrames):
    """Distance of brows, eyes and mouth with the head held still, in inter-ocular distances: see `expression_distance`.

    Between two people each face is compared with its own mean.
    """

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return expression_distance(seen.real.points, seen.generated.points, not seen.same_person)


register(MetricSpec(
    "pose_distance", "head pose distance", "degrees", "lower", "mean of yaw, pitch and roll, from landmarks",
    lambda networks: PoseDistance(), needs=(LANDMARKS,), compares="motion",
))  # fmt: skip
register(MetricSpec(
    "expression_distance", "expression distance", "eye distances", "lower",
    "brows, eyes and mouth with the head held still", lambda networks: ExpressionDistance(),
    needs=(LANDMARKS,), compares="motion", headline=True,
))  # fmt: skip
