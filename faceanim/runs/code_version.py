"""Which code a process runs."""

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faceanim

PACKAGES = ("torch", "lightning", "diffusers", "transformers")


def code_version() -> dict[str, Any]:
    """faceanim's version, its git commit, and the versions of what trains. git: None where the package lies in no git
    tree that tracks it, such as one installed from a wheel; dirty: files differ from the commit, or are not in it."""
    packages = {name: version(name) for name in PACKAGES}
    return {"faceanim": faceanim.__version__, "git": git_state(Path(faceanim.__file__).parent), **packages}


def git_state(folder: Path) -> dict[str, Any] | None:
    """commit and dirty of the git tree that tracks ``folder``'s __init__.py; None without, or without git."""
    try:
        _git(folder, "ls-files", "--error-unmatch", "__init__.py")  # not a tree that happens to lie around it
        return {
            "commit": _git(folder, "rev-parse", "HEAD"),
            "dirty": bool(_git(folder, "status", "--porcelain")),
        }
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
