"""Progress bar: batches done of the stage's total, time left, loss."""

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar


class StageProgressBar(TQDMProgressBar):
    """Lightning's bar under the stage's name; training has one endless epoch, whose number says nothing, and in which a
    resumed training continues without its start. Lightning's total, of batches that are left, is of steps."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, int | str | float]:
        """Return the figures behind the bar, without the loggers' version numbers (``v_num``)."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_start(self, trainer: L.Trainer, *_: object) -> None:
        super().on_train_start(trainer)
        self._begin(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        super().on_train_epoch_start(trainer)
        self._begin(trainer)

    def _begin(self, trainer: L.Trainer) -> None:
        """Start the bar at this step; time left is estimated from this start on."""
        bar = self.train_progress_bar
        bar.reset(trainer.num_training_batches)
        bar.initial = bar.n = bar.last_print_n = trainer.global_step * trainer.accumulate_grad_batches
        bar.set_description(trainer.lightning_module.stage)
