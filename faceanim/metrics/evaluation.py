"""From clips to numbers, one clip at a time, resumable. T: frames; H, W: pixels."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from faceanim.media.files import write_json
from faceanim.media.image import write_image
from faceanim.media.video_writer import AI_GENERATED, write_video
from faceanim.metrics.candidates import Candidate, ClipFrames, EvaluationClip
from faceanim.metrics.report import REPORT_FILES, ClipResult, write_report
from faceanim.metrics.scores import VideoScores, score_video
from faceanim.pose.landmarks import FaceLandmarker, landmarker


def evaluate(candidate: Candidate, run_dir: str | Path) -> dict[str, Any]:
    """Measure a candidate and, beside it, the static baseline: the reference image, repeated.

    Writes below `run_dir` for each clip `clips/<clip_id>.json`, `sheets/<clip_id>.png` and, for a pipeline,
    `videos/<clip_id>.mp4` (to look at: the metrics see the frames before they are compressed); at the end
    `metrics.json` and `per_clip.csv`, see `write_report`, whose content is printed as a table and returned.
    A clip that was measured in this folder before is skipped if nothing has changed since: neither the
    protocol, nor any clip, nor the weights or prediction.
    """
    run_dir = Path(run_dir)
    protocol = candidate.protocol
    fingerprint = protocol.fingerprint((clip.clip_id, clip.content_hash) for clip in candidate.clips)
    backend = landmarker(protocol.landmarks)
    for name in REPORT_FILES:  # no old numbers lie beside new clips if this run is interrupted
        (run_dir / name).unlink(missing_ok=True)
    results = []
    for clip in tqdm(candidate.clips, desc="evaluating", unit="clip", disable=None):
        result = _finished(run_dir, candidate, clip, fingerprint)
        if result is None:
            result = _evaluate_clip(run_dir, candidate, clip, fingerprint, backend)
        results.append(result)
    return write_report(run_dir, candidate, fingerprint, results)


def _evaluate_clip(
    run_dir: Path, candidate: Candidate, clip: EvaluationClip, fingerprint: str, backend: FaceLandmarker
) -> ClipResult:
    start = time.perf_counter()
    frames = candidate.produce(clip)
    generated, static = measure(frames, backend)
    if candidate.kind == "pipeline":
        write_video(_video_path(run_dir, clip), frames.generated_THW3, frames.fps, comment=AI_GENERATED)
    write_image(run_dir / "sheets" / f"{clip.clip_id}.png", frames.sheet())
    result = ClipResult(
        clip_id=clip.clip_id,
        protocol_hash=fingerprint,
        maker_hash=clip.maker_hash,
        seconds=time.perf_counter() - start,
        generated=generated,
        static=static,
    )
    write_json(_record_path(run_dir, clip), dataclasses.asdict(result))
    return result


def measure(frames: ClipFrames, backend: FaceLandmarker) -> tuple[VideoScores, VideoScores]:
    """The scores of the generated frames and of the static baseline.

    One backend finds the landmarks of all frames, the real ones too, so that a perfect copy scores exactly 0.
    """
    n_frames = len(frames.real_THW3)
    real_points = backend.detect(frames.real_THW3).points
    generated_points = backend.detect(frames.generated_THW3).points
    reference_points = backend.detect(frames.reference_HW3[None]).points
    static_THW3 = np.repeat(frames.reference_HW3[None], n_frames, axis=0)
    static_points = np.repeat(reference_points, n_frames, axis=0)
    return (
        score_video(frames.real_THW3, frames.generated_THW3, real_points, generated_points),
        score_video(frames.real_THW3, static_THW3, real_points, static_points),
    )


def _finished(
    run_dir: Path, candidate: Candidate, clip: EvaluationClip, fingerprint: str
) -> ClipResult | None:
    """What an earlier run found out about the clip, if it still holds."""
    path = _record_path(run_dir, clip)
    if not path.is_file() or (candidate.kind == "pipeline" and not _video_path(run_dir, clip).is_file()):
        return None
    try:
        result = ClipResult.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # of another version, or damaged: measured again
    same = (result.protocol_hash, result.maker_hash) == (fingerprint, clip.maker_hash)
    return result if same else None


def _record_path(run_dir: Path, clip: EvaluationClip) -> Path:
    return run_dir / "clips" / f"{clip.clip_id}.json"


def _video_path(run_dir: Path, clip: EvaluationClip) -> Path:
    return run_dir / "videos" / f"{clip.clip_id}.mp4"
