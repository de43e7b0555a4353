"""The report that people read: one page that needs no other file."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from faceanim.media.files import atomic_path
from faceanim.metrics import report_plots
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.clip_videos import beside_titles
from faceanim.metrics.estimate import FEWEST
from faceanim.metrics.families import METRICS
from faceanim.metrics.report import untagged
from faceanim.metrics.report_beside import OtherRun, beside_others
from faceanim.metrics.report_cells import cell, most, number, over_fewer
from faceanim.metrics.report_style import STYLE

_BEST, _WORST = 2, 2  # clips that are shown
_LARGEST_VIDEO = 6 * 2**20  # bytes
_FEW_FRAMES = 2048  # of FID: below, its covariance has not full rank


def write_page(
    run_dir: Path,
    content: dict[str, Any],
    records: Sequence[ClipRecord],
    others: Mapping[str, OtherRun],
) -> Path:
    """Writes `report.html`. content: see `summarise`. others: other runs, by name."""
    methods = list(content["metrics"]["nme"])
    parts = [
        _head(content),
        *_warnings(content),
        _summary(content, methods),
        _clips(run_dir, records, content["protocol"]["task"] == "self"),
        _distributions(content, records, methods),
        _drift(records, methods),
        beside_others(content, records, others) if others else "",
        _protocol(content),
    ]
    page = (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'><title>Evaluation</title>"
        f"<style>{STYLE}</style>"
    )
    path = run_dir / "report.html"
    with atomic_path(path) as temporary:
        text = page + "\n".join(part for part in parts if part) + "\n"
        temporary.write_text(text, encoding="utf-8")
    return path


def _head(content: dict[str, Any]) -> str:
    weights = content["weights_hash"]
    clips = f"{content['n_clips']} clip{'s' * (content['n_clips'] != 1)}"
    made = f"pipeline <code>{weights[:12]}</code>" if weights else "videos made elsewhere"
    return (
        f"<h1>Evaluation: {html.escape(content['protocol']['name'])}</h1><p>{clips}, "
        f"{content['n_frames']} frames of {made}. Protocol <code>{content['protocol_hash'][:12]}</code>, data "
        f"<code>{content['data_hash'][:12]}</code>: figures compare where both are the same. faceanim "
        f"{content['faceanim_version']}.</p>"
    )


def _warnings(content: dict[str, Any]) -> list[str]:
    counts, missing = content["counts"]["generated"], content["missing_clips"]
    said = []
    if missing:
        reasons = "".join(f"<li>{html.escape(m['clip_id'])}: {html.escape(m['reason'])}" for m in missing)
        said.append(
            f"{len(missing)} clips of the protocol are missing, so that these figures are of other data than the "
            f"protocol's.<details><summary>which</summary><ul>{reasons}</ul></details>"
        )
    if counts["without_face"]:
        said.append(
            f"No face was found in {counts['without_face']} generated frames that have a real one: they count in faces "
            "found and landmarks right, and are left out of the other figures of faces."
        )
    if counts["blank"]:
        said.append(
            f"{counts['blank']} generated frames are of a single colour: what a network gives that is not finite?"
        )
    if content["frames_without_real_face"]:
        said.append(f"No face was found in {content['frames_without_real_face']} real frames: left out.")
    if content["untagged_videos"]:
        said.append(
            f"{html.escape(untagged(content))}. With the wrong matrix colours are off by several levels."
        )
    if content["n_clips"] < 2:
        said.append("A single clip: there is nothing to say about other clips, and no interval.")
    elif content["n_clips"] < FEWEST:
        said.append(f"{content['n_clips']} clips: an interval takes {FEWEST}.")
    fid = content["metrics"]["fid"]["generated"]
    if fid["value"] is not None and fid["n"] < _FEW_FRAMES:
        said.append(f"FID over {fid['n']} frames is larger than over many: at least {_FEW_FRAMES} are usual.")
    return [f"<div class=warn>{line}</div>" for line in said]


def _summary(content: dict[str, Any], methods: list[str]) -> str:
    about = {
        "generated": "what was made",
        "static": "the reference, repeated",
        "warped": "the reference, bent to the landmarks",
        "real": "the real video itself",
    }
    head = "".join(f"<th class=n>{m}<small>{about[m]}</small>" for m in methods)
    rows = []
    for name, info in METRICS.items():
        by = content["metrics"][name]
        title = f"<td class=name>{info.title}<small>{html.escape(info.about)}</small>"
        if name in content["unavailable"]:
            reason = html.escape(content["unavailable"][name])
            rows.append(
                f"<tr class=none>{title}<td><td class=why colspan={len(methods) + 1}>unavailable: {reason}"
            )
            continue
        best = _best(
            by, info.better, [m for m in methods if m != "real" and not (m == "static" and info.still_wins)]
        )
        of = {m: most(by.values()) if over_fewer(by, m) else None for m in methods}
        cells = "".join(cell(by[m], m in best, of[m]) for m in methods)
        arrow = {"lower": "↓", "higher": "↑", "zero": "→ 0"}[info.better]
        rows.append(
            f"<tr>{title}<td>{arrow} <span class=soft>{info.unit}</span>{cells}<td class=n>{by['generated']['n']}"
        )
    return (
        "<h2>Summary</h2><p class=soft>Means over frames, pairs of frames or clips (n), below them the 95% interval "
        "over clips (three or more). Bold: the best on the frames that all methods have, ties alike, the real video "
        "left out, and a still picture where it wins by standing still. <b class=few>Over fewer frames</b>: lost "
        "faces are left out of the mean; read it beside faces found.</p><div class=wide><table><tr><th>metric<th>better"
        f"{head}<th class=n>n{''.join(rows)}</table></div>{_reasons(content, methods)}"
    )


def _reasons(content: dict[str, Any], methods: list[str]) -> str:
    """Why there is no value, where it is not that a network is missing."""
    why: dict[str, list[str]] = {}
    for name, by in content["metrics"].items():
        for method in methods if name not in content["unavailable"] else ():
            if by[method]["reason"]:
                why.setdefault(by[method]["reason"], []).append(f"{METRICS[name].title} ({method})")
    lines = "".join(
        f"<li>{html.escape(', '.join(them))}: {html.escape(reason)}" for reason, them in why.items()
    )
    return f"<p class=soft>Without a value (–):</p><ul class=soft>{lines}</ul>" if lines else ""


def _best(by: dict[str, Any], better: str, methods: list[str]) -> set[str]:
    """The best of the methods, and whatever shows the same digits, on the frames that all of them have."""
    figure = "value" if all(score["common"] is None for score in by.values()) else "common"
    there = {m: by[m][figure] for m in methods if by[m][figure] is not None}
    if len(there) < 2:
        return set()
    key = {"lower": lambda m: there[m], "higher": lambda m: -there[m], "zero": lambda m: abs(there[m])}[
        better
    ]
    shown = {m: number(abs(there[m]) if better == "zero" else there[m]) for m in there}
    return {m for m in there if shown[m] == shown[min(there, key=key)]}


def _clips(run_dir: Path, records: Sequence[ClipRecord], same_person: bool) -> str:
    def value(record: ClipRecord, name: str) -> float | None:
        score = record.scores["generated"].get(name)
        return None if score is None else score.value

    ranked_by = next(
        (n for n, s in METRICS.items() if s.headline and any(value(r, n) is not None for r in records)), None
    )
    if ranked_by is None:
        order, what = list(records), "no figure tells the best from the worst"
    else:
        sign = 1 if METRICS[ranked_by].better == "lower" else -1
        lost = float("inf")  # without a value: the worst
        order = sorted(
            records, key=lambda r: lost if value(r, ranked_by) is None else sign * value(r, ranked_by)
        )
        what = f"ranked by {METRICS[ranked_by].title}"
    few = len(order) <= _BEST + _WORST
    shown = [(r, "") for r in order] if few else []
    if not few:
        shown = [(r, "best: ") for r in order[:_BEST]] + [(r, "worst: ") for r in order[-_WORST:]]
    parts = []
    for record, label in shown:
        path = run_dir / "beside" / f"{record.clip_id}.mp4"
        score = (
            "" if ranked_by is None else f", {METRICS[ranked_by].title} {number(value(record, ranked_by))}"
        )
        caption = f"{label}{html.escape(record.clip_id)}{score}"
        if not path.is_file() or path.stat().st_size > _LARGEST_VIDEO:
            parts.append(f"<p>{caption}: see <code>beside/{html.escape(path.name)}</code>")
            continue
        titles = beside_titles(same_person, "warped" in record.counts)
        columns = "".join(f"<span>{title}</span>" for title in titles)
        data = base64.b64encode(path.read_bytes()).decode()
        parts.append(
            f"<figure class=clip><figcaption>{caption}</figcaption><div class=cols>{columns}</div>"
            f'<video controls loop muted autoplay playsinline src="data:video/mp4;base64,{data}"></video></figure>'
        )
    return f"<h2>Clips</h2><p class=soft>{what}; compressed to look at, measured before that.</p>" + "".join(
        parts
    )


def _distributions(content: dict[str, Any], records: Sequence[ClipRecord], methods: list[str]) -> str:
    figures = []
    for name, info in METRICS.items():
        if info.distance is not None:
            continue
        values = {
            m: [
                (r.clip_id, score.value)
                for r in records
                if (score := r.scores.get(m, {}).get(name)) is not None and score.value is not None
            ]
            for m in _telling(methods, name)
        }
        values = {m: row for m, row in values.items() if row}
        if not values:
            continue
        intervals = {m: content["metrics"][name][m]["interval"] for m in values}
        unit = f", {info.unit}" if info.unit else ""
        figures.append(
            f"<figure><figcaption>{info.title}{unit} ({info.better} is better)</figcaption>"
            f"{report_plots.dots(values, intervals)}</figure>"
        )
    return (
        "<h2>Clip by clip</h2><p class=soft>A dot is a clip; hover for its name. Shaded: the mean's 95% interval.</p>"
        f"<div class=grid>{''.join(figures)}</div>"
    )


def _telling(methods: list[str], metric: str) -> list[str]:
    """The real video is left out where its figure is perfect by definition: it would only stretch the scale."""
    return [m for m in methods if m != "real" or METRICS[metric].compares is None]


def _drift(records: Sequence[ClipRecord], methods: list[str]) -> str:
    figures = []
    for name in (spec.name for spec in METRICS.values() if spec.headline):
        lines = {m: _mean_curve(records, m, name) for m in _telling(methods, name)}
        lines = {m: line for m, line in lines.items() if len(line[0]) > 1 and np.isfinite(line[1]).sum() > 1}
        if lines:
            figures.append(
                f"<figure><figcaption>{METRICS[name].title}</figcaption>{report_plots.curves(lines)}</figure>"
            )
    if not figures:
        return ""
    return (
        "<h2>Over time</h2><p class=soft>Mean over the clips that last so long.</p>"
        f"<p>{report_plots.legend(methods)}</p><div class=grid>{''.join(figures)}</div>"
    )


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


def _protocol(content: dict[str, Any]) -> str:
    lines = []
    for name, value in content["protocol"].items():
        shown = f"{len(value)} of them" if name in ("clips", "pairs") and value else value
        lines.append(f"<tr><td>{name}<td>{html.escape(str(shown))}")
    weights = "".join(
        f"<tr><td>{name}<td><code>{value}</code>" for name, value in sorted(content["metric_weights"].items())
    )
    return (
        f"<h2>Protocol</h2><div class=wide><table><tr><td>protocol hash<td><code>{content['protocol_hash']}</code>"
        f"<tr><td>data hash<td><code>{content['data_hash']}</code>"
        f"<tr><td>pipeline's weights<td><code>{content['weights_hash'] or '–'}</code></table></div>"
        f"<details><summary>all choices, and the networks that measured</summary><div class=wide><table>"
        f"{''.join(lines)}{weights}</table></div></details>"
    )
