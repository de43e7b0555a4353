"""Plots of an evaluation. T: frames."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from faceanim.pages.page import svg

COLOURS = {"generated": "#2563eb", "static": "#8b95a5", "warped": "#d97706", "real": "#059669"}


def dots(values: Mapping[str, Sequence[tuple[str, float]]], intervals: Mapping[str, tuple | None]) -> Markup:
    """A row per method with a dot per clip, named on hovering, and a bar for the mean's 95% interval."""
    figure, axes = _axes(0.26 * len(values) + 0.3)
    for k, (method, row) in enumerate(values.items()):
        shown, colour = [value for _, value in row], COLOURS[method]
        if intervals.get(method):
            low, high = np.clip(intervals[method], *_range([v for row in values.values() for _, v in row]))
            axes.barh(k, high - low, 0.64, low, color=colour, alpha=0.18, linewidth=0)
        axes.scatter(shown, [k] * len(row), 22, colour, alpha=0.55, linewidths=0, clip_on=False)
    axes.set_xlim(_range([value for row in values.values() for _, value in row]))
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.grid(axis="x", color="#e3e6ea")
    return svg(figure, [f"{name}: {value:.4g}" for row in values.values() for name, value in row])


def curves(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Markup:
    """A line per method through (seconds, values); NaN is a gap."""
    figure, axes = _axes(1.9)
    for method, (seconds, values) in lines.items():
        axes.plot(seconds, values, color=COLOURS[method], linewidth=1.6)
    axes.set_ylim(_range([v for _, values in lines.values() for v in values if np.isfinite(v)]))
    axes.xaxis.set_major_formatter("{x:g} s")
    axes.grid(axis="y", color="#e3e6ea")
    return svg(figure)


def _axes(height: float) -> tuple[Figure, Axes]:
    """Of a width of 4.4, inches."""
    figure = Figure((4.4, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor="#5b6472")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_axisbelow(True)
    return figure, axes


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.05
    return max(0.0, low - room) if low >= 0 else low - room, high + room
