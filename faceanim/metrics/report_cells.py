"""Figures as a report shows them."""

import html
from collections.abc import Mapping, Sequence
from typing import Any


def cell(score: dict[str, Any], best: bool = False, of: int | None = None) -> str:
    """A table's cell with a score's value and interval; a dash, with the reason on hovering, where there is none.

    of: the number of frames of another column, which has more of them: the cell says so, and the mean over the frames
    that all methods have, where it is known.
    """
    if score["value"] is None:
        return f'<td class=n title="{html.escape(score["reason"] or "")}">–'
    notes = [] if score["interval"] is None else ["{:.3g} to {:.3g}".format(*score["interval"])]
    if of is not None:
        notes.append(f"<b class=few>over {score['n']} of {of}</b>")
    if score.get("common") is not None and number(score["common"]) != number(score["value"]):
        notes.append(f"{number(score['common'])} where all have one")
    small = "".join(f"<small>{note}</small>" for note in notes)
    return f"<td class='n{' best' * best}'>{number(score['value'])}{small}"


def over_fewer(by: Mapping[str, dict[str, Any]], method: str) -> bool:
    """Whether a method's figure is a mean over fewer frames than another's: what is lost cannot be wrong."""
    score = by[method]
    return score["value"] is not None and score["n"] < most(by.values())


def most(scores: Sequence[dict[str, Any]]) -> int:
    """The largest number of frames that one of the figures is over."""
    return max((score["n"] for score in scores if score["value"] is not None), default=0)


def number(value: float | None) -> str:
    """Four digits."""
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
