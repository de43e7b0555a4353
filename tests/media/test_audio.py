"""Sound lies where the picture's clock says."""

import wave
from pathlib import Path

import numpy as np
import pytest

from faceanim.media.audio import read_soundtrack, write_wav
from faceanim.media.errors import MediaError
from faceanim.media.video import write_video
from tests.helpers.sounds import GREY, onsets, write_with_sound

RATE = 16_000


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
