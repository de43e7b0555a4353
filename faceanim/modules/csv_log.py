"""metrics.csv that survives a resume."""

import csv
import warnings
from pathlib import Path

from lightning.fabric.loggers.csv_logs import _ExperimentWriter
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

from faceanim.media.files import atomic_path


class CSVLog(CSVLogger):
    """Lightning's CSVLogger, writing ``<root_dir>/metrics.csv``; a resumed run appends to its rows.

    Lightning deletes an existing file at the start. Here the rows before the first newly logged step stay;
    later ones came from steps that are being done again.
    """

    def __init__(self, root_dir: str | Path):
        super().__init__(str(root_dir), name="", version="", flush_logs_every_n_steps=1)

    @rank_zero_only
    def log_metrics(self, metrics: dict, step: int | None = None) -> None:
        if self._experiment is None:
            self._open(before_step=step or 0)
        super().log_metrics(metrics, step)

    def log_hyperparams(self, params: object) -> None:
        """config.yaml holds them."""

    def _open(self, before_step: int) -> None:
        path = Path(self.root_dir) / _ExperimentWriter.NAME_METRICS_FILE
        kept: list[dict] = []
        if path.is_file():
            with path.open(newline="") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) < before_step]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*Previous log files in this directory will be deleted")
            writer = self.experiment
        if kept:
            writer.metrics_keys = sorted(set().union(*kept))
            with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
                rows = csv.DictWriter(file, fieldnames=writer.metrics_keys)
                rows.writeheader()
                rows.writerows(kept)
