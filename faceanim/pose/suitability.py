"""Suitability of a driver for a reference image."""

from dataclasses import dataclass

import numpy as np

from faceanim.pose.head_model import angles
from faceanim.pose.motion import FaceMotion, Head
from faceanim.pose.openness import lip_aperture
from faceanim.pose.sequence import PoseSequence

# (from here on it costs, from here on it is hopeless): degrees, shares, ratios, pixels, eye distances
_TURNED = (30.0, 60.0)  # farthest that the reference's face is to be turned from the camera
_DIFFERENCE = (20.0, 50.0)  # between the reference's yaw and the driver's neutral frame's
_TILT = (25.0, 60.0)  # of the reference's roll
_GROWTH = (0.3, 1.0)  # log of the largest change of the driver's size
_LOST = (0.05, 0.5)  # share of the driver's frames without a face
_OUTSIDE = (0.05, 0.4)  # share of the points that the motion takes out of the image
_SMALL = (64.0, 24.0)  # pixels between the outer corners of the reference's eyes: fewer are worse
_OPEN = (
    0.15,
    0.5,
)  # the reference's lips: what lies behind closed ones is not in the image, and vice versa


@dataclass(frozen=True)
class Suitability:
    """score: 1 suits, 0 is hopeless: the product of what each reason costs. reasons: why it is below 1, worst first."""

    score: float
    reasons: tuple[str, ...]


def suitability(motion: FaceMotion, driver: Head, reference: Head, shown: PoseSequence) -> Suitability:
    """Judge a driver for a reference. shown: the motion on the reference's face, in its image."""
    points = reference.points
    seen = np.isfinite(motion.zoom)
    yaw, _, roll = np.degrees(angles(reference.rotation[None])[0])
    driver_yaw = np.degrees(angles(driver.rotation[None])[0, 0])
    farthest = np.abs(yaw + np.degrees(motion.turn[seen, 0])).max()
    growth = np.abs(motion.zoom[seen]).max()
    moved, size = shown.points[seen], np.array([shown.width, shown.height])
    outside = ((moved < -0.5) | (moved > size - 0.5)).any(axis=-1).mean()
    eyes = np.linalg.norm(points[36] - points[45])
    lost = 1 - seen.mean()
    aperture = lip_aperture(points[None])[0]
    costs = [
        (_cost(farthest, _TURNED), f"the face is to be turned {farthest:.0f} degrees from the camera"),
        (
            _cost(abs(yaw - driver_yaw), _DIFFERENCE),
            f"reference and driver look {abs(yaw - driver_yaw):.0f} degrees apart (yaw {yaw:.0f} and {driver_yaw:.0f})",
        ),
        (_cost(abs(roll), _TILT), f"the reference's head is tilted by {abs(roll):.0f} degrees"),
        (_cost(growth, _GROWTH), f"the driver's face changes its size {np.exp(growth):.1f} times"),
        (_cost(lost, _LOST), f"the driver's face is hidden in {lost:.0%} of the frames"),
        (_cost(outside, _OUTSIDE), f"{outside:.0%} of the points leave the image"),
        (_cost(-eyes, (-_SMALL[0], -_SMALL[1])), f"the reference's eyes are only {eyes:.0f} pixels apart"),
        (_cost(aperture, _OPEN), "the reference's mouth is open: its closed lips are not in the image"),
    ]
    costs.sort(key=lambda cost: -cost[0])
    score = float(np.prod([1 - cost for cost, _ in costs]))
    return Suitability(score, tuple(reason for cost, reason in costs if cost > 0))


def _cost(value: float, bounds: tuple[float, float]) -> float:
    """0 up to the first bound, 1 from the second on, linear between."""
    return float(np.clip((value - bounds[0]) / (bounds[1] - bounds[0]), 0, 1))
