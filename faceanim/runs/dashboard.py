"""metrics.csv as one picture."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np

from faceanim.media.files import atomic_path
from faceanim.media.video_files import utf8_name
from faceanim.runs.csv_log import read_rows

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

COLUMNS = 3  # panels beside each other
Curve = np.ndarray  # (points, 2): step, value


def draw_dashboard(metrics: str | Path, picture: str | Path, title: str) -> None:
    """Draws as ``picture`` what ``metrics`` has of: loss (and its running median), loss by timestep, learning rate with
    gradient norm, speed, each validation metric."""
    curves = read_curves(metrics)
    panels: list[Callable[[Axes], None]] = []
    if has(curves, "train/loss", "val/loss"):
        panels.append(lambda axes: _loss(axes, curves))
    by_timestep = [name for name in curves if name.startswith("train/loss_t")]
    if by_timestep:
        panels.append(lambda axes: _by_timestep(axes, curves, by_timestep))
    learning_rates = [name for name in curves if name.startswith("train/lr")]
    if learning_rates or has(curves, "train/grad_norm"):
        panels.append(lambda axes: _optimiser(axes, curves, learning_rates))
    if has(curves, "throughput/samples_per_sec"):
        panels.append(lambda axes: _speed(axes, curves))
    for name in curves:
        if name.startswith("val/") and name != "val/loss":
            panels.append(lambda axes, name=name: _validation(axes, curves[name], name))
    if not panels:
        return
    across = min(COLUMNS, len(panels))
    down = -(-len(panels) // across)
    figure, grid = plt.subplots(
        down, across, figsize=(5.2 * across, 3.4 * down), layout="constrained", squeeze=False
    )
    for axes, panel in zip(grid.flat, panels, strict=False):
        panel(axes)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8, which="both")
        axes.grid(alpha=0.25, linewidth=0.6)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(utf8_name(title), fontsize=11, parse_math=False)  # a folder may have any name
    with atomic_path(picture) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def read_curves(metrics: str | Path) -> dict[str, Curve]:
    """Per column of a metrics.csv its finite values and their steps; empty columns are left out."""
    rows, curves = read_rows(metrics), {}
    for name in sorted({name for row in rows for name in row} - {"step", "epoch"}):
        points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
        curve = np.array([point for point in points if np.isfinite(point[1])])
        if len(curve):
            curves[name] = curve
    return curves


def running_median(values: np.ndarray, width: int) -> np.ndarray:
    """Of ``width`` (odd) values around each, fewer at the ends. A loss at random timesteps has outliers."""
    half = width // 2
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])


def has(curves: dict[str, Curve], *names: str) -> bool:
    return any(name in curves for name in names)


def logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _loss(axes: Axes, curves: dict[str, Curve]) -> None:
    if "train/loss" in curves:
        steps, values = curves["train/loss"].T
        axes.plot(steps, values, color="tab:blue", alpha=0.3, linewidth=0.8, label="train/loss")
        width = len(values) // 20 * 2 + 1  # a tenth of the curve
        if width > 1:
            axes.plot(
                *(steps, running_median(values, width)),
                color="tab:blue",
                linewidth=1.6,
                label=f"median of {width}",
            )
    if "val/loss" in curves:
        axes.plot(
            *curves["val/loss"].T, "o-", color="tab:orange", markersize=3, linewidth=1.2, label="val/loss"
        )
    _finish(axes, "loss", curves, ("train/loss", "val/loss"))


def _by_timestep(axes: Axes, curves: dict[str, Curve], names: list[str]) -> None:
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(names)))
    for name, colour in zip(names, colours, strict=True):
        steps, values = curves[name].T
        width = len(values) // 20 * 2 + 1
        label = name.removeprefix("train/loss_")
        axes.plot(steps, running_median(values, width), color=colour, linewidth=1.2, label=label)
    _finish(axes, "train/loss by timestep", curves, names)


def _optimiser(axes: Axes, curves: dict[str, Curve], learning_rates: list[str]) -> None:
    for name in learning_rates:
        axes.plot(*curves[name].T, linewidth=1.4, label=name)
    if "train/grad_norm" in curves:
        other = axes.twinx() if learning_rates else axes
        steps, values = curves["train/grad_norm"].T
        other.plot(steps, values, color="tab:red", alpha=0.6, linewidth=0.8, label="train/grad_norm")
        if (values > 0).all():
            logarithmic(other)
        other.tick_params(labelsize=8, which="both")
        if other is not axes:
            axes.plot([], [], color="tab:red", alpha=0.6, label="train/grad_norm (right)")
    _finish(axes, "learning rate, gradient norm", curves, ())


def _speed(axes: Axes, curves: dict[str, Curve]) -> None:
    steps, values = curves["throughput/samples_per_sec"].T
    axes.plot(steps, values, color="tab:green", linewidth=1.2, label="throughput/samples_per_sec")
    axes.set_ylim(bottom=0)
    _finish(axes, "samples/s", curves, ())


def _validation(axes: Axes, curve: Curve, name: str) -> None:
    axes.plot(*curve.T, "o-", color="tab:orange", markersize=3, linewidth=1.2, label=name)
    _finish(axes, name, {}, ())


def _finish(axes: Axes, title: str, curves: dict[str, Curve], positive: tuple[str, ...] | list[str]) -> None:
    """Logarithmic where ``positive`` names curves, and these are positive."""
    shown = [curves[name][:, 1] for name in positive if name in curves]
    if shown and all((values > 0).all() for values in shown):
        logarithmic(axes)
    axes.set_title(title, fontsize=9)
    if len(axes.get_lines()) > 1:
        axes.legend(fontsize=7)
