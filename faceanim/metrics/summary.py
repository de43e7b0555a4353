"""All clips' figures together."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceanim import __version__
from faceanim.metrics.catalogue import METRICS, OF_SETS, SPREAD
from faceanim.metrics.clip_metrics import METHODS
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.estimate import Estimate, pooled
from faceanim.metrics.fid_limit import frechet_limit
from faceanim.metrics.paired import common_means
from faceanim.metrics.predictions import Predictions
from faceanim.metrics.protocol import Protocol, Stamp
from faceanim.metrics.set_scores import frechet_score, kernel_score

_NETWORKS = {"fid": "frames", "fid_limit": "frames", "kid": "frames", "fvd": "windows"}
_NOT_FOR_THIS = "not measured for this"


def summarise(
    run_dir: Path,
    predictions: Predictions,
    stamp: Stamp,
    records: Sequence[ClipRecord],
    unavailable: dict[str, str],
    weights: dict[str, str],
    device: torch.device,
) -> dict[str, Any]:
    """What stands in metrics.json:

        kind                 "pipeline" or "predictions"
        protocol             the fields of `Protocol`
        protocol_hash        sha256 of these fields
        data_hash            sha256 of the clips' ids and contents; figures compare where both hashes are the same
        weights_hash         sha256 of the pipeline folder's weights and configurations, see `weights_hash`; null for
                             predictions
        metric_weights       by network that measures, the sha256 of its weights
        faceanim_version
        n_clips, n_frames, frames_without_real_face
        missing_clips        of the protocol: {"clip_id", "reason"}
        untagged_videos      paths of videos without colour tags, whose matrix was assumed
        untagged_colour      how these were read: auto, bt601 or bt709; null for a pipeline
        counts               by method: frames without a face where there is a real one, frames of a single colour
        metrics              by metric and method (generated, static, warped, real): {"value": number or null,
                             "n": frames, pairs, clips or samples it is over, "reason": text or null,
                             "interval": 95%, two numbers or null, "interval_of": "mean" or "distance", the figure
                             itself over ever more clips, "spread" of the estimate at this number of clips, or null,
                             "common": the mean over those frames in which each of generated, static and warped has
                             a figure, null where there is none; methods compare by it where their n differ}
        unavailable          by metric, why it cannot be had here
        seconds              spent on these clips, also in earlier runs that this one resumed

    A value is null exactly where n is 0; reason then says why. ValueError for a record of another protocol or data.
    """
    for record in records:
        if record.stamp != stamp:
            raise ValueError(
                f"clip {record.clip_id}: its result is of another protocol or data: expected {stamp}, "
                f"got {record.stamp}"
            )
    protocol = predictions.protocol
    methods = [method for method in METHODS if any(method in record.scores for record in records)]
    metrics = {
        name: {
            method: _score(run_dir, name, method, records, unavailable, protocol, device)
            for method in methods
        }
        for name in METRICS
    }
    common = {name: _common(name, metrics[name], records, protocol.task == "self") for name in METRICS}
    return {
        "kind": predictions.kind,
        "protocol": dataclasses.asdict(protocol),
        "protocol_hash": stamp.protocol,
        "data_hash": stamp.data,
        "weights_hash": predictions.weights_hash,
        "metric_weights": dict(weights),
        "faceanim_version": __version__,
        "n_clips": len(records),
        "n_frames": sum(record.n_frames for record in records),
        "frames_without_real_face": sum(record.frames_without_real_face for record in records),
        "missing_clips": [missing._asdict() for missing in predictions.missing],
        "untagged_videos": predictions.untagged_videos(),
        "untagged_colour": predictions.colour,
        "counts": {
            method: {
                name: sum(record.counts[method][name] for record in records if method in record.counts)
                for name in ("without_face", "blank")
            }
            for method in methods
        },
        "metrics": {
            name: {
                method: _plain(name, score) | {"common": common[name].get(method)}
                for method, score in by.items()
            }
            for name, by in metrics.items()
        },
        "unavailable": dict(unavailable),
        "seconds": round(sum(record.seconds for record in records), 3),
    }


def _score(
    run_dir: Path,
    name: str,
    method: str,
    records: Sequence[ClipRecord],
    unavailable: dict[str, str],
    protocol: Protocol,
    device: torch.device,
) -> Estimate:
    if name in unavailable:
        return Estimate(None, 0, f"unavailable: {unavailable[name]}")
    if name not in OF_SETS:
        scores = [
            record.scores.get(method, {}).get(name) or Estimate(None, 0, _NOT_FOR_THIS) for record in records
        ]
        return pooled(scores, protocol.resamples, protocol.bootstrap_seed).within(*METRICS[name].limits)
    network = _NETWORKS[name]
    there = [record for record in records if {method, "real"} <= set(record.features.get(network, []))]
    if not there:
        return Estimate(None, 0, _NOT_FOR_THIS)
    if len(there) < len(records):  # the same clips for all methods, or the sets would differ
        return Estimate(None, 0, f"{len(records) - len(there)} clips have no {method} frames")
    real, made = ([record.features_of(run_dir, network, who) for record in there] for who in ("real", method))
    if name == "kid":
        return kernel_score(real, made, device)
    distance = frechet_limit if name == "fid_limit" else frechet_score
    return distance(real, made, protocol.bootstrap_seed, device).within(*METRICS[name].limits)


def _common(
    name: str, by: dict[str, Estimate], records: Sequence[ClipRecord], same_person: bool
) -> dict[str, float | None]:
    """Of the methods that have any figure, the real video left out."""
    methods = [m for m, score in by.items() if m != "real" and score.value is not None]
    if name in OF_SETS or not methods:
        return {}
    means = common_means(name, [[(record, m) for m in methods] for record in records], same_person)
    return {m: mean if np.isfinite(mean) else None for m, mean in zip(methods, means, strict=True)}


def _plain(name: str, score: Estimate) -> dict[str, Any]:
    interval = None if score.interval is None else list(score.interval)
    kind = (
        None if interval is None else "spread" if name in SPREAD else "distance" if name == "kid" else "mean"
    )
    return dataclasses.asdict(score) | {"interval": interval, "interval_of": kind}
