"""The results of an evaluation as one record, the content of metrics.json."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from faceanim.media.files import write_json
from faceanim.metrics.estimate import Estimate
from faceanim.metrics.protocol import Stamp

FILE = "metrics.json"


@dataclass(frozen=True)
class Figure(Estimate):
    """A metric of one method: an estimate over all clips.

    interval_of: what the 95% interval is of, "mean", "distance" (the figure itself over ever more clips) or "spread"
    of the estimate at this number of clips; None without one. common: the mean over those frames in which each of
    generated, static and warped has a figure, None if there are none; methods compare by it where their n differ.
    """

    interval_of: str | None = None
    common: float | None = None


def most_frames(figures: Iterable[Figure]) -> int:
    """The largest number of frames that one of the figures is a mean over."""
    return max((figure.n for figure in figures if figure.value is not None), default=0)


def over_fewer(by_method: Mapping[str, Figure], method: str) -> int | None:
    """The number of frames of another method, if this one's figure is over fewer: what is lost cannot be wrong."""
    figure, most = by_method[method], most_frames(by_method.values())
    return most if figure.value is not None and figure.n < most else None


@dataclass(frozen=True)
class EvaluationReport:
    """All results; two evaluations compare if both their hashes are equal.

    Attributes:
        kind: "pipeline" or "predictions".
        protocol: The fields of `Protocol`; protocol_hash is their sha256.
        data_hash: sha256 of the clips' ids and contents.
        weights_hash: sha256 of the pipeline folder's weights and configurations, see `weights_hash`; None for
            predictions.
        metric_weights: By network that measures, the sha256 of its weights.
        missing_clips: Of the protocol: {"clip_id", "reason"}.
        untagged_videos: Paths of videos without colour tags, whose matrix was assumed.
        untagged_colour: How these were read: auto, bt601 or bt709; None for a pipeline.
        counts: By method, the frames without a face where there is a real one (without_face), and those of a single
            colour (blank).
        metrics: By metric and method (generated, static, warped, real). A value is None exactly if n is 0; reason
            then says why.
        unavailable: By metric, why it cannot be computed here.
        seconds: Spent on these clips, also in earlier runs that this one resumed.
    """

    kind: str
    protocol: dict[str, Any]
    protocol_hash: str
    data_hash: str
    weights_hash: str | None
    metric_weights: dict[str, str]
    faceanim_version: str
    n_clips: int
    n_frames: int
    frames_without_real_face: int
    missing_clips: list[dict[str, str]]
    counts: dict[str, dict[str, int]]
    metrics: dict[str, dict[str, Figure]]
    unavailable: dict[str, str]
    seconds: float
    untagged_videos: list[str] = field(default_factory=list)
    untagged_colour: str | None = None

    @property
    def same_person(self) -> bool:
        return self.protocol["task"] == "self"

    @property
    def methods(self) -> list[str]:
        return list(next(iter(self.metrics.values())))

    @property
    def untagged(self) -> str:
        """A sentence about videos without colour tags."""
        how = {
            "auto": "BT.709 from 720 lines on, BT.601 below",
            "bt601": "BT.601",
            "bt709": "BT.709",
        }[self.untagged_colour]
        return (
            f"{len(self.untagged_videos)} videos have no colour tags, first {self.untagged_videos[0]}: read as {how} "
            f"(colour={self.untagged_colour}; colour=bt601 or bt709 decides)"
        )

    def write(self, path: Path) -> None:
        """Write metrics.json; ValueError for results without their hashes."""
        Stamp(self.protocol_hash, self.data_hash)
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a metrics.json, of an earlier version too; any exception if the file is something else."""
        content = json.loads(path.read_text(encoding="utf-8"))
        metrics = {
            name: {
                method: Figure(**figure | {"interval": figure["interval"] and tuple(figure["interval"])})
                for method, figure in by.items()
            }
            for name, by in content["metrics"].items()
        }
        known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        report = cls(**known | {"metrics": metrics})
        Stamp(report.protocol_hash, report.data_hash)
        return report
