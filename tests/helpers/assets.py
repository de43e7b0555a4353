"""Files outside the repository: sample clips and photographs, hostile files, annotations, golden tensors."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT

_SHARED = ROOT.parent / "shared"
WEIGHTS = Path(os.environ.get("FACEANIM_WEIGHTS", _SHARED / "models"))  # of landmark backends


def asset(name: str) -> Path:
    """A file or folder such as data/clips; where there is none, the test, or the module at its import, is skipped."""
    if not (_SHARED / name).exists():
        pytest.skip(f"needs ../shared/{name}", allow_module_level=True)
    return _SHARED / name


def present(folder: str, pattern: str | Sequence[str] = "*") -> list[Path]:
    """The files or folders of these names in a folder of assets, if any: further cases for a test that has its own."""
    names = [pattern] if isinstance(pattern, str) else pattern
    return sorted(path for name in names for path in (_SHARED / folder).glob(name))
