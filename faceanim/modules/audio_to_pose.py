"""The third stage, audio_to_pose: what a face does while it speaks, learnt from the sound of prepared clips.

Shape letters: B batch, T frames, C channels, L features in time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

import faceanim
from faceanim.data.speech_clips import SpeechClips, SpeechSample
from faceanim.metrics.functional.lip_motion import lip_scores, opening, shifted_scores
from faceanim.models.animation_model import plain_config
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.wav2vec2_features import load_wav2vec2
from faceanim.models.weights import load_into
from faceanim.modules.step import clip_gradients
from faceanim.pose.speech import expression_of
from faceanim.pose.topology import INNER_LIP_PAIRS, LEFT_EYE, MOUTH, RIGHT_EYE

_MEASURED_CLIPS = 64  # held-out ones, at most
_UPPER, _LOWER = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))


@dataclass(frozen=True)
class SpeechObjective:
    """The loss, and what the sound is changed by so that few speakers are not learnt by heart.

    Squared errors in centimetres: of the points (mouth: the weight of the lips; lids: none, they blink when they like),
    of their motion from frame to frame, of the lips' opening. noise, tilt, gain: standard deviations of what is added
    to the normalised bands: to each, rising over them, to all alike. silence: share of samples that become silence,
    whose face is the neutral one.
    """

    mouth: float = 2.0
    elsewhere: float = 0.5
    velocity: float = 5.0
    aperture: float = 1.0
    noise: float = 0.3
    tilt: float = 0.3
    gain: float = 0.2
    silence: float = 0.15

    def loss(self, made_BT68x2: Tensor, real_BT68x2: Tensor) -> Tensor:
        weights = torch.full((68,), self.elsewhere / 36, device=made_BT68x2.device)
        weights[list(MOUTH)] = self.mouth / len(MOUTH)
        weights[[*RIGHT_EYE, *LEFT_EYE]] = 0
        error = made_BT68x2 - real_BT68x2
        points = (error.square().sum(-1) * weights).sum(-1).mean()
        velocity = ((error[:, 1:] - error[:, :-1]).square().sum(-1) * weights).sum(-1).mean()
        gap = (error[..., _LOWER, 1] - error[..., _UPPER, 1]).mean(-1).square().mean()
        return points + self.velocity * velocity + self.aperture * gap

    def disturbed(self, features_BCL: Tensor, numbers: list[int], seed: int) -> tuple[Tensor, Tensor]:
        """The features, and which samples (B,) are heard; drawn from each sample's number alone."""
        changed, heard = [], []
        for one_CL, number in zip(features_BCL, numbers, strict=True):
            draw = np.random.SeedSequence([seed, number, 1]).generate_state(1, np.uint64)[0]
            generator = torch.Generator().manual_seed(int(draw) >> 1)
            tilt, gain = (torch.randn(2, generator=generator) * torch.tensor([self.tilt, self.gain])).tolist()
            slope_C1 = tilt * torch.linspace(-1, 1, len(one_CL))[:, None] + gain
            noise_CL = self.noise * torch.randn(one_CL.shape, generator=generator)
            changed.append((slope_C1 + noise_CL).to(one_CL))
            heard.append(float(torch.rand((), generator=generator)) >= self.silence)
        return features_BCL + torch.stack(changed), torch.tensor(heard, device=features_BCL.device)


