"""Whose a file is, for how long it is kept, and how often a client may call."""

import os
import time

from faceanim.app.file_store import FileStore
from faceanim.app.rate_limit import RateLimit


def test_only_the_owner_and_only_by_the_very_name(files):
    place = files.new_place("ann", "video.mp4")
    place.write_bytes(b"x")
    assert files.owned(place, "ann") and not files.owned(place, "ben")
    folder = place.parent
    for other in (f"{folder}/./video.mp4", f"{folder}/x/../video.mp4", f"file://{place}", "/etc/passwd"):
        assert not files.owned(other, "ann"), other
    files.forget(place)
    assert not folder.exists() and not files.owned(place, "ann")


def test_what_two_uploaded_stays_as_long_as_one_of_them_has_it(files):
    place = files.new_place("ann", "photo.png")
    place.write_bytes(b"x")
    files.own(place, "ben")
    files.forget(place, "ann")
    assert place.exists() and files.owned(place, "ben") and not files.owned(place, "ann")
    files.forget(place, "ben")
    assert not place.exists() and not files.owned(place, "ben")


def test_what_is_old_goes_and_what_is_new_or_coming_stays(files):
    old, new, coming = (files.new_place("ann", f"{name}.mp4") for name in ("old", "new", "coming"))
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    files.visit("ann").results = [new, old]
    os.utime(old, (time.time() - 100,) * 2)
    assert files.tidy() == 1
    assert not old.exists() and new.exists() and files.owned(coming, "ann")
    assert files.visit("ann").results == [new]
    assert files.tidy(time.time() + 200) == 1 and list(files.folder.rglob("*.mp4")) == []


def test_a_session_belongs_to_who_used_it_first(files):
    assert files.session_is_of("s1", "ann") and files.session_is_of("s1", "ann")
    assert not files.session_is_of("s1", "ben") and files.session_is_of("s2", "ben")


def test_a_full_disk_is_seen(tmp_path):
    files = FileStore(tmp_path / "files", 60, max_bytes=10)
    assert not files.full
    files.new_place("ann", "video.mp4").write_bytes(b"x" * 11)
    assert files.full


def test_a_rate_limit_refuses_what_is_too_much_and_recovers():
    rate = RateLimit(3)
    assert [rate.allows("a", now=0.0) for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b", now=0.0)
    assert rate.allows("a", now=20.0) and not rate.allows("a", now=20.0)
    assert [rate.allows("a", now=1000.0) for _ in range(4)] == [True, True, True, False]


def test_nobody_can_guess_a_place(files):
    folders = {files.new_place("ann", "v.mp4").parent.name for _ in range(20)}
    assert len(folders) == 20 and all(len(name) >= 32 for name in folders)
    assert files.folder.stat().st_mode & 0o077 == 0
