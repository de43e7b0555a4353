"""Which files of a folder are taken for videos."""

import os
from pathlib import Path

import pytest

from faceanim.media.video_files import utf8_name, videos_below, videos_of


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_what_cameras_and_systems_write_is_a_video_and_hidden_names_are_not(tmp_path):
    videos = ["a.MTS", "b.m2ts", "c.3gp", "d.wmv", "e.ogv", "f.m4v", "g.mpg", "h.MPEG", "i.flv", "j.ts"]
    videos += ["k.avi", "l.mkv", "m.webm", "n.mov", "o.mp4", "p.gif", "q.vob", "r.asf", "s.3g2"]
    touch(tmp_path, *videos, "._a.mp4", ".DS_Store", ".b.mov", "notes.txt", "a.jpg", "mp4", ".hidden/x.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert [path.name for path in videos_of(tmp_path)] == videos
    assert [path.name for path in videos_below(tmp_path)] == videos


def test_links_to_folders_are_followed_and_each_folder_is_searched_once(tmp_path):
    raw, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    touch(raw, "real/a.mp4", "real/deep/b.mp4", "c.mp4")
    touch(elsewhere, "d.mp4", "sub/e.mp4")
    (raw / "alias").symlink_to("real")  # sorts before `real`, whose own path counts all the same
    (raw / "linked").symlink_to(elsewhere)
    (raw / "linked again").symlink_to(elsewhere)
    (raw / "real" / "up").symlink_to(raw)
    (raw / "real" / "here").symlink_to(".")
    (elsewhere / "back").symlink_to(raw)
    (raw / "itself").symlink_to("itself")
    (raw / "gone.mp4").symlink_to("nowhere.mp4")
    (raw / "f.mp4").symlink_to(elsewhere / "d.mp4")  # a link to a file is a name of its own
    names = [path.relative_to(raw).as_posix() for path in videos_below(raw)]
    assert names == ["c.mp4", "f.mp4", "linked/d.mp4", "linked/sub/e.mp4", "real/a.mp4", "real/deep/b.mp4"]


def test_a_folder_that_is_a_link_itself_is_searched(tmp_path):
    touch(tmp_path, "real/a.mp4")
    (tmp_path / "raw").symlink_to("real")
    assert [path.name for path in videos_below(tmp_path / "raw")] == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.mp4", "caf\\xe9.mp4"),
        ("café/größe.mp4".encode(), "café/größe.mp4"),
        (b"a/b.mp4", "a/b.mp4"),
    ],
)
def test_a_name_that_is_not_utf8_is_escaped_and_any_other_stays(name, shown):
    assert utf8_name(Path(os.fsdecode(name))) == shown
