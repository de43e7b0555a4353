"""Summary of all clips."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from faceanim import __version__
from faceanim.metrics.clip_metrics import METHODS
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.estimate import Estimate, pooled
from faceanim.metrics.evaluation_report import EvaluationReport, Figure
from faceanim.metrics.families import METRICS
from faceanim.metrics.metric import MetricSpec
from faceanim.metrics.paired import common_means
from faceanim.metrics.predictions import Predictions
from faceanim.metrics.protocol import Protocol, Stamp

_NOT_FOR_THIS = "not measured for this"


def summarise(
    run_dir: Path,
    predictions: Predictions,
    stamp: Stamp,
    records: Sequence[ClipRecord],
    unavailable: dict[str, str],
    weights: dict[str, str],
    device: torch.device,
) -> EvaluationReport:
    """All clips' results together. ValueError for a record of another protocol or data."""
    for record in records:
        if record.stamp != stamp:
            raise ValueError(
                f"clip {record.clip_id}: its result is of another protocol or data: expected {stamp}, "
                f"got {record.stamp}"
            )
    protocol = predictions.protocol
    methods = [method for method in METHODS if any(method in record.scores for record in records)]
    estimates = {
        name: {
            method: _estimate(run_dir, spec, method, records, unavailable, protocol, device)
            for method in methods
        }
        for name, spec in METRICS.items()
    }
    return EvaluationReport(
        kind=predictions.kind,
        protocol=dataclasses.asdict(protocol),
        protocol_hash=stamp.protocol,
        data_hash=stamp.data,
        weights_hash=predictions.weights_hash,
        metric_weights=dict(weights),
        faceanim_version=__version__,
        n_clips=len(records),
        n_frames=sum(record.n_frames for record in records),
        frames_without_real_face=sum(record.frames_without_real_face for record in records),
        missing_clips=[missing._asdict() for missing in predictions.missing],
        untagged_videos=predictions.untagged_videos(),
        untagged_colour=predictions.colour,
        counts={
            method: {
                name: sum(record.counts[method][name] for record in records if method in record.counts)
                for name in ("without_face", "blank")
            }
            for method in methods
        },
        metrics={
            name: _figures(METRICS[name], by, records, protocol.task == "self")
            for name, by in estimates.items()
        },
        unavailable=dict(unavailable),
        seconds=round(sum(record.seconds for record in records), 3),
    )


def _estimate(
    run_dir: Path,
    spec: MetricSpec,
    method: str,
    records: Sequence[ClipRecord],
    unavailable: dict[str, str],
    protocol: Protocol,
    device: torch.device,
) -> Estimate:
    name = spec.name
    if name in unavailable:
        return Estimate(None, 0, f"unavailable: {unavailable[name]}")
    if spec.distance is None:
        scores = [
            record.scores.get(method, {}).get(name) or Estimate(None, 0, _NOT_FOR_THIS) for record in records
        ]
        return pooled(scores, protocol.resamples, protocol.bootstrap_seed).within(*spec.limits)
    network = spec.needs[0].name
    there = [record for record in records if {method, "real"} <= set(record.features.get(network, []))]
    if not there:
        return Estimate(None, 0, _NOT_FOR_THIS)
    if len(there) < len(records):  # the same clips for all methods, or the sets would differ
        return Estimate(None, 0, f"{len(records) - len(there)} clips have no {method} frames")
    real, made = ([record.features_of(run_dir, network, who) for record in there] for who in ("real", method))
    return spec.distance(real, made, protocol.bootstrap_seed, device).within(*spec.limits)


def _figures(
    spec: MetricSpec, by: dict[str, Estimate], records: Sequence[ClipRecord], same_person: bool
) -> dict[str, Figure]:
    """The methods' estimates and, without the real video, their means over the frames that all of them have."""
    methods = [m for m, estimate in by.items() if m != "real" and estimate.value is not None]
    means = []
    if spec.distance is None and methods:
        means = common_means(spec.name, [[(record, m) for m in methods] for record in records], same_person)
    common = {m: mean for m, mean in zip(methods, means, strict=False) if np.isfinite(mean)}
    return {
        m: Figure(
            **dataclasses.asdict(estimate),
            interval_of=None if estimate.interval is None else spec.interval_of,
            common=common.get(m),
        )
        for m, estimate in by.items()
    }
