"""Selection of a split's clips from the index of prepared data."""

from collections import Counter
from pathlib import Path

from faceanim.data.manifest import ManifestRow
from faceanim.data.prepared_folder import read_index


class NoClips(ValueError):
    """A split holds no clip that can be used; the message says which and why."""


def clips_of(folder: str | Path, split: str) -> list[ManifestRow]:
    """The kept clips of a split; `NoClips` names the splits there are, where this one is empty."""
    kept = [row for row in read_index(folder) if row.keep]
    rows = [row for row in kept if row.split == split]
    if not rows:
        there = ", ".join(f"{name} ({n})" for name, n in sorted(Counter(row.split for row in kept).items()))
        raise NoClips(
            f"no clip of split {split!r} in {folder}, got {there or 'none at all'}; prepare more videos, or with "
            "split_by=time, which holds out a part of each"
        )
    return rows
