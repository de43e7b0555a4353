"""Validation samples: videos of held-out clips as the model generates them now, and their metrics."""

import logging
from pathlib import Path

import lightning as L
import numpy as np
import torch
from diffusers import DDIMScheduler
from lightning.pytorch.utilities.seed import isolate_rng

from faceanim.bounds import at_least
from faceanim.data.datamodule import FaceClipDataModule
from faceanim.data.manifest import ManifestRow
from faceanim.data.prepared_folder import earliest_of_source, load_clip, read_index, read_reference
from faceanim.media.image import write_image
from faceanim.media.video_writer import AI_GENERATED, write_video
from faceanim.metrics.predictions import ClipFrames
from faceanim.metrics.validation import ValidationMetrics
from faceanim.modules.stage import Stage
from faceanim.modules.strategies import shards_weights
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.options import Sampling
from faceanim.pipelines.render import render
from faceanim.pipelines.step_counts import check_steps
from faceanim.pose.landmarkers import BACKENDS
from faceanim.pose.repair import fill_gaps
from faceanim.runs.all_ranks import gather
from faceanim.runs.lightning_private import run_validation
from faceanim.runs.media_log import log_media

log = logging.getLogger(__name__)


class ValidationSamples(L.Callback):
    """Animates, at every validation and (at_start) once before the first step, the first ``clips`` held-out clips, in
    the order of their ids, with their own last ``frames`` landmarks, from the first frame of the same raw video's
    earliest clip. Logs the `ValidationMetrics` as ``val/<name>`` and writes ``<folder>/step_000100/<clip_id>.mp4``
    (reference, pose, generated, real) and ``.png`` (some frames of it), which loggers get too.

    steps, guidance_scale, seed: of the sampling, see ``check_steps``. landmarks: backend that finds the faces.

    Clips are spread over the ranks; the means are over all of them, rank 0's loggers get what rank 0 made.
    Whatever fails is logged with its traceback and the training continues. ``val/failed_clips`` counts clips that could
    not be made or measured: then the means are NaN, as others than before would be averaged.
    Where a strategy shards weights over ranks, there are no samples.
    Stands before an EMA callback in the list, so that it samples from the averaged weights.
    """

    def __init__(
        self,
        folder: str | Path,
        clips: int = 4,
        frames: int = 24,
        steps: int = 10,
        guidance_scale: float = 1.0,
        seed: int = 0,
        landmarks: str = "dlib",
        at_start: bool = True,
    ):
        at_least(1, "callbacks.samples.", clips=clips, frames=frames, steps=steps)
        at_least(0, "callbacks.samples.", seed=seed)
        if landmarks not in BACKENDS:
            expected = ", ".join(BACKENDS)
            raise ValueError(f"callbacks.samples.landmarks: expected one of {expected}, got {landmarks!r}")
        self.folder, self.clips, self.frames = Path(folder), clips, frames
        self.sampling = Sampling(steps, guidance_scale, seed)
        self.landmarks, self.at_start = landmarks, at_start
        self._metrics: ValidationMetrics | None = None
        self._told = False

    def on_fit_start(self, trainer: L.Trainer, pl_module: Stage) -> None:
        check_steps(None, pl_module.scheduler, self.sampling.steps)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Stage) -> None:
        """Run the baseline validation, once all callbacks have started."""
        if not self.at_start or trainer.global_step:  # a resumed run has its baseline
            return
        with isolate_rng():
            run_validation(trainer)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: Stage) -> None:
        if shards_weights(trainer):
            if not self._told:
                log.warning("validation: no samples, %s shards the weights", type(trainer.strategy).__name__)
            self._told = True
            return
        self._metrics = self._metrics or ValidationMetrics(self.landmarks)
        with isolate_rng():
            failed = sum(not self._one(trainer, pl_module, row) for row in self._rows(trainer))
        self._log(trainer, pl_module, failed)

    def _rows(self, trainer: L.Trainer) -> list[ManifestRow]:
        """This rank's clips."""
        rows = sorted(trainer.datamodule.val_set.rows, key=lambda row: row.clip_id)[: self.clips]
        return rows[trainer.global_rank :: trainer.world_size]

    def _one(self, trainer: L.Trainer, stage: Stage, row: ManifestRow) -> bool:
        """Generate, measure and show a clip; False where one of the first two fails."""
        where = f"validation at step {trainer.global_step}: clip {row.clip_id}"
        try:
            with trainer.precision_plugin.val_step_context():
                frames = self._animate(trainer.datamodule, row, stage)
            self._metrics.update(frames)
        except Exception:
            log.exception("%s failed", where)
            return False
        try:
            self._show(trainer, row.clip_id, frames)
        except Exception:
            log.exception("%s not shown", where)
        return True

    def _animate(self, data: FaceClipDataModule, row: ManifestRow, stage: Stage) -> ClipFrames:
        reference, points = read_reference(data.folder, earliest_of_source(row, read_index(data.folder)))
        clip = load_clip(data.folder, row, self.frames, at_end=True)
        poses = fill_gaps(clip.poses)
        pipeline = AnimationPipeline(
            **stage.model.parts(),
            codec=stage.codec,
            scheduler=DDIMScheduler.from_config(stage.scheduler.config),  # it keeps its steps
            motion=stage.with_motion,
            **stage.settings,
        )
        frames = [*render(pipeline, reference, points, poses, self.sampling)]
        generated, drawn = (np.stack(images) for images in list(zip(*frames, strict=True))[:2])
        return ClipFrames(reference, clip.frames, generated, drawn, poses.fps)

    def _show(self, trainer: L.Trainer, clip_id: str, frames: ClipFrames) -> None:
        step = trainer.global_step
        path, sheet = self.folder / f"step_{step:06d}" / clip_id, frames.sheet()
        write_image(path.with_name(f"{clip_id}.png"), sheet)
        video = path.with_name(f"{clip_id}.mp4")
        write_video(video, frames.side_by_side(), frames.fps, comment=AI_GENERATED)
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                log_media(logger, f"samples/{clip_id}", sheet, video, step)

    def _log(self, trainer: L.Trainer, stage: Stage, failed: int) -> None:
        """Log the means over all ranks; all ranks call it at every validation, after failures too."""
        reports = gather([(failed, self._metrics.available)])
        failed = sum(one for one, _ in reports)
        names = [name for name in self._metrics.available if all(name in those for _, those in reports)]
        values = self._metrics.compute(names, stage.device)
        self._metrics.reset()
        if failed:
            values = {name: torch.tensor(torch.nan) for name in values}
        values["failed_clips"] = torch.tensor(float(failed))
        stage.log_dict(
            {f"val/{name}": value.to(stage.device) for name, value in values.items()}, sync_dist=True
        )
