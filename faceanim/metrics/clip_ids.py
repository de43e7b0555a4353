"""Ids of clips from the names of video files: names of records, sheets and videos in any file system."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from faceanim.media.video_files import utf8_name

_LONGEST = 180  # bytes of a name, which may be 255 with what is put around it


def clip_ids(names: Iterable[str]) -> dict[str, str]:
    """Each file name's id: its stem with what is not UTF-8 escaped.

    Stems that some file system takes for one (another suffix, letter case, composed or not, escaped by hand), and names
    that are too long, get the whole name, cut, and a hash of it instead.
    """
    names = list(names)
    stems = {name: utf8_name(Path(name).stem) for name in names}
    count = Counter(_folded(stem) for stem in stems.values())
    return {
        name: stem if count[_folded(stem)] == 1 and len(stem.encode()) <= _LONGEST else _hashed(name)
        for name, stem in stems.items()
    }


def _hashed(name: str) -> str:
    start = utf8_name(name).encode()[:_LONGEST].decode("utf-8", "ignore")
    return f"{start}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", stem.casefold())
