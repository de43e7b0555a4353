"""A comparison of runs as a table, an image and one self-contained page."""

import base64
import csv
import html
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image

from faceanim import __version__
from faceanim.media.files import atomic_path
from faceanim.media.image import read_image
from faceanim.media.video_files import utf8_name
from faceanim.runs.comparison import Run, SeedGroup, seed_groups

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_STYLE = """body { font: 14px/1.5 sans-serif; margin: 2em auto; max-width: 1500px; padding: 0 1em; color: #222 }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
th { cursor: pointer; background: #f4f4f4 } td.n { text-align: right; font-variant-numeric: tabular-nums }
tr.failed td { background: #fdecea } tr.unfinished td { background: #fff7e0 }
tr.baseline td:first-child { font-weight: bold }
td.why { min-width: 14em; max-width: 24em; overflow-wrap: anywhere } img { max-width: 100% }
.samples { display: flex; flex-wrap: wrap; gap: 1em } figure { margin: 0 } figcaption { overflow-wrap: anywhere }"""
_SAMPLE_WIDTH = 700  # pixels of a sample's image in the page
_SORT = """document.querySelectorAll("th").forEach((th, k) => th.onclick = () => {
  const body = th.closest("table").tBodies[0], up = th.dataset.up = th.dataset.up === "1" ? "" : "1";
  const key = row => row.cells[k].dataset.v ?? row.cells[k].textContent;
  body.append(...[...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (!x || !y) return !x - !y;  // what is missing comes last, either way
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return up ? order : -order; }));
});"""


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
    with atomic_path(paths[2]) as temporary:
        temporary.write_text(_page(runs, rows, metric, image, reason), encoding="utf-8")
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
    """What is particular of the run, without the groups that its options stand in."""
    text = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in run.differing.items())
    text = text if 0 < len(text) <= 70 else run.name[:70]
    return utf8_name(text).replace("$", r"\$")  # no mathematics


def _page(runs: Sequence[Run], rows: list[dict[str, Any]], metric: str, image: bytes, reason: str) -> str:
    states = [row["state"] for row in rows]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("finished", "unfinished", "failed") if s in states)
    base = next((row["run"] for row in rows if row["baseline"]), None)
    about = (
        f"Differences in {metric} are from {base}, between last values." if base else "No finished baseline."
    ) + (f" Why this one: {reason}." if base and reason else "")
    columns = [name for name in rows[0] if name != "baseline"]
    head = "".join(f"<th>{html.escape(name)}" for name in columns)
    body = "".join(
        f'<tr class="{row["state"]}{" baseline" * bool(row["baseline"])}">'
        + "".join(_cell(n, row[n]) for n in columns)
        for row in rows
    )
    return "\n".join(
        (
            "<!DOCTYPE html><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
            f"<title>Comparison</title><style>{_STYLE}</style>",
            f"<h1>{len(rows)} runs</h1><p>{counts}. {html.escape(about)} Smaller is better in losses; one seed "
            "each says nothing of chance. A click on a head sorts. Wall seconds: of all starts together.</p>",
            f'<img src="data:image/png;base64,{base64.b64encode(image).decode()}" alt="curves">',
            f"<div class=wide><table><thead><tr>{head}<tbody>{body}</table></div>",
            _seeds(seed_groups(runs, metric), metric, base),
            _samples(runs),
            f"<p>faceanim {__version__}</p><script>{_SORT}</script>\n",
        )
    )


def _seeds(groups: Sequence[SeedGroup], metric: str, base: str | None) -> str:
    """The table of configurations that ran with several seeds; nothing where each ran once."""
    if all(len(group.runs) == 1 for group in groups):
        return ""
    start = next((group.mean for group in groups if base in group.runs), None)
    names = list(groups[0].options)
    head = [*names, "runs", f"{metric} mean", "standard deviation", "mean minus baseline's", "of"]
    body = ""
    for group in groups:
        values = [
            *(group.options[name] for name in names),
            len(group.runs),
            group.mean,
            group.std if len(group.runs) > 1 else "",
            "" if start is None else group.mean - start,
            ", ".join(group.runs),
        ]
        body += "<tr>" + "".join(_cell("", value) for value in values)
    return (
        "<h2>Seeds</h2><p>Finished runs that differ by their seed alone, by their last values.</p>"
        f"<div class=wide><table><thead><tr>{''.join(f'<th>{html.escape(n)}' for n in head)}<tbody>{body}</table></div>"
    )


def _samples(runs: Sequence[Run]) -> str:
    """One clip's newest sample of every run; of the clip that most runs have, the first by name."""
    clips = [clip for run in runs for clip in run.samples]
    if not clips:
        return ""
    clip = min(set(clips), key=lambda name: (-clips.count(name), name))
    figures = "".join(
        f"<figure><figcaption>{html.escape(run.name)}, {html.escape(run.samples[clip].parent.name)}</figcaption>"
        f'<img src="data:image/jpeg;base64,{_jpeg(run.samples[clip])}" alt=""></figure>'
        for run in runs
        if clip in run.samples
    )
    return f"<h2>Samples of {html.escape(clip)}</h2><div class=samples>{figures}</div>"


def _jpeg(path: Path) -> str:
    image = Image.fromarray(read_image(path))
    image.thumbnail((_SAMPLE_WIDTH, 10 * _SAMPLE_WIDTH))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return base64.b64encode(content.getvalue()).decode()


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        shown = f"{value:+.4g}" if name.endswith("minus baseline") else f"{value:.4g}"
        return f'<td class=n data-v="{value}">{shown}'
    kind = " class=n" if isinstance(value, int) and not isinstance(value, bool) else ""
    return f"<td{' class=why' if name == 'where or why' else kind}>{html.escape(str(value))}"
