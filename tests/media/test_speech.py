"""Sound files of all kinds, a piece at a time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media import speech
from faceanim.media.audio import write_wav
from faceanim.media.errors import MediaError
from faceanim.media.speech import RATE, iter_speech, read_speech
from faceanim.media.video import write_video
from tests.helpers.commands import ROOT

HOSTILE = ROOT.parent / "shared" / "data" / "hostile"


def write_sound(path: Path, rate: int, layout: str, seconds: float = 1.5, loud: str | None = None) -> None:
    """A tone of 440 Hz in all channels, or in the one that is named."""
    channels = av.AudioLayout(layout).channels
    time = np.arange(round(seconds * rate)) / rate
    tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    mix = np.stack([tone if loud in (None, channel.name) else 0 * tone for channel in channels], axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "flac" if path.suffix == ".flac" else "pcm_s16le", rate=rate, layout=layout
        )
        frame = av.AudioFrame.from_ndarray(mix.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(1024, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def pitch(samples_N: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples_N))) * RATE / len(samples_N))


@pytest.mark.parametrize(
    ("rate", "layout", "suffix"),
    [(8000, "mono", ".wav"), (44_100, "stereo", ".wav"), (48_000, "5.1", ".wav"), (22_050, "mono", ".flac")],
)
def test_any_rate_and_any_channels_become_16_khz_mono(rate, layout, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_sound(path, rate, layout)
    samples = read_speech(path)
    assert samples.dtype == np.float32 and abs(len(samples) - 1.5 * RATE) <= 2
    assert abs(pitch(samples) - 440) < 1
    assert 0.1 < np.abs(samples).max() <= 1.01


def test_who_speaks_in_the_centre_of_surround_sound_is_heard(tmp_path):
    write_sound(tmp_path / "a.wav", 48_000, "5.1", loud="FC")
    assert np.abs(read_speech(tmp_path / "a.wav")).max() > 0.05


def test_pieces_make_the_whole_and_none_is_long(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE + 7).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples)
    whole = read_speech(tmp_path / "a.wav")
    np.testing.assert_allclose(whole, samples, atol=1e-4)
    monkeypatch.setattr(speech, "_PIECE", RATE // 2)
    pieces = list(iter_speech(tmp_path / "a.wav"))
    assert len(pieces) >= 5 and max(map(len, pieces)) < RATE
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_what_is_no_sound_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("RIFF no sound at all")
    write_wav(tmp_path / "none.wav", np.zeros(0, np.float32))
    write_video(tmp_path / "silent.mp4", np.zeros((2, 16, 16, 3), np.uint8), 24)
    for name, words in (
        ("absent.wav", "no such file"),
        ("empty.wav", "the file is empty"),
        ("text.wav", "corrupt, or not sound"),
        ("none.wav", "it holds no samples"),
        ("silent.mp4", "no audio stream"),
    ):
        with pytest.raises(MediaError, match=words) as caught:
            read_speech(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_too_long_is_read_no_farther_whatever_the_file_declares(tmp_path):
    write_wav(tmp_path / "a.wav", np.zeros(5 * RATE, np.float32))
    with pytest.raises(MediaError, match="too long: expected at most 2 s, got more"):
        next(iter_speech(tmp_path / "a.wav", max_seconds=2))
    with av.open(str(tmp_path / "a.ac3"), "w", format="ac3") as container:
        stream = container.add_stream("ac3", rate=RATE * 3, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1536), np.float32), format="fltp", layout="mono")
        for k in range(200):
            frame.sample_rate, frame.time_base, frame.pts = RATE * 3, Fraction(1, RATE * 3), 1536 * k
            container.mux(stream.encode(frame))
    with pytest.raises(MediaError, match="too long: expected at most 2 s"):
        list(iter_speech(tmp_path / "a.ac3", max_seconds=2))


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="no hostile files here")
def test_hostile_files():
    with pytest.raises(MediaError, match="cannot read sound"):
        read_speech(HOSTILE / "broken.wav")
    assert len(read_speech(HOSTILE / "silence.wav")) == 3 * RATE
    assert abs(len(read_speech(HOSTILE / "tone.wav")) - 3 * RATE) <= 2
    assert len(read_speech(HOSTILE / "desync_700ms.mp4")) > 2 * RATE
