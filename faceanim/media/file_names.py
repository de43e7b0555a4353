"""File names as text that can be written: not every name is UTF-8."""

from pathlib import Path


def printable(name: str | Path) -> str:
    """The name with each byte that is not UTF-8 as \\xNN, as it stands in what is written of a file."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
