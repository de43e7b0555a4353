"""One clip's result on disk: written whole, and reused only if nothing has changed since."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceanim.media.files import atomic_path
from faceanim.metrics.clip_metrics import ClipMetrics
from faceanim.metrics.estimate import Estimate
from faceanim.metrics.protocol import Stamp
from faceanim.parallel.finished_jobs import FinishedJobs

_DIGITS = 6  # of a series: drawn, and compared frame by frame


@dataclass(frozen=True)
class ClipRecord:
    """stamp: what was measured how. maker_hash: of weights or prediction. weights: of the networks that measured.
    seconds: to generate and measure it. The rest: see `ClipMetrics`, whose series come with None for NaN."""

    clip_id: str
    stamp: Stamp
    maker_hash: str
    weights: dict[str, str]
    seconds: float
    fps: float
    n_frames: int
    frames_without_real_face: int
    counts: dict[str, dict[str, int]]
    scores: dict[str, dict[str, Estimate]]
    series: dict[str, dict[str, list[float | None]]]
    features: dict[str, list[str]]

    def features_of(self, run_dir: Path, network: str, method: str) -> np.ndarray:
        """float32 (N, D)"""
        with np.load(features_path(run_dir, self.clip_id), allow_pickle=False) as content:
            return content[f"{network}_{method}"]


def write_record(
    run_dir: Path,
    clip_id: str,
    stamp: Stamp,
    maker_hash: str,
    weights: dict[str, str],
    seconds: float,
    fps: float,
    found: ClipMetrics,
) -> ClipRecord:
    """Write `clips/<clip_id>.json` and, before it, the features: an existing record is complete."""
    record = ClipRecord(
        clip_id,
        stamp,
        maker_hash,
        dict(weights),
        seconds,
        fps,
        found.n_frames,
        found.frames_without_real_face,
        found.counts,
        found.scores,
        {m: {k: _listed(v) for k, v in by.items()} for m, by in found.series.items()},
        {network: sorted(by) for network, by in found.features.items()},
    )
    if found.features:
        arrays = {f"{n}_{m}": values for n, by in found.features.items() for m, values in by.items()}
        with atomic_path(features_path(run_dir, clip_id)) as temporary:
            np.savez(temporary, **arrays)
    _finished(run_dir).save(clip_id, **dataclasses.asdict(record))
    return record


def read_record(
    run_dir: Path, clip_id: str, stamp: Stamp, maker_hash: str, weights: dict[str, str]
) -> ClipRecord | None:
    """The record of an earlier run, or None if it is missing, damaged or stale."""
    depends_on = {"stamp": dataclasses.asdict(stamp), "maker_hash": maker_hash, "weights": dict(weights)}
    content = _finished(run_dir).load(clip_id, clip_id=clip_id, **depends_on)
    try:
        record = None if content is None else parsed(content)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    whole = record is None or not record.features or features_path(run_dir, clip_id).is_file()
    return record if whole else None


def _finished(run_dir: Path) -> FinishedJobs:
    return FinishedJobs(run_dir / "clips")


def features_path(run_dir: Path, clip_id: str) -> Path:
    return run_dir / "features" / f"{clip_id}.npz"


def parsed(content: dict[str, Any]) -> ClipRecord:
    """A record as it was written, of whatever protocol; any exception if it is damaged."""
    scores = {
        method: {
            name: Estimate(**{**s, "interval": None if s["interval"] is None else tuple(s["interval"])})
            for name, s in by.items()
        }
        for method, by in content["scores"].items()
    }
    return ClipRecord(**content | {"stamp": Stamp(**content["stamp"]), "scores": scores})


def _listed(values: np.ndarray) -> list[float | None]:
    return [round(float(v), _DIGITS) if np.isfinite(v) else None for v in values]