class AudioToPoseStage(L.LightningModule):
    """model: an ``AudioToPose``; a wav2vec2 encoder stays as it is. optimizer, lr_schedule: as in ``Stage``.

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
        if model.speech_encoder is not None:
            model.speech_encoder.requires_grad_(False)

    def setup(self, stage: str) -> None:
        """Before a checkpoint is restored."""
        if self.origin is None or self.origin.new:
            mean = self.trainer.datamodule.train_set.mean_expression()
            with torch.no_grad():
                self.model.out.bias.copy_(torch.from_numpy(mean).flatten())

    def losses(self, batch: SpeechSample, seed: int, disturb: bool) -> Tensor:
        with torch.no_grad():
            features = self.model.features(batch.sound_N, batch.profile_C)
        real = batch.expression_T68x2
        if disturb:
            changed, heard = self.objective.disturbed(features, batch.number.tolist(), seed)
            if self.model.speech_encoder is None:
                silent = self.model.silence(features) + (changed - features)
                features = torch.where(heard[:, None, None], changed, silent)
                real = real * heard[:, None, None, None]
        made = self.model(features, batch.place_T * self.model.feature_rate)
        return self.objective.loss(made, real)

    def training_step(self, batch: SpeechSample, batch_idx: int) -> Tensor:
        mixed = np.random.SeedSequence([self.seed, int(batch.number[0])]).generate_state(1, np.uint64)[0]
        torch.manual_seed(
            int(mixed) >> 1
        )  # dropout, by the samples: a resumed run draws what an uninterrupted one does
        loss = self.losses(batch, self.seed, disturb=True)
        self.log("train/loss", loss, prog_bar=True, sync_dist=True, batch_size=len(batch.number))
        return loss

    def validation_step(self, batch: SpeechSample, batch_idx: int) -> None:
        loss = self.losses(batch, self.seed + 1, disturb=False)
        self.log("val/loss", loss, sync_dist=True, batch_size=len(batch.number))

    def on_validation_epoch_start(self) -> None:
        """Not at its end: there callbacks have already put back the weights that are averaged."""
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


def scores(model: AudioToPose, data: L.LightningDataModule) -> dict[str, float]:
    """On the first held-out clips, each whole; the mean: of the lips' opening the error and correlation, those of the
    same at wrong moments, and the error of the training clips' mean pose (which has no correlation)."""
    mean = float(opening(data.train_set.mean_expression()))
    numbers = range(min(len(data.val_set.rows), _MEASURED_CLIPS))
    found = [clip_scores(model, data.val_set, number, mean) for number in numbers]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def clip_scores(model: AudioToPose, clips: SpeechClips, number: int, mean: float) -> dict[str, float]:
    clip = clips.clip(clips.rows[number])
    n_frames = len(clip.expression_T68x2)
    made = opening(expression_of(clip.sound_N, model, n_frames, clip.fps))
    real = opening(clip.expression_T68x2)
    own, wrong = lip_scores(made, real), shifted_scores(made, real, clip.fps)
    return {
        "lip_error": own.error,
        "lip_correlation": own.correlation,
        "lip_error_shifted": wrong.error,
        "lip_correlation_shifted": wrong.correlation,
        "lip_error_mean_pose": lip_scores(np.full(n_frames, mean), real).error,
    }


@dataclass(frozen=True)
class SpeechOrigin:
    """Where the network's first weights are from. new: nowhere. report: for people."""

    report: str
    new: bool = False


def assemble(
    module: Callable[..., AudioToPoseStage],
    parts: dict[str, Any],
    weights: dict[str, Any],
    init_from: str | None,
) -> AudioToPoseStage:
    """module: the stage but for its network. parts: what conf/model/audio_to_pose.yaml builds. init_from: what
    ``AudioToPose.load`` reads; else weights["parts"]["wav2vec2"] fills that encoder, which is never trained."""
    network = parts["network"]
    source = weights["parts"].get("wav2vec2")
    if init_from is not None:
        report = load_into(network, AudioToPose.load(init_from).state_dict(), init_from, part="audio_to_pose")
    elif network.speech_encoder is None:
        report = "audio_to_pose: new weights"
    elif source is None:
        raise ValueError(
            "model.network.encoder=wav2vec2 needs its weights: +weights.parts.wav2vec2=<file or folder>"
        )
    else:
        report = load_wav2vec2(network.speech_encoder, source)
    return module(model=network, origin=SpeechOrigin(str(report), new=init_from is None))
