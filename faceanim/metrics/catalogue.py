"""Which metrics there are, what they are called, and which way is better."""

from typing import Literal, NamedTuple


class MetricInfo(NamedTuple):
    """title, unit: for people. better: which way. about: one line. still_wins: a still picture cannot lose. truth: it
    is a distance to the real video, whose own figure then says nothing."""

    title: str
    unit: str
    better: Literal["lower", "higher", "zero"]
    about: str
    still_wins: bool = False
    truth: bool = False


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
    "fid": MetricInfo("FID", "", "lower", "frames, Inception features"),
    "kid": MetricInfo("KID", "", "lower", "frames, Inception features, all pairs"),
    "fvd": MetricInfo("FVD", "", "lower", "windows of frames, I3D or VideoMAE features"),
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
OF_SETS = (
    "fid",
    "kid",
    "fvd",
)  # from features of all clips together; the others are means over clips' frames
CURVES = ("nme", "identity", "psnr")  # shown over time
