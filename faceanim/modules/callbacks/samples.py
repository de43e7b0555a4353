"""A sheet of sampled frames at every validation: reference, pose, generated, real."""

from pathlib import Path

import lightning as L
import numpy as np

from faceanim.data.clips import load_clip
from faceanim.data.datamodule import FaceClipDataModule
from faceanim.media.image import write_image
from faceanim.media.sheet import tile
from faceanim.models.animation_model import AnimationModel
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pose.sequence import PoseSequence


class SampleSheets(L.Callback):
    """Writes <folder>/<step>.png: ``frames`` frames of the first held-out clip: spread over it
    in stage 1, of one consecutive window in stage 2.

    The reference is the first frame of the first training clip. Stands before an EMA callback in the list, so
    that it samples from the averaged weights.
    """

    def __init__(self, folder: str | Path, frames: int = 6, steps: int = 10):
        self.folder, self.frames, self.steps = Path(folder), frames, steps

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        data: FaceClipDataModule = trainer.datamodule
        reference = load_clip(data.folder, data.train_set.rows[0], max_frames=1)
        clip = load_clip(data.folder, data.val_set.rows[0])
        motion = pl_module.stage == "temporal"
        last = pl_module.settings["chunk_frames"] if motion else len(clip.frames)
        chosen = np.arange(last) if motion else np.linspace(0, last - 1, self.frames).round().astype(int)
        chosen = chosen[clip.poses.found[chosen]]
        if not len(chosen) or not reference.poses.found[0]:
            return
        poses = PoseSequence(
            clip.poses.points[chosen],
            clip.poses.confidence[chosen],
            clip.poses.fps,
            clip.poses.width,
            clip.poses.height,
        )
        pipeline = AnimationPipeline(
            **{name: getattr(pl_module.model, name) for name in AnimationModel.components},
            codec=pl_module.codec,
            scheduler=pl_module.scheduler,
            motion=motion,
            **{**pl_module.settings, "chunk_frames": len(chosen)},
        )
        pipeline.set_progress_bar_config(disable=True)
        generated = pipeline(reference.frames[0], reference.poses.points[0], poses, steps=self.steps)
        shown = np.linspace(0, len(chosen) - 1, self.frames).round().astype(int)
        drawn = poses.draw(*generated.shape[1:3])
        rows = [list(video[shown]) for video in (drawn, generated, clip.frames[chosen])]
        sheet = tile(
            [[reference.frames[0]] * len(shown), *rows], labels=["reference", "pose", "generated", "real"]
        )
        write_image(self.folder / f"{trainer.global_step:06d}.png", sheet)
