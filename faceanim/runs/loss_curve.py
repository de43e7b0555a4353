"""The run's curves as a picture, redrawn at every validation."""

from pathlib import Path

import lightning as L

from faceanim.runs.dashboard import draw_dashboard


class LossCurve(L.Callback):
    """Draws <run_dir>/loss.png from <run_dir>/metrics.csv: whatever of ``draw_dashboard``'s panels has numbers."""

    def __init__(self, run_dir: str | Path):
        self.run_dir = Path(run_dir)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._draw(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._draw(trainer)

    def _draw(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero:
            draw_dashboard(self.run_dir / "metrics.csv", self.run_dir / "loss.png", self.run_dir.name)
