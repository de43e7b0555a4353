"""Options of evaluate.py; their values and explanations are in conf/evaluate.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceanim.bounds import at_least


@dataclass(frozen=True)
class EvaluationOptions:
    """Checked on construction: wrong values are `ValueError`s that name the option."""

    pipeline: str | None
    predictions: str | None
    references: str | None
    colour: str
    data: dict[str, Any]
    landmarks: str
    device: str
    batch_size: int
    compare: Any  # a folder or a list of folders
    run_dir: str
    download: bool
    weights: dict[str, str | None]
    protocol: dict[str, Any]

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size)
        for name, path in self.weights.items():
            if path is not None and not Path(path).exists():
                raise ValueError(f"weights.{name}={path}: no such file or folder")
        if not isinstance(self.compare, str | list):
            raise ValueError(f"compare: expected folders of evaluations, got {self.compare}")
