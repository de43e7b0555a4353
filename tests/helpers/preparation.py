"""Prepare short clips at a small size, in this process."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir

from faceanim.cli import CONF_FOLDER, typed
from faceanim.data.demo_clip import demo_clip_path
from faceanim.data.manifest import ManifestRow, read_manifest
from faceanim.media.video import read_video
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare

_SMALL = ("size=64", "crf=10", "min_seconds=0.25", "min_face_size=24", "max_frames=48")
_SPLITS = ("split_by=clip", "holdout=0.5")
with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
    OPTIONS = typed(compose("prepare", ["raw=", "output=", "workers=0", *_SMALL, *_SPLITS]), PrepareOptions)


def prepared(raw: Path, output: Path, options: PrepareOptions = OPTIONS, **changes) -> dict[str, ManifestRow]:
    """The rows of the output by clip id; all files of the kept ones are checked."""
    prepare(replace(options, raw=str(raw), output=str(output), **changes))
    return {row.clip_id: row for row in read_manifest(output, verify=True)}


@cache
def demo_frames() -> np.ndarray:
    """The demo clip's man, (120, 144, 192, 3)."""
    frames_THWC = read_video(demo_clip_path()).frames_THWC[:, :, :192]
    frames_THWC.flags.writeable = False
    return frames_THWC
