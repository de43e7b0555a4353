"""Prepare a data set: a folder of clips with their index, resumable."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from faceanim.data.manifest import INDEX_NAME, ManifestRow, write_manifest
from faceanim.media.files import atomic_path
from faceanim.media.lock import exclusive_lock
from faceanim.media.video_files import utf8_name
from faceanim.parallel.runner import Outcomes, run_here, run_in_processes, run_on_ray
from faceanim.parallel.worker import TookTooLong, WorkerDied
from scripts.prepare_celebvhq_hdtf.coverage import coverage_line, write_coverage
from scripts.prepare_celebvhq_hdtf.identities import with_identities
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.output_files import remove_stale, remove_temporary
from scripts.prepare_celebvhq_hdtf.process_clip import backend, dropped_row, process_clip
from scripts.prepare_celebvhq_hdtf.progress import WORK, finished_rows, save_record
from scripts.prepare_celebvhq_hdtf.readers import READERS
from scripts.prepare_celebvhq_hdtf.report import reason_head, write_report
from scripts.prepare_celebvhq_hdtf.sources import Release, SourceClip
from scripts.prepare_celebvhq_hdtf.splitting import empty_splits, shard_of, with_split_by

_SHOWN_DROPS = 20
_WHOLE = 36_000  # clips: the size of CelebV-HQ and HDTF together


def prepare(options: PrepareOptions) -> None:
    """Prepare every clip that is not finished yet, write index, coverage and report, print a summary.

    The index lists dropped clips too; if no clip at all was kept, `ValueError` says so after it is written.
    """
    release = with_identities(
        READERS[options.source](options.raw, options.meta), options.identity, options.raw
    )
    if release.terms:
        print("\n".join((release.terms, coverage_line(release), *release.notes)))
    if not release.clips:
        raise ValueError(f"raw: expected videos named {release.naming} in {options.raw}, found none")
    backend(options.landmarks)  # a backend that is not there is an error of the command, not of each clip
    options = with_split_by(options, release)
    if options.shard:
        whole, release = len(release.clips), shard_of(release, options.shard)
        print(f"shard {options.shard}: {len(release.clips)} of {whole} clips")
    with _locked(options.output_folder):
        _check_shard(options)
        rows = _rows(release, options)
        index = options.output_folder / INDEX_NAME
        write_manifest(index, rows)
        remove_stale(options.output_folder, release, rows)
        coverage = write_coverage(options.output_folder, release, rows)
        report = write_report(options.output_folder, release, rows, options)
    kept = [row for row in rows if row.keep]
    if not kept and not options.shard:  # of a shard, others may have some
        raise ValueError(
            f"no clip kept of {len(release.clips)} video(s) in {options.raw}; {_why(rows)} (see {index})"
        )
    print(_summary(rows))
    deaf = [row for row in rows if row.keep and row.audio_fault]
    if deaf:
        print(
            f"{len(deaf)} clip(s) are kept without sound, which cannot be read, first {deaf[0].clip_id}: "
            f"{deaf[0].audio_fault}"
        )
    if not options.shard:
        print("".join(f"{line}\n" for line in empty_splits(rows, options)), end="")
    print(f"index: {utf8_name(index)}\ncoverage: {utf8_name(coverage)}\nreport: {utf8_name(report)}")
    print(f"contact sheet: {utf8_name(options.output_folder / 'contact_sheet.png')}")


def _rows(release: Release, options: PrepareOptions) -> list[ManifestRow]:
    rows: dict[str, list[ManifestRow]] = {}
    with tqdm(total=len(release.clips), desc="preparing", unit="clip", disable=None) as bar:
        for clip in release.clips:
            done = finished_rows(clip, options)
            if done is not None:
                rows[clip.name] = done
                bar.update()
        todo = [clip for clip in release.clips if clip.name not in rows]
        workers = _workers(len(todo), options)
        started = time.monotonic()
        for number, result in _results(todo, workers, options):
            rows[todo[number].name] = _rows_of(todo[number], options, result)
            bar.update()
        seconds = time.monotonic() - started
    if todo:
        per_hour = len(todo) / seconds * 3600
        print(
            f"{len(todo)} clips in {seconds:.0f} s with {workers or 1} worker(s): {per_hour:.0f} an hour; "
            f"{_WHOLE} would take {_WHOLE / per_hour:.1f} hours"
        )
    return sorted((row for clip_rows in rows.values() for row in clip_rows), key=lambda row: row.clip_id)


def _workers(n_clips: int, options: PrepareOptions) -> int | None:
    if options.backend == "ray" or options.workers == 0:
        return options.workers
    return min(options.workers or len(os.sched_getaffinity(0)), n_clips)


def _results(todo: list[SourceClip], workers: int | None, options: PrepareOptions) -> Outcomes:
    """(number in `todo`, its rows or why there are none), as they come."""
    task = partial(process_clip, options=options)
    if options.backend == "ray":
        return run_on_ray(task, todo, workers, options.address, options.time_limit)
    if workers == 0:
        return run_here(task, todo)
    return run_in_processes([task] * workers, todo, options.time_limit)


def _rows_of(clip: SourceClip, options: PrepareOptions, result: Any) -> list[ManifestRow]:
    """A clip at its time limit would only reach it again; one whose worker died is tried again next time."""
    if isinstance(result, WorkerDied):
        print(f"{clip.name}: failed, the worker died ({result})", file=sys.stderr)
        return [dropped_row(clip, options, f"failed: the worker died ({result})")]
    if isinstance(result, TookTooLong):
        rows = [dropped_row(clip, options, f"gave up: {result}")]
        save_record(clip, options, rows)
        return rows
    return result


def _check_shard(options: PrepareOptions) -> None:
    """Raises ValueError where the output holds another shard, or all, of a preparation: its index would be lost."""
    path, now = options.output_folder / WORK / "shard", options.shard or "all"
    before = path.read_text(encoding="utf-8") if path.is_file() else now
    if before != now:
        raise ValueError(
            f"output: {utf8_name(options.output_folder)} holds shard {before}, got shard {now}: give "
            "each an output of its own; scripts.join_prepared joins them"
        )
    with atomic_path(path) as temporary:
        temporary.write_text(now, encoding="utf-8")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One command at a time writes to the output; what a killed one left half-written is swept away."""
    with exclusive_lock(folder / WORK / "lock", f"output: another preparation is writing to {folder}"):
        remove_temporary(folder)
        try:
            yield
        finally:
            remove_temporary(folder)


