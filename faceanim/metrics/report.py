"""The results of an evaluation, for programs and for people."""

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from faceanim import __version__
from faceanim.media.files import atomic_path, write_json
from faceanim.metrics.candidates import Candidate
from faceanim.metrics.scores import BETTER, METRICS, Score, VideoScores, pool

REPORT_FILES = ("metrics.json", "per_clip.csv")


@dataclass(frozen=True)
class ClipResult:
    """One clip's record. seconds: to generate and measure it. Hashes: see `EvaluationClip` and `Protocol`."""

    clip_id: str
    protocol_hash: str
    maker_hash: str
    seconds: float
    generated: VideoScores
    static: VideoScores

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        scores = {key: VideoScores.from_json(content[key]) for key in ("generated", "static")}
        return cls(**content | scores)


def write_report(
    run_dir: Path, candidate: Candidate, fingerprint: str, results: Sequence[ClipResult]
) -> dict[str, Any]:
    """Write `metrics.json` and `per_clip.csv`, print a table, return what stands in metrics.json:

        kind                 "pipeline" or "predictions"
        protocol             the fields of `Protocol`
        protocol_hash        sha256 of the protocol, the clips' ids and their contents
        weights_hash         sha256 of the pipeline folder's weights and configurations; null for predictions
        faceanim_version
        n_clips, n_frames, frames_without_real_face
        frames_without_generated_face          {"generated": int, "static": int}
        metrics              for each of nme, nme_mouth, nme_eyes, face_found_rate, psnr, ssim:
                             {"generated": score, "static": score}, where a score is
                             {"value": number or null, "n": frames it is a mean over, "reason": text or null}
        seconds              spent on these clips, also in earlier runs that this one resumed

    Means are over all frames of all clips. A value is null exactly where n is 0; reason then says why.
    """
    generated = pool([result.generated for result in results])
    static = pool([result.static for result in results])
    content = {
        "kind": candidate.kind,
        "protocol": dataclasses.asdict(candidate.protocol),
        "protocol_hash": fingerprint,
        "weights_hash": candidate.weights_hash,
        "faceanim_version": __version__,
        "n_clips": len(results),
        "n_frames": generated.frames,
        "frames_without_real_face": generated.frames_without_real_face,
        "frames_without_generated_face": {
            "generated": generated.frames_without_generated_face,
            "static": static.frames_without_generated_face,
        },
        "metrics": {
            name: {
                "generated": dataclasses.asdict(generated.metrics[name]),
                "static": dataclasses.asdict(static.metrics[name]),
            }
            for name in METRICS
        },
        "seconds": round(sum(result.seconds for result in results), 3),
    }
    _write_csv(run_dir / "per_clip.csv", results)
    write_json(run_dir / "metrics.json", content)
    print(_table(candidate.protocol.name, len(results), generated, static))
    print(f"metrics: {run_dir / 'metrics.json'}")
    return content


def _write_csv(path: Path, results: Sequence[ClipResult]) -> None:
    """One row a clip; a metric without a value leaves its cell empty."""
    counts = ("frames_without_real_face", "frames_without_generated_face")
    columns = [f"{who}_{name}" for name in METRICS for who in ("generated", "static")]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "n_frames", *counts, *columns, "seconds"])
        for result in results:
            scores = [s.metrics[name].value for name in METRICS for s in (result.generated, result.static)]
            values = ["" if value is None else value for value in scores]
            found = [getattr(result.generated, name) for name in counts]
            writer.writerow(
                [result.clip_id, result.generated.frames, *found, *values, round(result.seconds, 3)]
            )


def _table(title: str, n_clips: int, generated: VideoScores, static: VideoScores) -> str:
    lines = [
        f"{title}: {n_clips} clips, {generated.frames} frames",
        f"{'metric':<18}{'better':<8}{'generated':>11}{'static':>11}{'frames':>9}",
    ]
    for name in METRICS:
        ours, baseline = generated.metrics[name], static.metrics[name]
        better = BETTER.get(name, "higher")
        lines.append(f"{name:<18}{better:<8}{_cell(ours):>11}{_cell(baseline):>11}{ours.n:>9}")
    lines += [f"{name}: {why}" for name in METRICS if (why := generated.metrics[name].reason)]
    if generated.frames_without_real_face:
        lines.append(f"left out, no face in the real frame: {generated.frames_without_real_face}")
    if generated.frames_without_generated_face:
        lines.append(f"no face in the generated frame: {generated.frames_without_generated_face}")
    return "\n".join(lines)


def _cell(score: Score) -> str:
    return "-" if score.value is None else f"{score.value:.4f}"
