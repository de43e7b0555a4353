"""TensorBoard logger whose curves stay continuous over resumes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only


class TensorBoardLog(TensorBoardLogger):
    """Lightning's TensorBoardLogger in ``<run_dir>/tensorboard/``; the settings are under "Text".

    After a resume TensorBoard leaves out the points from the first newly logged step on that earlier files hold: those
    steps were done again.
    """

    def __init__(self, run_dir: str | Path, **options: Any):
        super().__init__(run_dir, name="tensorboard", version="", default_hp_metric=False, **options)
        self._started = False
        self._logged: dict[str, int] = {}  # metric -> last step

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        if not self._started:
            self._start(step or 0)
        new = {name: value for name, value in metrics.items() if self._logged.get(name) != (step or 0)}
        super().log_metrics(new, step)
        self._logged |= dict.fromkeys(new, step or 0)

    def _start(self, step: int) -> None:
        """Mark the start at the first logged step, which is known too late for ``SummaryWriter(purge_step=...)``."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self._started = True
        started = SessionLog(status=SessionLog.START)
        self.experiment.file_writer.add_event(Event(session_log=started), step)
        text = yaml.safe_dump(dict(self.hparams), sort_keys=False, allow_unicode=True)
        self.experiment.add_text(
            "run", "    " + text.replace("\n", "\n    "), step
        )  # indented: a block of code
