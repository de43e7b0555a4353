"""Which metrics there are, what they are called, and which way is better."""

import math
from typing import Literal, NamedTuple


class MetricInfo(NamedTuple):
    """title, unit: for people. better: which way. about: one line. still_wins: a still picture cannot lose. truth: it
    is a distance to the real video, whose own figure then says nothing. limits: what the figure can be at all."""

    title: str
    unit: str
    better: Literal["lower", "higher", "zero"]
    about: str
    still_wins: bool = False
    truth: bool = False
    limits: tuple[float, float] = (-math.inf, math.inf)


METRICS: dict[str, MetricInfo] = {
    "nme": MetricInfo(
        "landmark error",
        "eye distances",
        "lower",
        "68 points, mean distance over the real outer eye corners'",
    ),
    "nme_mouth": MetricInfo("mouth error", "eye distances", "lower", "the same, of the mouth's 20 points"),
    "nme_eyes": MetricInfo("eye error", "eye distances", "lower", "the same, of the eyes' 12 points"),
    "nme_success_rate": MetricInfo(
        "landmarks right",
        "share",
        "higher",
        "frames with a landmark error of at most 0.1; a lost face is wrong",
    ),
    "face_found_rate": MetricInfo(
        "faces found", "share", "higher", "frames with a generated face, of those with a real one"
    ),
    "pose_distance": MetricInfo(
        "head pose distance", "degrees", "lower", "mean of yaw, pitch and roll, from landmarks"
    ),
    "expression_distance": MetricInfo(
        "expression distance", "eye distances", "lower", "brows, eyes and mouth with the head held still"
    ),
    "psnr": MetricInfo("PSNR", "dB", "higher", "identical frames count as 100"),
    "ssim": MetricInfo("SSIM", "", "higher", "Gaussian window of 11 pixels"),
    "lpips": MetricInfo("LPIPS", "", "lower", "AlexNet, version 0.1"),
    "identity": MetricInfo(
        "identity", "", "higher", "likeness to the reference; dlib: above 0.4 is taken for one person", True
    ),
    "flow_error": MetricInfo(
        "motion error (tOF)", "px of 256", "lower", "optical flow against the real video's"
    ),
    "tlp": MetricInfo("tLP", "", "lower", "change from frame to frame in LPIPS, against the real video's"),
    "warping_error": MetricInfo(
        "warping error",
        "levels",
        "lower",
        "what the video's own motion leaves unexplained; 0 for a still one",
        True,
    ),
    "background_variation": MetricInfo(
        "background variation", "levels", "lower", "change from frame to frame away from the face", True
    ),
    "nme_drift": MetricInfo("drift of landmark error", "per second", "zero", "slope over the clip"),
    "identity_drift": MetricInfo("drift of identity", "per second", "zero", "slope over the clip", True),
    "sync_confidence": MetricInfo("lip sync confidence", "", "higher", "SyncNet; clips with sound"),
    "sync_distance": MetricInfo("lip sync distance", "", "lower", "SyncNet; clips with sound"),
    "fid": MetricInfo(
        "FID",
        "",
        "lower",
        "frames, Inception features; too large with few clips: below it stands the spread at this number of clips, no "
        "confidence interval",
    ),
    "fid_limit": MetricInfo(
        "FID, N to infinity",
        "",
        "lower",
        "the line through FID at 1/N frames, read at 0 (Chong and Forsyth, 2020)",
    ),
    "kid": MetricInfo(
        "KID", "", "lower", "frames, Inception features, all pairs; the interval is of ever more clips"
    ),
    "fvd": MetricInfo(
        "FVD", "", "lower", "windows of frames, I3D or VideoMAE features; as FID, below it its spread"
    ),
}
_OF_TRUTH = (
    "nme",
    "nme_mouth",
    "nme_eyes",
    "nme_success_rate",
    "nme_drift",
    "pose_distance",
    "expression_distance",
)
_OF_TRUTH += ("psnr", "ssim", "lpips", "tlp", "flow_error")
METRICS |= {name: METRICS[name]._replace(truth=True) for name in _OF_TRUTH}
_LIMITS = dict.fromkeys(("nme_success_rate", "face_found_rate"), (0.0, 1.0))
_LIMITS |= dict.fromkeys(
    ("nme", "nme_mouth", "nme_eyes", "pose_distance", "expression_distance"), (0.0, math.inf)
)
_LIMITS |= dict.fromkeys(
    ("lpips", "flow_error", "tlp", "warping_error", "background_variation"), (0.0, math.inf)
)
_LIMITS |= dict.fromkeys(("fid", "fvd", "sync_confidence", "sync_distance"), (0.0, math.inf))
_LIMITS |= {"psnr": (-math.inf, 100.0), "ssim": (-1.0, 1.0), "identity": (-math.inf, 1.0)}
METRICS |= {name: METRICS[name]._replace(limits=limits) for name, limits in _LIMITS.items()}
OF_SETS = (
    "fid",
    "fid_limit",
    "kid",
    "fvd",
)  # from features of all clips; the others are means over clips' frames
SPREAD = ("fid", "fvd")  # their interval is the spread of the estimate, not a confidence interval
CURVES = ("nme", "identity", "psnr")  # shown over time
