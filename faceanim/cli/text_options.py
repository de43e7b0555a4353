"""Options whose values are text, mostly file names: taken as they are typed, whatever Hydra's grammar makes of them.

Which options these are stands in the first line of a command's file in conf/: ``# @text reference,output,weights.*``.
"""

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException

_PLAIN = re.compile(r"(?!(?:null|true|false|inf|nan)$)[A-Za-z_/][\w./@%+-]*", re.ASCII | re.IGNORECASE)
_FLAT_LIST = re.compile(r"""\[([^][{}'"\\$]+)\]""")
_OPTION = re.compile(r"(\+{0,2})([^\s=~+-][^\s=]*)=(.*)", re.DOTALL)


def without_interpolation(text: str) -> str:
    """Return `text` with OmegaConf's escape before each ``${``, so that it stays as it is."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def quote(text: str) -> str:
    """Return `text` as the value of an option on a command of Hydra's, which gives exactly this text; bare where it can
    be.

    Not for a shell: that takes ``shlex.quote`` of the whole ``option=value``.
    """
    if _PLAIN.fullmatch(text):
        return text
    text = without_interpolation(text)
    mark = "'" if '"' in text and "'" not in text else '"'
    text = re.sub(
        rf"(\\*){mark}", rf"\1\1\\{mark}", text
    )  # backslashes count before the mark, and at the end
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"{mark}{text}{mark}"


def typed_form(option: str, text: str) -> str:
    """Return the shell word that sets `option` to exactly this text."""
    return shlex.quote(f"{option}={quote(text)}")


def text_options(config: str | Path) -> list[str]:
    """Return dotted names, or patterns of them, after ``# @text`` in the first line of a command's configuration."""
    with Path(config).open(encoding="utf-8") as file:
        header = file.readline()
    return header.removeprefix("# @text ").strip().split(",") if header.startswith("# @text ") else []


def is_text(option: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(option, name) for name in names)


def read_as_text(words: Sequence[str], names: Sequence[str], sweep: bool) -> list[str]:
    """Return the words of a command with the values of the options `names` quoted, but where they are meant for Hydra.

    Hydra reads what the user quoted, null, lists and dictionaries, and, unless a file of exactly that name exists,
    interpolations and backslashes; in a sweep also values after one another, and functions such as choice().

    Raises ValueError, with what to type instead, for a value in a sweep that may mean one file or several.
    """
    parser = OverridesParser.create()
    return [_read(word, names, sweep, parser) for word in words]


def _read(word: str, names: Sequence[str], sweep: bool, parser: OverridesParser) -> str:
    found = _OPTION.fullmatch(word)
    if not found or not is_text(found[2], names):
        return word
    sign, option, value = found.groups()
    text = f"{sign}{option}={quote(value)}"
    items = _FLAT_LIST.fullmatch(value)
    if items and not os.path.lexists(value):
        return f"{sign}{option}=[{_each(items[1])}]"
    try:
        override = parser.parse_override(f"x={value}")
    except HydraException:
        if sweep and "," in value:
            several = shlex.quote(f"{sign}{option}={_each(value)}")
        elif value[0] == "[" and value[-1] == "]" and not os.path.lexists(value):
            several = shlex.quote(f"{sign}{option}=[{_each(value[1:-1])}]")
        else:
            return text
        single = typed_form(sign + option, value)
        raise ValueError(
            f"{word}: cannot be read; type {single} for one file, {several} for several"
        ) from None
    if not value or value[0] in "'\"" or value.lower() == "null" or (sweep and override.is_sweep_override()):
        return word
    return text if os.path.lexists(value) or not _for_hydra(override, value) else word


def _each(values: str) -> str:
    return ",".join(quote(value.strip(" \t'\"")) for value in values.split(","))


def _for_hydra(override: Override, value: str) -> bool:
    """Whether this is Hydra's notation: a function of sweeps, a list, a dictionary, an interpolation, an escape."""
    if override.is_sweep_override():
        return not (isinstance(override.value(), ChoiceSweep) and override.value().simple_form)
    return isinstance(override.value(), list | dict) or "${" in value or "\\" in value
