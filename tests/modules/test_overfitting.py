"""Learning itself: one clip, from random weights, until the faces follow the landmarks."""

from pathlib import Path

import cv2
import dlib
import numpy as np
import torch
from hydra.utils import instantiate

from faceanim.data.prepared_folder import Clip, load_clip, read_index
from faceanim.data.sample import PackedSample
from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.export import pipeline_of
from faceanim.pipelines.initial_weights import open_checkpoint
from faceanim.pipelines.options import Sampling
from faceanim.pose.dlib_landmarker import dlib_weights
from tests.helpers.training import configuration, fit, losses, steps

LEARN = [
    *steps("appearance", 300, 1000, 1000),
    "schedule.appearance.learning_rate=2e-3",
    "schedule.appearance.warmup_steps=10",
    "model.channels=[32,64]",
    "model.motion_frames=0",
    *(f"objective.drop_{name}=0" for name in ("image", "reference", "motion")),
    "data.module.jitter=null",
]


class PoseBlind(torch.nn.Module):
    """The best that can be predicted without looking at the pose: always the mean of the clip's latents."""

    def __init__(self, mean_Chw: torch.Tensor, image_encoder: torch.nn.Module):
        super().__init__()
        self.mean_Chw, self.image_encoder = mean_Chw, image_encoder

    def forward(self, noisy_BTChw: torch.Tensor, *_):
        return self.mean_Chw.expand_as(noisy_BTChw)


def pose_blind_loss(data: Path, run_dir: Path, clip: Clip) -> float:
    """What training would log with ``PoseBlind`` in the networks' place, over twenty batches."""
    cfg = configuration(data, run_dir, "appearance", *LEARN)
    parts, module = instantiate(cfg.model, _convert_="all"), instantiate(cfg.data.module, _convert_="all")
    networks = AnimationModel.from_parts(parts)
    stage = instantiate(cfg.stage.module, _convert_="all")(
        model=networks, codec=parts["codec"], scheduler=parts["scheduler"]
    )
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2) / 127.5 - 1
    stage.model = PoseBlind(stage.codec.encode(frames).mean(0), networks.image_encoder)
    found = []
    for number in range(20):
        batch = PackedSample.collate([module.train_set[number]]).unpack()
        with torch.no_grad():
            found.append(stage.losses(batch, seed=0).losses.mean().item())
    return float(np.mean(found))


def landmark_error(frames: np.ndarray, clip: Clip) -> float:
    """In inter-ocular distances; dlib's predictor is told where the face should be, as its detector fails on 32
    pixels."""
    predictor, side, errors = dlib.shape_predictor(str(dlib_weights())), 512, []
    for frame, points in zip(frames, clip.poses.points[..., :2], strict=True):
        scale = side / len(frame)
        low, high = points.min(0) * scale, points.max(0) * scale
        centre, half = (low + high) / 2, (high - low).max() / 2
        box = dlib.rectangle(*(int(value) for value in (*(centre - half), *(centre + half))))
        shape = predictor(cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC), box)
        found = np.array([(part.x, part.y) for part in shape.parts()]) / scale
        errors.append(np.linalg.norm(found - points, axis=1).mean() / np.linalg.norm(points[36] - points[45]))
    return float(np.mean(errors))


def test_one_clip_is_learnt_better_than_without_its_poses(demo_data, tmp_path):
    row = next(row for row in read_index(demo_data) if row.split == "train")
    whole = load_clip(demo_data, row)
    few = slice(None, None, 8)
    clip = Clip(whole.frames[few], whole.poses[few])

    fit(demo_data, tmp_path, "appearance", *LEARN)
    curve = [loss for _, loss in losses(tmp_path)]
    blind = pose_blind_loss(demo_data, tmp_path, whole)
    assert curve[0] > blind > 2 * np.mean(curve[-20:])

    pipe = pipeline_of(open_checkpoint(tmp_path / "checkpoints" / "last.ckpt"))
    made = pipe(whole.frames[0], whole.poses.points[0], clip.poses, Sampling(steps=10))
    still = np.repeat(whole.frames[:1], len(clip.frames), axis=0)
    real, generated, static = (landmark_error(frames, clip) for frames in (clip.frames, made, still))
    # Nearer to what dlib itself is off on the real frames than to a picture that does not move.
    assert real < static and generated < (real + static) / 2
    print(f"loss {curve[0]:.3f} -> {np.mean(curve[-20:]):.4f}, pose-blind {blind:.3f}")
    print(f"landmark error: real {real:.3f}, generated {generated:.3f}, static {static:.3f}")
