"""Conditions of a resume: the same clips; maybe another batch size or a longer run."""

import json
import logging
from pathlib import Path
from typing import Any

import lightning as L
from torch.optim.lr_scheduler import LambdaLR

from faceanim.data.manifest import rows_hash
from faceanim.runs.lightning_private import recount

log = logging.getLogger(__name__)

KEY = "clips"  # in a checkpoint: split -> rows_hash of the clips


class Resume(L.Callback):
    """Checks clips and adjusts counters on resume; part of every training, whatever callbacks are configured.

    Clips are identified by their ``rows_hash``, wherever they are: with other training clips than before the training
    is refused, other held-out clips are warned of. The loops' counters, which are of batches, follow the number of
    steps: so a step may be made of more or fewer batches than before, and a finished run may be made longer.
    """

    def __init__(self, run_dir: str | Path):
        self.run_dir = Path(run_dir)
        self._resumed = False
        self._hashes: dict[str, str] = {}

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        data = trainer.datamodule
        self._hashes = {"train": rows_hash(data.train_set.rows), "val": rows_hash(data.val_set.rows)}

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = self._hashes

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._resumed = True
        self._check_clips(checkpoint.get(KEY) or self._last_start(), self._hashes)
        recount(checkpoint["loops"]["fit_loop"], checkpoint["global_step"], trainer)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Set the learning rate of today's schedule; the checkpoint has that of the schedule it was saved under."""
        if not self._resumed:
            return
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, LambdaLR):
                _follow(config.scheduler, trainer.global_step)

    def _last_start(self) -> dict[str, str]:
        """Return the hashes of the run's last start, for checkpoints of older versions."""
        path = self.run_dir / "provenance.json"
        if not path.is_file():
            return {}
        data = json.loads(path.read_text(encoding="utf-8"))["starts"][-1]["data"]
        return {split: of_split["sha256"] for split, of_split in data.items()}

    def _check_clips(self, before: dict[str, str], now: dict[str, str]) -> None:
        if not before:
            log.warning("%s does not say which clips it was trained on: they are not compared", self.run_dir)
        elif before["train"] != now["train"]:
            raise ValueError(
                f"data.folder has other clips than {self.run_dir} was trained on: sha256 of the training clips was "
                f"{before['train'][:12]}, is {now['train'][:12]}; give those of then, or train in another run_dir"
            )
        elif before["val"] != now["val"]:
            log.warning(
                "%s has other held-out clips than before: val/ metrics and best.ckpt do not compare with earlier ones",
                self.run_dir,
            )


def _follow(schedule: LambdaLR, step: int) -> None:
    groups = zip(schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True)
    for group, base, scale in groups:
        rate = base * scale(schedule.last_epoch)
        if rate != group["lr"]:
            log.info("learning rate at step %d: %.3g by the schedule now, was %.3g", step, rate, group["lr"])
            group["lr"] = rate
