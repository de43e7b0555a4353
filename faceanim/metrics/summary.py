"""All clips' figures together."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceanim import __version__
from faceanim.metrics.candidates import Candidate
from faceanim.metrics.catalogue import METRICS, OF_SETS
from faceanim.metrics.clip_record import ClipRecord
from faceanim.metrics.measure import METHODS
from faceanim.metrics.protocol import Stamp
from faceanim.metrics.score import Score, pooled, resamples
from faceanim.metrics.set_scores import frechet_score, kernel_score

_SETS = {"fid": ("frames", frechet_score), "kid": ("frames", kernel_score), "fvd": ("windows", frechet_score)}
_NOT_FOR_THIS = "not measured for this"


def summarise(
    run_dir: Path,
    candidate: Candidate,
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
        weights_hash         sha256 of the pipeline folder's weights and configurations; null for predictions
        metric_weights       by network that measures, the sha256 of its weights
        faceanim_version
        n_clips, n_frames, frames_without_real_face
        missing_clips        of the protocol: {"clip_id", "reason"}
        untagged_videos      paths of videos without colour tags, whose matrix was assumed
        untagged_colour      how these were read: auto, bt601 or bt709; null for a pipeline
        counts               by method: frames without a face where there is a real one, frames of a single colour
        metrics              by metric and method (generated, static, warped, real): {"value": number or null,
                             "n": frames, pairs, clips or samples it is over, "reason": text or null,
                             "interval": 95%, two numbers or null}
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
    protocol = candidate.protocol
    drawn_RC = resamples(len(records), protocol.resamples, protocol.bootstrap_seed)
    methods = [method for method in METHODS if any(method in record.scores for record in records)]
    metrics = {
        name: {
            method: _score(run_dir, name, method, records, unavailable, drawn_RC, device)
            for method in methods
        }
        for name in METRICS
    }
    return {
        "kind": candidate.kind,
        "protocol": dataclasses.asdict(protocol),
        "protocol_hash": stamp.protocol,
        "data_hash": stamp.data,
        "weights_hash": candidate.weights_hash,
        "metric_weights": dict(weights),
        "faceanim_version": __version__,
        "n_clips": len(records),
        "n_frames": sum(record.n_frames for record in records),
        "frames_without_real_face": sum(record.frames_without_real_face for record in records),
        "missing_clips": [missing._asdict() for missing in candidate.missing],
        "untagged_videos": candidate.untagged_videos(),
        "untagged_colour": candidate.colour,
        "counts": {
            method: {
                name: sum(record.counts[method][name] for record in records if method in record.counts)
                for name in ("without_face", "blank")
            }
            for method in methods
        },
        "metrics": {
            name: {method: _plain(score) for method, score in by.items()} for name, by in metrics.items()
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
    drawn_RC: np.ndarray,
    device: torch.device,
) -> Score:
    if name in unavailable:
        return Score(None, 0, f"unavailable: {unavailable[name]}")
    if name not in OF_SETS:
        scores = [
            record.scores.get(method, {}).get(name) or Score(None, 0, _NOT_FOR_THIS) for record in records
        ]
        return pooled(scores, drawn_RC)
    network, distance = _SETS[name]
    there = [record for record in records if {method, "real"} <= set(record.features.get(network, []))]
    if not there:
        return Score(None, 0, _NOT_FOR_THIS)
    if len(there) < len(records):  # the same clips for all methods, or the sets would differ
        return Score(None, 0, f"{len(records) - len(there)} clips have no {method} frames")
    real, made = ([record.features_of(run_dir, network, who) for record in there] for who in ("real", method))
    return distance(real, made, drawn_RC, device)


def _plain(score: Score) -> dict[str, Any]:
    interval = None if score.interval is None else list(score.interval)
    return dataclasses.asdict(score) | {"interval": interval}
