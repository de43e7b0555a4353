"""Evaluation of all clips into a report, one clip at a time, resumable, over any number of processes."""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from faceanim.media.image import write_image
from faceanim.media.video_files import utf8_name
from faceanim.media.video_writer import AI_GENERATED, write_video
from faceanim.metrics.clip_metrics import measure
from faceanim.metrics.clip_record import ClipRecord, read_record, write_record
from faceanim.metrics.clip_videos import write_beside
from faceanim.metrics.distributed import Ranks
from faceanim.metrics.evaluation_report import EvaluationReport
from faceanim.metrics.metric_suite import MetricSuite
from faceanim.metrics.predictions import EvaluationClip, Predictions
from faceanim.metrics.protocol import Stamp
from faceanim.metrics.report.other_evaluations import read_evaluation
from faceanim.metrics.report.page import write_page
from faceanim.metrics.report.table import REPORT_FILES, table, write_csv
from faceanim.metrics.summary import summarise


def evaluate(
    predictions: Predictions,
    suite: MetricSuite,
    run_dir: str | Path,
    ranks: Ranks | None = None,
    compare: Sequence[str | Path] = (),
    device: torch.device | None = None,
) -> EvaluationReport | None:
    """Measure predictions and, next to them, the baselines (see `measure`).

    Writes below `run_dir` for each clip `clips/<clip_id>.json`, `sheets/<clip_id>.png`, `beside/<clip_id>.mp4` (all
    that there is to see) and, for a pipeline, `videos/<clip_id>.mp4` (to look at: the metrics see the frames before
    they are compressed); at the end `metrics.json` (see `summarise`), `per_clip.csv` and `report.html`. Prints the
    summary and returns the report, on the first of the ranks, which share the clips and the folder.
    A clip that was measured in this folder before is skipped if nothing has changed since: neither the protocol, nor
    any clip, nor the weights or prediction, nor the networks that measure.
    compare: folders of other evaluations to compare with in the report.
    """
    run_dir, ranks = Path(run_dir), ranks or Ranks()
    stamp = predictions.protocol.stamp((clip.clip_id, clip.content_hash) for clip in predictions.clips)
    if ranks.number == 0:
        for name in REPORT_FILES:  # an interrupted run leaves no old results next to new clips
            (run_dir / name).unlink(missing_ok=True)
    others = {str(folder): read_evaluation(folder) for folder in compare}
    error = None
    try:
        shared = ranks.share(predictions.clips)
        for clip in tqdm(shared, desc="evaluating", unit="clip", disable=None if ranks.count == 1 else True):
            if _finished(run_dir, predictions, clip, stamp, suite) is None:
                _evaluate_clip(run_dir, predictions, clip, stamp, suite)
    except Exception as caught:
        error = caught
    failed = [each for each in ranks.gather(None if error is None else str(error)) if each is not None]
    if error is not None:
        raise error
    if failed:
        raise ValueError(f"another rank failed: {failed[0]}")
    if ranks.number:
        return None
    records = [_finished(run_dir, predictions, clip, stamp, suite) for clip in predictions.clips]
    for clip, record in zip(predictions.clips, records, strict=True):
        if record is None:
            raise ValueError(f"clip {clip.clip_id}: no result in {run_dir}: ranks have to share one folder")
    report = summarise(
        run_dir, predictions, stamp, records, suite.unavailable, suite.weights, device or torch.device("cpu")
    )
    write_csv(run_dir / "per_clip.csv", records)
    write_page(run_dir, report, records, others)
    report.write(run_dir / "metrics.json")
    print(table(report))
    print(utf8_name(f"metrics: {run_dir / 'metrics.json'}\nreport: {run_dir / 'report.html'}"))
    return report


def _evaluate_clip(
    run_dir: Path, predictions: Predictions, clip: EvaluationClip, stamp: Stamp, suite: MetricSuite
) -> None:
    start = time.perf_counter()
    frames = predictions.produce(clip, sound=suite.needs_sound)
    found = measure(frames, suite)
    if predictions.kind == "pipeline":
        write_video(_video_path(run_dir, clip), frames.generated_THW3, frames.fps, comment=AI_GENERATED)
    write_image(run_dir / "sheets" / f"{clip.clip_id}.png", frames.sheet())
    write_beside(run_dir / "beside" / f"{clip.clip_id}.mp4", frames, found.warped_THW3)
    seconds = time.perf_counter() - start
    write_record(run_dir, clip.clip_id, stamp, clip.maker_hash, suite.weights, seconds, frames.fps, found)


def _finished(
    run_dir: Path, predictions: Predictions, clip: EvaluationClip, stamp: Stamp, suite: MetricSuite
) -> ClipRecord | None:
    """The clip's record of an earlier run, or None if it is missing or stale."""
    if predictions.kind == "pipeline" and not _video_path(run_dir, clip).is_file():
        return None
    return read_record(run_dir, clip.clip_id, stamp, clip.maker_hash, suite.weights)


def _video_path(run_dir: Path, clip: EvaluationClip) -> Path:
    return run_dir / "videos" / f"{clip.clip_id}.mp4"
