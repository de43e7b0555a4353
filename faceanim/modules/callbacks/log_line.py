"""When the loggers get their next line, and what else stands in it.

``LightningModule.log`` repeats a value at every later line until a new one comes, which is wrong for what is known at
some lines only. Lightning's own LearningRateMonitor writes to the loggers as here.
"""

import lightning as L


def is_line(trainer: L.Trainer, batch_idx: int) -> bool:
    """In ``on_train_batch_end``: whether the optimiser's step that ends here is logged; the same on every rank."""
    stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return stepped and trainer._logger_connector.should_update_logs


def add_to_line(trainer: L.Trainer, values: dict[str, float]) -> None:
    """In ``on_train_batch_end`` of a logged step, on all ranks or the first: beside ``train/loss``, under its step."""
    if values and trainer.is_global_zero:
        for logger in trainer.loggers:
            logger.log_metrics(values, step=trainer.global_step - 1)


def write_line(trainer: L.Trainer) -> None:
    """In ``on_train_batch_end``: what Lightning tells the loggers right after it, now. They take it twice as once."""
    trainer._logger_connector.update_train_step_metrics()
