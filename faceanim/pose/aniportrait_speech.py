"""Speech to a face's motion by AniPortrait's networks. T: frames; N: samples; V: mesh vertices."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from faceanim.media.sound import MAX_SECONDS, SPEECH_RATE, read_speech
from faceanim.models.aniportrait_audio import MANNERS, AudioToHead, AudioToMesh
from faceanim.pose.expressions import close_eyes
from faceanim.pose.head_model import angles, axis_rotation
from faceanim.pose.idle_motion import blinks, idle
from faceanim.pose.motion import FaceMotion
from faceanim.pose.speech import frames_of_speech
from faceanim.pose.topology import MEDIAPIPE_VERTICES

_PIECE_SECONDS, _OVERLAP_SECONDS = 16.0, 1.0  # of speech at a time; 600 frames at most, whatever the rate
_CAMERA = (
    50.0  # centimetres from the face to AniPortrait's camera: what a step towards it does to the face's size
)
_FLIP = np.diag([1.0, -1.0, -1.0])  # the mesh's axes (y up, z to the camera) to ours


@torch.no_grad()
def motion_from_mesh_model(
    path: str | Path,
    mesh: AudioToMesh,
    head: AudioToHead | None = None,
    fps: float = 24.0,
    manner: int | None = None,
    seed: int = 0,
    max_seconds: float = MAX_SECONDS,
) -> FaceMotion:
    """Return the motion of a face that speaks this sound, round(duration * fps) frames, in pieces that fade into each
    other. The mesh's 468 vertices become 68 points, without their motion in depth.

    Args:
        head: moves the head; without it the head idles, see ``idle``.
        manner: number of the learnt manner of the head, 0 to 99; None: drawn from `seed`.
        seed: of blinks and idle motion too.
        max_seconds: longer sound is refused.

    Raises:
        ValueError: for sound shorter than the networks take.
    """
    sound = read_speech(path, max_seconds)
    n_frames = frames_of_speech(path, len(sound), fps)
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)  # as wav2vec2 was trained
    sound_1N = torch.from_numpy(sound)[None].to(next(mesh.parameters()).device)

    vertices_TVx3 = _faded(lambda part, n: mesh(part, n)[0], sound_1N, n_frames, fps)
    points = vertices_TVx3[:, np.array(MEDIAPIPE_VERTICES)].mean(axis=2) @ _FLIP
    rng = np.random.default_rng(seed)
    motion = replace(
        idle(n_frames, fps, rng), expression=points[..., :2] + close_eyes(blinks(n_frames, fps, rng))
    )
    if head is None:
        return motion
    manner = int(rng.integers(MANNERS)) if manner is None else manner
    numbers = torch.tensor([manner], device=sound_1N.device)
    pose_T6 = _faded(lambda part, n: head(part, n, numbers)[0], sound_1N, n_frames, fps, head.max_frames)
    return replace(motion, **head_motion(pose_T6))


def head_motion(pose_T6: np.ndarray) -> dict[str, np.ndarray]:
    """AniPortrait's degrees and centimetres (see ``AudioToHead``) as turn, zoom and shift of a ``FaceMotion``."""
    x, y, z = np.radians(pose_T6[:, :3]).T
    rotation_T33 = axis_rotation(2, z) @ axis_rotation(1, y) @ axis_rotation(0, x)
    move_T3 = pose_T6[:, 3:] @ _FLIP
    zoom = -np.log(np.maximum(1 + move_T3[:, 2] / _CAMERA, 0.1))
    return {"turn": angles(_FLIP @ rotation_T33 @ _FLIP), "zoom": zoom, "shift": move_T3[:, :2]}


def _faded(
    network: Callable[[torch.Tensor, int], torch.Tensor],
    sound_1N: torch.Tensor,
    n_frames: int,
    fps: float,
    most: int = 600,
) -> np.ndarray:
    """The network's (T, ...) over pieces of the sound, each fading into the next where they overlap."""
    overlap = max(1, round(_OVERLAP_SECONDS * fps))
    step = max(overlap + 1, min(round(_PIECE_SECONDS * fps), most) - overlap)
    total, begin = None, 0
    while begin == 0 or begin + overlap < n_frames:
        end = min(begin + step + overlap, n_frames)
        part = sound_1N[:, round(begin / fps * SPEECH_RATE) : round(end / fps * SPEECH_RATE)]
        made = network(part, end - begin).double().cpu().numpy()
        total = np.zeros((n_frames, *made.shape[1:])) if total is None else total
        weight = np.ones(end - begin)
        if begin:
            weight[:overlap] = np.linspace(0, 1, overlap + 2)[1:-1]
        if end < n_frames:
            weight[-overlap:] = np.linspace(1, 0, overlap + 2)[1:-1]
        total[begin:end] += weight.reshape(-1, *[1] * (made.ndim - 1)) * made
        begin += step
    return total
