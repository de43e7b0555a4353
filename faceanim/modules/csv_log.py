"""metrics.csv that survives a resume."""

import csv
import warnings
from pathlib import Path

from lightning.fabric.loggers.csv_logs import _ExperimentWriter
from lightning.fabric.loggers.logger import rank_zero_experiment
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
        self._before: list[dict] = []  # rows of the file that Lightning deletes

    @property
    @rank_zero_experiment
    def experiment(self) -> _ExperimentWriter:
        if self._experiment is None:
            if self.path.is_file():
                with self.path.open(newline="") as file:
                    self._before = list(csv.DictReader(file))
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*Previous log files in this directory will be deleted")
                self._experiment = _ExperimentWriter(log_dir=self.root_dir)
        return self._experiment

    @property
    def path(self) -> Path:
        return Path(self.root_dir) / _ExperimentWriter.NAME_METRICS_FILE

    @rank_zero_only
    def log_metrics(self, metrics: dict, step: int | None = None) -> None:
        writer = self.experiment
        kept = [row for row in self._before if int(row["step"]) < (step or 0)]
        if kept:
            writer.metrics_keys = sorted(set().union(*kept))
            with atomic_path(self.path) as temporary, temporary.open("w", newline="") as file:
                rows = csv.DictWriter(file, fieldnames=writer.metrics_keys)
                rows.writeheader()
                rows.writerows(kept)
        self._before = []
        super().log_metrics(metrics, step)

    def log_hyperparams(self, params: object) -> None:
        """config.yaml holds them."""
