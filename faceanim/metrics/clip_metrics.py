"""All metrics of one clip, for each method. T: frames; N: samples; D: features."""

from dataclasses import dataclass, replace

import numpy as np

from faceanim.metrics.baselines import static, warped
from faceanim.metrics.estimate import Estimate, estimate
from faceanim.metrics.families import METRICS
from faceanim.metrics.families.identity import EMBEDDER
from faceanim.metrics.families.landmarks import face_is_there
from faceanim.metrics.metric import LANDMARKS, MetricSpec
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.video_pair import ClipFrames, SeenVideo, VideoPair

# In the order of the report.
METHODS = ("generated", "static", "warped", "real")
_NO_REAL_FACE = "no face was found in any real frame"
_NO_GENERATED_FACE = "no face was found in any generated frame that has a real one"
_OTHER_PERSON = "another person's motion: there are no real frames to compare with"
_NO_WARP = "no face to warp, or to warp to"


@dataclass(frozen=True)
class ClipMetrics:
    """Results of one clip.

    scores, series: by method and metric; a series has a number per frame, pair of frames, or every few frames.

    counts: by method, its frames without a face where there is a real one, and those of a single colour.
    features: by network and method, float32 (N, D). warped_THW3: the warped baseline's frames, for viewing.
    """

    n_frames: int
    frames_without_real_face: int
    counts: dict[str, dict[str, int]]
    scores: dict[str, dict[str, Estimate]]
    series: dict[str, dict[str, np.ndarray]]
    features: dict[str, dict[str, np.ndarray]]
    warped_THW3: np.ndarray | None


def measure(frames: ClipFrames, suite: MetricSuite) -> ClipMetrics:
    """Measure the generated frames and, by the same metrics, the baselines and the real video itself.

    One backend finds the landmarks of all frames, the real ones too, so that a perfect copy scores exactly 0. In
    cross-reenactment the real video shows another person, so that it is no method.
    """
    seen = VideoPair.of(frames, suite.finders)
    videos: dict[str, SeenVideo | None] = {
        "generated": seen.generated,
        "static": static(seen),
        "warped": warped(seen),
    }
    if frames.same_person:
        videos["real"] = seen.real
    scores: dict[str, dict[str, Estimate]] = {method: {} for method in videos}
    series: dict[str, dict[str, np.ndarray]] = {method: {} for method in videos}
    for name, metric in suite.metrics().items():
        spec = METRICS[name]
        for method, video in videos.items():
            if video is None or (spec.compares == "frames" and not seen.same_person):
                scores[method][name] = Estimate(None, 0, _NO_WARP if video is None else _OTHER_PERSON)
                continue
            shown = replace(seen, generated=video)
            values = metric.values(shown).double().numpy()
            series[method][name] = values
            scores[method][name] = estimate(values, _reason(spec, shown))
    real_there = face_is_there(seen.real.points)
    found = {m: v.points.isfinite().all(dim=(1, 2)) for m, v in videos.items() if v is not None}
    return ClipMetrics(
        len(seen.real),
        int((~real_there).sum()),
        {
            m: {"without_face": int((real_there & ~f).sum()), "blank": videos[m].blank}
            for m, f in found.items()
        },
        scores,
        series,
        {
            network: {m: features.extract(v.frames_THW3) for m, v in _for_sets(videos, seen).items()}
            for network, features in suite.features.items()
        },
        None if videos["warped"] is None else videos["warped"].frames_THW3,
    )


def _for_sets(videos: dict[str, SeenVideo | None], seen: VideoPair) -> dict[str, SeenVideo]:
    """Sets are compared with the real videos, also with those that drove another face."""
    return {method: video for method, video in (videos | {"real": seen.real}).items() if video is not None}


def _reason(spec: MetricSpec, seen: VideoPair) -> str:
    """Why a metric has no value at all for a clip."""
    if spec.needs_sound and seen.sound_N is None:
        return "no sound"
    if LANDMARKS not in spec.needs:
        return spec.without_value or "fewer than two frames"
    real = face_is_there(seen.real.points)
    if not real.any():
        return _NO_REAL_FACE
    if EMBEDDER in spec.needs and not seen.reference.points.isfinite().all():
        return "no face was found in the reference image"
    if not seen.generated.points[real].isfinite().all(dim=(1, 2)).any():
        return _NO_GENERATED_FACE
    return spec.without_value or "fewer than two frames with both faces"
