"""Data sets by the name that `source=` takes: each is read to the list of its clips."""

from collections.abc import Callable

from scripts.prepare_celebvhq_hdtf.celebvhq import read_celebvhq
from scripts.prepare_celebvhq_hdtf.hdtf import read_hdtf
from scripts.prepare_celebvhq_hdtf.sources import Release, read_folder

# raw, meta -> what there is to prepare
READERS: dict[str, Callable[[str, str | None], Release]] = {
    "folder": lambda raw, meta: read_folder(raw),
    "celebvhq": read_celebvhq,
    "hdtf": read_hdtf,
}
