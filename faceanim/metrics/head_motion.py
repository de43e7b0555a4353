"""Is the generated head turned, and does the face look, as it should?"""

from torch import Tensor

from faceanim.metrics.functional.head_motion import expression_distance, pose_distance
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair


class PoseDistance(MeanOverFrames):
    """Mean absolute difference of yaw, pitch and roll in degrees, see `pose_distance`; between two people, of how they
    change."""

    higher_is_better = False
    needs_real = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return pose_distance(seen.real.points, seen.generated.points, not seen.same_person)


class ExpressionDistance(MeanOverFrames):
    """Distance of brows, eyes and mouth with the head held still, in inter-ocular distances: see `expression_distance`.

    Between two people each face is compared with its own mean.
    """

    higher_is_better = False
    needs_real = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return expression_distance(seen.real.points, seen.generated.points, not seen.same_person)
