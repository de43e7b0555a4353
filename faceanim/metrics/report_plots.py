"""Small drawings of a report, as SVG. T: frames."""

import html
from collections.abc import Mapping, Sequence

import numpy as np

COLOURS = {"generated": "#2563eb", "static": "#8b95a5", "warped": "#d97706", "real": "#059669"}
_WIDTH, _ROW, _LEFT, _AXIS = 420, 22, 74, 20


def dots(values: Mapping[str, Sequence[tuple[str, float]]], intervals: Mapping[str, tuple | None]) -> str:
    """A row for each method with a dot for each clip, named on hovering, and a bar for the mean's 95% interval."""
    shown = [value for row in values.values() for _, value in row]
    low, high = _range(shown)
    height = _ROW * len(values) + _AXIS
    parts = [_grid(low, high, height)]
    for k, (method, row) in enumerate(values.items()):
        y, colour = _ROW * k + _ROW / 2, COLOURS[method]
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{method}</text>')
        if intervals.get(method):
            a, b = (_x(v, low, high) for v in intervals[method])
            parts.append(
                f'<rect x="{a:.1f}" y="{y - 7:.0f}" width="{max(1, b - a):.1f}" height="14" fill="{colour}" '
                'opacity=".18"/>'
            )
        for name, value in row:
            parts.append(
                f'<circle cx="{_x(value, low, high):.1f}" cy="{y:.0f}" r="4" fill="{colour}" fill-opacity=".55">'
                f"<title>{html.escape(name)}: {value:.4g}</title></circle>"
            )
    return f'<svg viewBox="0 0 {_WIDTH} {height}">{"".join(parts)}</svg>'


def curves(lines: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """One line for each method through (seconds, values); NaN is a gap."""
    height, plot = 180, 180 - _AXIS
    seconds = max((float(t[-1]) for t, _ in lines.values() if len(t)), default=1.0) or 1.0
    low, high = _range([v for _, values in lines.values() for v in values if np.isfinite(v)])
    parts = []
    for value in (low, (low + high) / 2, high):
        y = _y(value, low, high, plot)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 10}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:.3g}</text>')
    for share in (0, 0.5, 1):
        x = _LEFT + share * (_WIDTH - 10 - _LEFT)
        anchor = "start" if not share else "middle" if share < 1 else "end"
        parts.append(
            f'<text x="{x:.0f}" y="{height - 3}" text-anchor="{anchor}">{share * seconds:.2g} s</text>'
        )
    for method, (times, values) in lines.items():
        path, pen = [], "M"
        for t, value in zip(times, values, strict=True):
            if not np.isfinite(value):
                pen = "M"
                continue
            x = _LEFT + t / seconds * (_WIDTH - 10 - _LEFT)
            path.append(f"{pen}{x:.1f} {_y(value, low, high, plot):.1f}")
            pen = "L"
        parts.append(
            f'<path d="{" ".join(path)}" fill="none" stroke="{COLOURS[method]}" stroke-width="2" '
            f'stroke-linecap="round"><title>{method}</title></path>'
        )
    return f'<svg viewBox="0 0 {_WIDTH} {height}">{"".join(parts)}</svg>'


def legend(methods: Sequence[str]) -> str:
    """The methods with their colours."""
    return "".join(f'<span class=key><i style="background:{COLOURS[m]}"></i>{m}</span>' for m in methods)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 0.05
    return max(0.0, low - room) if low >= 0 else low - room, high + room


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (min(max(value, low), high) - low) / (high - low) * (_WIDTH - 10 - _LEFT)


def _y(value: float, low: float, high: float, plot: int) -> float:
    return plot - 6 - (value - low) / (high - low) * (plot - 14)


def _grid(low: float, high: float, height: int) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        x = _x(value, low, high)
        anchor = "start" if not share else "middle" if share < 1 else "end"
        parts.append(f'<path d="M{x:.1f} 0V{height - _AXIS}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 4}" text-anchor="{anchor}">{value:.3g}</text>')
    return "".join(parts)
