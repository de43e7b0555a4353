"""Videos are read by timestamp, as displayed, within bounds."""

from fractions import Fraction

import pytest

from faceanim.media.clip_reader import ClipReader
from faceanim.media.errors import MediaError
from faceanim.media.image import write_image
from faceanim.media.video import iter_video, read_video, video_info, write_video
from tests.helpers.assets import present
from tests.helpers.odd_videos import number_of, numbered, write_at
from tests.helpers.sounds import tone, write_sound


def test_frames_come_back_in_order_with_their_rate(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(40), 30000 / 1001)
    video = read_video(tmp_path / "a.mp4")
    assert [number_of(image) for image in video.frames_THWC] == list(range(40))
    assert video.fps == pytest.approx(30000 / 1001, rel=1e-9)
    info = video_info(tmp_path / "a.mp4")
    assert (info.width, info.height, info.n_frames, info.codec) == (64, 48, 40, "h264")
    assert info.seconds == pytest.approx(40 * 1001 / 30000, abs=1e-3)


def test_resampling_shows_the_frame_on_display_at_each_instant(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(60), 30)
    shown = [number_of(frame.image_HWC) for frame in iter_video(tmp_path / "a.mp4", fps=24)]
    assert shown == [k * 30 // 24 for k in range(48)]
    assert [number_of(f.image_HWC) for f in iter_video(tmp_path / "a.mp4", fps=30)] == list(range(60))


def test_variable_rates_and_late_starts_are_followed_by_timestamp(tmp_path):
    times = [500, 540, 580, 1500, 1540, 1580]  # starts late, then stands still for almost a second
    write_at(tmp_path / "a.mkv", numbered(6), times)
    frames = list(iter_video(tmp_path / "a.mkv", fps=25))
    numbers = [number_of(frame.image_HWC) for frame in frames]
    assert numbers[:4] == [0, 1, 2, 2] and numbers[24:28] == [2, 3, 4, 5]
    assert [frame.seconds for frame in frames[:3]] == pytest.approx([0, 0.04, 0.08])
    assert len(read_video(tmp_path / "a.mkv").frames_THWC) == 6


def test_timestamps_rounded_to_milliseconds_skip_no_frame(tmp_path):
    write_at(tmp_path / "a.mkv", numbered(30), [round(1000 * k / 30) for k in range(30)], rate=30)
    assert [number_of(f.image_HWC) for f in iter_video(tmp_path / "a.mkv", fps=30)] == list(range(30))


def test_pixels_that_are_not_square_are_made_square(tmp_path):
    for shape, size in ((Fraction(4, 3), (48, 85)), (Fraction(2, 3), (72, 64))):
        write_at(tmp_path / "a.mp4", numbered(3), [0, 40, 80], shape)
        video = read_video(tmp_path / "a.mp4")
        assert video.frames_THWC.shape == (3, *size, 3)


def test_too_long_and_too_large_videos_are_refused(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, numbered(10), 25)
    assert len(read_video(path, max_frames=10).frames_THWC) == 10
    with pytest.raises(MediaError, match="expected at most 9 frames"):
        read_video(path, max_frames=9)
    with pytest.raises(MediaError, match="expected at most 3071 pixels a frame, got 64x48"):
        read_video(path, max_pixels=3071)
    with pytest.raises(MediaError, match="expected at most 50000 bytes"):
        read_video(path, max_bytes=50_000)
    with pytest.raises(ValueError, match="fps: expected a rate above 0"):
        read_video(path, fps=0)


def test_a_playlist_under_a_videos_name_opens_no_other_file(tmp_path):
    write_video(tmp_path / "secret.mp4", numbered(10), 25)
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path}/secret.mp4'\n")
    (tmp_path / "hls.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n")
    for name in ("list.mp4", "hls.mp4"):
        with pytest.raises(MediaError):
            read_video(tmp_path / name)


def test_what_is_not_a_whole_video_is_refused_in_one_line(tmp_path):
    write_video(tmp_path / "good.mp4", numbered(40), 25)
    write_sound(tmp_path / "sound.mp4", "aac", [(tone(1, 48_000), 0.0)])
    good = (tmp_path / "good.mp4").read_bytes()
    write_image(tmp_path / "picture.jpg", numbered(1)[0])
    damaged = {
        "cut": good[: len(good) // 2],
        "no_index": good[: good.rindex(b"moov") - 4],
        "empty": b"",
        "text": b"no video",
        "renamed": (tmp_path / "picture.jpg").read_bytes(),
    }
    for name, content in damaged.items():
        (tmp_path / f"{name}.mp4").write_bytes(content)
    paths = [
        tmp_path / name for name in (*(f"{name}.mp4" for name in damaged), "sound.mp4", "absent.mp4", ".")
    ]
    paths += present("data/frame_numbered", ["bitflip.mp4", "truncated.mp4", "nomoov.mp4"])
    for path in paths:
        with pytest.raises(MediaError, match="video") as caught:
            read_video(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_metadata_that_are_no_text_do_not_hinder_reading(tmp_path):
    path = tmp_path / "v.mp4"
    write_video(path, numbered(5), 24.0, comment="PLAIN TEXT")
    content = path.read_bytes()
    assert content.count(b"PLAIN TEXT") == 1
    path.write_bytes(content.replace(b"PLAIN TEXT", b"\xc0\xff\x80IN TEXT"))
    assert [number_of(frame) for frame in read_video(path).frames_THWC] == list(range(5))
    assert ClipReader(path).read([3]).shape == (1, 48, 64, 3)
