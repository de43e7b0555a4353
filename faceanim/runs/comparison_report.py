"""A comparison of runs as a table, an image and one self-contained page."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image

from faceanim.media.files import atomic_path
from faceanim.media.image import read_image
from faceanim.media.video_files import utf8_name
from faceanim.pages.page import data_uri, write_page
from faceanim.runs.comparison import Run, SeedGroup, seed_groups

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_SAMPLE_WIDTH = 700  # pixels of a sample in the page


def table(runs: Sequence[Run], metric: str, baseline: str | None = None) -> list[dict[str, Any]]:
    """A row a run; "" where there is nothing to say: never a number for what was not measured.

    baseline: the run, by name, whose last value of ``metric`` the differences are from; None: the first run's that is
    finished. Only finished runs have a difference. Raises ValueError for a run or metric that there is not.
    """
    measured = sorted({name for run in runs for name in run.curves})
    if metric not in measured:
        raise ValueError(
            f"metric={metric}: expected one of {', '.join(measured) or 'none: nothing was measured yet'}"
        )
    if baseline is not None and baseline not in [run.name for run in runs]:
        raise ValueError(f"baseline={baseline}: expected one of {', '.join(run.name for run in runs)}")
    whole = [run for run in runs if run.state == "finished"]
    base = next((run for run in (whole if baseline is None else runs) if baseline in (None, run.name)), None)
    start = base.last(metric) if base is not None and base.state == "finished" else None
    shown = list(dict.fromkeys([metric, *(m for m in measured if m.startswith("val/")), "train/loss"]))
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            "run": run.name,
            "state": run.state,
            "where or why": run.reason,
            **run.differing,
        }
        for name in (m for m in shown if m in measured):
            last, best = run.last(name), run.best(name)
            row[f"{name} last"] = last[1] if last else ""
            row[f"{name} best"] = best[1] if best else ""
            row[f"{name} best at step"] = best[0] if best else ""
        own = run.last(metric) if run.state == "finished" else None
        row[f"{metric} minus baseline"] = own[1] - start[1] if own and start else ""
        row["wall seconds"] = "" if run.seconds is None else round(run.seconds, 1)
        row["baseline"] = "yes" if run is base else ""
        rows.append(row)
    return rows


def write_comparison(
    output: Path, runs: Sequence[Run], metric: str, baseline: str | None = None, reason: str = ""
) -> list[Path]:
    """Writes comparison.csv, comparison.png and comparison.html, each whole or not at all.

    reason: why this is the baseline, for the page.
    """
    rows = table(runs, metric, baseline)
    paths = [output / f"comparison.{suffix}" for suffix in ("csv", "png", "html")]
    image = curves_png(runs, metric)
    with atomic_path(paths[0]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with atomic_path(paths[1]) as temporary:
        temporary.write_bytes(image)
    states = [row["state"] for row in rows]
    base = next((row["run"] for row in rows if row["baseline"]), None)
    clip, samples = _samples(runs)
    write_page(
        paths[2],
        "comparison.html",
        rows=rows,
        columns=[name for name in rows[0] if name != "baseline"],
        states={s: states.count(s) for s in ("finished", "unfinished", "failed") if s in states},
        metric=metric,
        base=base,
        reason=reason,
        image=data_uri(image, "image/png"),
        seeds=_seeds(seed_groups(runs, metric), metric, base),
        clip=clip,
        samples=samples,
    )
    return paths


def curves_png(runs: Sequence[Run], metric: str) -> bytes:
    """The metric's curves next to those of the training loss; unfinished and failed runs dashed."""
    names = [metric] if metric == "train/loss" else [metric, "train/loss"]
    figure, axes = plt.subplots(1, len(names), figsize=(7 * len(names), 4.5), squeeze=False)
    lines = {}
    for ax, name in zip(axes[0], names, strict=True):
        positive = True
        for k, run in enumerate(runs):
            points = run.curves.get(name)
            if not points:
                continue
            style, colour = "-" if run.state == "finished" else "--", plt.get_cmap("tab20")(k % 20)
            (line,) = ax.plot(
                *([p[i] for p in points] for i in (0, 1)), style, color=colour, linewidth=1.2,
                marker="o" if len(points) < 30 else None, markersize=3,
            )  # fmt: skip
            lines.setdefault(f"{_variant(run)}{'' if run.state == 'finished' else f' ({run.state})'}", line)
            positive &= all(value > 0 or math.isnan(value) for _, value in points)
        ax.set(xlabel="step", title=name, yscale="log" if positive else "linear")
        ax.grid(alpha=0.3)
    columns = min(len(lines), 3)
    figure.legend(
        lines.values(), lines.keys(), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=columns, fontsize=8
    )
    figure.tight_layout()
    content = io.BytesIO()
    figure.savefig(content, dpi=110, format="png", bbox_inches="tight")
    plt.close(figure)
    return content.getvalue()


def _variant(run: Run) -> str:
    """The options in which the run differs, without their groups."""
    text = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in run.differing.items())
    text = text if 0 < len(text) <= 70 else run.name[:70]
    return utf8_name(text).replace("$", r"\$")  # no mathematics


def _seeds(groups: Sequence[SeedGroup], metric: str, base: str | None) -> list[dict[str, Any]]:
    """A row per configuration that ran with several seeds; empty if each ran once."""
    if all(len(group.runs) == 1 for group in groups):
        return []
    start = next((group.mean for group in groups if base in group.runs), None)
    return [
        {
            **group.options,
            "runs": len(group.runs),
            f"{metric} mean": group.mean,
            "standard deviation": group.std if len(group.runs) > 1 else "",
            "mean minus baseline's": "" if start is None else group.mean - start,
            "of": ", ".join(group.runs),
        }
        for group in groups
    ]


def _samples(runs: Sequence[Run]) -> tuple[str, list[tuple[str, str]]]:
    """One clip's newest sample of every run, as (title, image); of the clip that most runs have, the first by name."""
    clips = [clip for run in runs for clip in run.samples]
    clip = min(set(clips), key=lambda name: (-clips.count(name), name), default="")
    return clip, [
        (f"{run.name}, {run.samples[clip].parent.name}", data_uri(_jpeg(run.samples[clip]), "image/jpeg"))
        for run in runs
        if clip in run.samples
    ]


def _jpeg(path: Path) -> bytes:
    image = Image.fromarray(read_image(path))
    image.thumbnail((_SAMPLE_WIDTH, 10 * _SAMPLE_WIDTH))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return content.getvalue()
