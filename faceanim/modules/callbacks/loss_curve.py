"""The loss curve as a picture, redrawn at every validation."""

import csv
from pathlib import Path

import lightning as L
import matplotlib
import numpy as np

from faceanim.media.files import atomic_path

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class LossCurve(L.Callback):
    """Draws <run_dir>/loss.png from <run_dir>/metrics.csv."""

    def __init__(self, run_dir: str | Path):
        self.run_dir = Path(run_dir)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._draw(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._draw(trainer)

    def _draw(self, trainer: L.Trainer) -> None:
        metrics = self.run_dir / "metrics.csv"
        if not trainer.is_global_zero or not metrics.is_file():
            return
        with metrics.open(newline="") as file:
            rows = list(csv.DictReader(file))
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
        for name, style in (("train/loss", "-"), ("val/loss", "o-")):
            points = np.array([(int(r["step"]), float(r[name])) for r in rows if r.get(name)])
            if len(points):
                axes.plot(*points.T, style, label=name, markersize=3, linewidth=1)
        axes.set(xlabel="step", ylabel="loss", yscale="log", title=self.run_dir.name)
        axes.legend()
        with atomic_path(self.run_dir / "loss.png") as temporary:
            figure.savefig(temporary, dpi=110)
        plt.close(figure)