def _why(rows: list[ManifestRow]) -> str:
    """The most frequent reason; texts after a colon differ from clip to clip and are not counted apart."""
    heads = Counter(reason_head(row) for row in rows)
    head, n = heads.most_common(1)[0]
    example = next(row.drop_reasons for row in rows if reason_head(row) == head)
    return f"mostly ({n} of {len(rows)}) {example}"


def _summary(rows: list[ManifestRow]) -> str:
    kept, dropped = [row for row in rows if row.keep], [row for row in rows if not row.keep]
    lines = [f"{'kept':8}{'clips':>8}{'frames':>10}{'minutes':>10}"]
    for split in sorted({row.split for row in kept}):
        clips = [row for row in kept if row.split == split]
        minutes = sum(row.n_frames / row.fps for row in clips) / 60
        lines.append(f"{split:8}{len(clips):8}{sum(row.n_frames for row in clips):10}{minutes:10.1f}")
    lines.append(f"dropped {len(dropped):8}")
    lines += [f"  {row.clip_id}: {row.drop_reasons}" for row in dropped[:_SHOWN_DROPS]]
    if len(dropped) > _SHOWN_DROPS:
        lines.append(f"  and {len(dropped) - _SHOWN_DROPS} more, see drop_reasons in the index")
    return "\n".join(lines)
