"""Reproduction of a video from the page by infer.py."""

import shlex
from collections.abc import Mapping, Sequence

from faceanim.cli import quote


def infer_command(values: Mapping[str, str | int], options: Sequence[str]) -> str:
    """Return the shell command. values: of infer.py's options, any text; options: further ones in Hydra's syntax."""
    words = [f"{key}={quote(value) if isinstance(value, str) else value}" for key, value in values.items()]
    return shlex.join(["python", "infer.py", *words, *options, "output=animation.mp4"])
