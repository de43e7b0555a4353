"""Run commands of the project as a user would, without network, and prepare the demo clip with one."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "no_network")}


def run(*arguments: str | Path, cwd: Path = ROOT, **kwargs) -> subprocess.CompletedProcess:
    """A command of the project, as a user would run it, by default from the repository's root; without network."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=OFFLINE, capture_output=True, text=True, timeout=600, **kwargs
    )


def prepare(folder: Path, size: int = 32, *options: str) -> Path:
    done = run(
        *("-m", "scripts.prepare_celebvhq_hdtf", "raw=demo", f"output={folder}", f"size={size}"),
        *("fps=null", "split_by=time", "holdout=0.2", "crf=8", *options),
    )
    assert done.returncode == 0, done.stderr
    return folder
