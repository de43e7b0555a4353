"""Figures as a report shows them."""

import html
from typing import Any


def cell(score: dict[str, Any], best: bool) -> str:
    """A table's cell with a score's value and interval; a dash, with the reason on hovering, where there is none."""
    if score["value"] is None:
        return f'<td class=n title="{html.escape(score["reason"] or "")}">–'
    interval = (
        "" if score["interval"] is None else "<small>{:.3g} to {:.3g}</small>".format(*score["interval"])
    )
    return f"<td class='n{' best' * best}'>{number(score['value'])}{interval}"


def number(value: float | None) -> str:
    """Four digits."""
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
