"""The model card of a pipeline folder: provenance of the weights, metrics, terms."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import yaml

from faceanim.models.weights import read_json
from faceanim.pipelines.evaluation_figures import evaluation_text

CARD, PROVENANCE, CONFIG = "README.md", "provenance.json", "training.yaml"
TERMS = (
    "The weights inherit the terms of what they were trained on and started from; whoever shares this folder "
    "has to know them (RESPONSIBLE_USE.md of the code lists the usual ones). The code is Apache-2.0."
)


def provenance(card: dict[str, Any], step: int, run_dir: Path) -> dict[str, Any]:
    """For ``provenance.json``, in plain values and without paths: version, stage, step, run, and as far as the run
    folder tells them code, devices and data of its last start, what it started from, and as metrics the
    run's last validation.

    card: of the checkpoint.
    """
    content = {"faceanim": card["version"], "stage": card["stage"], "step": step, "run": run_dir.name}
    origin = card["origin"] or {"parts": {}, "init_from": None}
    parts = {
        part: _name(value["path"] if isinstance(value, dict) else value)
        for part, value in origin["parts"].items()
    }
    content["started_from"] = {"init_from": _name(origin["init_from"]), "parts": parts}
    starts = run_dir / "provenance.json"
    if starts.is_file():
        last = read_json(starts)["starts"][-1]
        content |= {key: last[key] for key in ("code", "data", "devices", "precision") if key in last}
    content["metrics"] = _validation(run_dir / "metrics.csv")
    return content


def write_card(folder: Path, content: dict[str, Any], run_dir: Path, license: str) -> None:
    """Write README.md, provenance.json and, where the run has one, its configuration without paths."""
    (folder / PROVENANCE).write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")
    config = run_dir / "config.yaml"
    if config.is_file():
        settings = _without_paths(yaml.safe_load(config.read_text(encoding="utf-8")))
        (folder / CONFIG).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    (folder / CARD).write_text(_text(content, license, config.is_file()), encoding="utf-8")


def _text(content: dict[str, Any], license: str, has_config: bool) -> str:
    code = content.get("code", {})
    git = code.get("git") or {}
    data = content.get("data", {})
    started = content["started_from"]
    rows = [
        ("stage, step", f"{content['stage']}, {content['step']}"),
        ("run", content["run"]),
        (
            "code",
            f"faceanim {content['faceanim']}" + "".join(f", {key} {value}" for key, value in git.items()),
        ),
        (
            "started from",
            started["init_from"] or ", ".join(f"{k}: {v}" for k, v in started["parts"].items()) or "nothing",
        ),
    ]
    rows += [
        (f"data, {split}", f"{d['clips']} clips, sha256 {d['sha256'][:16]}") for split, d in data.items()
    ]
    scores = _scores(content["metrics"])
    config = f" The run's settings are in `{CONFIG}`." if has_config else ""
    return (
        "# Animation pipeline\n\nMade with faceanim: one photograph and a pose sequence in, a video out. Load it with "
        "`AnimationPipeline.from_pretrained`.\n\n"
        f"## Origin\n\n{_list(rows)}\n\nAll of it is in `{PROVENANCE}`.{config}\n\n"
        f"## Metrics\n\n{scores}\n\n## Terms\n\nWeights: {license}. {TERMS}\n\n## Use\n\n"
        "It makes videos of people doing what they never did: animate only people who agreed to it, and say that a "
        "video is generated wherever it is shown.\n"
    )


def _scores(metrics: dict[str, Any]) -> str:
    if "figures" in metrics:
        return evaluation_text(metrics)
    values = [(name, f"{value:.4g}") for name, value in metrics["values"].items()]
    return f"{metrics['of']}:\n\n{_list(values)}" if values else "None is known."


def _list(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in pairs)


def _validation(path: Path) -> dict[str, Any]:
    """Return the last value of every val/... column of a run's metrics.csv."""
    values: dict[str, float] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                values |= {k: float(v) for k, v in row.items() if k and k.startswith("val/") and v}
    return {
        "of": "The run's last validation",
        "values": {k: v for k, v in values.items() if math.isfinite(v)},
    }


def _name(path: str | None) -> str | None:
    return None if path is None else Path(path).name


def _without_paths(value: Any) -> Any:
    """Return the value with absolute paths cut to their last part, as they describe a machine, not a model."""
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_paths(inner) for inner in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value
