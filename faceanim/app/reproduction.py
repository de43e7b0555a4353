"""The infer.py command that makes a visitor's video again."""

import shlex
from collections.abc import Mapping, Sequence

from faceanim.cli import quote


def infer_command(values: Mapping[str, str | int], options: Sequence[str]) -> str:
    """For a shell. values: of infer.py's options, text of any kind; options: more of them, as Hydra reads them."""
    words = [f"{key}={quote(value) if isinstance(value, str) else value}" for key, value in values.items()]
    return shlex.join(["python", "infer.py", *words, *options, "output=animation.mp4"])
