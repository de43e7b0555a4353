"""What drives, on the reference's face: the one place where a template's, a video's or a speaker's motion is fitted."""

import logging
from pathlib import Path

import numpy as np

from faceanim.models.aniportrait_audio import holds_released, load_folder
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.pose.aniportrait_speech import motion_from_mesh_model
from faceanim.pose.motion import FaceMotion
from faceanim.pose.retarget import Mode, checked_reference, retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.speech import motion_from_speech, show_speech
from faceanim.pose.suitability import suitability
from faceanim.pose.templates import load_template
from faceanim.pose.timing import resample

_POOR = 0.5  # of `Suitability.score`

log = logging.getLogger(__name__)


def fitted(
    poses: PoseSequence, reference_points: np.ndarray, size: tuple[int, int], mode: Mode = "relative"
) -> PoseSequence:
    """A driver's motion for a reference picture of `size`, (height, width); a warning says why the two do not suit."""
    height, width = size
    if mode != "absolute":
        found = suitability(poses, reference_points, width, height)
        if found.score < _POOR:
            log.warning(
                "%s suits this reference poorly (%.2f): %s",
                poses.source,
                found.score,
                "; ".join(found.reasons),
            )
    return retarget(poses, reference_points, width, height, mode)


def template_poses(
    name: str,
    reference_points: np.ndarray,
    size: tuple[int, int],
    fps: float | None = None,
    max_frames: int | None = None,
) -> PoseSequence:
    """A template (its name, or the path of an .npz) on the face of a reference picture of `size`, (height, width).

    fps: None keeps the template's own rate. max_frames: at most so many.
    """
    poses = load_template(name)
    poses = poses if fps is None else resample(poses, fps)
    return fitted(poses[:max_frames], reference_points, size)


def speech_poses(
    path: str | Path,
    model: str | Path | None,
    pipeline: str | Path,
    reference_points: np.ndarray,
    size: tuple[int, int],
    fps: float | None = None,
    max_frames: int | None = None,
    template: str | None = None,
    seed: int = 0,
) -> PoseSequence:
    """Speech on the face of a reference picture of `size`, (height, width), with a template's head motion if one is
    named.

    model: see ``speech_motion``; None: the folder audio_to_pose of the pipeline folder. fps: None is 24.
    """
    folder = Path(pipeline) / "audio_to_pose" if model is None else Path(model)
    if model is None and not folder.is_dir():
        raise ValueError(
            f"audio=: {pipeline} holds no speech model: speech=<run folder of stage=audio_to_pose, its checkpoint, or "
            "a folder of AniPortrait's audio2mesh.pt and audio2pose.pt>"
        )
    head = None if template is None else load_template(template)
    height, width = size
    checked_reference(reference_points)
    motion = speech_motion(path, folder, fps or 24.0, seed)
    return show_speech(path, motion, reference_points, width, height, head)[:max_frames]


def speech_motion(path: str | Path, model: Path, fps: float, seed: int) -> FaceMotion:
    """What a face does that says this, by whichever networks `model` is: what ``AudioToPose.load`` reads, or a folder
    of AniPortrait's released files."""
    if holds_released(model):
        mesh, head = load_folder(model)
        return motion_from_mesh_model(path, mesh, head, fps, seed=seed)
    return motion_from_speech(path, AudioToPose.load(model), fps, seed)
