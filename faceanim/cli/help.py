"""The --help text of a command, from the comments of its file in conf/."""

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
    """Return a line per group of the defaults list: its default and its choices."""
    defaults = yaml.safe_load(config.read_text(encoding="utf-8"))["defaults"]
    chosen = {
        group: choice for entry in defaults if isinstance(entry, dict) for group, choice in entry.items()
    }
    lines = []
    for group, choice in chosen.items():
        choices = sorted(path.stem for path in (config.parent / group).glob("*.yaml"))
        if choices:
            made = f"{group}={'null' if choice is None else choice}"
            lines.append(f"  {made:24} {', '.join(choices)}")
    return lines
