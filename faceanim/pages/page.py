"""Self-contained HTML pages: everything shown is inside the one file."""

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from faceanim import __version__
from faceanim.media.files import atomic_path

_ABOUT = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # left out: equal plots are equal bytes


def write_page(path: Path, template: str, **content: Any) -> Path:
    """Write a page from a file of `templates/`; all text is escaped."""
    text = _templates().get_template(template).render(content)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def number(value: float | None) -> str:
    """Four significant digits; a dash for None."""
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"


def data_uri(content: bytes, kind: str) -> str:
    """The content of a file as an address. kind: its MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def svg(figure: Figure, titles: Iterable[str] = ()) -> Markup:
    """A plot as inline SVG, scaled by the stylesheet. titles: of its half-transparent points, shown on hovering."""
    content = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "faceanim", "font.size": 8}):
        figure.savefig(content, format="svg", transparent=True, metadata=_ABOUT)
    drawn = content.getvalue()
    drawn = re.sub(
        r'<svg (.*?)width="\S+" height="\S+"', r"<svg \1", drawn[drawn.index("<svg") :], count=1, flags=re.S
    )
    left = iter(titles)
    titled = re.compile(r"<use ([^>]*fill-opacity[^>]*)/>")
    return Markup(titled.sub(lambda use: f"<use {use[1]}><title>{escape(next(left))}</title></use>", drawn))


def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("faceanim.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number}
    found.globals |= {"version": __version__}
    return found
