"""Whatever video files are called, each has an id of its own, in every file system."""

import os
import unicodedata

from faceanim.metrics.clip_ids import clip_ids


def test_ordinary_names_are_their_stems():
    names = ["a b.mp4", "a_b.mp4", "größe.mov", "x.y.mkv", "it's me (1).webm"]
    assert list(clip_ids(names).values()) == ["a b", "a_b", "größe", "x.y", "it's me (1)"]


def test_names_that_some_file_system_takes_for_one_and_those_that_are_no_text_have_ids_of_their_own():
    names = [
        "Copy.mp4",
        "copy.mp4",
        "copy.mkv",
        "e\u0301.mp4",
        "\u00e9.mp4",
        f"{'n' * 250}.mp4",
        f"{'n' * 251}.mp4",
    ]
    names += [
        os.fsdecode(b"gr\xfc\xdf.mp4"),
        os.fsdecode(b"gr\xfc\xde.mp4"),
        r"gr\xfc\xdf.mp4",
        f"{'ü' * 125}.mp4",
    ]
    ids = clip_ids(names)
    assert len({unicodedata.normalize("NFC", one.casefold()) for one in ids.values()}) == len(names)
    assert all(len(one.encode("utf-8")) < 200 for one in ids.values())
    assert ids[os.fsdecode(b"gr\xfc\xde.mp4")] == r"gr\xfc\xde"
    assert ids == clip_ids(reversed(names)) and ids["copy.mkv"].startswith("copy.mkv-")
