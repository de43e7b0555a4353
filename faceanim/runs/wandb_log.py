"""Weights & Biases logger that continues the same W&B run on resume."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from faceanim.media.files import write_json


class WandbLog(WandbLogger):
    """Lightning's WandbLogger, for the run in ``run_dir``; its files are in ``<run_dir>/wandb/``.

    ``<run_dir>/wandb_run.json`` keeps the W&B run's id, and the last step at which each metric was logged: steps that
    a resumed training does again are not logged again. options: of WandbLogger and of ``wandb.init``.
    Raises ValueError when W&B is not logged in or can't be reached.
    """

    def __init__(self, run_dir: str | Path, project: str, offline: bool = False, **options: Any):
        mode = (
            "offline" if offline else None
        )  # WandbLogger's offline changes this process's environment, for good
        super().__init__(save_dir=run_dir, project=project, mode=mode, **options)
        self._wandb_init.pop(
            "anonymous", None
        )  # Lightning passes it always, and W&B warns that it has no effect
        self.path = Path(run_dir) / "wandb_run.json"
        self._logged: dict[str, int] = {}  # metric -> last step

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        if self._experiment is None:
            known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
            self._id = self._id or known.get("id") or uuid.uuid4().hex[:8]
            self._logged = known.get("logged", {})
            self._wandb_init["id"] = self._id
            try:
                run = super().experiment
            except wandb.errors.Error as error:
                raise ValueError(
                    f"logger.wandb: {error} (`wandb login` once, or WANDB_API_KEY; without network "
                    "logger.wandb.offline=true)"
                ) from error
            self._remember()
            return run
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers or W&B's media by name, except steps that were logged before the resume."""
        run = self.experiment  # reads what was logged
        if step is None:
            return run.log(dict(metrics))
        new = {name: value for name, value in metrics.items() if self._logged.get(name, -1) < step}
        if new:
            super().log_metrics(new, step)
            self._logged |= dict.fromkeys(new, step)
            self._remember()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        super().finalize(status)
        if self._experiment is not None:  # or the next run of this process would go into this one
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None

    def _remember(self) -> None:
        write_json(self.path, {"id": self._id, "logged": self._logged})
