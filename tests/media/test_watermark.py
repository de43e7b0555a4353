"""The visible label in any language: drawn as it should be, or refused with what is missing."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from faceanim.media.watermark import Watermark
from faceanim.media.watermark_fonts import runs_of

DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def drawn(text: str) -> np.ndarray:
    """(h, w) 0 to 1."""
    return Watermark(text, 480, 900).text_hw1[:, :, 0]


def by_pillow(text: str, font: Path, layout: ImageFont.Layout | None = None) -> np.ndarray:
    """The text as Pillow sets it, 20 points high and without a border."""
    image = Image.new("L", (900, 80))
    face = ImageFont.truetype(font, 20, layout_engine=layout)
    ImageDraw.Draw(image).text((20, 20), text, fill=255, font=face)
    return trimmed(np.asarray(image) / 255)


def trimmed(image_hw: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(image_hw.any(axis=1)), np.flatnonzero(image_hw.any(axis=0))
    return image_hw[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize(
    "text",
    [
        "Von KI erzeugt: größe, é, ñ",
        "Создано ИИ · Δημιουργήθηκε",
        "مُولَّد بالذكاء الاصطناعي",
        "AI-generated: مُولَّد 2026",
        "נוצר על ידי בינה מלאכותית (AI)",
    ],
)
def test_european_languages_arabic_and_hebrew_are_drawn_everywhere(text):
    assert runs_of(text) == [(text, DEJAVU)]
    np.testing.assert_allclose(trimmed(drawn(text)), by_pillow(text, DEJAVU), atol=1e-6)


def test_arabic_letters_join_and_run_from_right_to_left():
    """The same glyphs, chosen by hand and set from left to right: final teh, medial yeh, initial beh."""
    by_hand = by_pillow("\ufe96\ufef4\ufe91", DEJAVU, ImageFont.Layout.BASIC)
    np.testing.assert_allclose(trimmed(drawn("بيت")), by_hand, atol=1e-6)


def test_what_no_font_has_is_named_before_the_work_begins():
    with pytest.raises(ValueError, match=r"no font here has U\+10FFFD: pip install 'faceanim\[fonts\]'"):
        Watermark("AI \U0010fffd", 64, 64)
    with pytest.raises(ValueError, match=r"label: no font here has 人 \(U\+4EBA\), 工 \(U\+5DE5\): pip"):
        runs_of("AI 人工", [None, DEJAVU])
    with pytest.raises(ValueError, match=r"expected one line of text, got U\+000A in it"):
        Watermark("two\nlines", 64, 64)


FONTS = {
    "एआई द्वारा निर्मित": ["NotoSansDevanagari"],
    "AI द्वारा": [None, "NotoSansDevanagari"],
    "由人工智能生成 AI": ["NotoSansCJK"],
    "AIによって生成": ["NotoSansCJK"],
    "인공지능 생성": ["NotoSansCJK"],
    "🤖 AI-generated 👩🏽‍💻": ["NotoEmoji", None, "NotoEmoji"],
    "สร้างโดย AI": ["NotoSansThai", None],
    "🤖 مُولَّد 漢": ["NotoSansCJK", "DejaVuSans", None, "NotoEmoji"],  # seen from left to right
}


def test_the_font_packages_draw_the_rest():
    for package in ("manimgx_fonts", "manimgx_fonts_cjk"):
        pytest.importorskip(package, reason="faceanim[fonts] is not installed")
    for text, fonts in FONTS.items():
        names = [
            run.font and run.font.name.split("[")[0].split("-")[0].split(".")[0] for run in runs_of(text)
        ]
        assert names == fonts and 0.05 < drawn(text).mean() < 0.4
