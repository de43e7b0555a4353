"""Sound lies where the picture's clock says."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media.audio import read_soundtrack, write_wav
from faceanim.media.errors import MediaError
from faceanim.media.video import write_video

RATE = 16_000
GREY = np.full((75, 32, 32, 3), 127, np.uint8)


def write_with_sound(
    path: Path,
    clicks: list[float],
    video_start: float = 0.0,
    sound_start: float = 0.0,
    frames_THWC: np.ndarray = GREY,
) -> None:
    """A video of 25 frames/s and stereo sound of 44.1 kHz, with a click at each of these times after frame 0."""
    seconds, (height, width) = len(frames_THWC) / 25, frames_THWC.shape[1:3]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("pcm_s16le", rate=44_100, layout="stereo")
        for k, image_HWC in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_HWC), format="rgb24")
            frame.pts, frame.time_base = round(1000 * (video_start + k / 25)), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.zeros(round((seconds + video_start - sound_start) * 44_100), np.int16)
        for click in clicks:
            place = round((click + video_start - sound_start) * 44_100)
            samples[place : place + 200] = 20_000
        for begin in range(0, len(samples), 1024):
            stereo = np.repeat(samples[begin : begin + 1024], 2)[None]
            frame = av.AudioFrame.from_ndarray(stereo, format="s16", layout="stereo")
            frame.sample_rate, frame.time_base = 44_100, Fraction(1, 44_100)
            frame.pts = begin + round(sound_start * 44_100)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def onsets(samples_N: np.ndarray) -> np.ndarray:
    """Seconds at which clicks begin."""
    loud = np.abs(samples_N) > 0.2
    begins = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    return begins[np.diff(begins, prepend=-RATE) > 400] / RATE


@pytest.mark.parametrize(("video_start", "sound_start"), [(0, 0), (0.5, 0), (0, 0.3), (2.0, 1.0)])
def test_clicks_are_heard_when_they_were_made(video_start: float, sound_start: float, tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv", [0.5, 1.5, 2.5], video_start, sound_start)
    samples_N = read_soundtrack(tmp_path / "a.mkv", RATE, seconds=3)
    assert samples_N.shape == (3 * RATE,) and samples_N.dtype == np.float32
    np.testing.assert_allclose(onsets(samples_N), [0.5, 1.5, 2.5], atol=0.002)
    part = read_soundtrack(tmp_path / "a.mkv", RATE, start=1.25, seconds=1)
    np.testing.assert_allclose(onsets(part), [0.25], atol=0.002)


def test_what_the_file_leaves_open_is_silence(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv", [0.5], frames_THWC=GREY[:25])
    samples_N = read_soundtrack(tmp_path / "a.mkv", RATE, seconds=2.5)
    assert len(samples_N) == 2.5 * RATE and not samples_N[round(1.1 * RATE) :].any()


def test_a_video_without_sound_gives_none_and_no_media_an_error(tmp_path: Path) -> None:
    write_video(tmp_path / "silent.mp4", np.zeros((2, 16, 16, 3), np.uint8), 24)
    assert read_soundtrack(tmp_path / "silent.mp4") is None
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(MediaError, match=r"cannot read sound .*text\.mp4"):
        read_soundtrack(tmp_path / "text.mp4")


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    write_wav(tmp_path / "sub" / "a.wav", np.array([0, 0.5, -0.5, 2, -2], np.float32))
    with wave.open(str(tmp_path / "sub" / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, RATE, 2)
        samples = np.frombuffer(file.readframes(5), "<i2")
    np.testing.assert_array_equal(samples, [0, 16384, -16384, 32767, -32767])
