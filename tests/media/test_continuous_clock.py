"""Joined recordings are read as a player shows them: the second part follows the first, image and sound together."""

import logging
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media.frame_rate import constant_rate
from faceanim.media.sound import SPEECH_RATE, read_soundtrack, read_speech
from faceanim.media.video import iter_video, video_info
from tests.helpers.odd_videos import number_of, numbered, write_at
from tests.helpers.sounds import clicks, heard_by_people, onsets, write_sound, write_video_with_tracks

N_FRAMES, SECONDS = 75, 3.0
CLICKS = np.array([0.5, 1.1, 1.7, 2.6])
WRAP = 2**33 / 90_000  # seconds after which the clock of such files begins again


def joined(folder: Path, starts: list[float], codec: str = "aac") -> Path:
    """Parts of 75 numbered frames and four clicks, each of a clock that begins at its start."""
    path, content = folder / "joined.ts", b""
    for start in starts:
        content += write_video_with_tracks(
            path, [clicks(SECONDS)], codec, frames_THWC=numbered(N_FRAMES), start=start
        ).read_bytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "starts", [[0, 0], [5, 2], [0, 7200], [40_000, 0], [0, 40_000, 0], [WRAP - 2, 600], [WRAP - 2]]
)
@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_the_parts_follow_one_another_with_their_sound(starts, codec, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path, n = joined(tmp_path, starts, codec=codec), len(starts)
    for fps in (None, 25):
        frames = list(iter_video(path, fps))
        assert [number_of(frame.image_HWC) for frame in frames] == n * list(range(N_FRAMES))
        assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(n * N_FRAMES)])
    assert constant_rate(path) == (25, None)
    expected = (CLICKS + SECONDS * np.arange(n)[:, None]).ravel()
    np.testing.assert_allclose(onsets(read_speech(path)), expected, atol=0.04)
    np.testing.assert_allclose(onsets(heard_by_people(path, n * SECONDS)[::3]), expected, atol=0.04)
    assert len([r for r in caplog.records if "its clock jumps from" in r.getMessage()]) == (n > 1)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert (video_info(path).seconds is None) == (n > 1)  # what such a file says is not so


def test_a_part_across_the_joint_is_read_by_itself(tmp_path):
    path = joined(tmp_path, [0, 3600, 0, 0, 0])
    for start in (2.0, 5.0, 11.0):
        part = iter_video(path, 25, start=start, stop=start + 2)
        first = round(25 * start)
        assert [number_of(frame.image_HWC) for frame in part] == [(first + k) % N_FRAMES for k in range(50)]
        expected = (CLICKS + SECONDS * np.arange(5)[:, None]).ravel() - start
        heard = onsets(read_soundtrack(path, SPEECH_RATE, start=start, seconds=2))
        np.testing.assert_allclose(heard, expected[(expected > 0) & (expected < 2)], atol=0.04)


def test_sound_alone_and_pictures_that_only_a_later_part_has(tmp_path):
    sound = write_sound(tmp_path / "sound.ts", "aac", [(clicks(SECONDS), 50.0)], id=0x101)
    path = tmp_path / "sounds.ts"
    path.write_bytes(2 * sound.read_bytes())
    expected = np.concatenate([CLICKS, CLICKS + SECONDS])
    np.testing.assert_allclose(onsets(read_speech(path)), expected, atol=0.06)
    both = joined(tmp_path, [0])
    path = tmp_path / "late_pictures.ts"
    path.write_bytes(sound.read_bytes() + both.read_bytes())
    assert [number_of(frame.image_HWC) for frame in iter_video(path)] == list(range(N_FRAMES))
    np.testing.assert_allclose(onsets(read_speech(path)), CLICKS, atol=0.04)


def test_a_part_that_begins_between_key_frames_shows_nothing_before_the_first(tmp_path):
    times = [40 * k for k in range(N_FRAMES)]
    part = write_at(tmp_path / "part.ts", numbered(N_FRAMES), times, options={"g": "25", "bf": "0"})
    with av.open(str(part)) as container:
        cut = [packet.pos for packet in container.demux(video=0) if packet.size][10]
    path = tmp_path / "cut.ts"
    path.write_bytes(part.read_bytes() + part.read_bytes()[cut:])
    later = [(number_of(frame.image_HWC), frame.seconds) for frame in iter_video(path)][N_FRAMES:]
    assert 10 < later[0][0] <= 25 and later[-1][0] == N_FRAMES - 1
    assert [seconds for _, seconds in later] == pytest.approx([3 + (k - 10) / 25 for k, _ in later])


def test_the_pause_of_a_recording_of_the_screen_stays(tmp_path):
    times = [40 * k + (20_000 if k > 9 else 0) for k in range(N_FRAMES)]
    frames = list(iter_video(write_at(tmp_path / "paused.mp4", numbered(N_FRAMES), times)))
    assert [1000 * frame.seconds for frame in frames] == pytest.approx(times)
