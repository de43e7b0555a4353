"""Evaluation results in a model card: figures of exactly these weights, with their protocol and data."""

from pathlib import Path
from typing import Any

from faceanim.media.video_files import utf8_name
from faceanim.models.weights import read_json

_COLUMNS = ("generated", "static", "warped", "real")


def read_evaluation(path: str | Path) -> dict[str, Any]:
    """Of a metrics.json of evaluate.py: its hashes, its numbers of clips and frames, and its figures, by metric and
    method, with n and interval; `values` are the generated ones alone. ValueError for another file."""
    content = read_json(path)
    try:
        figures = {
            name: {
                method: {key: by[method].get(key) for key in ("value", "n", "interval", "interval_of")}
                for method in _COLUMNS
                if method in by and by[method]["value"] is not None
            }
            for name, by in content["metrics"].items()
        }
        return {
            "of": f"evaluate.py ({utf8_name(Path(path).name)})",
            "values": {name: by["generated"]["value"] for name, by in figures.items() if "generated" in by},
            "figures": {name: by for name, by in figures.items() if "generated" in by},
            "protocol": content["protocol"]["name"],
            **{k: content[k] for k in ("protocol_hash", "data_hash", "weights_hash", "n_clips", "n_frames")},
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"metrics={path}: expected a metrics.json of evaluate.py, got {error!r}") from error


def check_weights(figures: dict[str, Any], exported: str, path: str | Path) -> None:
    """Raise ValueError unless the figures were measured on the exported weights. exported: see `weights_hash`."""
    measured = figures["weights_hash"]
    if measured is None:
        raise ValueError(
            f"metrics={path}: expected figures of a pipeline, got those of videos made elsewhere"
        )
    if measured != exported:
        raise ValueError(
            f"metrics={path}: expected figures of the weights that are exported, {exported[:12]}, got those of "
            f"{measured[:12]}: export without metrics, evaluate that folder, then export with metrics"
        )


def evaluation_text(metrics: dict[str, Any]) -> str:
    """Return a Markdown table of the figures, with protocol and data."""
    methods = [m for m in _COLUMNS if any(m in by for by in metrics["figures"].values())]
    lines = [f"| metric | {' | '.join(methods)} | 95% | n |", f"|---{'|---' * (len(methods) + 2)}|"]
    for name, by in metrics["figures"].items():
        values = " | ".join(f"{by[m]['value']:.4g}" if m in by else "" for m in methods)
        generated = by["generated"]
        interval = "" if generated["interval"] is None else "{:.4g} to {:.4g}".format(*generated["interval"])
        interval += " (spread)" if generated["interval_of"] == "spread" else ""
        lines.append(f"| {name} | {values} | {interval} | {generated['n']} |")
    table = "\n".join(lines)
    return (
        f"{metrics['of']}: {metrics['n_clips']} clips, {metrics['n_frames']} frames. Protocol {metrics['protocol']}, "
        f"sha256 {metrics['protocol_hash'][:16]}; data, sha256 {metrics['data_hash'][:16]}: figures compare where both "
        f"are the same.\n\n{table}\n\nThe interval is of what was generated. static: the reference, repeated. warped: "
        "the reference, bent to the landmarks. real: the real video itself. n: frames, pairs "
        "of frames, clips or samples."
    )
