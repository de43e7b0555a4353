"""Selection of fonts that cover a text: Pillow's, matplotlib's DejaVu Sans, the font packages', the system's."""

import io
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont, features

_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")  # Noto fonts, see pyproject.toml
_SUFFIXES = {".ttf", ".otf", ".ttc"}
_SYSTEM = {
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
_UNUSUAL = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif")
_WEIGHT = 400  # regular
_JAPANESE, _KOREAN, _CHINESE = 0, 1, 2
_MOST_NAMED = 8
_SHAPED = range(0x0900, 0x1D00)  # the scripts of India and South East Asia, whose letters change and move


class Run(NamedTuple):
    """A part of a text that one font draws; font: its file, None for Pillow's own."""

    text: str
    font: Path | None

    def sized(self, points: int) -> ImageFont.FreeTypeFont:
        """The font at this size and at its regular weight."""
        if self.font is None:
            return ImageFont.load_default(points)
        font = ImageFont.truetype(self.font, points, index=_face(self.text, self.font))
        try:
            axes = font.get_variation_axes()
        except OSError:  # not variable
            return font
        font.set_variation_by_axes(
            [_WEIGHT if axis["name"] in (b"Weight", "Weight") else axis["default"] for axis in axes]
        )
        return font


def runs_of(text: str, fonts: Iterable[Path | None] | None = None) -> list[Run]:
    """The text in as few parts as it takes, from left to right as they are seen. fonts: to choose from, the first that
    does is taken; None: all that are there.

    Raises ValueError that names what cannot be drawn as it should be.
    """
    if text.isascii() and text.isprintable():
        return [Run(text, None)]
    if controls := [character for character in text if unicodedata.category(character) == "Cc"]:
        raise ValueError(f"label: expected one line of text, got {_named(controls)} in it")
    if not features.check("raqm") and (
        hard := [character for character in text if _needs_shaping(character)]
    ):
        raise ValueError(
            f"label: {_named(hard)} cannot be drawn as it should be: Pillow finds no libraqm and FriBiDi here, which "
            "join letters and write from right to left (on Debian and Ubuntu: apt install libraqm0 libfribidi0)"
        )
    clusters = _clusters(text)
    needed = set().union(*(visible for _, visible in clusters))
    tried: list[tuple[Path | None, set[str]]] = []
    open_clusters = [visible for _, visible in clusters]
    for font in _all_fonts() if fonts is None else fonts:
        drawn = needed & _characters(font)
        if drawn == needed:
            return [Run(text, font)]
        tried.append((font, drawn))
        open_clusters = [visible for visible in open_clusters if not visible <= drawn]
        if not open_clusters:
            return _in_order(_parts(clusters, tried), _is_rtl(text))
    raise ValueError(
        f"label: no font here has {_named(sorted(set().union(*open_clusters)))}: pip install 'faceanim[fonts]', or "
        "install a font that has it"
    )


def _clusters(text: str) -> list[tuple[str, set[str]]]:
    """(letter with its marks, or emoji with what is joined to it; what a font has to have of it)"""
    clusters: list[str] = []
    for character in text:
        joined = _is_invisible(character) or _is_mark(character)
        if clusters and (joined or clusters[-1].endswith("\u200d")):
            clusters[-1] += character
        else:
            clusters.append(character)
    return [(cluster, {c for c in cluster if not _is_invisible(c)}) for cluster in clusters]


def _parts(
    clusters: list[tuple[str, set[str]]], tried: list[tuple[Path | None, set[str]]]
) -> list[tuple[Run, bool | None]]:
    """(part of one font and one direction, whether it runs from right to left; None: either way), as they are read."""
    parts: list[tuple[Run, bool | None]] = []
    drawn_by = dict(tried)
    for cluster, visible in clusters:
        rtl = _is_rtl(cluster)
        if parts:
            run, before = parts[-1]
            wide = cluster.isspace() and run.font is not None and "emoji" in run.font.name.lower()
            if (
                visible <= drawn_by[run.font]
                and (rtl is None or before is None or rtl == before)
                and not wide
            ):
                parts[-1] = run._replace(text=run.text + cluster), before if rtl is None else rtl
                continue
        parts.append((Run(cluster, next(font for font, drawn in tried if visible <= drawn)), rtl))
    return parts


def _in_order(parts: list[tuple[Run, bool | None]], rtl: bool | None) -> list[Run]:
    """The parts from left to right; rtl: the direction of the whole. Of the Unicode Bidirectional Algorithm what a text
    without embeddings needs; the rest happens within the parts."""
    runs: list[Run] = []
    for backwards, group in groupby(parts, lambda part: bool(rtl if part[1] is None else part[1])):
        ordered = [run for run, _ in group]
        runs = (
            [*(ordered[::-1] if backwards else ordered), *runs]
            if rtl
            else [
                *runs,
                *(ordered[::-1] if backwards else ordered),
            ]
        )
    return runs


def _is_rtl(text: str) -> bool | None:
    """By the first letter that has a direction."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL", "L"):
            return direction != "L"
    return None


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or "\U0001f3fb" <= character <= "\U0001f3ff"


def _is_invisible(character: str) -> bool:
    """Joiners, direction marks, variation selectors: they have no picture of their own."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


def _needs_shaping(character: str) -> bool:
    return (
        ord(character) in _SHAPED
        or _is_mark(character)
        or _is_invisible(character)
        or unicodedata.bidirectional(character) in ("R", "AL", "AN")
    )


def _named(characters: Iterable[str]) -> str:
    names = [
        f"{character} (U+{ord(character):04X})" if character.isprintable() else f"U+{ord(character):04X}"
        for character in dict.fromkeys(characters)
    ]
    return ", ".join(names[:_MOST_NAMED]) + (f" and {n} more" if (n := len(names) - _MOST_NAMED) > 0 else "")


def _all_fonts() -> Iterator[Path | None]:
    import matplotlib

    yield None
    yield Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin:
            yield from _files(Path(spec.origin).parent)
    for folder in _SYSTEM.get(sys.platform, ()):
        yield from _files(Path(folder).expanduser())


def _files(folder: Path) -> list[Path]:
    """Font files, upright ones of usual weight and width first."""
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES]
    return sorted(paths, key=lambda path: (any(word in path.name.lower() for word in _UNUSUAL), path))


@cache
def _characters(font: Path | None) -> frozenset[str]:
    """All that the font draws; none of it where its glyphs are pictures in colour, or say that a glyph is missing."""
    from matplotlib.ft2font import FT2Font  # takes a third of a second, and most labels do without

    if font is not None and any(word in font.name.lower() for word in ("lastresort", "color")):
        return frozenset()
    try:
        face = FT2Font(io.BytesIO(ImageFont.load_default(10).font_bytes) if font is None else str(font))
    except (RuntimeError, OSError):
        return frozenset()
    return frozenset(map(chr, face.get_charmap())) if face.scalable else frozenset()


def _face(text: str, font: Path) -> int:
    """Number of the face in Noto's collections: Chinese, Japanese and Korean write some characters differently."""
    if not ("noto" in font.name.lower() and "cjk" in font.name.lower() and font.suffix.lower() == ".ttc"):
        return 0
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return _JAPANESE
    return _KOREAN if any("\uac00" <= character <= "\ud7af" for character in text) else _CHINESE
