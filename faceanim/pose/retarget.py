"""Retargeting: a driver's motion on another person's face."""

from typing import Literal, NamedTuple, get_args

import numpy as np

from faceanim.pose.motion import Head, decompose, recompose
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.similarity import similarity
from faceanim.pose.suitability import Suitability, suitability

Mode = Literal["absolute", "aligned", "relative"]
_EYES_AND_NOSE = list(range(27, 48))  # points that rest on the skull and are seen from the front


class Retargeted(NamedTuple):
    """suited: how well the driver suits the reference under "relative"; None under "absolute"."""

    poses: PoseSequence
    suited: Suitability | None


def retarget(
    poses: PoseSequence, reference_points: np.ndarray, width: int, height: int, mode: Mode = "relative"
) -> Retargeted:
    """Return the driver's motion for a reference image of width x height.

    Args:
        poses: of the driver; frames without a face stay without one.
        reference_points: of the reference's face, in pixels: (68, 2), or (68, 3) with their depth (see `Landmarks`).
        mode: what is kept of the driver, as follows.

    relative: the reference's own face shape, place, size and head pose; the driver's turns, shifts and expressions
    as they differ from its neutral frame. Nothing of the driver's shape is left.
    aligned: the driver's face, moved, scaled and tilted as a whole so that its neutral frame lies on the reference's
    eyes and nose. The driver's shape stays: for a driver and a reference who are one person.
    absolute: the driver's landmarks as they are, resized to the image: for a driver that was cropped alike.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"retarget: expected one of {', '.join(get_args(Mode))}, got {mode!r}")
    points = checked_reference(reference_points)
    if mode == "absolute":
        return Retargeted(poses.resized(width, height), None)
    motion, driver = decompose(poses)
    reference = Head.of(points)
    relative = recompose(motion, reference, width, height, poses.source)
    suited = suitability(motion, driver, reference, relative)
    if mode == "relative":
        return Retargeted(relative, suited)
    fit = similarity(driver.points[_EYES_AND_NOSE], points[_EYES_AND_NOSE, :2])
    aligned = poses.placed(fit(poses.points).astype(np.float32), float(abs(fit.turn)), width, height)
    return Retargeted(aligned, suited)


def checked_reference(points: np.ndarray) -> np.ndarray:
    """The points as float64; ValueError where there is no face, or not of 68 points."""
    points = np.asarray(points, np.float64)
    if points.shape not in ((68, 2), (68, 3)):
        raise ValueError(f"reference: expected (68, 2) or (68, 3) points of a face, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("reference: expected a face in the image, got none")
    return points
