"""Batch animation: a table or a folder of jobs, on any number of devices, resumable.

A job that is done leaves ``<output>/.done/<name>.json`` with a hash of all that its video depends on; a rerun passes
over it as long as the hash and the video's size are the same.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import faceanim
from faceanim.media.files import file_hash, files_hash
from faceanim.media.frame_writers import check_name
from faceanim.media.table import read_table
from faceanim.media.video_files import VIDEO_SUFFIXES, is_hidden
from faceanim.parallel.finished_jobs import FinishedJobs
from faceanim.pipelines.inference import Animator
from faceanim.pipelines.request import SOURCES, AnimationRequest, InferenceOptions, request_of
from faceanim.pipelines.workers import Failure, run_on

COLUMNS = ("reference", *SOURCES, "output", "seed")
DONE = ".done"
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tiff")
_BESIDE = {
    "driving": VIDEO_SUFFIXES,
    "poses": (".npz",),
    "audio": (".wav", ".mp3", ".flac"),
}


@dataclass(frozen=True)
class Job:
    """name: of the video in the output folder. hash: of all that it depends on."""

    name: str
    request: AnimationRequest
    hash: str

    @property
    def done(self) -> bool:
        """Whether the video exists as exactly this job made it."""
        return self._finished.load(self.name, hash=self.hash, bytes=self._size) is not None

    def mark_done(self) -> None:
        self._finished.save(self.name, hash=self.hash, bytes=self._size)

    @property
    def _finished(self) -> FinishedJobs:
        return FinishedJobs(Path(self.request.output.path).parent / DONE)

    @property
    def _size(self) -> int | None:
        """Bytes of the video, or of all frames in a folder; None where there is nothing."""
        path = Path(self.request.output.path)
        if path.is_dir():
            return sum(frame.stat().st_size for frame in path.iterdir())
        return path.stat().st_size if path.is_file() else None


def run(options: InferenceOptions) -> None:
    """Make one video, or with `jobs` many."""
    if options.jobs is not None:
        _run_jobs(options)
    else:
        request = request_of(options)
        print(Animator(request.runtime).animate(request, options.dry_run))


def _run_jobs(options: InferenceOptions) -> None:
    """Run the unfinished jobs. A job that fails is reported at once and the others run.

    Raises ValueError at the end where jobs failed by the caller's mistakes alone, RuntimeError otherwise.
    """
    jobs = read_jobs(options)
    waiting = [job for job in jobs if not job.done]
    print(f"{len(jobs)} jobs, {len(jobs) - len(waiting)} done before", flush=True)
    if options.dry_run:
        if waiting:
            request = waiting[0].request
            print(Animator(request.runtime).animate(request, dry_run=True))
        return
    failures: list[tuple[str, Failure]] = []
    tasks = [job.request for job in waiting]
    outcomes = run_on(tasks, options.backend, options.workers, options.address)
    for number, (index, outcome) in enumerate(outcomes, start=1):
        job = waiting[index]
        if isinstance(outcome, Failure):
            failures.append((job.name, outcome))
            print(f"error: {job.name}: {outcome.line}", file=sys.stderr, flush=True)
        else:
            job.mark_done()
            print(f"{number} of {len(waiting)}: {outcome}", flush=True)
    if failures:
        name, first = failures[0]
        kind = ValueError if all(failure.callers_mistake for _, failure in failures) else RuntimeError
        raise kind(f"{len(failures)} of {len(jobs)} jobs failed; first: {name}: {first.line}")


def read_jobs(options: InferenceOptions) -> list[Job]:
    """Read the jobs of a .csv or a folder, each with the command's other options. ValueError names the row.

    .csv, of any spreadsheet (see ``read_table``): a column `reference`, one or more of driving, poses, template and
    audio, and where wanted `output` (a name in the output folder) and `seed`; paths are relative to the table. Folder:
    every image, driven by the video, sound or poses of the same name next to it, else by the command's options.
    """
    source, folder = Path(options.jobs), Path(options.output)
    if folder.suffix:
        raise ValueError(f"output: expected a folder's name without a dot with jobs=, got {folder}")
    if source.is_dir():
        rows = _of_folder(source)
    elif source.suffix.lower() == ".csv" and source.is_file():
        rows = _of_table(source)
    else:
        raise ValueError(f"jobs={source}: expected a .csv file or a folder, got neither")
    if not rows:
        raise ValueError(f"jobs={source}: expected at least one job, got none")
    common = _common_hash(options)
    jobs, names = [], set()
    for where, row in rows:
        try:
            jobs.append(_job(row, options, folder, common))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if jobs[-1].name in names:
            raise ValueError(f"{where}: two jobs write {jobs[-1].name}; name them by a column `output`")
        names.add(jobs[-1].name)
    return jobs


def _of_table(path: Path) -> list[tuple[str, dict[str, str]]]:
    table = read_table(path, "jobs")
    if "reference" not in table.columns or not set(table.columns) <= set(COLUMNS):
        raise ValueError(
            f"jobs={path}: expected columns out of {', '.join(COLUMNS)}, got {', '.join(table.columns)}"
        )
    rows = []
    for line, row in table.rows:
        given = {name: value for name, value in row.items() if value}
        for name in ("reference", "driving", "poses", "audio"):
            if name in given:
                given[name] = str(path.parent / given[name])
        rows.append((f"jobs={path}, line {line}", given))
    return rows


def _of_folder(folder: Path) -> list[tuple[str, dict[str, str]]]:
    files = sorted(path for path in folder.iterdir() if not is_hidden(path) and path.is_file())
    rows = []
    for image in (path for path in files if path.suffix.lower() in _IMAGES):
        row = {"reference": str(image)}
        beside = {path.suffix.lower(): path for path in files if path.stem == image.stem}
        for name, suffixes in _BESIDE.items():
            for suffix in suffixes:
                if suffix in beside:
                    row[name] = str(beside[suffix])
        rows.append((str(image), row))
    return rows


def _job(row: dict[str, str], options: InferenceOptions, folder: Path, common: str) -> Job:
    if "reference" not in row:
        raise ValueError("expected a reference image, got none")
    name = row.get("output", f"{Path(row['reference']).stem}.mp4")
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"output: expected the name of a file in {folder}, got {name!r}")
    check_name(name)
    changes = {key: row.get(key) for key in SOURCES}
    if not any(changes.values()):
        changes = {}  # the command's
    if "seed" in row:
        if not row["seed"].isdecimal():
            raise ValueError(f"seed: expected a number of 0 or more, got {row['seed']!r}")
        changes["seed"] = int(row["seed"])
    changes |= {"jobs": None, "sheet": None, "reference": row["reference"], "output": str(folder / name)}
    request = request_of(replace(options, **changes))
    return Job(name, request, _hash(request, common))


def _hash(request: AnimationRequest, common: str) -> str:
    """Hash of everything that the video depends on; files by content, not by path."""
    known = replace(
        request,
        reference=_by_content(request.reference),
        motion=_by_content(request.motion),
        output=replace(request.output, path=Path(request.output.path).name),
        runtime=replace(request.runtime, pipeline="", decoder=None, device="", offload=False),
    )
    return hashlib.sha256(json.dumps([asdict(known), common], sort_keys=True).encode()).hexdigest()


def _by_content(part: Any) -> Any:
    """The part with its file's content in place of the path; a missing file is the job's own error."""
    path = Path(part.path) if hasattr(part, "path") else None
    return replace(part, path=file_hash(path)) if path and path.is_file() else part


def _common_hash(options: InferenceOptions) -> str:
    """Hash of what all jobs share: the files of pipeline and decoder, the code's version."""
    pipeline, lines = Path(options.pipeline), [faceanim.__version__]
    lines.append(
        files_hash(pipeline, [p for p in pipeline.rglob("*") if p.suffix in (".safetensors", ".json")])
    )
    if options.decoder:
        decoder = Path(options.decoder)
        files = [p for p in decoder.rglob("*") if p.is_file()] if decoder.is_dir() else [decoder]
        lines.append(files_hash(decoder.parent, files))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
