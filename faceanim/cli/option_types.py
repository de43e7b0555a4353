"""Options of the wrong type, found before anything is built."""

import inspect
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, get_type_hints

import hydra.utils
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

_TARGET = "_target_"
_ANY_CLASS = ConfigDict(arbitrary_types_allowed=True)
_OF_OBJECTS = ("needs_python_object", "is_instance_of", "callable_type")  # not for text to say


def check_types(cfg: DictConfig, config: Path) -> None:
    """Raise ValueError where options of the command line have values of other types than their defaults.

    The argument of a class that Hydra builds (`_target_`) has the type that the class declares. Options without a
    default, and those of groups from other folders (--config-dir), are not checked.
    """
    groups = HydraConfig.get().runtime.choices
    overrides = OverridesParser.create().parse_overrides(
        OmegaConf.to_container(HydraConfig.get().overrides.task)
    )
    options = [o for o in overrides if o.key_or_group not in groups and not o.is_delete()]
    if not options:
        return
    chosen = [o.input_line for o in overrides if o.key_or_group in groups]
    try:
        with initialized(config.parent):
            defaults = compose(config.stem, chosen)
    except HydraException:
        return
    faults = []
    arguments = dict(_referring(OmegaConf.to_container(cfg)))
    for option in options:
        for name, value in _leaves(option.key_or_group, _select(cfg, option.key_or_group)):
            expected = _expected(cfg, defaults, name, value)
            if expected is None and name in arguments:
                expected = _fault(_annotation(*arguments[name]), value)
            if expected:
                faults.append(f"{name}: expected {expected}, got {json.dumps(value)}")
    if faults:
        raise ValueError("; ".join(faults))


def initialized(folder: Path) -> AbstractContextManager:
    """The Hydra that runs, of these files; else one for them: a process of a sweep's launcher has none."""
    started = GlobalHydra.instance().is_initialized()
    return nullcontext() if started else initialize_config_dir(str(folder), version_base="1.3")


def _select(cfg: DictConfig, name: str) -> Any:
    try:
        return OmegaConf.select(cfg, name)
    except OmegaConfBaseException as error:
        error.full_key = name  # not that of what it refers to
        raise


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, DictConfig) and value and _TARGET not in value:
        for key in value:
            yield from _leaves(f"{name}.{key}", value[key])
    else:
        yield name, OmegaConf.to_container(value) if isinstance(value, DictConfig | ListConfig) else value


def _referring(
    content: Any, target: str | None = None, key: str = ""
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names that arguments of classes refer to (``${name}``), with class and argument."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _referring(value, content.get(_TARGET), str(key))
    elif target and isinstance(content, str) and content[:2] + content[-1:] == "${}":
        yield content[2:-1], (target, key)


def _expected(cfg: DictConfig, defaults: DictConfig, name: str, value: Any) -> str | None:
    """Return what the option `name` takes where `value` is not it, else None."""
    group, _, key = name.rpartition(".")
    parent = OmegaConf.select(cfg, group) if group else cfg
    built = isinstance(parent, DictConfig) and _TARGET in parent
    declared = _annotation(parent[_TARGET], key) if built else None
    if declared is not None:
        return _fault(declared, value)
    try:
        default = OmegaConf.select(defaults, name)
    except OmegaConfBaseException:  # refers to a mandatory option
        return None
    if isinstance(default, DictConfig):
        known = ", ".join(map(str, default))
        left_out = value is None and (built or bool(group))
        return None if isinstance(value, dict) or left_out else f"options ({known})"
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, int | float):
        whole = isinstance(default, int)
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        return None if fits else "an integer" if whole else "a number"
    if isinstance(default, ListConfig):
        return None if isinstance(value, list) else "a list, [a,b]"
    if isinstance(default, str):
        return "text" if isinstance(value, dict | list) else None
    return None


def _annotation(target: str, argument: str) -> Any:
    """Return the type that the class or function `target` declares for an argument, None where it declares none."""
    try:
        built = hydra.utils.get_object(target)
        function = built.__init__ if inspect.isclass(built) else built
        return get_type_hints(function).get(argument)
    except (ImportError, ValueError, AttributeError, NameError, TypeError):
        return (
            None  # of a name that is imported for type checkers only; or no such class, which Hydra reports
        )


def _fault(declared: Any, value: Any) -> str | None:
    """Return what the type `declared` takes where `value`, as JSON would have it, is not of it."""
    if declared is None or (isinstance(value, dict) and _TARGET in value):
        return None
    try:
        TypeAdapter(declared, config=_ANY_CLASS).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        if any(fault["type"] in _OF_OBJECTS for fault in faults):
            return None
        wanted = [fault["msg"].removeprefix("Input should be ").partition(", unable")[0] for fault in faults]
        return " or ".join(dict.fromkeys(wanted))
    except PydanticUserError:  # a type that pydantic has no schema for
        pass
    return None
