"""Runs side by side: what their configurations differ in, where their training stands, what came of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from faceanim.modules.run_metrics import FILE, read_metrics

CONFIG, ERROR = "config.yaml", "error.txt"
_PLACES = (
    "run_dir",
    "callbacks",
    "logger",
    "ckpt_path",
)  # where a run lives and what watches it, not what it is
Curves = dict[str, list[tuple[int, float]]]


@dataclass(frozen=True)
class Run:
    """options: the configuration by dotted names. state: finished, unfinished or failed. reason: where it stands, or
    why it failed. seconds: from its last start to its last metrics; None where there were none since."""

    name: str
    options: dict[str, Any]
    curves: Curves
    state: str
    reason: str
    seconds: float | None = None
    differing: dict[str, Any] = field(default_factory=dict)

    def last(self, metric: str) -> tuple[int, float] | None:
        """(step, value), or None where nothing was measured."""
        return self.curves[metric][-1] if self.curves.get(metric) else None

    def best(self, metric: str) -> tuple[int, float] | None:
        """The smallest finite value, the first of equals, and its step."""
        finite = [(value, step) for step, value in self.curves.get(metric, []) if math.isfinite(value)]
        return min(finite)[::-1] if finite else None


def find_runs(runs: str | Sequence[str]) -> list[Path]:
    """The run folders (with config.yaml) named, or anywhere inside the folder named, sorted.

    Raises ValueError where there is none.
    """
    found: list[Path] = []
    for folder in [Path(runs)] if isinstance(runs, str) else map(Path, runs):
        if not folder.is_dir():
            raise ValueError(f"runs={folder}: no such folder")
        inside = [folder] if (folder / CONFIG).is_file() else sorted(p.parent for p in folder.rglob(CONFIG))
        if not inside:
            raise ValueError(f"runs={folder}: no run in it (a folder with {CONFIG})")
        found += [path for path in inside if path not in found]
    return found


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """In the folders' order; ``differing`` holds the options that are not the same in all, each once."""
    read = [_read(folder) for folder in folders]
    names = sorted({name for run in read for name in run.options})
    absent = "-"
    varying: dict[tuple, str] = {}
    for name in sorted(names, key=lambda name: name.count(".")):
        values = tuple(repr(run.options.get(name, absent)) for run in read)
        if (
            len(set(values)) > 1
        ):  # what options further down only copy, as ${...}, has the same name and values
            varying.setdefault((values, name.rpartition(".")[2]), name)
    labels = _labels(folders)
    return [
        Run(
            label, run.options, run.curves, run.state, run.reason, run.seconds,
            {name: run.options.get(name, absent) for name in sorted(varying.values())},
        )
        for label, run in zip(labels, read, strict=True)
    ]  # fmt: skip


def _read(folder: Path) -> Run:
    path = folder / CONFIG
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        stage, schedule = config["stage"]["name"], config["schedule"]
        maximum = int(config["trainer"]["max_steps"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the configuration of a training run ({error!r})") from error
    config = {key: value for key, value in config.items() if key not in _PLACES}
    config["schedule"] = schedule[stage]  # the other stage's options had no effect
    curves = read_metrics(folder)
    done = max((step + 1 for curve in curves.values() for step, _ in curve), default=0)
    seconds = (folder / FILE).stat().st_mtime - path.stat().st_mtime if curves else None
    if seconds is not None and seconds < 0:  # config.yaml is written at every start
        seconds = None
    if (folder / ERROR).is_file():
        state, reason = "failed", (folder / ERROR).read_text(encoding="utf-8").strip()
    elif _finished(folder, maximum):
        state, reason = "finished", f"{maximum} steps"
    else:
        state, reason = "unfinished", f"about step {done} of {maximum}" if done else f"no step of {maximum}"
    return Run(folder.name, _flat(config), curves, state, reason, seconds)


def _finished(folder: Path, maximum: int) -> bool:
    """By the checkpoint of the last step, whose name says the step."""
    return (folder / "checkpoints" / f"step-{maximum:06d}.ckpt").exists()


def _flat(content: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(content, Mapping) or not content:
        return {path: content}
    return {
        name: leaf
        for key, value in content.items()
        for name, leaf in _flat(value, f"{path}.{key}".lstrip(".")).items()
    }


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' names, or their whole paths where names repeat."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
