"""What metrics.csv of a run folder holds."""

import math
from pathlib import Path

from faceanim.runs.csv_log import read_rows

FILE = "metrics.csv"


def read_metrics(run_dir: str | Path) -> dict[str, list[tuple[int, float]]]:
    """Per metric its (step, value) pairs in the file's order; values may be nan. No file, or a cut off line: less."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in read_rows(Path(run_dir) / FILE):
        for name, text in row.items():
            if name not in ("step", "epoch") and text:
                curves.setdefault(name, []).append((int(row["step"]), float(text)))
    return curves


def last_value(run_dir: str | Path, name: str) -> float:
    """The metric's last value, for a search to minimise. ValueError where there is none, or it is not finite."""
    curves = read_metrics(run_dir)
    if name not in curves:
        raise ValueError(
            f"optimized_metric={name}: expected one of {Path(run_dir) / FILE}: {', '.join(sorted(curves)) or 'none'}"
        )
    step, value = curves[name][-1]
    if not math.isfinite(value):
        raise ValueError(f"optimized_metric={name}: {value} at step {step} of {run_dir}")
    return value
