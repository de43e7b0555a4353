"""Every use of Lightning's private API, so that an upgrade breaks here. Seen to work with lightning 2.6.

``LightningModule.log`` repeats a value at every later line until a new one comes, which is wrong for what is known at
some lines only; those write to the loggers themselves (``add_to_line``), as Lightning's LearningRateMonitor does.
"""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint


def is_line(trainer: L.Trainer, batch_idx: int) -> bool:
    """In ``on_train_batch_end``: whether the optimiser's step that ends here is logged; the same on every rank."""
    stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return stepped and trainer._logger_connector.should_update_logs


def add_to_line(trainer: L.Trainer, values: dict[str, float]) -> None:
    """In ``on_train_batch_end`` of a logged step, on all ranks or the first: next to ``train/loss``, under its step."""
    if values and trainer.is_global_zero:
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step - 1)


def write_line(trainer: L.Trainer) -> None:
    """In ``on_train_batch_end``: log the step's metrics now; loggers ignore the duplicate that follows."""
    trainer._logger_connector.update_train_step_metrics()


def run_validation(trainer: L.Trainer) -> None:
    """Run a validation between two training steps."""
    trainer.validating = True
    trainer.fit_loop.epoch_loop.val_loop.run()
    trainer.training = True


def recount(fit_loop: dict[str, Any], step: int, trainer: L.Trainer) -> None:
    """Change the saved counters to those of a run whose checkpoint was written at the end of the last of ``step``
    steps, in the hook in which that batch is not completed yet, each step of as many batches as the trainer's."""
    if step >= trainer.max_steps:
        return
    batches, done = fit_loop["epoch_loop.batch_progress"], step * trainer.accumulate_grad_batches
    for tracker in (batches["total"], batches["current"]):
        tracker.update(ready=done, started=done, processed=done, completed=done - 1)
    batches["is_last_batch"] = False
    fit_loop["epoch_loop.state_dict"]["_batches_that_stepped"] = step - 1
    for tracker in fit_loop["epoch_progress"].values():  # the one epoch is not over, even if it was
        tracker.update(ready=1, started=1, processed=0, completed=0)


class StepCheckpoint(ModelCheckpoint):
    """A ``ModelCheckpoint`` that can also save on request, between two steps."""

    def save(self, trainer: L.Trainer) -> None:
        """Save now, unless this step is saved already."""
        if not self._should_skip_saving_checkpoint(trainer):
            candidates = self._monitor_candidates(trainer)
            self._save_topk_checkpoint(trainer, candidates)
            self._save_last_checkpoint(trainer, candidates)

    def remove(self, trainer: L.Trainer, path: str) -> None:
        self._remove_checkpoint(trainer, path)

    def on_saved(self, trainer: L.Trainer) -> None:
        """Called when a checkpoint was written, and last.ckpt points to it."""

    def _save_last_checkpoint(self, trainer: L.Trainer, monitor_candidates: dict[str, Any]) -> None:
        super()._save_last_checkpoint(trainer, monitor_candidates)
        self.on_saved(trainer)
