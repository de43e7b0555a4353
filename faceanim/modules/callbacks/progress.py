"""The progress bar: steps done of all steps of the stage, time left, loss."""

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import convert_inf


class StageProgressBar(TQDMProgressBar):
    """Lightning's bar under the stage's name; training has one endless epoch, whose number says nothing."""

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, int | str | float]:
        """What stands behind the bar: without the loggers' version numbers (``v_num``)."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_start(self, trainer: L.Trainer, *_: object) -> None:
        """A resumed training goes on within its epoch, which never starts; time left is by the steps since."""
        super().on_train_start(trainer)
        bar, done = self.train_progress_bar, trainer.global_step * trainer.accumulate_grad_batches
        bar.reset(convert_inf(self.total_train_batches))
        bar.initial = bar.n = bar.last_print_n = done
        bar.set_description(trainer.lightning_module.stage)

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description(trainer.lightning_module.stage)
