"""The report that people read: one page that needs no other file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.clip_videos import beside_titles
from faceanim.metrics.estimate import FEWEST
from faceanim.metrics.evaluation_report import EvaluationReport, Figure, over_fewer
from faceanim.metrics.families import METRICS
from faceanim.metrics.metric import MetricSpec
from faceanim.metrics.report import plots
from faceanim.metrics.report.other_evaluations import OtherEvaluation, comparison
from faceanim.pages.page import data_uri, number
from faceanim.pages.page import write_page as write

_BEST, _WORST = 2, 2  # clips that are shown
_LARGEST_VIDEO = 6 * 2**20  # bytes
_FEW_FRAMES = 2048  # of FID: below, its covariance has not full rank


def write_page(
    run_dir: Path,
    report: EvaluationReport,
    records: Sequence[ClipRecord],
    others: Mapping[str, OtherEvaluation],
) -> Path:
    """Write `report.html`. others: other evaluations, by folder."""
    ranked_by, clips = _clips(run_dir, records, report.same_person)
    return write(
        run_dir / "report.html",
        "evaluation.html",
        report=report,
        methods=report.methods,
        untagged=report.untagged if report.untagged_videos else "",
        fewest_clips=FEWEST,
        fewest_frames=_FEW_FRAMES,
        rows=[_row(report, spec) for spec in METRICS.values()],
        reasons=_reasons(report),
        ranked_by=ranked_by,
        clips=clips,
        dots=_dots(report, records),
        curves=_curves(report, records),
        colours=plots.COLOURS,
        **comparison(report, records, others),
    )


def _row(report: EvaluationReport, spec: MetricSpec) -> dict[str, Any]:
    figures = report.metrics[spec.name]
    rivals = [m for m in figures if m != "real" and not (m == "static" and spec.still_wins)]
    return {
        "spec": spec,
        "unavailable": report.unavailable.get(spec.name),
        "figures": figures,
        "best": _best(figures, spec.better, rivals),
        "of": {method: over_fewer(figures, method) for method in figures},
    }


def _reasons(report: EvaluationReport) -> dict[str, list[str]]:
    """The metrics without a value by reason, unless the reason is that a network is missing."""
    found: dict[str, list[str]] = {}
    for name, by in report.metrics.items():
        for method, figure in by.items():
            if figure.reason and name not in report.unavailable:
                found.setdefault(figure.reason, []).append(f"{METRICS[name].title} ({method})")
    return found


def _best(figures: Mapping[str, Figure], better: str, methods: list[str]) -> set[str]:
    """The best of the methods, and whatever shows the same digits, on the frames that all of them have."""
    common = any(figure.common is not None for figure in figures.values())
    values = {m: figures[m].common if common else figures[m].value for m in methods}
    values = {m: abs(v) if better == "zero" else v for m, v in values.items() if v is not None}
    if len(values) < 2:
        return set()
    best = (max if better == "higher" else min)(values.values())
    return {m for m, value in values.items() if number(value) == number(best)}


def _clips(
    run_dir: Path, records: Sequence[ClipRecord], same_person: bool
) -> tuple[MetricSpec | None, list[dict[str, Any]]]:
    """The metric that clips are ranked by, and the best and the worst of them."""

    def value(record: ClipRecord, spec: MetricSpec) -> float | None:
        score = record.scores["generated"].get(spec.name)
        return None if score is None else score.value

    def rank(record: ClipRecord) -> float:
        found = value(record, ranked_by)
        if found is None:
            return float("inf")  # the worst
        return found if ranked_by.better == "lower" else -found

    headlines = [spec for spec in METRICS.values() if spec.headline]
    ranked_by = next((s for s in headlines if any(value(r, s) is not None for r in records)), None)
    order = list(records) if ranked_by is None else sorted(records, key=rank)
    chosen = [("", record) for record in order]
    if len(order) > _BEST + _WORST:
        chosen = [("best: ", r) for r in order[:_BEST]] + [("worst: ", r) for r in order[-_WORST:]]
    clips = []
    for label, record in chosen:
        path = run_dir / "beside" / f"{record.clip_id}.mp4"
        shown = path.is_file() and path.stat().st_size <= _LARGEST_VIDEO
        clips.append(
            {
                "label": label,
                "clip_id": record.clip_id,
                "value": None if ranked_by is None else value(record, ranked_by),
                "titles": beside_titles(same_person, "warped" in record.counts),
                "video": data_uri(path.read_bytes(), "video/mp4") if shown else None,
            }
        )
    return ranked_by, clips


def _informative(report: EvaluationReport, spec: MetricSpec) -> list[str]:
    """The methods to plot: the real video is perfect by definition in comparisons with it, and stretches the scale."""
    return [m for m in report.methods if m != "real" or spec.compares is None]


def _dots(report: EvaluationReport, records: Sequence[ClipRecord]) -> list[tuple[MetricSpec, Markup]]:
    found = []
    for spec in METRICS.values():
        values = {}
        for method in _informative(report, spec) if spec.distance is None else ():
            scores = [(record.clip_id, record.scores.get(method, {}).get(spec.name)) for record in records]
            row = [(clip_id, s.value) for clip_id, s in scores if s is not None and s.value is not None]
            if row:
                values[method] = row
        if values:
            intervals = {m: report.metrics[spec.name][m].interval for m in values}
            found.append((spec, plots.dots(values, intervals)))
    return found


def _curves(report: EvaluationReport, records: Sequence[ClipRecord]) -> list[tuple[MetricSpec, Markup]]:
    found = []
    for spec in METRICS.values():
        lines = {}
        for method in _informative(report, spec) if spec.headline else ():
            seconds, values = _mean_curve(records, method, spec.name)
            if len(seconds) > 1 and np.isfinite(values).sum() > 1:
                lines[method] = seconds, values
        if lines:
            found.append((spec, plots.curves(lines)))
    return found


def _mean_curve(records: Sequence[ClipRecord], method: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and the mean over clips at them; clips of another rate are read at these seconds."""
    series = [(r, r.series.get(method, {}).get(name)) for r in records]
    series = [(r, np.array(v, np.float64), len(v)) for r, v in series if v]
    if not series:
        return np.zeros(0), np.zeros(0)
    steps = [r.n_frames / r.fps / n for r, _, n in series]  # seconds from one number to the next
    step, longest = min(steps), max(r.n_frames / r.fps for r, _, _ in series)
    seconds = np.arange(round(longest / step)) * step
    rows = np.full((len(series), len(seconds)), np.nan)
    for k, ((_, values, n), own) in enumerate(zip(series, steps, strict=True)):
        places = np.floor(seconds / own + 1e-6).astype(int)
        rows[k, places < n] = values[places[places < n]]
    there = np.isfinite(rows).sum(axis=0)
    return seconds, np.where(there > 0, np.nansum(rows, axis=0) / np.maximum(there, 1), np.nan)
