"""Comparison of a resumed run's settings with those it began with."""

import logging
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# Free to change: how and where it is computed, what is written and said of it. What is known by its content is
# compared elsewhere: clips by their hash and frozen weights by their fingerprints, when a checkpoint is restored;
# batch sizes by their product (``global_batch``).
_FREE = (
    *("run_dir", "ckpt_path", "init_from", "dry_run", "optimized_metric", "global_batch_size"),
    *("compute.*", "logger.*", "callbacks.*", "weights.*", "trainer.*", "stage.assemble.compute.*"),
    *("data.folder", "data.module.folder", "*.num_workers", "*.batch_size", "data.module.val_*"),
    *(f"schedule.*.{name}" for name in ("max_steps", "checkpoint_every", "sample_every")),
    *("schedule.*.accumulate", "schedule.*.init_from", "*.num_training_steps"),
)
_NOT_FREE = ("trainer.gradient_clip_*", "callbacks.ema.decay")
_BY_PRESENCE = ("data.latents", "data.module.latents")  # a path may change, and is checked by its content
_SAME_AS_ABSENT = {"callbacks.ema.decay": 0, "trainer.gradient_clip_algorithm": None}
_MOST = 6


def check_same_settings(before: dict[str, Any], now: dict[str, Any], folder: str | Path) -> None:
    """Raise ValueError, with names and values, where settings differ that change what is learnt.

    before: of the run in ``folder``. Options that only one of the two has, as of another version, are logged.
    """
    was, is_now = (dict(_leaves(settings)) for settings in (before, now))
    for name, value in _SAME_AS_ABSENT.items():
        was.setdefault(name, value), is_now.setdefault(name, value)
    names = [name for name in sorted({*was, *is_now}, key=_order) if not _is_free(name, now)]
    differing = {name: (was[name], is_now[name]) for name in names if name in was and name in is_now}
    differing = {name: pair for name, pair in differing.items() if not _equal(name, *pair)}
    for name in names:  # a group in the place of a value, or the other way round
        if name in was and name not in is_now and any(other.startswith(f"{name}.") for other in is_now):
            differing[name] = (was[name], "a group")
        if name in is_now and name not in was and any(other.startswith(f"{name}.") for other in was):
            differing[name] = ("a group", is_now[name])
    if differing:
        raise ValueError(
            f"{folder} holds a run with other settings: {_text(differing)}: choose another run_dir, or the settings "
            "in its config.yaml"
        )
    for which, some, others in (("new", is_now, was), ("gone", was, is_now)):
        found = [f"{name}={some[name]}" for name in names if name in some and name not in others]
        if found:
            log.warning("options that are %s since %s was begun: %s", which, folder, ", ".join(found))
    lengths = [settings["trainer"]["max_steps"] for settings in (before, now)]
    if lengths[0] != lengths[1]:
        ends = "num_training_steps" in now.get("lr_schedule", {})
        follows = (
            ": lr_schedule runs over the new length, and the learning rate may jump here" if ends else ""
        )
        log.info("max_steps: was %d, is %d%s", *lengths, follows)


def _leaves(settings: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values; lists are values."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from _leaves(value, f"{name}.{key}".lstrip("."))
    else:
        yield name, settings


def _is_free(name: str, settings: dict[str, Any]) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in _NOT_FREE):
        return False
    if name.startswith("schedule.") and not name.startswith(f"schedule.{settings['stage']['name']}."):
        return True  # of another stage; where it matters nevertheless it stands in another place, too
    return any(fnmatchcase(name, pattern) for pattern in _FREE)


def _equal(name: str, was: Any, is_now: Any) -> bool:
    if name.endswith("_target_") and isinstance(was, str) and isinstance(is_now, str):
        return was.rpartition(".")[2] == is_now.rpartition(".")[2]  # a class may have moved to another module
    return (was is None) == (is_now is None) if name in _BY_PRESENCE else was == is_now


def _order(name: str) -> tuple[bool, int, str]:
    """Sort options that people set before the places where they are used."""
    return not name.startswith("schedule."), name.count("."), name


def _text(differing: dict[str, tuple[Any, Any]]) -> str:
    """Format the differences; of one setting that is read in several places, only the first."""
    first: dict[tuple[str, str], str] = {}
    for name, (was, is_now) in differing.items():
        first.setdefault((name.rpartition(".")[2], f"{was} {is_now}"), f"{name}: was {was}, is {is_now}")
    lines = list(first.values())
    more = f"; and {len(lines) - _MOST} more" if len(lines) > _MOST else ""
    return "; ".join(lines[:_MOST]) + more
