"""Division of the whole data set into splits, and into the jobs of an array."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from faceanim.data.manifest import ManifestRow
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.progress import finished_clips
from scripts.prepare_celebvhq_hdtf.sources import Release

_FEW = 10  # videos: below, a tenth of them is likely none


def with_split_by(options: PrepareOptions, release: Release) -> PrepareOptions:
    """The options with `split_by` chosen where it is null: time for a few videos of one's own, which is printed.

    An output folder keeps the way that it was begun with: the other would cut all its clips again.
    """
    if options.split_by is not None:
        return options
    if options.source != "folder":
        return replace(options, split_by="clip")
    n, whole = len(release.clips), options.identity is not None or options.holdout == 0
    ways = {way: replace(options, split_by=way) for way in ("clip", *["time"] * (not whole))}
    begun = [way for way in ways if finished_clips(ways[way]).folder.is_dir()]
    way = "clip" if whole or n >= _FEW else "time"
    if not whole and len(begun) == 1 and way not in begun:
        why = f"as this output folder was begun; split_by={way} would cut all its clips again"
        way = begun[0]
    elif way == "clip":
        why = f"of {n} video(s), whole ones are held out"
    else:
        why = (
            f"of {n} video(s), too few to hold out whole ones, the last part of each is held out "
            "(split_by=clip holds out whole ones all the same)"
        )
    print(f"split_by={way}: {why}")
    return ways[way]


def shard_of(release: Release, shard: str | None) -> Release:
    """The clips of the k-th of n jobs (shard k/n): every n-th one, whatever its split; all for None."""
    if shard is None:
        return release
    k, n = (int(number) for number in shard.split("/"))
    return replace(release, clips=release.clips[k - 1 :: n], absent=release.absent[k - 1 :: n])


def empty_splits(rows: Sequence[ManifestRow], options: PrepareOptions) -> list[str]:
    """A line for each split that no kept clip is in, with what to do about it."""
    kept = Counter(row.split for row in rows if row.keep)
    n = sum(kept.values())
    if options.split_by == "time":
        parts = Counter(row.split for row in rows if not row.keep)
        remedy = "longer videos, or a larger share"
    else:
        parts = Counter()
        remedy = "more videos, or a larger share"
        if options.source == "folder":
            remedy = f"split_by=time, which holds out a part of each video; or {remedy}"
    instead = "split test, which evaluate.py measures" if kept["test"] else "nothing"
    purposes = {
        "train": (True, "nothing can be trained on them"),
        "val": (
            options.val_share > 0,
            f"trainings are selected on {instead} (val=)",
        ),
        "test": (options.holdout > 0, "evaluate.py has nothing to measure (holdout=)"),
    }
    lines = []
    for split, (wanted, consequence) in purposes.items():
        if wanted and not kept[split]:
            dropped = f", and its {parts[split]} part(s) were dropped" if parts[split] else ""
            lines.append(
                f"warning: no clip in split {split} of {n} kept{dropped}: {consequence}; what helps: {remedy}"
            )
    return lines
