"""Every door hears the same sound at the same time, whatever the file is like."""

import logging
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from faceanim.media.errors import MediaError
from faceanim.media.sound import RATE as WRITTEN
from faceanim.media.sound import SPEECH_RATE, has_sound, read_soundtrack, read_speech
from faceanim.media.video import read_video
from tests.helpers.commands import ROOT
from tests.helpers.sounds import (
    clicks,
    heard_by_people,
    loud,
    n_sound_packets,
    onsets,
    tone,
    with_cover,
    with_damaged_packets,
    with_wrong_times,
    write_sound,
    write_video_with_tracks,
    write_with_sound,
)


def check_heard(path: Path, expected: list[bool], length: float = 0.5) -> None:
    """Lips and people hear something in just these parts; between joined files a packet or two are silent."""
    for samples_N, rate in (
        (read_speech(path), SPEECH_RATE),
        (heard_by_people(path, len(expected) * length), WRITTEN),
    ):
        middles = [
            samples_N[round((k + 0.15) * length * rate) : round((k + 0.85) * length * rate)]
            for k in range(len(expected))
        ]
        assert [bool(len(m)) and bool(loud(m, rate).mean() > 0.8) for m in middles] == expected
        silent = np.concatenate(
            [m for m, is_loud in zip(middles, expected, strict=True) if not is_loud] + [[0]]
        )
        assert np.abs(silent).max() < 1e-3


@pytest.mark.parametrize(
    ("video_start", "sound_start"), [(0, 0), (0.3, 0), (0.5, 0.2), (0, 0.3), (2.0, 1.0), (1.0, 1.9)]
)
def test_lips_and_written_sound_count_from_the_first_picture(video_start, sound_start, tmp_path):
    path, expected = tmp_path / "a.mkv", [1.0, 1.5, 2.5]
    write_with_sound(path, expected, video_start, sound_start)
    np.testing.assert_allclose(onsets(read_speech(path)), expected, atol=0.002)
    np.testing.assert_allclose(onsets(heard_by_people(path, 3)[::3]), expected, atol=0.002)
    whole = read_soundtrack(path, SPEECH_RATE, seconds=3)
    assert whole.shape == (3 * SPEECH_RATE,) and whole.dtype == np.float32
    np.testing.assert_allclose(onsets(whole), expected, atol=0.002)
    part = read_soundtrack(path, SPEECH_RATE, start=1.25, seconds=1)
    np.testing.assert_allclose(onsets(part), [0.25], atol=0.002)


def test_gaps_are_silence_for_all_and_a_drifting_clock_is_followed(tmp_path):
    path = write_sound(
        tmp_path / "a.mka",
        "pcm_f32le",
        [(tone(1, SPEECH_RATE), 0.0), (tone(1, SPEECH_RATE), 2.0)],
        SPEECH_RATE,
    )
    check_heard(path, [True, True, False, False, True, True])
    slow = [(tone(0.1, SPEECH_RATE), 0.102 * k) for k in range(30)]  # loses 2 ms in each 100
    assert len(read_speech(write_sound(tmp_path / "b.mka", "pcm_f32le", slow, SPEECH_RATE))) == pytest.approx(
        3.06 * SPEECH_RATE, abs=700
    )


def test_sound_may_change_its_channels_rate_and_format_on_the_way(tmp_path):
    kinds = [
        (48_000, "mono", 1),
        (48_000, "stereo", 2),
        (48_000, "5.1", 6),
        (32_000, "mono", 1),
        (44_100, "stereo", 2),
    ]
    joined = b""
    for rate, layout, channels in kinds:
        part = write_sound(
            tmp_path / "part.aac", "aac", [(tone(1, rate, channels), 0.0)], rate, layout, format="adts"
        )
        joined += part.read_bytes()
    (tmp_path / "joined.aac").write_bytes(joined)
    check_heard(tmp_path / "joined.aac", [True] * 10)


