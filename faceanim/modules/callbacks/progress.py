"""The progress bar: batches done of all batches of the stage, time left, loss."""

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar


class StageProgressBar(TQDMProgressBar):
    """Lightning's bar under the stage's name; training has one endless epoch, whose number says nothing, and in which a
    resumed training goes on without its start. Lightning's total, of batches that are left, is of steps."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, int | str | float]:
        """What stands behind the bar: without the loggers' version numbers (``v_num``)."""
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
        """Time left is by what was done since the start."""
        bar = self.train_progress_bar
        bar.reset(trainer.num_training_batches)
        bar.initial = bar.n = bar.last_print_n = trainer.global_step * trainer.accumulate_grad_batches
        bar.set_description(trainer.lightning_module.stage)
