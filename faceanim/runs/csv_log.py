"""metrics.csv of a run: written so that it survives a resume, and read."""

import csv
import io
import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from faceanim.media.files import atomic_path

log = logging.getLogger(__name__)

METRICS = "metrics.csv"


class CSVLog(Logger):
    """``<root_dir>/metrics.csv``: a row for each step, on the disk at once; a cell is empty where nothing was logged.

    A resumed run continues the same file. Its rows from the first newly logged step on came from steps that are being
    done again, and go. Lightning's CSVLogger deletes the file at the start, and writes a row for each call. Of a file
    with spoilt rows a copy is kept next to it.
    """

    def __init__(self, root_dir: str | Path):
        super().__init__()
        self.path = Path(root_dir) / METRICS
        self._columns: list[str] = []  # none: nothing was logged since the start
        self._row: dict[str, Any] = {}  # of the current step
        self._start = 0  # where it begins in the file, in bytes

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        step = step or 0
        same = self._row.get("step") == step
        self._row = {**(self._row if same else {}), **metrics, "step": step}
        if not self._row.keys() <= set(self._columns):
            rows, spoilt = _read(self.path)
            if spoilt:
                shutil.copy(self.path, self.path.with_suffix(".spoilt.csv"))
            kept = [row for row in rows if int(row["step"]) < step]
            self._columns = sorted({*self._row, *self._columns}.union(*kept))
            text = _lines(kept, self._columns, header=True)
            self._start = len(text.encode())
            with atomic_path(self.path) as temporary:
                temporary.write_text(text + _lines([self._row], self._columns), newline="", encoding="utf-8")
            return
        with self.path.open("r+b") as file:
            self._start = self._start if same else file.seek(0, io.SEEK_END)
            file.seek(self._start)
            file.write(_lines([self._row], self._columns).encode())
            file.truncate()

    def log_hyperparams(self, params: object, *_: Any, **__: Any) -> None:
        """config.yaml and provenance.json hold them."""


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv, oldest first; none without the file. A last row that was cut off is left out, and rows
    that are spoilt (another number of cells, no numbers) with a warning."""
    return _read(Path(path))[0]


def read_metrics(run_dir: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Per metric its (step, value) pairs in the file's order; values may be nan. No file, or a cut off line: less."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in read_rows(Path(run_dir) / METRICS):
        for name, text in row.items():
            if name not in ("step", "epoch") and text:
                curves.setdefault(name, []).append((int(row["step"]), float(text)))
    return curves


def last_value(run_dir: str | Path, name: str) -> float:
    """The metric's last value, for a search to minimise. ValueError where there is none, or it is not finite."""
    curves = read_metrics(run_dir)
    if name not in curves:
        raise ValueError(
            f"optimized_metric={name}: expected one of {Path(run_dir) / METRICS}: {', '.join(sorted(curves)) or 'none'}"
        )
    step, value = curves[name][-1]
    if not math.isfinite(value):
        raise ValueError(f"optimized_metric={name}: {value} at step {step} of {run_dir}")
    return value


def _read(path: Path) -> tuple[list[dict[str, str]], list[int]]:
    """The rows, and the lines of the spoilt ones."""
    if not path.is_file():
        return [], []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        text = file.read()
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1].replace("\0", "\ufffd"), newline=""))
    rows: list[dict[str, str]] = []
    spoilt: list[int] = []
    for row in reader:
        if _is_whole(row):
            rows.append(row)
        else:
            spoilt.append(reader.line_num)
    if spoilt:
        log.warning("%s: %d spoilt row(s) left out, line(s) %s", path, len(spoilt), str(spoilt[:5])[1:-1])
    return rows, spoilt


def _is_whole(row: dict[str | None, str | None]) -> bool:
    if "step" not in row or None in row or None in row.values():
        return False
    try:
        int(row["step"])
        [float(cell) for cell in row.values() if cell]
    except ValueError:
        return False
    return True


def _lines(rows: list[dict[str, Any]], columns: list[str], header: bool = False) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
