"""Sound is read as a stream on the picture's clock, and written in step with the frames."""

import shutil
import subprocess
from itertools import islice
from pathlib import Path

import av
import decord
import numpy as np
import pytest

from faceanim.media.audio import read_soundtrack, write_wav
from faceanim.media.errors import MediaError
from faceanim.media.sound import BLOCK, CHANNELS, RATE, Soundtrack, has_sound
from faceanim.media.video_writer import VideoWriter
from tests.helpers.commands import ROOT

SHARED = ROOT.parent / "shared" / "data"
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


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe here")
def test_ffprobe_agrees(tmp_path):
    path = written(tmp_path / "v.mp4", Soundtrack(clicks(tmp_path / "a.wav")))
    fields = "stream=codec_name,start_time,duration,r_frame_rate,pix_fmt,color_space,color_range"
    options = ["-v", "error", "-of", "csv=p=0", "-show_entries", fields]
    out = subprocess.run(["ffprobe", *options, str(path)], capture_output=True, text=True, check=True).stdout
    video, audio = (line.split(",") for line in out.split())
    assert video == ["h264", "yuv420p", "tv", "bt709", "24/1", "0.000000", "1.250000"]
    assert audio == ["aac", "0/0", "0.000000", "1.250000"]


def test_sound_of_a_video_that_was_written_here_comes_back_in_place(tmp_path):
    first = written(tmp_path / "a.mp4", Soundtrack(clicks(tmp_path / "a.wav")))
    again = written(tmp_path / "b.mp4", Soundtrack(first))
    np.testing.assert_allclose(heard(mono(Soundtrack(again), 1), RATE), CLICKS, atol=2e-3)


def test_what_holds_no_sound_says_so(tmp_path):
    silent = written(tmp_path / "v.mp4", None)
    (tmp_path / "text.wav").write_text("no audio stream")
    assert has_sound(clicks(tmp_path / "a.wav")) and not has_sound(silent)
    for path, reason in (
        (silent, "no audio stream"),
        (tmp_path / "text.wav", "corrupt"),
        (tmp_path / "x", "no such"),
    ):
        assert not has_sound(path)
        with pytest.raises(MediaError, match=reason):
            next(Soundtrack(path).blocks())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared clips are not here")
@pytest.mark.parametrize("name", ["hostile/desync_700ms.mp4", "clips/moore_3_speech.mp4"])
def test_real_sound_is_where_the_other_reader_hears_it(name):
    """Two readers, one of which resamples to mono at once and the other streams: envelopes agree."""
    seconds = 2.0
    expected = read_soundtrack(SHARED / name, RATE, seconds=seconds)
    got = mono(Soundtrack(SHARED / name), seconds)
    n = len(got) - len(got) % 480
    a, b = (np.abs(samples[:n]).reshape(-1, 480).mean(axis=1) for samples in (expected, got))
    assert np.corrcoef(a, b)[0, 1] > 0.999