@pytest.mark.parametrize("suffix", [".aac", ".mp3", ".ogg", ".ac3"])
def test_joined_files_are_read_to_the_end_with_tags_and_junk_between_and_behind(suffix, tmp_path, caplog):
    codec = {".aac": "aac", ".mp3": "libmp3lame", ".ogg": "libopus", ".ac3": "ac3"}[suffix]
    part = write_sound(tmp_path / f"part{suffix}", codec, [(tone(1.5, 48_000), 0.0)]).read_bytes()
    id3v2 = b"ID3\4\0\0\0\0\7\x68" + bytes(1000)
    id3v1, junk = b"TAG" + b"a title".ljust(125, b"\0"), bytes(range(7, 200)) * 3
    between = b"" if suffix == ".ogg" else id3v1 + id3v2 + junk
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(part + between + part + between)
    with caplog.at_level(logging.WARNING):
        check_heard(path, [True] * 6)


@pytest.mark.parametrize(
    ("codec", "off"),
    [
        ("aac", 0.001),
        ("ac3", 0.001),
        ("libmp3lame", 0.001),
        ("libopus", 0.041),
    ],  # the last's parser hides its losses
)
def test_packets_that_cannot_be_decoded_are_silence_and_the_rest_stays_in_place(codec, off, tmp_path, caplog):
    path = write_video_with_tracks(tmp_path / "a.mkv", [clicks(3)], codec)
    whole = read_speech(path)
    n_packets = n_sound_packets(path)
    with_damaged_packets(path, [round(n_packets * k) for k in (0.2, 0.3, 0.31, 0.45, 0.46, 0.47, 0.48)])
    with caplog.at_level(logging.WARNING):
        damaged = read_speech(path)
    assert len(damaged) == pytest.approx(len(whole), abs=16) and len(onsets(whole)) == 4
    np.testing.assert_allclose(onsets(damaged), onsets(whole), atol=off)
    np.testing.assert_allclose(onsets(heard_by_people(path, 3)[::3]), onsets(damaged), atol=0.002)
    np.testing.assert_allclose(
        onsets(read_soundtrack(path, SPEECH_RATE, seconds=3)), onsets(damaged), atol=0.002
    )
    if codec != "libopus":
        assert caplog.messages == [f"sound {path} is damaged: silence for what cannot be decoded"]


