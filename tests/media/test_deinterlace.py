"""Interlaced video comes as whole pictures at the same times; progressive video as it is."""

from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.video import iter_video, read_video, write_video
from tests.helpers.odd_videos import combing

H, W = 64, 96


def picture(instant: int) -> np.ndarray:
    """A bright bar on a grey ground with slow shades, which moves 4 pixels a field to the right."""
    y, x = np.mgrid[:H, :W]
    grey = 90 + 20 * np.sin(y / 9) + 100 * ((x - 4 * instant) % W < 12)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)


def woven(k: int, top_first: bool = True) -> np.ndarray:
    """Frame k: fields of the instants 2 k and 2 k + 1."""
    fields = picture(2 * k), picture(2 * k + 1)
    first, second = fields if top_first else fields[::-1]
    frame = first.copy()
    frame[1::2] = second[1::2]
    return frame


def encode(
    path: Path, frames: list[np.ndarray], order: str | None, codec: str = "libx264", **options
) -> None:
    """order: which field comes first, tff or bff, or None for progressive frames."""
    if order:
        options["flags"] = "+ildct+ilme"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        flags = av.filter.Graph()
        flags.link_nodes(
            flags.add_buffer(width=W, height=H, format="yuv420p", time_base=Fraction(1, 25)),
            flags.add("setfield", order or "prog"),
            flags.add("buffersink"),
        ).configure()
        for k, image_HWC in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image_HWC, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            flags.push(frame)
            container.mux(stream.encode(flags.pull()))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
def test_interlaced_frames_show_one_instant_at_their_own_times(order, suffix, tmp_path):
    path = tmp_path / f"v{suffix}"
    encode(path, [woven(k, order == "tff") for k in range(12)], order, crf="4")
    frames = list(iter_video(path))
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(12)], abs=1e-3)
    for k, frame in enumerate(frames):
        assert combing(woven(k)) > 4 > 1 > combing(frame.image_HWC)
        errors = [
            np.abs(frame.image_HWC.astype(int) - picture(instant)).mean() for instant in (2 * k, 2 * k + 1)
        ]
        assert errors[0] < 3 < 6 < errors[1]  # the earlier field's instant


@pytest.mark.parametrize(
    ("codec", "suffix"), [("mpeg2video", ".mpg"), ("mpeg2video", ".ts"), ("mpeg4", ".avi")]
)
def test_other_codecs_are_deinterlaced_too(codec, suffix, tmp_path):
    path = tmp_path / f"v{suffix}"
    encode(path, [woven(k) for k in range(12)], "tff", codec, qmin="1", qmax="2", b="4000000")
    frames = list(iter_video(path))
    assert len(frames) == 12 and max(combing(frame.image_HWC) for frame in frames) < 1


def test_progressive_frames_stay_as_they_are_between_interlaced_ones(tmp_path):
    """Joined as broadcasts are: 6 progressive frames, 6 interlaced ones, 6 progressive ones."""
    parts = []
    for n, order in enumerate([None, "tff", None]):
        path = tmp_path / f"{n}.h264"
        frames = [woven(6 * n + k) if order else picture(2 * (6 * n + k)) for k in range(6)]
        encode(path, frames, order, crf="4", bf="0")
        parts.append(path.read_bytes())
    (tmp_path / "all.h264").write_bytes(b"".join(parts))
    with av.open(str(tmp_path / "all.h264")) as container:
        own = list(container.decode(video=0))
        assert [frame.interlaced_frame for frame in own] == [False] * 6 + [True] * 6 + [False] * 6
        stored = [frame.to_ndarray(format="yuv420p") for frame in own]
    frames = list(iter_video(tmp_path / "all.h264"))
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(18)], abs=1e-6)
    assert max(combing(frame.image_HWC) for frame in frames) < 1
    write_progressive = tmp_path / "same.h264"
    write_progressive.write_bytes(parts[0])
    for frame, alone in zip(frames[:6], iter_video(write_progressive), strict=True):
        np.testing.assert_array_equal(frame.image_HWC, alone.image_HWC)
    write_progressive.write_bytes(parts[2])
    for frame, alone in zip(frames[12:], iter_video(write_progressive), strict=True):
        np.testing.assert_array_equal(frame.image_HWC, alone.image_HWC)
    assert len(stored) == 18


def test_colours_keep_their_meaning(tmp_path):
    """A still picture of colours, full range and tagged: the same before and after the filter."""
    rng = np.random.default_rng(0)
    still = np.kron(rng.integers(0, 256, (H // 16, W // 16, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    shown = {}
    for order in (None, "tff"):
        for tags in ("", ":colormatrix=bt709:colorprim=bt709:transfer=bt709", ":fullrange=on"):
            path = tmp_path / "v.mp4"
            encode(path, [still] * 4, order, crf="1", **{"x264-params": "bframes=0" + tags})
            shown[order, tags] = read_video(path).frames_THWC[2].astype(int)
    for tags in {tags for _, tags in shown}:
        assert np.abs(shown[None, tags] - shown["tff", tags]).max() <= 6
    assert np.abs(shown[None, ""] - shown[None, ":fullrange=on"]).max() > 6


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_the_shortest_videos_lose_no_frame(n_frames, tmp_path):
    encode(tmp_path / "v.mp4", [woven(k) for k in range(n_frames)], "tff")
    assert len(read_video(tmp_path / "v.mp4").frames_THWC) == n_frames
    assert len(read_video(tmp_path / "v.mp4", fps=50).frames_THWC) == 2 * n_frames


@pytest.mark.parametrize("first", [26, 36, 41])  # a key frame is 36
def test_a_part_equals_the_same_frames_of_the_whole(first, tmp_path):
    path = tmp_path / "v.mp4"
    encode(path, [woven(k) for k in range(50)], "tff", crf="8", g="12", sc_threshold="0")
    whole = list(iter_video(path))
    part = list(iter_video(path, start=first / 25, stop=(first + 5) / 25))
    assert len(part) == 5
    for one, other in zip(part, whole[first:], strict=False):
        np.testing.assert_array_equal(one.image_HWC, other.image_HWC)


def test_a_clip_reader_refuses_interlaced_clips(tmp_path):
    encode(tmp_path / "v.mp4", [woven(k) for k in range(4)], "tff", bf="0")
    with pytest.raises(MediaError, match="interlaced"):
        ClipReader(tmp_path / "v.mp4").read([1])


def test_progressive_video_is_untouched(tmp_path):
    write_video(tmp_path / "v.mp4", np.stack([woven(k) for k in range(6)]), 25, crf=0)  # combed, not flagged
    for k, frame in enumerate(iter_video(tmp_path / "v.mp4")):
        assert np.abs(frame.image_HWC.astype(int) - woven(k)).mean() < 4
