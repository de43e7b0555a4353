"""The --help text of a command, from the comments of its file in conf/."""

import textwrap
from pathlib import Path

import yaml

_NOT_OPTIONS = ("defaults:", "hydra:")  # blocks of the file that are Hydra's
_NOTES = "Exit codes: 0 done, 2 your mistake, 1 otherwise. --cfg job prints the composed configuration."


def help_text(config: Path) -> str:
    """Return the file's first comment, its groups with their choices, and its options as they stand."""
    lines = config.read_text(encoding="utf-8").splitlines()
    if lines[0].startswith("# @text "):
        del lines[0]
    n_comments = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    about = [line.removeprefix("#").removeprefix(" ") for line in lines[:n_comments]]
    groups = _groups(config)
    if groups:
        about += ["", f"Groups, group=choice (files in {config.parent.name}/):", *groups]
    about += ["", "Options, option=value (inner ones outer.inner=value), with their defaults:"]
    return "\n".join([*about, *_options(lines[n_comments:]), "", _NOTES])


def _options(lines: list[str]) -> list[str]:
    """Return the lines without the blocks that are no options, indented."""
    kept, in_option = [], True
    for line in lines:
        if line and not line.startswith(" "):
            in_option = not line.startswith(_NOT_OPTIONS)
        if in_option:
            kept.append(f"  {line}".rstrip())
    return "\n".join(kept).strip("\n").splitlines()


def _groups(config: Path) -> list[str]:
    """Return a line per group that the defaults list names, or the groups' own lists: its default and its choices;
    below it the names of the options that the default has."""
    lines = []
    for group, choice in _chosen(config, "").items():
        choices = sorted(path.stem for path in (config.parent / group).glob("*.yaml"))
        if not choices:
            continue
        made = f"{group}={'null' if choice is None else choice}"
        lines.append(f"  {made:26} {', '.join(choices)}")
        names = _names(config.parent / group / f"{choice}.yaml", group) if choice else {}
        listed = ", ".join(name + below for name, below in names.items())
        lines += textwrap.wrap(listed, 120, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return lines


def _chosen(config: Path, group: str) -> dict[str, str | None]:
    """Return the choice of each group in the defaults list of a file of `group`, and in those of what is chosen."""
    root = config.parents[len(Path(group).parts)]
    chosen: dict[str, str | None] = {}
    for entry in _defaults(config):
        if isinstance(entry, str) and group and entry != "_self_":
            chosen |= _chosen(config.parent / f"{entry}.yaml", group)
        for name, choice in entry.items() if isinstance(entry, dict) else ():
            name = name.removeprefix("override ")
            name = name[1:] if name.startswith("/") else f"{group}/{name}".lstrip("/")
            chosen[name] = choice
            if isinstance(choice, str) and (root / name / f"{choice}.yaml").is_file():
                chosen |= _chosen(root / name / f"{choice}.yaml", name)
    return chosen


def _defaults(config: Path) -> list[str | dict[str, str | None]]:
    return yaml.safe_load(config.read_text(encoding="utf-8")).get("defaults", [])


def _names(config: Path, group: str) -> dict[str, str]:
    """Return the options of a group's file and of those it is based on: with ``.*`` where there are several below the
    name, ``=???`` where one has to be given."""
    text = config.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    whole = text.startswith("# @package _global_")
    names: dict[str, str] = {}
    for entry in content.pop("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            names |= _names(config.parent / f"{entry}.yaml", group)
    for key, value in content.items():
        if whole and isinstance(value, dict):
            names |= {f"{key}.{name}": _below(inner) for name, inner in value.items()}
        elif key not in ("_target_", "_partial_"):
            names[key if whole else f"{group.replace('/', '.')}.{key}"] = _below(value)
    return names


def _below(value: object) -> str:
    return ".*" if isinstance(value, dict) else "=???" if value == "???" else ""
