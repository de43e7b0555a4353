"""Streams that begin late, in containers that say little about time, are read as they play."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media.sound import Soundtrack, has_sound, read_soundtrack, read_speech
from faceanim.media.video import iter_video, read_video, video_info
from tests.helpers.odd_videos import number_of, numbered

N_FRAMES = 60
CODECS = {
    ".ts": ("libx264", "aac"),
    ".mpg": ("mpeg2video", "mp2"),
    ".avi": ("libx264", "mp3"),
    ".mkv": ("libx264", "aac"),
    ".mp4": ("libx264", "aac"),
    ".flv": ("libx264", "aac"),
    ".mov": ("mpeg4", "aac"),
}


def write(
    path: Path, picture_start: float, sound_start: float, sound_seconds: float = 2.4, codecs=None
) -> None:
    """60 numbered frames at 25 frames/s, and a sine, each from its second on; muxed as they play."""
    picture_codec, sound_codec = codecs or CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        video = container.add_stream(picture_codec, rate=25)
        video.width, video.height, video.pix_fmt, video.bit_rate = 64, 48, "yuv420p", 2_000_000
        video.codec_context.time_base = Fraction(1, 25)
        sound = container.add_stream(sound_codec, rate=48_000, layout="mono")
        for seconds, frame in _interleaved(picture_start, sound_start, sound_seconds):
            stream = video if isinstance(frame, av.VideoFrame) else sound
            frame.pts = round(seconds / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _interleaved(
    picture_start: float, sound_start: float, sound_seconds: float
) -> Iterator[tuple[float, av.VideoFrame | av.AudioFrame]]:
    wave = (np.sin(np.arange(1152) / 1152 * 2 * np.pi * 12) * 8000).astype(np.int16)[None]
    times = [(picture_start + k / 25, k) for k in range(N_FRAMES)]
    times += [(sound_start + k * 1152 / 48_000, -1) for k in range(round(sound_seconds * 48_000 / 1152))]
    images = numbered(N_FRAMES)
    for seconds, k in sorted(times):
        if k >= 0:
            frame = av.VideoFrame.from_ndarray(images[k], format="rgb24")
            frame.time_base = Fraction(1, 25)
        else:
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        yield seconds, frame


@pytest.mark.parametrize("starts", [(0, 0), (1.6, 0), (0, 1.6), (3, 3), (20, 0), (0, 20)])
@pytest.mark.parametrize("suffix", CODECS)
def test_a_late_start_costs_no_frame(suffix, starts, tmp_path):
    path = tmp_path / f"v{suffix}"
    write(path, *starts)
    frames = list(iter_video(path))
    assert [number_of(frame.image_HWC) for frame in frames] == list(range(N_FRAMES))
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(N_FRAMES)], abs=2e-3)
    assert len(read_video(path).frames_THWC) == N_FRAMES and video_info(path).width == 64
    part = [number_of(frame.image_HWC) for frame in iter_video(path, 25, start=1.2, stop=2.0)]
    assert part == list(range(30, 50))
    assert has_sound(path)
    assert next(Soundtrack(path).blocks()).shape == (1024, 2)
    if suffix != ".mpg":  # whose sound cannot be entered in the middle of a packet
        heard = np.flatnonzero(np.abs(read_soundtrack(path, seconds=30)) > 0.05) / 16_000
        begin = (0 if suffix == ".avi" else starts[1]) - starts[0]  # in .avi sound begins at once
        if begin + 2.4 > 0:
            ends = [max(0, begin), begin + 2.4]
            assert heard[[0, -1]].tolist() == pytest.approx(ends, abs=0.1)
        else:
            assert len(heard) == 0


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video"])
def test_frames_of_an_avi_that_are_stored_out_of_order_are_shown_in_order(codec, tmp_path):
    """.avi has no times of display; with B-frames its packets' times belong to other frames."""
    with av.open(str(tmp_path / "v.avi"), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"bf": "2", "qmin": "1", "qmax": "3"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 48, "yuv420p", 4_000_000
        stream.codec_context.time_base = Fraction(1, 25)
        for k, image_HWC in enumerate(numbered(N_FRAMES)):
            frame = av.VideoFrame.from_ndarray(image_HWC, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert [number_of(f.image_HWC) for f in iter_video(tmp_path / "v.avi", 25)] == list(range(N_FRAMES))
    times = [frame.seconds for frame in iter_video(tmp_path / "v.avi")]
    assert times == pytest.approx([k / 25 for k in range(N_FRAMES)])


def _joined(folder: Path) -> Path:
    """Two files one behind the other, as people join them; the first without the picture."""
    sound, both = folder / "sound.ts", folder / "both.ts"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("mp2", rate=48_000, layout="mono", options={"b": "384000"})
        stream.id = 0x101  # what the second file calls its sound
        for seconds, frame in _interleaved(0, 0, 130):
            if isinstance(frame, av.AudioFrame):
                frame.pts = round(seconds / frame.time_base)
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write(both, 130, 130, codecs=("libx264", "mp2"))
    (folder / "joined.ts").write_bytes(sound.read_bytes() + both.read_bytes())
    return folder / "joined.ts"


def test_a_picture_that_appears_behind_two_minutes_of_sound_is_found(tmp_path):
    path = _joined(tmp_path)
    assert path.stat().st_size > 6_000_000  # more than a reader looks at to find the streams
    assert [number_of(frame.image_HWC) for frame in iter_video(path)] == list(range(N_FRAMES))
    assert has_sound(path) and read_speech(path).any()
    assert next(Soundtrack(path).blocks()).shape == (1024, 2)
    assert read_soundtrack(path, seconds=2.4).any()
