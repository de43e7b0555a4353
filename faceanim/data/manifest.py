"""The index of a folder of prepared clips: one Parquet file, one row a clip."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faceanim.data.quality import Scores
from faceanim.media.files import atomic_path
from faceanim.media.video_files import utf8_name

INDEX_NAME = "index.parquet"
_PREPARE = "python -m scripts.prepare_celebvhq_hdtf raw=<videos> output=<folder>"


@dataclass(frozen=True, kw_only=True)
class ManifestRow(Scores):
    """One clip, kept or dropped, with its scores.

    clip_id: unique in the index. source: the data set. split: train, val, test, or none for a dropped video that
    never got one. path, landmarks_path, audio_path: relative to the index's folder, empty where there is none.
    n_frames, fps, width, height: of the clip; 0 where there is none. crop_*: the square in the source frame,
    pixels. source_path: the raw video. source_start_frame: the clip's first frame in it, counted at the clip's
    rate. source_id: the raw video's name in its data set. identity: what the split goes by; clips of one person
    or video share it. face_found_rate: share of frames with a face, 0 to 1. drop_reasons: empty where kept.
    content_hash: sha256 of the clip file. audio_fault: why a clip has no audio whose source has sound that cannot be
    read.
    """

    clip_id: str
    source: str
    split: str
    path: str
    landmarks_path: str
    n_frames: int
    fps: float
    width: int
    height: int
    crop_x: int
    crop_y: int
    crop_size: int
    source_path: str
    source_start_frame: int
    face_found_rate: float
    keep: bool
    drop_reasons: str
    tool_version: str
    content_hash: str
    source_id: str = ""
    identity: str = ""
    audio_path: str = ""
    audio_fault: str = ""


_SCORES = {field.name for field in dataclasses.fields(Scores)}
_FIELDS = sorted(dataclasses.fields(ManifestRow), key=lambda field: field.name in _SCORES)  # they come last
_ARROW_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_SCHEMA = pa.schema([(field.name, _ARROW_TYPES[field.type]) for field in _FIELDS])
_REQUIRED = [field.name for field in _FIELDS if field.default is dataclasses.MISSING]


# What a training sees of a clip; scores and where it came from are nothing to it. Landmarks have no hash of their own:
# they follow from the frames and the tool.
_TRAINED_ON = (
    "clip_id",
    "source",
    "split",
    "n_frames",
    "fps",
    "content_hash",
    "face_found_rate",
    "tool_version",
)


def rows_hash(rows: Sequence[ManifestRow]) -> str:
    """sha256 of what a training on these clips depends on, whatever their order and wherever they lie."""
    seen = sorted([getattr(row, name) for name in _TRAINED_ON] for row in rows)
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def write_manifest(path: str | Path, rows: Sequence[ManifestRow]) -> None:
    """Write the index atomically, sorted by clip_id; the same rows always give the same bytes.

    Bytes of a file's name that are not UTF-8 are escaped, wherever they stand in a row.
    """
    rows = sorted(rows, key=lambda row: row.clip_id)
    repeated = sorted({a.clip_id for a, b in pairwise(rows) if a.clip_id == b.clip_id})
    if repeated:
        raise ValueError(f"manifest {path}: expected each clip_id once, got {repeated[0]!r} several times")
    values = [
        {name: utf8_name(value) if isinstance(value, str) else value for name, value in vars(row).items()}
        for row in rows
    ]
    table = pa.Table.from_pylist(values, schema=_SCHEMA)
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
    ):  # pyarrow takes no path that is not UTF-8
        pq.write_table(table, file)


def read_manifest(folder: str | Path, verify: bool = False) -> list[ManifestRow]:
    """Read the index of a prepared folder, kept and dropped clips alike, sorted by clip_id.

    verify: also check that the files of every kept clip are there. Columns that this version does not know
    are ignored; those that it added have their defaults in an older index.
    """
    folder = Path(folder)
    path = folder / INDEX_NAME
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}: run `{_PREPARE}`")
    if not path.is_file():
        raise ValueError(f"no {INDEX_NAME} in {folder}: run `{_PREPARE}`")
    try:
        with path.open("rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"cannot read {path}: expected a Parquet file ({reason})") from error
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise ValueError(f"{path}: missing columns {', '.join(missing)}, got {', '.join(table.column_names)}")
    try:
        known = [name for name in _SCHEMA.names if name in table.column_names]
        table = table.select(known).cast(pa.schema([_SCHEMA.field(name) for name in known]))
    except (pa.ArrowException, ValueError) as error:
        raise ValueError(f"{path}: a column has the wrong type ({str(error).splitlines()[0]})") from error
    rows = sorted((ManifestRow(**values) for values in table.to_pylist()), key=lambda row: row.clip_id)
    for row in rows if verify else []:
        for name in (row.path, row.landmarks_path, row.audio_path) if row.keep else ():
            if name and not (folder / name).is_file():
                raise ValueError(f"{path}: clip {row.clip_id} names a missing file: {folder / name}")
    return rows
