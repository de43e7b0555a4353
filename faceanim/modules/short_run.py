"""A run that is over before its first line of metrics, or before its first validation."""

import lightning as L


def shorten_intervals(trainer: L.Trainer) -> None:
    """Metrics are logged, and a validation is run, at the last step at the latest where a run is shorter than
    ``trainer.log_every_n_steps`` or ``trainer.val_check_interval``."""
    steps = trainer.max_steps
    if steps < 1:
        return
    trainer.log_every_n_steps = min(trainer.log_every_n_steps, steps)
    if isinstance(trainer.val_check_interval, int):
        trainer.val_check_interval = min(trainer.val_check_interval, steps * trainer.accumulate_grad_batches)
