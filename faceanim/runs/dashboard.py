"""metrics.csv as one image, redrawn at every validation."""

from pathlib import Path

import lightning as L
import matplotlib
import numpy as np

from faceanim.media.files import atomic_path
from faceanim.media.video_files import utf8_name
from faceanim.runs.csv_log import read_metrics

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

COLUMNS = 3  # panels next to each other
_SECOND_AXIS = "train/grad_norm"  # has another scale than the learning rate
Curves = dict[str, np.ndarray]  # (points, 2): step, value


class LossCurve(L.Callback):
    """Draws <run_dir>/loss.png from <run_dir>/metrics.csv."""

    def __init__(self, run_dir: str | Path):
        self.run_dir = Path(run_dir)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            draw_dashboard(self.run_dir, self.run_dir / "loss.png")

    on_train_end = on_validation_end


def draw_dashboard(run_dir: str | Path, image: str | Path) -> None:
    """Draw what the run's metrics.csv has of: loss with its running median, loss by timestep, learning rate with
    gradient norm, speed, each validation metric."""
    curves = finite_curves(run_dir)
    groups = {
        "loss": ["train/loss", "val/loss"],
        "train/loss by timestep": [name for name in curves if name.startswith("train/loss_t")],
        "learning rate, gradient norm": [n for n in curves if n.startswith("train/lr")] + [_SECOND_AXIS],
        "samples/s": ["throughput/samples_per_sec"],
        **{name: [name] for name in curves if name.startswith("val/") and name != "val/loss"},
    }
    panels = {title: {n: curves[n] for n in names if n in curves} for title, names in groups.items()}
    panels = {title: shown for title, shown in panels.items() if shown}
    if not panels:
        return
    across = min(COLUMNS, len(panels))
    down = -(-len(panels) // across)
    size = (5.2 * across, 3.4 * down)
    figure, grid = plt.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    for axes, (title, shown) in zip(grid.flat, panels.items(), strict=False):
        _panel(axes, title, shown)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(
        utf8_name(Path(run_dir).name), fontsize=11, parse_math=False
    )  # a folder may have any name
    with atomic_path(image) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def finite_curves(run_dir: str | Path) -> Curves:
    """Per metric of a run its finite values and their steps; metrics without any are left out."""
    curves = {name: np.array(points) for name, points in sorted(read_metrics(run_dir).items())}
    finite = {name: curve[np.isfinite(curve[:, 1])] for name, curve in curves.items()}
    return {name: curve for name, curve in finite.items() if len(curve)}


def running_median(values: np.ndarray, width: int) -> np.ndarray:
    """Medians of ``width`` (odd) values around each, fewer at the ends. A loss at random timesteps has outliers."""
    half = width // 2
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])


def _panel(axes: Axes, title: str, curves: Curves) -> None:
    colours = plt.get_cmap("viridis" if len(curves) > 2 else "tab10")
    lines = []
    for number, (name, curve) in enumerate(curves.items()):
        steps, values = curve.T
        colour = colours(number / len(curves) if len(curves) > 2 else number)
        own = axes.twinx() if name == _SECOND_AXIS and len(curves) > 1 else axes
        if name.startswith("train/loss"):
            own.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
            values = running_median(values, len(values) // 20 * 2 + 1)  # over a tenth of the curve
            name = f"{name}, running median"
        lines += own.plot(
            steps, values, "o-" if name.startswith("val/") else "-", color=colour, markersize=3, label=name
        )
        if ("loss" in name or name == _SECOND_AXIS) and (curve[:, 1] > 0).all():
            own.set_yscale("log")
            own.yaxis.set_major_formatter(LogFormatter())
            own.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
        own.tick_params(labelsize=8, which="both")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    if len(lines) > 1:
        axes.legend(handles=lines, fontsize=7)
