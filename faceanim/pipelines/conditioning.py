"""Conditioning inputs of the networks: reference, image embedding, face, pose images.

Shape letters: T frames, t frames of one window, C latent channels, h w latent size, L image tokens, D their width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from faceanim.models.animation_model import Face
from faceanim.models.pixels import to_unit
from faceanim.pose.draw import Drawing, draw_pose
from faceanim.pose.face_mask import face_mask
from faceanim.pose.scaling import rescale_points
from faceanim.pose.sequence import PoseSequence

_ASPECT = 0.02  # frames whose width / height differs by less have the same shape


@dataclass(frozen=True)
class Conditioning:
    """Conditioning of one video, on the networks' device and in their dtype.

    reference_1Chw: the reference's latents. tokens_1LD: its image embedding. face: what Face Locator and Pose Guider
    take of it. n_frames: T. pose_images: numbers of frames -> their pose images (1, t, 3, H, W) in [0, 1].
    """

    reference_1Chw: Tensor
    tokens_1LD: Tensor
    face: Face
    n_frames: int
    pose_images: Callable[[list[int]], Tensor]


def check_inputs(
    image_HWC: np.ndarray, points_68x2: np.ndarray, poses: PoseSequence, height: int, width: int
) -> None:
    """Raise ValueError for inputs that do not fit a video of this size."""
    if image_HWC.shape != (height, width, 3) or image_HWC.dtype != np.uint8:
        raise ValueError(
            f"reference image: expected uint8 ({height}, {width}, 3), got {image_HWC.dtype} {image_HWC.shape}"
        )
    if points_68x2.shape != (68, 2):
        raise ValueError(f"reference image: expected its landmarks (68, 2), got {points_68x2.shape}")
    if not np.isfinite(points_68x2).all():
        raise ValueError("reference image: no face found, its landmarks are missing")
    if not poses.found.all():
        raise ValueError(f"poses: {int((~poses.found).sum())} of {len(poses)} frames have no face")
    if abs(poses.width / poses.height / (width / height) - 1) > _ASPECT:
        raise ValueError(
            f"poses: expected frames of the video's shape, {width}x{height} or a multiple, "
            f"got {poses.width}x{poses.height}"
        )


def face_of(
    image_13HW: Tensor, points_68x2: np.ndarray, poses: PoseSequence, mask: dict, drawing: Drawing
) -> Face:
    """The reference's face, in ``image``'s size; its mask may cover all that is driven (``region: clip``)."""
    height, width = image_13HW.shape[-2:]
    driven = rescale_points(poses.points, (poses.height, poses.width), (height, width))
    covered = face_mask(np.concatenate([points_68x2[None], driven]), height, width, **mask)
    drawn = to_unit(
        draw_pose(points_68x2[None], height, width, drawing=drawing), image_13HW.device, image_13HW.dtype
    )
    return Face(image_13HW, torch.from_numpy(covered)[None, None].to(image_13HW), drawn)


def pose_images_of(poses: PoseSequence, like_13HW: Tensor, drawing: Drawing) -> Callable[[list[int]], Tensor]:
    """Return a function that draws the requested frames anew each time: kept, they would fill the memory."""
    height, width = like_13HW.shape[-2:]

    def images(frames: list[int]) -> Tensor:
        points = poses.points[frames]
        drawn = draw_pose(points, height, width, (poses.height, poses.width), drawing=drawing)
        return to_unit(drawn, like_13HW.device, like_13HW.dtype)[None]

    return images
