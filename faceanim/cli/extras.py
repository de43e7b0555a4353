"""Optional packages: which of our extras installs each, read from pyproject.toml."""

import re
import tomllib
from functools import cache
from pathlib import Path

_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_DISTRIBUTIONS = {"dlib": "dlib-bin", "skvideo": "scikit-video"}  # of modules that are named otherwise
_COLLECTIONS = ("demo", "dev")  # extras of several purposes: named only where no other has it
_PIP = re.compile(r"`?pip install (?:-U |--upgrade )?[`'\"]*(\w[\w-]*)[`'\"]*(?:==[\w.]+)?")


def install_command(name: str | None) -> str | None:
    """Return the pip command that installs the module or distribution `name`, or None if no extra of ours has it."""
    top = (name or "").split(".")[0]
    extras = _extras().get(_normal(_DISTRIBUTIONS.get(top, top)))
    return extras and " or ".join(f'pip install "faceanim[{extra}]"' for extra in extras)


def with_our_extras(message: str) -> str:
    """Return a message with our extras in place of the packages that it says to install."""
    return _PIP.sub(lambda found: install_command(found[1]) or found[0], message)


@cache
def _extras() -> dict[str, list[str]]:
    """Return extras by the distributions that they install."""
    with _PYPROJECT.open("rb") as file:
        of_extra = tomllib.load(file)["project"]["optional-dependencies"]
    found: dict[str, list[str]] = {}
    for extra in sorted(of_extra, key=lambda name: name in _COLLECTIONS):
        for requirement in of_extra[extra]:
            extras = found.setdefault(_normal(re.match(r"[\w.-]+", requirement)[0]), [])
            if not (extras and extra in _COLLECTIONS):
                extras.append(extra)
    return {name: extras for name, extras in found.items() if name != "faceanim"}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
