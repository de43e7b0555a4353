"""Options of evaluate.py; their values and explanations are in conf/evaluate.yaml."""

from dataclasses import dataclass
from typing import Any


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
        if self.batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {self.batch_size}")
        if not isinstance(self.compare, str | list):
            raise ValueError(f"compare: expected folders of evaluations, got {self.compare}")
