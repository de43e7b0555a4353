"""One-line errors for unknown options and choices, with suggestions of the nearest names."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from faceanim.cli.extras import install_command
from faceanim.cli.option_types import initialized
from faceanim.cli.text_options import typed_form

_SIMILAR = 0.6  # of names that are worth a question, 0 to 1; as difflib has it
_MOST = 3  # names in a question
_PLUGINS = {"hydra/launcher": "launcher", "hydra/sweeper": "sweeper"}


def explain(error: HydraException, words: Sequence[str], config: Path, closed: bool) -> str | None:
    """Return why Hydra does not compose `config` with these words of a command; None where it is not for an unknown
    name.

    closed: its options are a schema's, and none can be added.
    """
    if isinstance(error, OverrideParseException):
        option, equals, value = error.override.partition("=")
        if not equals:
            return f"expected option=value, got {error.override} (--help explains)"
        return (
            f"{error.override}: Hydra cannot read the value; if it is text, type {typed_form(option, value)}"
        )
    if any(word.startswith(("--config-dir", "-cd")) for word in words):
        return None  # that folder's groups are Hydra's to know
    overrides = OverridesParser.create().parse_overrides([word for word in words if not word.startswith("-")])
    with initialized(config.parent):
        loader = GlobalHydra.instance().config_loader()
        of_groups = [o for o in overrides if loader.list_groups(o.key_or_group) or _choices(loader, o)]
        for override in of_groups:
            line = _unknown_choice(loader, override)
            if line:
                return line
        try:
            known = _compose(config, of_groups)
        except HydraException as conflict:
            return _clash(conflict, config, of_groups)
        values, others = _names(OmegaConf.to_container(known))
        names = [*values, *others, *loader.list_groups("")]
    changing = [o for o in overrides if o not in of_groups and not (o.is_add() or o.is_force_add())]
    unknown = [o for o in changing if o.key_or_group not in names]
    return _unknown_option(unknown[0], names, closed) if unknown else None


def _choices(loader: ConfigLoader, override: Override) -> list[str]:
    return loader.get_group_options(override.key_or_group, ObjectType.CONFIG)


def _unknown_choice(loader: ConfigLoader, override: Override) -> str | None:
    group, choices = override.key_or_group, _choices(loader, override)
    for value in _values(override):
        if value is None or str(value) in choices:
            continue
        if group in _PLUGINS:
            install = install_command(f"hydra-{str(value).split('_')[0]}-{_PLUGINS[group]}")
            if install:
                return f"{group}={value} is not installed: {install}"
        near = get_close_matches(str(value), choices, 1, _SIMILAR)
        question = f"; did you mean {group}={near[0]}?" if near else ""
        return f"{group}: expected one of {', '.join(choices)}, got {value}{question}"
    return None


def _values(override: Override) -> Iterator[Any]:
    """Yield single choices: of each job of a sweep, of each item of a list."""
    if override.is_delete():
        return
    for value in override.sweep_iterator() if override.is_sweep_override() else [override.value()]:
        yield from value if isinstance(value, list) else [value]


def _compose(config: Path, overrides: Sequence[Override]) -> DictConfig:
    words = [word for override in overrides for word in _first_of_a_sweep(override)]
    return compose(config.stem, words, return_hydra_config=True)


def _clash(error: HydraException, config: Path, overrides: Sequence[Override]) -> str | None:
    """Return the error for choices that conflict, as each brings another choice of one more group."""
    group = re.search(r"Multiple values for ([\w/]+)", str(error))
    clashing = []
    for override in overrides if group else ():
        with suppress(HydraException):
            _compose(config, [other for other in overrides if other is not override])
            clashing.append(override.input_line)
    if len(clashing) == 1:
        return f"{clashing[0]} is not for this command: it brings {group[1]} of its own"
    return f"{' and '.join(clashing)} each bring {group[1]}: leave one of them out" if clashing else None


def _first_of_a_sweep(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [override.input_line]
    return [f"{override.input_line.partition('=')[0]}={next(override.sweep_string_iterator())}"]


def _unknown_option(override: Override, names: Sequence[str], closed: bool) -> str:
    key = override.key_or_group
    ours = [name for name in names if name.startswith("hydra.") == key.startswith("hydra.")]
    near = nearest(key, ours)
    question = f": did you mean {', '.join(near)}?" if near else " (--help explains)"
    add = "" if override.is_delete() or closed else f" (+{override.input_line} would add it)"
    return f"unknown option {key}{question}{add}"


def nearest(key: str, names: Sequence[str]) -> list[str]:
    """Return the dotted names most like `key`, at most three; else those whose last part is most like that of `key`."""
    last = key.rpartition(".")[2]
    found = [] if key == last else _most_alike({name: (key, name) for name in names})
    return found or _most_alike({name: (last, name.rpartition(".")[2]) for name in names})


def _most_alike(pairs: dict[str, tuple[str, str]]) -> list[str]:
    scores = {name: SequenceMatcher(None, *pair).ratio() for name, pair in pairs.items()}
    best = max(scores.values(), default=0.0)
    return [name for name, score in scores.items() if score == best >= _SIMILAR][:_MOST]


def _names(content: dict[str, Any], path: str = "") -> tuple[list[str], list[str]]:
    """Return dotted names of the options that hold values, and of those that hold or follow other options."""
    values, others = [], []
    for key, value in content.items():
        if isinstance(value, dict):
            below = _names(value, f"{path}{key}.")
            values += below[0]
            others += [f"{path}{key}", *below[1]]
        else:
            (others if "${" in str(value) else values).append(f"{path}{key}")
    return values, others
