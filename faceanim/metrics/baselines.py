"""Baselines: the reference repeated, and warped to the landmarks. T: frames; H, W: pixels; P: points; K: triangles."""

import cv2
import numpy as np
from matplotlib.tri import Triangulation

from faceanim.metrics.video_pair import SeenVideo, VideoPair
from faceanim.pose.topology import LEFT_EYE, RIGHT_EYE


def static(seen: VideoPair) -> SeenVideo:
    """The reference image, repeated."""
    return SeenVideo.still(seen.reference.frames_THW3[0], len(seen.real), seen.real.finders)


def warped(seen: VideoPair) -> SeenVideo | None:
    """The reference, warped so that its landmarks are where the real ones are; None if either face is never found.

    Frames without a real face take the nearest one's landmarks. Another person's motion is taken relative to the first
    frame, scaled by the two faces' eye distances. It cannot show what the reference does not: teeth, the other cheek.
    """
    source_68x2 = seen.reference.points[0].numpy()
    target_T68x2 = seen.real.points.numpy()
    found = np.flatnonzero(np.isfinite(target_T68x2).all(axis=(1, 2)))
    if not len(found) or not np.isfinite(source_68x2).all():
        return None
    nearest = np.abs(np.arange(len(target_T68x2))[:, None] - found).argmin(axis=1)
    target_T68x2 = target_T68x2[found[nearest]]
    if not seen.same_person:
        scale = _eye_distance(source_68x2) / max(_eye_distance(target_T68x2[0]), 1e-6)
        target_T68x2 = source_68x2 + (target_T68x2 - target_T68x2[0]) * scale
    return SeenVideo(warp(seen.reference.frames_THW3[0], source_68x2, target_T68x2), seen.real.finders)


def warp(image_HW3: np.ndarray, source_P2: np.ndarray, target_TP2: np.ndarray) -> np.ndarray:
    """uint8 (T, H, W, 3): the image, warped piecewise affinely so that the source points are moved to the targets.

    The triangles are Delaunay's of the source points and of eight points of the frame's border, which stay.
    """
    height, width = image_HW3.shape[:2]
    right, bottom = width - 1, height - 1
    border_82 = np.array(
        [
            (x, y)
            for x in (0, right / 2, right)
            for y in (0, bottom / 2, bottom)
            if (x, y) != (right / 2, bottom / 2)
        ]
    )
    limit = np.array([right, bottom])
    source_N2 = np.concatenate([np.clip(source_P2, 0, limit), border_82]).astype(np.float64)
    triangles_K3 = Triangulation(*source_N2.T).triangles
    pixels_HW3 = np.stack(
        [*np.meshgrid(np.arange(width), np.arange(height)), np.ones((height, width))], axis=-1
    )
    frames = []
    for target_P2 in target_TP2:
        target_N2 = np.concatenate([np.clip(target_P2, 0, limit), border_82]).astype(np.float64)
        triangle_HW, back_K23 = np.zeros((height, width), np.int32), np.zeros((len(triangles_K3), 2, 3))
        for k, corners in enumerate(triangles_K3):
            there = np.concatenate([target_N2[corners], np.ones((3, 1))], axis=1)
            back_K23[k] = np.linalg.lstsq(there, source_N2[corners], rcond=None)[0].T  # flat ones too
            cv2.fillConvexPoly(triangle_HW, np.round(target_N2[corners]).astype(np.int32), k)
        from_HW2 = (back_K23[triangle_HW] @ pixels_HW3[..., None])[..., 0].astype(np.float32)
        frames.append(
            cv2.remap(
                image_HW3, from_HW2[..., 0], from_HW2[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
            )
        )
    return np.stack(frames)


def _eye_distance(points_68x2: np.ndarray) -> float:
    return float(np.linalg.norm(points_68x2[LEFT_EYE[3]] - points_68x2[RIGHT_EYE[0]]))
