"""What both stages are: a batch becomes a loss, and some of the parameters learn from it.

A stage (``appearance``, ``temporal``) says which parameters, and whether frames are denoised one by one.

Shape letters: B batch, T frames.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from faceanim.data.sample import ClipSample
from faceanim.models import diffusion
from faceanim.models.animation_model import AnimationModel, Face
from faceanim.modules.objective import Objective
from faceanim.modules.step import (
    checkpoint_card,
    clip_gradients,
    encode_batch,
    face_mask_at,
    image_tokens,
)


class Losses(NamedTuple):
    """Weighted losses, (B,) or (B, T), and the timesteps that they were taken at, of the same shape."""

    losses: Tensor
    t: Tensor


class Stage(L.LightningModule):
    """model, codec, scheduler: built objects; the scheduler is diffusers' and owns the noise schedule.

    optimizer: callable on parameters. lr_schedule: callable on the optimiser. settings: what an exported pipeline
    has to know.
    """

    stage: ClassVar[str]
    with_motion: ClassVar[bool]  # False: motion modules are off, and each frame has a timestep of its own

    def __init__(
        self,
        model: AnimationModel,
        codec: torch.nn.Module,
        scheduler,
        objective: Objective,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        lr_schedule: Callable[[Optimizer], torch.optim.lr_scheduler.LRScheduler],
        seed: int = 0,
        settings: dict | None = None,
    ):
        super().__init__()
        self.model, self.codec = model.requires_grad_(False), codec.requires_grad_(False)
        self.scheduler, self.objective = scheduler, objective
        self.optimizer, self.lr_schedule = optimizer, lr_schedule
        self.seed, self.settings = seed, settings or {}
        self.register_buffer("abar", scheduler.alphas_cumprod.clone(), persistent=False)
        model.denoising_net.enable_motion(self.with_motion)

    def losses(self, batch: ClipSample, seed: int) -> Losses:
        x0, reference, motion = encode_batch(self.codec, batch)
        n = batch.motion_valid_n.shape[1]
        draw = self.objective.draw(
            batch.number, x0.shape, seed, len(self.abar), not self.with_motion, motion_frames=n
        )
        draw = draw.to(x0.device)
        abar = self.abar[draw.t]
        noisy = diffusion.add_noise(x0, draw.noise_BTChw, abar)
        kind = self.scheduler.config.prediction_type
        target = diffusion.target(kind, x0, draw.noise_BTChw, abar)

        prediction = self.model(
            noisy,
            draw.t,
            reference,
            batch.pose_T3HW,
            Face(batch.reference_3HW, batch.reference_mask_1HW, batch.reference_pose_3HW),
            motion and motion.noised(draw.motion_noise_BnChw).where(draw.keep_motion_B),
            image_tokens(self.model, batch) * draw.keep_image_B[:, None, None],
            draw.keep_reference_B,
        )
        return Losses(self.objective.losses(kind, prediction, target, abar, face_mask_at(x0, batch)), draw.t)

    def training_step(self, batch: ClipSample, batch_idx: int) -> dict[str, Tensor]:
        """The loss, and what it is the mean of, for callbacks."""
        losses, t = self.losses(batch, self.seed)
        self.log("train/loss", losses.mean(), prog_bar=True)
        return {"loss": losses.mean(), "losses": losses.detach(), "t": t}

    def validation_step(self, batch: ClipSample, batch_idx: int) -> None:
        """The loss at fixed frames, noise and timesteps: comparable from step to step."""
        loss = self.losses(batch, self.seed + 1).losses.mean()
        self.log("val/loss", loss, batch_size=len(batch.number))

    def configure_optimizers(self):
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        return [optimizer], [{"scheduler": self.lr_schedule(optimizer), "interval": "step"}]

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        clip_gradients(self, optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["faceanim"] = checkpoint_card(self)
