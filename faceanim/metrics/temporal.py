"""Does the video move as it should, and does the rest stay still?"""

import numpy as np
import torch
from torch import Tensor

from faceanim.metrics.functional.temporal import background_variation, flow_error, warping_error
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.video_pair import VideoPair
from faceanim.pose.face_mask import face_mask

_AROUND = 0.3  # of the face's size, beyond the hull: hair and collar move with the head


class FlowError(MeanOverFrames):
    """tOF: how far the video's motion is from the real one's, in pixels of a frame of 256, see `flow_error`."""

    higher_is_better = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        return torch.from_numpy(flow_error(seen.real.flow_Thw2, seen.generated.flow_Thw2))


class WarpingError(MeanOverFrames):
    """What the video's own motion does not explain, in levels of 255, see `warping_error`; a still video has none."""

    higher_is_better = False
    needs_real = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        return torch.from_numpy(warping_error(seen.generated.frames_THW3, seen.generated.flow_Thw2))


class BackgroundVariation(MeanOverFrames):
    """How much consecutive frames differ away from all faces of the clip, in levels of 255.

    Away from: the real faces and the reference's, dilated by 0.3 of their size, so that the place is the same for every
    method; of another person's motion, which is elsewhere, the generated faces. Where the camera is still, lower is
    better; the real video's own figure says what the scene itself does. NaN for clips without a face or room beside it.
    """

    higher_is_better = False
    needs_real = False

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        moving = seen.real if seen.same_person else seen.generated
        points = torch.cat([seen.reference.points, moving.points])
        there = points[points.isfinite().all(dim=(1, 2))].numpy()
        n_pairs = max(0, len(seen.generated) - 1)
        if not len(there):
            return torch.full((n_pairs,), torch.nan, dtype=torch.float64)
        height, width = seen.generated.frames_THW3.shape[1:3]
        near_HW = face_mask(there, height, width, dilation=_AROUND, soft_edge=0.0, region="clip")
        return torch.from_numpy(background_variation(seen.generated.frames_THW3, np.asarray(near_HW == 0)))
