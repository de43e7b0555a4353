"""The results of an evaluation, for programs and for a terminal."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceanim.media.files import atomic_path
from faceanim.metrics.clip_metrics import METHODS
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.families import METRICS
from faceanim.metrics.report_cells import over_fewer

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


def table(content: dict[str, Any]) -> str:
    """The summary as lines of a terminal."""
    metrics = content["metrics"]
    methods = list(next(iter(metrics.values())))
    lines = [
        f"{content['protocol']['name']}: {content['n_clips']} clips, {content['n_frames']} frames, protocol "
        f"{content['protocol_hash'][:12]}, data {content['data_hash'][:12]}",
        f"{'metric':<21}{'better':<8}" + "".join(f"{method:>12}" for method in methods) + f"{'n':>8}  95%",
    ]
    marked = False
    for name, by in metrics.items():
        if name in content["unavailable"]:
            continue
        fewer = {method: over_fewer(by, method) for method in methods}
        values = "".join(f"{_cell(by[method]['value']) + '*' * fewer[method]:>12}" for method in methods)
        marked |= any(fewer.values())
        interval = by["generated"]["interval"]
        shown = "" if interval is None else f"  {interval[0]:.4g} to {interval[1]:.4g}"
        shown += " (spread)" if shown and METRICS[name].interval_of == "spread" else ""
        lines.append(f"{name:<21}{METRICS[name].better:<8}{values}{by['generated']['n']:>8}{shown}")
    if marked:
        lines.append("* over fewer frames than another column: lost faces are left out, see face_found_rate")
    reasons: dict[str, list[str]] = {}
    for name, by in metrics.items():
        if by["generated"]["reason"]:
            reasons.setdefault(by["generated"]["reason"], []).append(name)
    lines += [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    if content["frames_without_real_face"]:
        lines.append(f"left out, no face in the real frame: {content['frames_without_real_face']}")
    counts = content["counts"]["generated"]
    if counts["without_face"]:
        lines.append(f"no face in the generated frame: {counts['without_face']}")
    if counts["blank"]:
        lines.append(f"generated frames of a single colour: {counts['blank']}")
    if content["missing_clips"]:
        names = ", ".join(missing["clip_id"] for missing in content["missing_clips"][:_IDS_SHOWN])
        more = ", ..." if len(content["missing_clips"]) > _IDS_SHOWN else ""
        lines.append(
            f"clips of the protocol that are missing: {len(content['missing_clips'])} ({names}{more})"
        )
    if content["untagged_videos"]:
        lines.append(untagged(content))
    return "\n".join(lines)


def untagged(content: dict[str, Any]) -> str:
    """A sentence about videos without colour tags."""
    names = content["untagged_videos"]
    how = "BT.709 from 720 lines on, BT.601 below"
    how = {"auto": how, "bt601": "BT.601", "bt709": "BT.709"}[content["untagged_colour"]]
    return (
        f"{len(names)} videos have no colour tags, first {names[0]}: read as {how} "
        f"(colour={content['untagged_colour']}; colour=bt601 or bt709 decides)"
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
