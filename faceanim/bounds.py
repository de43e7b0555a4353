"""Bounds of numbers that people choose."""

from math import isfinite


def at_least(least: float, group: str = "", **values: float | None) -> None:
    """Raise ValueError for the first of the values (option=value) that is below `least`, or not finite; None passes.

    group: what stands in front of the options' names, such as ``protocol.``.
    """
    for name, value in values.items():
        if value is not None and not (isfinite(value) and value >= least):
            raise ValueError(f"{group}{name}: expected {least:g} or more, got {value}")


def above(limit: float, group: str = "", **values: float | None) -> None:
    """Raise ValueError for the first of the values that is not above `limit`, or not finite; see ``at_least``."""
    for name, value in values.items():
        if value is not None and not (isfinite(value) and value > limit):
            raise ValueError(f"{group}{name}: expected more than {limit:g}, got {value}")
