"""What infer.py, evaluate.py and the platform do with a file that they are given, for tests.helpers.damaged."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from faceanim.app import sandbox_worker
from faceanim.metrics.predictions import PredictedVideos
from faceanim.metrics.protocol import Protocol
from faceanim.pipelines.motion_sources import DrivingVideo
from faceanim.pipelines.reference import find_reference
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker
from tests.helpers.demo import demo_frames

_SIZE = (64, 64)


@cache
def frames() -> np.ndarray:
    """A second of the demo clip's face."""
    return demo_frames()[:25]


@cache
def finder() -> FaceLandmarker:
    return landmarker("dlib")


def doors(path: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every use that the commands have for an image, a video or a sound, with a name."""
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    limits = {"size": list(_SIZE), "megapixels": 4.0}
    yield "infer reference", lambda: find_reference(path, finder(), _SIZE)
    yield "infer driving", lambda: _motion(path, fps=24, max_frames=48)
    yield "infer driving at its own rate", lambda: _motion(path, fps=None, max_frames=6)
    yield "evaluate prediction", lambda: _evaluate(path, "made")
    yield "evaluate reference", lambda: _evaluate(path, "real")
    yield "upload photo", lambda: _upload(path, out, face=None, **limits)
    yield (
        "upload video",
        lambda: sandbox_worker.analyze_video(
            path, out, finder(), source={"fps": 24, "max_frames": 24}, seconds=2.0, **limits
        ),
    )
    yield "upload speech", lambda: sandbox_worker.analyze_speech(path, out, finder(), seconds=20.0)


def _motion(path: Path, fps: float | None, max_frames: int) -> None:
    motion = DrivingVideo(path, fps, max_frames).read(_SIZE, landmarker=finder())
    if motion.sound is not None:
        blocks = motion.sound.blocks()
        for _ in range(100):
            next(blocks)
    assert len(motion.poses) >= 1


def _upload(path: Path, out: Path, **task) -> None:
    try:
        sandbox_worker.analyze_photo(path, out, finder(), **task)
    except ValueError as error:  # the visitor knows which photo it is
        raise ValueError(str(error).replace("the photo", f"the photo {path.name}")) from error


def _evaluate(path: Path, side: str) -> None:
    """The file against itself, whole on the other side where it is a video."""
    folders = {name: path.parent / name for name in ("made", "real")}
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    name = path.with_suffix(".mp4").name  # videos are known by their suffix
    os.link(path, folders[side] / name)
    shutil.copy(_whole(path.parent), folders["made" if side == "real" else "real"] / name)
    videos = PredictedVideos(folders["made"], folders["real"], Protocol(name="any", version=1).for_videos())
    try:
        videos.produce(videos.clips[0], sound=True)
    except ValueError as error:
        raise ValueError(str(error).replace(name, path.name)) from error


def _whole(folder: Path) -> Path:
    path = folder / "whole.mp4"
    if not path.exists():
        from faceanim.media.video import write_video

        write_video(path, frames(), 25)
    return path
