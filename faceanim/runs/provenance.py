"""What a run was made of: settings, code, devices, data."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import lightning as L
import torch
import yaml

from faceanim.data.manifest import rows_hash
from faceanim.media.files import write_json
from faceanim.runs.all_ranks import gather
from faceanim.runs.code_version import code_version


class Provenance(L.Callback):
    """At every start of the training appends to ``<run_dir>/provenance.json``, and tells every logger, beside the
    settings in ``<run_dir>/config.yaml``: time (UTC), step, the command line's options (``overrides``), versions and
    git state of the code, devices of all ranks, strategy, precision, and of each split how many clips are used and
    their ``rows_hash``. No names of hosts.
    """

    def __init__(self, run_dir: str | Path, overrides: Sequence[str] = ()):
        self.run_dir = Path(run_dir)
        self.overrides = list(overrides)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        devices = gather([device_name(trainer.strategy.root_device)])
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule
        start = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "step": trainer.global_step,
            "overrides": self.overrides,
            "code": code_version(),
            "devices": devices,
            "strategy": type(trainer.strategy).__name__,
            "precision": str(trainer.precision),
            "data": {
                split: {"clips": len(rows), "sha256": rows_hash(rows)}
                for split, rows in (("train", data.train_set.rows), ("val", data.val_set.rows))
            },
        }
        path = self.run_dir / "provenance.json"
        before = json.loads(path.read_text(encoding="utf-8"))["starts"] if path.is_file() else []
        write_json(path, {"starts": [*before, start]})
        config = yaml.safe_load((self.run_dir / "config.yaml").read_text(encoding="utf-8"))
        for logger in trainer.loggers:
            logger.log_hyperparams({**config, "provenance": start})


def device_name(device: torch.device) -> str:
    """The GPU's model; of a CPU only that it is one."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
