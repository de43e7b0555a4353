"""Provenance of a run: settings, code, devices, data."""

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml

import faceanim
from faceanim.data.manifest import rows_hash
from faceanim.media.files import write_json
from faceanim.runs.all_ranks import gather

PACKAGES = ("torch", "lightning", "diffusers", "transformers")


class Provenance(L.Callback):
    """Appends to ``<run_dir>/provenance.json`` at every start of the training, and logs to every logger, next to the
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


def code_version() -> dict[str, Any]:
    """Return faceanim's version, its git commit, the user's modules that extend it, and the versions of what trains.
    git: None where the package is in no git tree that tracks it, such as one installed from a wheel; dirty: files
    differ from the commit, or are not in it."""
    packages = {name: version(name) for name in PACKAGES}
    git = git_state(Path(faceanim.__file__).parent)
    return {
        "faceanim": faceanim.__version__,
        "git": git,
        "imports": os.environ.get(faceanim.IMPORTS, ""),
        **packages,
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and dirty of the git tree that tracks ``folder``'s __init__.py; None without, or without git."""
    try:
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")  # not a tree that happens to contain it
        return {
            "commit": _git(folder, "rev-parse", "HEAD"),
            "dirty": bool(_git(folder, "status", "--porcelain")),
        }
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def device_name(device: torch.device) -> str:
    """Return the GPU's model, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