@pytest.mark.parametrize(("suffix", "codec"), [(".ts", "aac"), (".ts", "ac3"), (".flv", "libmp3lame")])
def test_bit_errors_in_the_sound_move_nothing(suffix, codec, tmp_path):
    rng = np.random.default_rng(0)
    path = write_video_with_tracks(tmp_path / f"a{suffix}", [clicks(3, 44_100)], codec, rate=44_100)
    whole, content = read_speech(path), bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    for place, size in packets[5::7]:
        for _ in range(10):
            content[place + int(rng.integers(30, max(31, size)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    damaged = read_speech(path)
    assert len(damaged) == pytest.approx(len(whole), abs=0.1 * SPEECH_RATE)
    found = onsets(damaged)
    near = np.abs(found[:, None] - onsets(whole)) < 0.041  # errors may sound like clicks, too
    assert near.any(axis=0).sum() >= 2 and near[:, -1].any()


@pytest.mark.parametrize("suffix", [".aac", ".mp3", ".flac", ".ogg", ".wav", ".m4a", ".mka", ".ts", ".flv"])
def test_a_truncated_file_is_heard_as_far_as_it_goes(suffix, tmp_path):
    codecs = {".mp3": "libmp3lame", ".flac": "flac", ".ogg": "libopus", ".wav": "pcm_s16le"}
    rate = 44_100 if suffix == ".flv" else 48_000
    path = write_sound(tmp_path / f"a{suffix}", codecs.get(suffix, "aac"), [(tone(4, rate), 0.0)], rate)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 5 // 8])
    if suffix == ".m4a":  # its index is at the end
        with pytest.raises(MediaError, match="cannot read sound"):
            read_speech(path)
        return
    n = len(read_speech(path)) / SPEECH_RATE
    assert 1.5 < n < 3.5
    check_heard(path, [True] * int(2 * n))


@pytest.mark.parametrize("declared", [0, 44_100, 10_000_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_file_that_is_wrong_about_its_length_is_read(declared, tmp_path):
    path = write_sound(tmp_path / "a.wav", "pcm_s16le", [(tone(2, 22_050), 0.0)], 22_050)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", declared)
    path.write_bytes(content)
    assert len(read_speech(path)) / SPEECH_RATE == pytest.approx(1.0 if declared == 44_100 else 2.0, abs=0.01)


def test_what_is_too_long_is_told_from_what_only_says_so(tmp_path):
    fast = write_sound(tmp_path / "fast.mp3", "libmp3lame", [(tone(1, 48_000), 0.0)]).read_bytes()
    path = tmp_path / "a.mp3"
    path.write_bytes(fast + bytes(40 * len(fast)))
    assert len(read_speech(path, max_seconds=2)) < 1.2 * SPEECH_RATE


def test_a_clock_that_begins_anew_or_shows_a_wrong_time_loses_nothing(tmp_path):
    part = write_sound(tmp_path / "part.ts", "aac", [(tone(2, 48_000), 0.0)])
    later = write_sound(tmp_path / "later.ts", "aac", [(tone(2, 48_000), 5000.0)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() + part.read_bytes() + later.read_bytes() + part.read_bytes())
    check_heard(joined, [True] * 16)
    for seconds in (700, -1, 3):
        path = tmp_path / f"wrong{seconds}.ts"
        path.write_bytes(part.read_bytes())
        with_wrong_times(path, 90, seconds)
        check_heard(path, [True] * 4)
        assert len(read_speech(path)) == len(read_speech(part))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_first_track_with_sound_is_taken_and_that_is_said(suffix, tmp_path, caplog):
    silent, spoken = np.zeros((1, 3 * 48_000), np.float32), tone(3, 48_000, 2)
    path = write_video_with_tracks(tmp_path / f"a{suffix}", [silent, spoken])
    with caplog.at_level(logging.WARNING):
        check_heard(path, [True] * 6)
        assert loud(read_soundtrack(path, SPEECH_RATE, start=1.0, seconds=1.5), SPEECH_RATE).all()
    (line,) = caplog.messages
    assert str(path) in line and "first track is silent, number 2 of 2 is taken" in line
    caplog.clear()
    for tracks in ([spoken, silent], [silent, silent]):
        path = write_video_with_tracks(tmp_path / f"{len(list(tmp_path.iterdir()))}{suffix}", tracks)
        check_heard(path, [tracks[0] is spoken] * 6)
    assert not caplog.messages


@pytest.mark.parametrize(("suffix", "codec"), [(".m4a", "aac"), (".mp3", "libmp3lame"), (".flac", "flac")])
def test_a_cover_is_no_picture(suffix, codec, tmp_path):
    path = with_cover(tmp_path / f"a{suffix}", codec)
    check_heard(path, [True] * 4)
    assert loud(read_soundtrack(path, SPEECH_RATE, seconds=2), SPEECH_RATE)[2:].all() and has_sound(path)
    reason = "it has no video stream, only a cover picture" if suffix == ".m4a" else "not a video"
    with pytest.raises(MediaError, match=f"cannot read video .*: .*{reason}"):
        read_video(path)


def test_sound_that_cannot_be_read_is_none_with_a_warning_and_the_pictures_stay(tmp_path, caplog):
    path = write_video_with_tracks(tmp_path / "a.mkv", [tone(3, 48_000)], "ac3")
    with_damaged_packets(path)
    assert len(read_video(path).frames_THWC) == 75
    with caplog.at_level(logging.WARNING):
        assert not has_sound(path)
    (line,) = caplog.messages
    assert str(path) in line and "cannot read sound" in line and "video" in line
    for read in (read_speech, lambda path: heard_by_people(path, 1), read_soundtrack):
        with pytest.raises(MediaError, match=r"cannot read sound .*a\.mkv: corrupt, nothing of it"):
            read(path)


def test_the_first_of_several_tracks_may_have_eight_channels(tmp_path):
    """PyAV's own arrays of planar frames read a ninth plane there, and may crash: it runs in a process of its own."""
    tracks = str(tmp_path / "tracks.mkv")
    samples = (np.repeat(tone(1.0, 48_000), 8, axis=0).T.reshape(1, -1) * 32767).astype(np.int16)
    with av.open(tracks, "w") as container:
        for stream in [container.add_stream("aac", rate=48_000, layout="7.1") for _ in range(2)]:
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="7.1")
            frame.sample_rate, frame.pts = 48_000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    code = f"from faceanim.media.sound import read_speech; print(abs(read_speech({tracks!r})).max())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.1
