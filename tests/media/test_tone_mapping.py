"""HDR and wide-gamut videos come out as an SDR display would show them."""

import numpy as np
import pytest

from faceanim.media.clip_reader import ClipReader
from faceanim.media.tone_mapping import KNEE, PEAK, WHITE, compress_highlights
from faceanim.media.video import read_video
from tests.helpers.colour_charts import (
    HLG,
    PQ,
    SDR_2020,
    chart,
    coded,
    decoded,
    hdr_signal,
    patches,
    sdr_of,
    write_chart,
)

BELOW_KNEE = int(255 * KNEE ** (1 / 2.4))

CODECS = {
    "ffv1": ("a.mkv", "ffv1", None),
    "hevc": ("a.mov", "libx265", {"x265-params": "lossless=1:bframes=0:log-level=none"}),
    "vp9": ("a.webm", "libvpx-vp9", {"lossless": "1"}),
}


@pytest.mark.parametrize("transfer", [HLG, PQ, SDR_2020], ids=["hlg", "pq", "sdr2020"])
@pytest.mark.parametrize(
    ("codec", "layout", "full_range"),
    [
        ("hevc", "yuv420p10le", False),
        ("ffv1", "yuv444p10le", True),
        ("hevc", "yuv422p10le", True),
        ("ffv1", "yuv420p12le", True),
        ("ffv1", "yuv420p", False),
        ("vp9", "yuv420p", False),
        ("vp9", "yuv444p", True),
    ],
)
def test_what_was_sdr_before_it_became_hdr_is_the_same_again(transfer, codec, layout, full_range, tmp_path):
    """White at 203 cd/m2. The codes' own rounding costs more than ours, most of all in 8 bits."""
    name, encoder, options = CODECS[codec]
    depth = int(layout[7:-2]) if layout.endswith("le") else 8
    rgb = chart(BELOW_KNEE)
    codes = coded(hdr_signal(rgb, transfer).clip(0, 1), 9, full_range, depth)
    write_chart(
        tmp_path / name, codes, layout, encoder, (9, 2 if full_range else 1, 9, transfer), options=options
    )
    shown = patches(read_video(tmp_path / name).frames_THWC[-1])
    of_the_codes = sdr_of(decoded(codes, 9, full_range, depth), transfer)
    exact = of_the_codes < BELOW_KNEE  # rounding lifts some colours over the knee
    assert np.abs(shown - of_the_codes)[exact].max() < 0.8
    assert np.abs(shown - rgb).mean() < (1 if depth > 8 else 3)


def test_an_hdr_signal_in_rgb_is_mapped_too(tmp_path):
    rgb = chart(BELOW_KNEE)
    codes = np.round(1023 * hdr_signal(rgb, PQ)).astype(int)[:, [1, 2, 0]]
    write_chart(tmp_path / "a.mkv", codes, "gbrp10le", tags=(0, 2, 9, PQ))
    of_the_codes = sdr_of(codes[:, [2, 0, 1]] / 1023, PQ)
    difference = np.abs(patches(read_video(tmp_path / "a.mkv").frames_THWC[0]) - of_the_codes)
    assert difference[of_the_codes < BELOW_KNEE].max() < 0.8


def test_the_tags_of_hdr_may_be_incomplete(tmp_path):
    """The transfer curve alone says BT.2100, which has BT.2020's matrix and primaries."""
    rgb = chart(BELOW_KNEE)
    codes = coded(hdr_signal(rgb, HLG).clip(0, 1), 9, False, 10)
    shown = []
    for number, tags in enumerate([(9, 1, 9, HLG), (2, 1, 2, HLG)]):
        write_chart(tmp_path / f"{number}.mkv", codes, "yuv420p10le", tags=tags)
        shown.append(read_video(tmp_path / f"{number}.mkv").frames_THWC)
    np.testing.assert_array_equal(*shown)


def test_display_p3_is_converted(tmp_path):
    """Apple's published conversion: P3's red is outside BT.709, P3's (0.9175, 0.2003, 0.1386) is BT.709's red."""
    p3 = np.array([[255, 0, 0], [234, 51, 35], [128, 128, 128], [255, 255, 255]] * 16)
    write_chart(tmp_path / "a.mkv", coded(p3 / 255, 1, False, 10), "yuv444p10le", tags=(1, 1, 12, 1))
    shown = patches(read_video(tmp_path / "a.mkv").frames_THWC[0])[:4]
    assert np.abs(shown - [[255, 0, 0], [255, 0, 0], [128, 128, 128], [255, 255, 255]]).max() <= 8
    assert np.abs(shown[2:] - p3[2:4]).max() <= 1


def test_highlights_keep_their_order_up_to_the_peak():
    light = np.linspace(0, PEAK / WHITE, 100_001)
    mapped = compress_highlights(light)
    assert (np.diff(mapped) > 0).all()
    np.testing.assert_array_equal(mapped[light <= KNEE], light[light <= KNEE])
    assert mapped[-1] == pytest.approx(1, abs=1e-9)
    slope = np.diff(mapped) / np.diff(light)
    knee = np.searchsorted(light, KNEE)
    assert slope[knee + 1] == pytest.approx(1, abs=0.01)
    assert 255 * compress_highlights(np.array([1.0])) ** (1 / 2.4) > 251  # the SDR's own white


@pytest.mark.parametrize(("transfer", "white"), [(HLG, 0.75), (PQ, 0.5807)])
def test_reference_white_is_where_bt_2408_has_it(transfer, white, tmp_path):
    """75% of HLG and 58% of PQ: 203 cd/m2. Above it highlights rise to the peak, below it greys fall to black."""
    greys = np.sort(np.append(np.linspace(0, 1, 63), white))
    codes = coded(greys[:, None].repeat(3, axis=1), 9, False, 10)
    write_chart(tmp_path / "a.mkv", codes, "yuv444p10le", tags=(9, 1, 9, transfer))
    shown = patches(read_video(tmp_path / "a.mkv").frames_THWC[0])[:, 1]
    assert (np.diff(shown) >= 0).all() and (shown[0], shown[-1]) == (0, 255)
    assert abs(shown[np.searchsorted(greys, white)] - 252) <= 1


def test_prepared_clips_that_are_hdr_are_mapped_as_well(tmp_path):
    codes = coded(hdr_signal(chart(BELOW_KNEE), HLG).clip(0, 1), 9, False, 10)
    options = {"x265-params": "lossless=1:bframes=0:log-level=none"}
    write_chart(tmp_path / "a.mp4", codes, "yuv420p10le", "libx265", (9, 1, 9, HLG), options=options)
    whole = read_video(tmp_path / "a.mp4").frames_THWC
    np.testing.assert_array_equal(ClipReader(tmp_path / "a.mp4").read([1, 0]), whole[[1, 0]])
