"""Stage audio_to_pose: face and head motion from speech, learnt from the sound of prepared clips.

Shape letters: B batch, T frames, S steps of the head, C channels, L features in time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

import faceanim
from faceanim.data.speech_clips import SpeechSample
from faceanim.models.animation_model import plain_config
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.head_from_speech import at_steps, changes
from faceanim.models.wav2vec2_features import load_wav2vec2
from faceanim.models.weights import load_into
from faceanim.modules.optimizer_step import StepMean, clip_gradients, seed_step
from faceanim.modules.speech_objective import SpeechObjective
from faceanim.modules.speech_scores import scores


class AudioToPoseStage(L.LightningModule):
    """Training of an ``AudioToPose`` model.

    model: a wav2vec2 encoder stays as it is. optimizer, lr_schedule: as in ``Stage``.

    A network without an origin starts from the training clips' mean pose, whatever is heard: what it does not learn
    leaves it there, and not at closed lips.
    """

    stage = "audio_to_pose"

    def __init__(
        self,
        model: AudioToPose,
        objective: SpeechObjective,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        lr_schedule: Callable[[Optimizer], torch.optim.lr_scheduler.LRScheduler],
        seed: int = 0,
        origin: "SpeechOrigin | None" = None,
    ):
        super().__init__()
        self.model, self.objective, self.seed, self.origin = model, objective, seed, origin
        self.optimizer, self.lr_schedule = optimizer, lr_schedule
        self._step_losses = {"loss": StepMean(), "head": StepMean()}
        if model.speech_encoder is not None:
            model.speech_encoder.requires_grad_(False)

    def setup(self, stage: str) -> None:
        """Start new parts from statistics of the training clips; a checkpoint is restored afterwards."""
        clips = self.trainer.datamodule.train_set
        with torch.no_grad():
            if self.origin is None or self.origin.new:
                self.model.out.bias.copy_(torch.from_numpy(clips.mean_expression()).flatten())
            if self.model.head_network is not None and (self.origin is None or self.origin.new_head):
                spread, bound = clips.head_range()
                self.model.head_network.spread_6.copy_(torch.from_numpy(spread))
                self.model.head_network.bound_6.copy_(torch.from_numpy(bound))

    def losses(self, batch: SpeechSample, seed: int, disturb: bool) -> dict[str, Tensor]:
        """Return the loss and, where the model moves the head, the part of it that is the head's."""
        with torch.no_grad():
            features = self.model.features(batch.sound_N, batch.profile_C)
        real, heard = batch.expression_T68x2, None
        if disturb:
            changed, heard = self.objective.disturbed(features, batch.index.tolist(), seed)
            if self.model.speech_encoder is None:
                silent = self.model.silence(features) + (changed - features)
                features = torch.where(heard[:, None, None], changed, silent)
                real = real * heard[:, None, None, None]
        made = self.model(features, batch.place_T * self.model.feature_rate)
        expression = self.objective.loss(made, real)
        if self.model.head_network is None:
            return {"loss": expression}
        head = self.head_loss(batch, features, heard, seed)
        return {"loss": expression + head, "head": head}

    def head_loss(
        self, batch: SpeechSample, features_BCL: Tensor, heard_B: Tensor | None, seed: int
    ) -> Tensor:
        """Loss of every head step after the first, given the real ones before. heard: None if nothing is disturbed."""
        head, place_BT = self.model.head_network, batch.place_T
        fps_B = (place_BT.shape[1] - 1) / (place_BT[:, -1] - place_BT[:, 0])
        real_BS6 = head.in_spreads(at_steps(batch.head_T6, fps_B))
        noise_BS6 = torch.zeros_like(real_BS6)
        if heard_B is not None:
            real_BS6, noise_BS6 = self.objective.disturbed_heads(real_BS6, batch.index.tolist(), seed)
            if self.model.speech_encoder is None:
                real_BS6 = torch.where(heard_B[:, None, None], 1, self.objective.head_silence) * real_BS6
        steps_S = torch.arange(real_BS6.shape[1], device=real_BS6.device)
        place_BS = place_BT[:, :1] * self.model.feature_rate + steps_S * head.hop
        past_BS6 = (real_BS6 + noise_BS6)[:, :-1]
        step = head(past_BS6, changes(past_BS6), head.listen(features_BCL, place_BS[:, 1:]))
        return self.objective.head_loss(step, real_BS6[:, 1:])

    def training_step(self, batch: SpeechSample, batch_idx: int) -> Tensor:
        seed_step(self.seed, batch)
        losses = self.losses(batch, self.seed, disturb=True)
        first = batch_idx % self.trainer.accumulate_grad_batches == 0
        means = {name: self._step_losses[name].update(loss, first) for name, loss in losses.items()}
        self._log("train/loss", means["loss"], batch, prog_bar=True)
        if "head" in means:
            self._log("train/head_loss", means["head"], batch)
        return losses["loss"]

    def validation_step(self, batch: SpeechSample, batch_idx: int) -> None:
        self._log("val/loss", self.losses(batch, self.seed + 1, disturb=False)["loss"], batch)

    def _log(self, name: str, loss: Tensor, batch: SpeechSample, **options: bool) -> None:
        self.log(name, loss, sync_dist=True, batch_size=len(batch.index), **options)

    def on_validation_epoch_start(self) -> None:
        """Log the scores on held-out clips. Not at the end: EMA has put back the trained weights by then."""
        data = self.trainer.datamodule
        self.log_dict(
            {f"val/{name}": value for name, value in scores(self.model, data).items()}, sync_dist=True
        )

    def configure_optimizers(self):
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        lr_schedule = self.lr_schedule(optimizer)
        return [optimizer], [{"scheduler": lr_schedule, "interval": "step", "name": "train/lr"}]

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        clip_gradients(self, optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["faceanim"] = {
            "version": faceanim.__version__,
            "stage": self.stage,
            "model": plain_config(self.model),
        }


@dataclass(frozen=True)
class SpeechOrigin:
    """Provenance of the network's first weights. new, new_head: all of them, or the head's, are random. report:
    text."""

    report: str
    new: bool = False
    new_head: bool = False


def assemble(
    module: Callable[..., AudioToPoseStage],
    parts: dict[str, Any],
    weights: dict[str, Any],
    init_from: str | None,
) -> AudioToPoseStage:
    """Build the stage with its first weights.

    module: the stage's class with all arguments but its network. parts: what conf/model/audio_to_pose.yaml builds.
    init_from: what ``AudioToPose.load`` reads, where it moves no head a new one begins; else
    weights["parts"]["wav2vec2"] fills that encoder, which is never trained."""
    network = parts["network"]
    source = weights["parts"].get("wav2vec2")
    new_head = init_from is None
    if init_from is not None:
        start = AudioToPose.load(init_from)
        new_head = start.head_network is None
        may_miss = ("head_network.",) if new_head else ()
        report = load_into(network, start.state_dict(), init_from, may_miss, part="audio_to_pose")
    elif network.speech_encoder is None:
        report = "audio_to_pose: new weights"
    elif source is None:
        raise ValueError(
            "model.network.encoder=wav2vec2 needs its weights: +weights.parts.wav2vec2=<file or folder>"
        )
    else:
        report = load_wav2vec2(network.speech_encoder, source)
    return module(model=network, origin=SpeechOrigin(str(report), init_from is None, new_head))
