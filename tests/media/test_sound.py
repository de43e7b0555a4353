"""Sound is read as people and speech networks take it, and written in step with the frames."""

import wave
from itertools import islice
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from faceanim.media.errors import MediaError
from faceanim.media.sound import (
    BLOCK,
    CHANNELS,
    RATE,
    SPEECH_RATE,
    Soundtrack,
    has_sound,
    iter_speech,
    read_soundtrack,
    read_speech,
    write_wav,
)
from faceanim.media.video_writer import VideoWriter
from tests.helpers.sounds import GREY, tone, write_sound, write_with_sound

CLICKS = (0.0, 0.25, 0.9)  # seconds


def clicks(path: Path, rate: int = 44_100, seconds: float = 1.0) -> Path:
    samples = np.zeros(round(rate * seconds), np.float32)
    for second in CLICKS:
        samples[round(second * rate) :][:100] = 0.8
    write_wav(path, samples, rate)
    return path


def heard(samples_N: np.ndarray, rate: int) -> np.ndarray:
    """Seconds at which clicks begin."""
    loud = np.flatnonzero(np.abs(samples_N) > 0.25)
    return loud[np.diff(loud, prepend=-rate) > rate // 20] / rate


def mono(sound: Soundtrack, seconds: float) -> np.ndarray:
    blocks = list(islice(sound.blocks(), round(seconds * RATE) // BLOCK))
    assert {block.shape for block in blocks} == {(BLOCK, CHANNELS)}
    return np.concatenate(blocks).mean(axis=1)


def written(path: Path, sound: Soundtrack | None, n_frames: int = 30, fps: float = 24) -> Path:
    with VideoWriter(path, fps, 64, 48, sound=sound) as writer:
        for k in range(n_frames):
            writer.write(np.full((48, 64, 3), 4 * k % 256, np.uint8))
    return path


def test_a_sound_file_is_read_from_its_first_sample_and_ends_in_silence(tmp_path):
    sound = Soundtrack(clicks(tmp_path / "a.wav"))
    samples = mono(sound, 2.0)
    np.testing.assert_allclose(heard(samples, RATE), CLICKS, atol=1e-3)
    assert not samples[round(1.01 * RATE) :].any()
    np.testing.assert_allclose(
        heard(mono(Soundtrack(sound.path, start=0.2), 1), RATE), [0.05, 0.7], atol=1e-3
    )
    np.testing.assert_allclose(heard(mono(Soundtrack(sound.path, start=-1), 2), RATE)[0], 1.0, atol=1e-3)


@pytest.mark.parametrize(("n_frames", "fps"), [(30, 24), (25, 30000 / 1001), (7, 24)])
def test_a_video_gets_its_sound_in_sync_and_no_longer_than_its_frames(tmp_path, n_frames, fps):
    path = written(tmp_path / "v.mp4", Soundtrack(clicks(tmp_path / "a.wav")), n_frames, fps)
    seconds = n_frames / fps
    np.testing.assert_allclose(
        heard(mono(Soundtrack(path), 2), RATE),
        [click for click in CLICKS if click < seconds],
        atol=2e-3,
    )
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.frames, video.start_time) == (n_frames, 0)
        for stream in (video, audio):
            assert float(stream.duration * stream.time_base) == pytest.approx(seconds, abs=2e-3)
    reader = decord.VideoReader(str(path))
    assert len(reader) == n_frames and reader.get_avg_fps() == pytest.approx(fps)


def test_sound_of_a_video_that_was_written_here_comes_back_in_place(tmp_path):
    first = written(tmp_path / "a.mp4", Soundtrack(clicks(tmp_path / "a.wav")))
    again = written(tmp_path / "b.mp4", Soundtrack(first))
    np.testing.assert_allclose(heard(mono(Soundtrack(again), 1), RATE), CLICKS, atol=2e-3)


def test_what_holds_no_sound_says_so_in_one_line(tmp_path):
    silent = written(tmp_path / "silent.mp4", None)
    (tmp_path / "text.wav").write_text("RIFF no audio stream")
    (tmp_path / "empty.wav").write_bytes(b"")
    write_wav(tmp_path / "none.wav", np.zeros(0, np.float32))
    assert has_sound(clicks(tmp_path / "a.wav")) and read_soundtrack(silent) is None
    for name, words in (
        ("silent.mp4", "no audio stream"),
        ("text.wav", "corrupt, or not sound"),
        ("empty.wav", "the file is empty"),
        ("none.wav", "it holds no samples"),
        ("absent.wav", "no such file"),
    ):
        path = tmp_path / name
        assert not has_sound(path)
        readers = [read_speech, lambda path: next(Soundtrack(path).blocks())]
        for read in readers if name == "silent.mp4" else [*readers, read_soundtrack]:
            with pytest.raises(MediaError, match=words) as caught:
                read(path)
            assert name in str(caught.value) and "\n" not in str(caught.value)


def test_what_the_file_leaves_open_is_silence(tmp_path):
    write_with_sound(tmp_path / "a.mkv", [0.5], frames_THWC=GREY[:25])
    samples_N = read_soundtrack(tmp_path / "a.mkv", SPEECH_RATE, seconds=2.5)
    assert len(samples_N) == 2.5 * SPEECH_RATE and not samples_N[round(1.1 * SPEECH_RATE) :].any()


def test_a_wav_file_holds_the_samples(tmp_path):
    write_wav(tmp_path / "sub" / "a.wav", np.array([0, 0.5, -0.5, 2, -2], np.float32))
    with wave.open(str(tmp_path / "sub" / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, SPEECH_RATE, 2)
        samples = np.frombuffer(file.readframes(5), "<i2")
    np.testing.assert_array_equal(samples, [0, 16384, -16384, 32767, -32767])


@pytest.mark.parametrize(
    ("rate", "layout", "suffix"),
    [(8000, "mono", ".wav"), (44_100, "stereo", ".wav"), (48_000, "5.1", ".wav"), (22_050, "mono", ".flac")],
)
def test_any_rate_and_any_channels_become_speech_of_16_khz_mono(rate, layout, suffix, tmp_path):
    channels, codec = av.AudioLayout(layout).nb_channels, {".wav": "pcm_s16le", ".flac": "flac"}[suffix]
    path = write_sound(tmp_path / f"a{suffix}", codec, [(0.8 * tone(1.5, rate, channels), 0.0)], rate, layout)
    samples = read_speech(path)
    assert samples.dtype == np.float32 and abs(len(samples) - 1.5 * SPEECH_RATE) <= 2
    pitch = np.argmax(np.abs(np.fft.rfft(samples))) * SPEECH_RATE / len(samples)
    assert abs(pitch - 440) < 1
    assert 0.1 < np.abs(samples).max() <= 1.01


def test_who_speaks_in_the_centre_of_surround_sound_is_heard(tmp_path):
    samples_CN = tone(1.5, 48_000, 6)
    centre = [channel.name for channel in av.AudioLayout("5.1").channels].index("FC")
    samples_CN[np.arange(6) != centre] = 0
    write_sound(tmp_path / "a.wav", "pcm_s16le", [(samples_CN, 0.0)], 48_000, "5.1")
    assert np.abs(read_speech(tmp_path / "a.wav")).max() > 0.05


def test_pieces_of_speech_make_the_whole_and_none_is_long(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 25 * SPEECH_RATE + 7).astype(np.float32)
    write_wav(tmp_path / "a.wav", samples)
    pieces = list(iter_speech(tmp_path / "a.wav"))
    assert len(pieces) == 3 and max(map(len, pieces)) < 11 * SPEECH_RATE
    np.testing.assert_allclose(np.concatenate(pieces), samples, atol=1e-4)
    np.testing.assert_array_equal(read_speech(tmp_path / "a.wav"), np.concatenate(pieces))


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.ac3", "ac3")])
def test_speech_that_is_too_long_is_read_no_farther_whatever_the_file_declares(name, codec, tmp_path):
    path = write_sound(tmp_path / name, codec, [(tone(6, 48_000), 0.0)])
    with pytest.raises(MediaError, match="too long: expected at most 2 s, got more"):
        list(iter_speech(path, max_seconds=2))
