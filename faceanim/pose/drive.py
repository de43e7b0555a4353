"""What drives, on the reference's face: the one place where a template's, a video's or a speaker's motion is fitted."""

import logging
from pathlib import Path

import numpy as np

from faceanim.models.audio_to_pose import AudioToPose
from faceanim.pose.retarget import Mode, retarget
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.speech import poses_from_speech
from faceanim.pose.suitability import suitability
from faceanim.pose.templates import load_template
from faceanim.pose.timing import resample

_POOR = 0.5  # of `Suitability.score`

log = logging.getLogger(__name__)


def fitted(
    poses: PoseSequence, reference_points: np.ndarray, size: int, mode: Mode = "relative"
) -> PoseSequence:
    """A driver's motion for a square reference picture of `size` pixels; a warning says why the two do not suit."""
    if mode != "absolute":
        found = suitability(poses, reference_points, size, size)
        if found.score < _POOR:
            log.warning(
                "%s suits this reference poorly (%.2f): %s",
                poses.source,
                found.score,
                "; ".join(found.reasons),
            )
    return retarget(poses, reference_points, size, size, mode)


def template_poses(
    name: str,
    reference_points: np.ndarray,
    size: int,
    fps: float | None = None,
    max_frames: int | None = None,
) -> PoseSequence:
    """A template (its name, or the path of an .npz) on the face of a square reference picture of `size` pixels.

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
    size: int,
    fps: float | None = None,
    max_frames: int | None = None,
    template: str | None = None,
    seed: int = 0,
) -> PoseSequence:
    """Speech on the face of a square reference picture of `size` pixels, with a template's head motion if one is named.

    model: see ``AudioToPose.load``; None: the folder audio_to_pose of the pipeline folder. fps: None is 24.
    """
    folder = Path(pipeline) / "audio_to_pose" if model is None else Path(model)
    if model is None and not folder.is_dir():
        raise ValueError(
            f"audio=: {pipeline} holds no speech model: speech=<run folder of stage=audio_to_pose, or its checkpoint>"
        )
    head = None if template is None else load_template(template)
    poses = poses_from_speech(
        path, AudioToPose.load(folder), reference_points, size, size, fps or 24.0, head=head, seed=seed
    )
    return poses[:max_frames]
