"""Base of the stages that train the animation model: from a batch to a loss.

A stage says what it trains, what weights it requires, and whether frames are denoised one by one; it overrides any of
the four steps of ``Stage.losses`` that it does differently.

Shape letters: B batch, T frames.
"""

import math
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, ClassVar, NamedTuple

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import faceanim
from faceanim.data.sample import ClipSample
from faceanim.models import diffusion
from faceanim.models.animation_model import AnimationModel, Face, plain_config
from faceanim.models.lora import add_lora, plain_name
from faceanim.models.motion_module import is_motion
from faceanim.modules.batch_encoding import Latents, encode_batch, image_tokens, mask_at
from faceanim.modules.objective import Draw, Objective
from faceanim.modules.optimizer_step import StepMean, clip_gradients, seed_step
from faceanim.modules.strategies import shard
from faceanim.pipelines.initial_weights import Needs, WeightProvenance, frozen_fingerprints, initialise


class Losses(NamedTuple):
    """Weighted losses, (B,) or (B, T), and the timesteps that they were taken at, of the same shape."""

    losses: Tensor
    t: Tensor


class Stage(L.LightningModule):
    """A training stage of the animation model.

    model, codec, scheduler: built objects; the scheduler is diffusers' and owns the noise schedule. optimizer: callable
    on parameters. lr_schedule: callable on the optimiser. settings: of an exported pipeline. lora_rank: 0, or low-rank
    updates of the attention layers learn in place of all that the stage trains (see ``add_lora``).

    Its ``state_dict``, and so a checkpoint, holds the layers that are trained and what no source gave; the rest it
    refers to by source and sha256. Without ``start_from`` it holds everything.
    """

    stage: ClassVar[str]
    with_motion: ClassVar[bool]  # False: motion modules are off, and each frame has a timestep of its own
    requires_appearance: ClassVar[bool] = False  # starts from trained appearance weights alone
    random_parts: ClassVar[Set[str]] = frozenset()  # components that may start from random weights

    def __init__(
        self,
        model: AnimationModel,
        codec: nn.Module,
        scheduler,
        objective: Objective,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        lr_schedule: Callable[[Optimizer], torch.optim.lr_scheduler.LRScheduler],
        seed: int = 0,
        settings: dict | None = None,
        lora_rank: int = 0,
        lora_alpha: float = 8.0,
    ):
        super().__init__()
        if not isinstance(objective, Objective):
            raise ValueError(
                f"objective: expected faceanim.modules.objective.Objective or a subclass for stage={self.stage}, got "
                f"{type(objective).__name__}"
            )
        self.model, self.codec = model.requires_grad_(False), codec.requires_grad_(False)
        self.scheduler, self.objective = scheduler, objective
        self.optimizer, self.lr_schedule = optimizer, lr_schedule
        self.seed, self.settings = seed, settings or {}
        self.origin: WeightProvenance | None = None  # None until ``start_from``
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        self.frozen: dict[str, str] = {}
        self._trains_chosen = False
        self._step_loss = StepMean()
        self.abar = scheduler.alphas_cumprod.clone()  # no buffer: DeepSpeed would round it to bfloat16
        model.denoising_net.enable_motion(self.with_motion)

    @abstractmethod
    def trains(self) -> Iterable[nn.Parameter]:
        """Parameters that learn; all others are frozen."""

    def choose_trained(self) -> None:
        """Make ``trains()``, or low-rank updates of it, ask for gradients. Once; ``setup`` does it at the latest."""
        if self._trains_chosen:
            return
        self._trains_chosen = True
        for parameter in self.trains():
            parameter.requires_grad_(True)
        if self.lora_rank:
            add_lora(self.model, self.lora_rank, self.lora_alpha)

    def start_from(self, weights: dict[str, Any], init_from: str | None) -> None:
        """Give the networks their first weights (see ``initialise``), and choose what is trained."""
        needs = Needs(self.stage, self.requires_appearance, self.with_motion, self.random_parts)
        self.origin = initialise(self.model, self.codec, weights, init_from, needs)
        self.choose_trained()

    def compute(self, channels_last: bool = False, **options: bool) -> None:
        """Set options as ``AnimationModel.compute``; the codec's weights get the memory format too."""
        self.model.compute(channels_last=channels_last, **options)
        if channels_last:
            self.codec.to(memory_format=torch.channels_last)

    def configure_model(self) -> None:
        """Shard the trained networks over the ranks under ``trainer=fsdp``."""
        if self.device_mesh is not None:
            if self.lora_rank:
                raise ValueError(
                    "lora.rank: low-rank updates are too small to be spread over ranks; trainer=ddp"
                )
            shard(list(self.model.children()), self.device_mesh["data_parallel"])

    def losses(self, batch: ClipSample, seed: int) -> Losses:
        latents = self.encode(batch)
        draw = self.draw(batch, latents, seed).to(latents.frames_BTChw.device)
        prediction = self.predict(batch, latents, draw)
        return Losses(self.compare(batch, latents, draw, prediction), draw.t)

    def encode(self, batch: ClipSample) -> Latents:
        return encode_batch(self.codec, batch)

    def draw(self, batch: ClipSample, latents: Latents, seed: int) -> Draw:
        """Draw noise, timesteps and dropped conditions from each sample's number alone, on the CPU."""
        shape, n = latents.frames_BTChw.shape, batch.motion_valid_n.shape[1]
        return self.objective.draw(batch.index, shape, seed, len(self.abar), not self.with_motion, n)

    def predict(self, batch: ClipSample, latents: Latents, draw: Draw) -> Tensor:
        """Return the networks' prediction from noisy latents and conditions, (B, T, C, h, w)."""
        abar = self.abar.to(draw.t.device)[draw.t]
        motion = latents.motion and latents.motion.noised(draw.motion_noise_BnChw).where(draw.keep_motion_B)
        return self.model(
            diffusion.add_noise(latents.frames_BTChw, draw.noise_BTChw, abar),
            draw.t,
            latents.reference_BChw,
            batch.pose_T3HW,
            Face(batch.reference_3HW, batch.reference_mask_1HW, batch.reference_pose_3HW),
            motion,
            image_tokens(self.model, batch) * draw.keep_image_B[:, None, None],
            draw.keep_reference_B,
        )

    def compare(self, batch: ClipSample, latents: Latents, draw: Draw, prediction_BTChw: Tensor) -> Tensor:
        """Return weighted losses of the prediction, of the timesteps' shape."""
        x0, abar = latents.frames_BTChw, self.abar.to(draw.t.device)[draw.t]
        kind = self.scheduler.config.prediction_type
        target = diffusion.target(kind, x0, draw.noise_BTChw, abar)
        face, lips = mask_at(x0, batch.face_mask_T1qq), mask_at(x0, batch.lip_mask_T1qq)
        return self.objective.losses(kind, prediction_BTChw, target, abar, face, lips)

    def training_step(self, batch: ClipSample, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss and, for callbacks, the losses that it is the mean of."""
        seed_step(self.seed, batch)
        losses, t = self.losses(batch, self.seed)
        loss = losses.mean()
        mean = self._step_loss.update(loss, first=batch_idx % self.trainer.accumulate_grad_batches == 0)
        self.log("train/loss", mean, prog_bar=True, sync_dist=True, batch_size=len(batch.index))
        return {"loss": loss, "losses": losses.detach(), "t": t}

    def validation_step(self, batch: ClipSample | None, batch_idx: int) -> None:
        """Log the loss at fixed frames, noise and timesteps: comparable from step to step. NaN where no batch can be
        read: a mean over other samples would not be."""
        if batch is None:
            return self.log("val/loss", math.nan, sync_dist=True, batch_size=1)
        loss = self.losses(batch, self.seed + 1).losses.mean()
        self.log("val/loss", loss, sync_dist=True, batch_size=len(batch.index))

    def configure_optimizers(self):
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        lr_schedule = self.lr_schedule(optimizer)
        return [optimizer], [{"scheduler": lr_schedule, "interval": "step", "name": "train/lr"}]

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        clip_gradients(self, optimizer, gradient_clip_val, gradient_clip_algorithm)

    @property
    def has_motion(self) -> bool:
        """Whether the motion modules are trained: here, or before."""
        return self.with_motion or (self.origin is not None and self.origin.motion)

    def setup(self, stage: str) -> None:
        """Freeze what is not trained, running statistics included, and take its fingerprints."""
        self.choose_trained()
        for module in self.children():
            _freeze_modes(module)
        warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode at the start of training")
        state = {plain_name(name): tensor for name, tensor in super().state_dict().items()}
        self.frozen = frozen_fingerprints(state, set(self.state_dict()), self.has_motion)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        state = super().state_dict(*args, **kwargs)
        if self.origin is None:
            return state
        layers = {
            name
            for name, module in self.named_modules()
            if any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        }
        unsourced = self.origin.unsourced
        return {
            plain_name(name): tensor
            for name, tensor in state.items()
            if name.rpartition(".")[0] in layers
            or (plain_name(name) in unsourced and (self.has_motion or not is_motion(name)))
        }

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False):
        if strict:
            self.check_names(state_dict.keys())
        own = super().state_dict()  # what a checkpoint does not carry stays as it is
        names = {plain_name(name): name for name in own}
        given = {names.get(name, name): tensor for name, tensor in state_dict.items()}
        return super().load_state_dict(own | given, strict=True, assign=assign)

    def check_names(self, names: Set[str]) -> None:
        """Raise ValueError unless a checkpoint with these tensors is one of this stage's."""
        own = self.state_dict().keys()
        if own != names:
            differing = sorted(own ^ names)
            raise ValueError(
                f"the checkpoint holds {len(names)} tensors where this stage carries {len(own)}; "
                f"{len(differing)} differ, first {', '.join(differing[:3])}"
            )

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["faceanim"] = checkpoint_card(self)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        before = checkpoint["faceanim"]["frozen"]
        differing = sorted(
            name for name in {*before, *self.frozen} if before.get(name) != self.frozen.get(name)
        )
        if differing:
            raise ValueError(
                f"{', '.join(differing)}: frozen, but other weights than before the interruption. Their source has "
                "changed: give the one of then by init_from= or weights.parts, or train in another run_dir"
            )


def checkpoint_card(module: L.LightningModule) -> dict:
    """Describe the networks in plain values: enough to rebuild them from the checkpoint without its run folder."""
    return {
        "version": faceanim.__version__,
        "stage": module.stage,
        "settings": module.settings,
        "model": module.model.configs(),
        "codec": {"name": type(module.codec).__name__, "config": plain_config(module.codec)},
        "scheduler": plain_config(module.scheduler),
        "motion": module.has_motion,
        "lora_scale": module.lora_alpha / module.lora_rank if module.lora_rank else 0.0,
        "frozen": module.frozen,
        "origin": None if module.origin is None else module.origin.card(module.trainer.default_root_dir),
    }


def _freeze_modes(module: nn.Module) -> None:
    """Put modules without trained parameters into evaluation mode."""
    if not any(parameter.requires_grad for parameter in module.parameters()):
        module.eval()
        return
    for child in module.children():
        _freeze_modes(child)
