"""Videos are read in the colours that their tags say, rounded, not truncated."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.video import read_video, video_info, write_video
from tests.helpers.colour_charts import LUMA, PATCH, YCGCO, chart, coded, decoded, patches, write_chart
from tests.helpers.demo import demo_frames

FLAT = 0.52  # of a level: what rounding to 8 bits costs, and a little


def shown(path: Path, **options) -> np.ndarray:
    return patches(read_video(path, **options).frames_THWC[-1])


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [*LUMA, YCGCO])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p12le"])
def test_each_matrix_and_range_is_decoded_by_its_own_equation(matrix, full_range, layout, tmp_path):
    depth = int(layout[7:-2] or 8) if layout.endswith("le") else 8
    codes = coded(chart() / 255, matrix, full_range, depth)
    write_chart(tmp_path / "a.mkv", codes, layout, tags=(matrix, 2 if full_range else 1, 1, 1))
    expected = 255 * decoded(codes, matrix, full_range, depth)
    assert np.abs(shown(tmp_path / "a.mkv") - expected).max() < FLAT


@pytest.mark.parametrize(
    ("codec", "name", "layout", "options"),
    [
        ("libx264", "a.mp4", "yuv420p", {"qp": "0"}),
        ("libx264", "a.mp4", "yuv444p10le", {"qp": "0"}),
        ("libx264", "a.mp4", "yuv422p", {"qp": "0"}),
        ("libx265", "a.mov", "yuv420p10le", {"x265-params": "lossless=1:bframes=0:log-level=none"}),
        ("libvpx-vp9", "a.webm", "yuv440p", {"lossless": "1"}),
        ("ffv1", "a.mkv", "yuv411p", None),
        ("ffv1", "a.mkv", "yuv410p", None),
        ("ffv1", "a.mkv", "yuva420p", None),
        ("ffv1", "a.mkv", "yuv444p16le", None),
    ],
)
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
def test_each_codec_and_layout_keeps_colours_and_range(codec, name, layout, options, full_range, tmp_path):
    depth = int(layout[7:-2]) if layout.endswith("le") else 8
    codes = coded(chart() / 255, 1, full_range, depth)
    write_chart(tmp_path / name, codes, layout, codec, (1, 2 if full_range else 1, 1, 1), options=options)
    expected = 255 * decoded(codes, 1, full_range, depth)
    assert np.abs(shown(tmp_path / name) - expected).max() < FLAT


@pytest.mark.parametrize(
    ("layout", "packed"), [("yuv422p", "yuyv422"), ("yuv422p", "uyvy422"), ("yuv420p", "nv12")]
)
def test_interleaved_layouts_are_read_like_planar_ones(layout, packed, tmp_path):
    codes = coded(chart() / 255, 6, False, 8)
    write_chart(tmp_path / "a.avi", codes, layout, "rawvideo", packed=packed)
    assert np.abs(shown(tmp_path / "a.avi") - 255 * decoded(codes, 6, False, 8)).max() < FLAT


@pytest.mark.parametrize("layout", ["gbrp", "gbrp10le"])
def test_rgb_is_taken_as_it_is(layout, tmp_path):
    top = 255 if layout == "gbrp" else 1023
    codes = np.round(chart().astype(int) * top / 255).astype(int)[:, [1, 2, 0]]  # planes G, B, R
    name, codec = ("a.avi", "utvideo") if top == 255 else ("a.mkv", "ffv1")
    write_chart(tmp_path / name, codes, layout, codec, (0, 2, 1, 1))
    assert np.abs(shown(tmp_path / name) - chart()).max() <= (layout != "gbrp")


def test_grey_is_not_darkened(tmp_path):
    greys = np.linspace(0, 255, 64).round().astype(int)
    codes = np.stack([greys] * 3, axis=1)
    write_chart(tmp_path / "a.mkv", codes, "gray", tags=(2, 2, 1, 1))
    assert (shown(tmp_path / "a.mkv") == codes).all()


def test_matrices_that_are_not_linear_are_refused_by_number(tmp_path):
    for matrix in (10, 14):  # BT.2020 with constant luminance, ICtCp
        write_chart(tmp_path / "a.mkv", coded(chart() / 255, 1, False, 8), "yuv420p", tags=(matrix, 1, 9, 14))
        with pytest.raises(MediaError, match=rf"a\.mkv: expected one of the colour matrices .* got {matrix}"):
            read_video(tmp_path / "a.mkv")


def test_a_chart_comes_back_from_our_own_clips_with_50_dB(tmp_path):
    """Flat patches, so that the halved chroma resolution of H.264 plays no part; nearly without loss."""
    image = chart().reshape(-1, 8, 3).repeat(PATCH, 0).repeat(PATCH, 1)
    write_video(tmp_path / "a.mp4", np.stack([image] * 3), 24, crf=1)
    for read in (read_video(tmp_path / "a.mp4").frames_THWC, ClipReader(tmp_path / "a.mp4").read([0, 1, 2])):
        error = np.stack([patches(frame) for frame in read]) - chart().astype(int)
        assert 10 * np.log10(255**2 / (error**2).mean()) > 50
        assert np.abs(error.mean(axis=(0, 1))).max() < 0.1


def test_real_frames_come_back_from_our_own_clips_without_a_shift(tmp_path):
    real_THWC = demo_frames()[:12]
    write_video(tmp_path / "a.mp4", real_THWC, 24, crf=1)
    error = ClipReader(tmp_path / "a.mp4").read(range(12)).astype(float) - real_THWC
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 0.1


def test_odd_sizes_and_narrow_pictures_are_read(tmp_path):
    codes = coded(chart() / 255, 1, False, 8)
    for layout in ("yuv420p", "yuv410p", "yuv411p"):
        write_chart(tmp_path / "a.mkv", codes, layout, tags=(1, 1, 1, 1), cut=(3, 5))
        image = read_video(tmp_path / "a.mkv").frames_THWC[0]
        assert image.shape == (8 * PATCH - 3, 8 * PATCH - 5, 3)
        assert np.abs(patches(image) - 255 * decoded(codes, 1, False, 8)).max() < FLAT


def test_an_option_decides_what_files_without_tags_are(tmp_path):
    """Untagged: BT.601 below 720 lines, BT.709 from there on, unless `colour` says so; tagged files are as tagged."""
    for scale, automatic in ((1, 6), (6, 1)):
        for stored in (1, 6):
            codes = coded(chart() / 255, stored, False, 8)
            untagged, tagged = tmp_path / "untagged.mkv", tmp_path / "tagged.mkv"
            write_chart(untagged, codes, "yuv420p", n_frames=1, scale=scale)
            write_chart(tagged, codes, "yuv420p", tags=(stored, 1, 2, 2), n_frames=1, scale=scale)
            for colour, matrix in (("auto", automatic), ("bt601", 6), ("bt709", 1)):
                image = read_video(untagged, colour=colour).frames_THWC[0]
                expected = 255 * decoded(codes, matrix, False, 8)
                assert np.abs(patches(image, scale) - expected).max() < FLAT
                image = read_video(tagged, colour=colour).frames_THWC[0]
                assert np.abs(patches(image, scale) - 255 * decoded(codes, stored, False, 8)).max() < FLAT
            assert not video_info(untagged).colour_tagged and video_info(tagged).colour_tagged
    with pytest.raises(ValueError, match="colour: expected auto, bt601, bt709, got BT709"):
        read_video(tagged, colour="BT709")
