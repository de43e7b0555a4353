"""Prepare clips at a small size, in this process."""

from dataclasses import replace
from pathlib import Path

from faceanim.cli import typed
from faceanim.data.manifest import ManifestRow, read_manifest
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare
from tests.helpers.composed import composed


def options(*words: str) -> PrepareOptions:
    """conf/prepare.yaml with these, in this process."""
    return typed(composed("prepare", "workers=0", *words), PrepareOptions)


_SMALL = ("size=64", "crf=10", "min_seconds=0.25", "min_face_size=24", "max_frames=48")
OPTIONS = options("raw=", "output=", *_SMALL, "split_by=clip", "holdout=0.5")


def prepared(raw: Path, output: Path, options: PrepareOptions = OPTIONS, **changes) -> dict[str, ManifestRow]:
    """The rows of the output by clip id; all files of the kept ones are checked."""
    prepare(replace(options, raw=str(raw), output=str(output), **changes))
    return {row.clip_id: row for row in read_manifest(output, verify=True)}


def prepare_demo(folder: Path, *words: str) -> None:
    """The demo clip at 32x32: 96 frames to train on, 24 held out."""
    small = ("raw=demo", f"output={folder}", "size=32", "fps=null", "split_by=time", "holdout=0.2", "crf=8")
    prepare(options(*small, *words))
