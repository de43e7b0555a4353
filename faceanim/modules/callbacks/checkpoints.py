"""Checkpoints from which a run is resumed."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from faceanim.bounds import at_least
from faceanim.runs.lightning_private import StepCheckpoint, write_line


class RunCheckpoints(StepCheckpoint):
    """Writes <folder>/step-<step>.ckpt every ``every`` steps, at the end, and before the process is ended by SIGTERM,
    as a cluster does that wants its node back; the newest ``keep`` of them stay. last.ckpt is a link to the newest.

    On SIGTERM the step is finished and saved, on all ranks, and a validation that is due or under way is run. Training
    then ends with a ``SIGTERMException``. Lightning's own handler would call into the communication between ranks from
    within the signal, wherever they are.
    """

    def __init__(self, folder: str | Path, every: int, keep: int = 2):
        at_least(1, "checkpoint.", every=every, keep=keep)
        super().__init__(
            dirpath=folder,
            filename="step-{step:06d}",
            auto_insert_metric_name=False,
            monitor="step",
            mode="max",
            save_top_k=keep,
            save_last="link",
            every_n_train_steps=every,
            enable_version_counter=False,
        )
        self.every, self.keep = every, keep
        self._asked_to_stop = self._stops = False

    @property
    def state_key(self) -> str:
        """Independent of ``every``, which a resumed run may change."""
        return type(self).__qualname__

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        signal.signal(signal.SIGTERM, self._ask_to_stop)  # the trainer puts back what was there when it ends

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and trainer.global_step % self.every == 0:
            write_line(trainer)  # before the checkpoint, which has the step behind it
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if not stepped:
            return
        if trainer.strategy.reduce_boolean_decision(self._asked_to_stop, all=False):
            self.save(trainer)
            self._stops = True  # not here: the step's metrics are logged after this

    def on_train_batch_start(self, *_: Any) -> None:
        if self._stops:
            raise SIGTERMException

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def on_saved(self, trainer: L.Trainer) -> None:
        """Remove older ones by what the folder holds: Lightning's list leaves the one that was resumed from."""
        saved = Path(self.dirpath).glob("step-*.ckpt")
        for path in sorted(saved, key=lambda path: int(path.stem.removeprefix("step-")))[: -self.keep]:
            self.remove(trainer, str(path))

    def _ask_to_stop(self, signum: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True
