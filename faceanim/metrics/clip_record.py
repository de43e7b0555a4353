"""One clip's result on disk: written whole, and read again only where nothing has changed since."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceanim.media.files import atomic_path, write_json
from faceanim.metrics.clip_metrics import ClipMetrics
from faceanim.metrics.estimate import Estimate
from faceanim.metrics.protocol import Stamp

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
    """Writes `clips/<clip_id>.json` and, before it, the features: a record that is there is complete."""
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
    write_json(record_path(run_dir, clip_id), dataclasses.asdict(record))
    return record


def read_record(
    run_dir: Path, clip_id: str, stamp: Stamp, maker_hash: str, weights: dict[str, str]
) -> ClipRecord | None:
    """What an earlier run found out about the clip, if it still holds; None for what is damaged or of another time."""
    path = record_path(run_dir, clip_id)
    if not path.is_file():
        return None
    try:
        record = parsed(path)
        got = (record.clip_id, record.stamp, record.maker_hash, record.weights)
        same = got == (clip_id, stamp, maker_hash, dict(weights))
        whole = not record.features or features_path(run_dir, clip_id).is_file()
        return record if same and whole else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def record_path(run_dir: Path, clip_id: str) -> Path:
    return run_dir / "clips" / f"{clip_id}.json"


def features_path(run_dir: Path, clip_id: str) -> Path:
    return run_dir / "features" / f"{clip_id}.npz"


def parsed(path: Path) -> ClipRecord:
    """A record as it was written, of whatever protocol; raises what damaged files make one raise."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
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
