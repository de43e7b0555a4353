"""The results of an evaluation, for programs and for a terminal."""

import csv
from collections.abc import Sequence
from pathlib import Path

from faceanim.media.files import atomic_path
from faceanim.metrics.clip_metrics import METHODS
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.evaluation_report import EvaluationReport, over_fewer
from faceanim.metrics.families import METRICS

REPORT_FILES = ("metrics.json", "per_clip.csv", "report.html")
_COUNTS = ("frames_without_real_face", "frames_without_generated_face", "blank_generated_frames")
_IDS_SHOWN = 5


def write_csv(path: Path, records: Sequence[ClipRecord]) -> None:
    """One row a clip; a metric without a value leaves its cell empty."""
    names = [name for name, spec in METRICS.items() if spec.distance is None]
    methods = [m for m in METHODS if any(m in record.scores for record in records)]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        columns = [f"{method}_{name}" for name in names for method in methods]
        writer.writerow(["clip_id", "n_frames", *_COUNTS, *columns, "seconds", "protocol_hash", "data_hash"])
        for record in records:
            scores = [record.scores.get(method, {}).get(name) for name in names for method in methods]
            values = ["" if score is None or score.value is None else score.value for score in scores]
            generated = record.counts["generated"]
            counts = [record.frames_without_real_face, generated["without_face"], generated["blank"]]
            last = (round(record.seconds, 3), record.stamp.protocol, record.stamp.data)
            writer.writerow([record.clip_id, record.n_frames, *counts, *values, *last])


def table(report: EvaluationReport) -> str:
    """The summary as lines of a terminal."""
    methods = report.methods
    lines = [
        f"{report.protocol['name']}: {report.n_clips} clips, {report.n_frames} frames, protocol "
        f"{report.protocol_hash[:12]}, data {report.data_hash[:12]}",
        f"{'metric':<21}{'better':<8}" + "".join(f"{method:>12}" for method in methods) + f"{'n':>8}  95%",
    ]
    marked = False
    reasons: dict[str, list[str]] = {}
    for name, by in report.metrics.items():
        if by["generated"].reason:
            reasons.setdefault(by["generated"].reason, []).append(name)
        if name in report.unavailable:
            continue
        fewer = {method: over_fewer(by, method) is not None for method in methods}
        values = "".join(f"{_cell(by[method].value) + '*' * fewer[method]:>12}" for method in methods)
        marked |= any(fewer.values())
        interval = by["generated"].interval
        shown = "" if interval is None else "  {:.4g} to {:.4g}".format(*interval)
        shown += " (spread)" if shown and by["generated"].interval_of == "spread" else ""
        lines.append(f"{name:<21}{METRICS[name].better:<8}{values}{by['generated'].n:>8}{shown}")
    if marked:
        lines.append("* over fewer frames than another column: lost faces are left out, see face_found_rate")
    lines += [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    if report.frames_without_real_face:
        lines.append(f"left out, no face in the real frame: {report.frames_without_real_face}")
    counts = report.counts["generated"]
    if counts["without_face"]:
        lines.append(f"no face in the generated frame: {counts['without_face']}")
    if counts["blank"]:
        lines.append(f"generated frames of a single colour: {counts['blank']}")
    if report.missing_clips:
        names = ", ".join(missing["clip_id"] for missing in report.missing_clips[:_IDS_SHOWN])
        more = ", ..." if len(report.missing_clips) > _IDS_SHOWN else ""
        lines.append(f"clips of the protocol that are missing: {len(report.missing_clips)} ({names}{more})")
    if report.untagged_videos:
        lines.append(report.untagged)
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
