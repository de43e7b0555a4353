"""Loss and augmentation of stage audio_to_pose. Shape letters: B batch, T frames, S steps of the head, C channels, L
features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from faceanim.models.head_from_speech import LEAST_NLL, MIRRORED, N_POSE, Step, nll
from faceanim.models.seeding import generator as generator_of
from faceanim.pose.topology import INNER_LIP_PAIRS, LEFT_EYE, MOUTH, RIGHT_EYE

_UPPER, _LOWER = (list(side) for side in zip(*INNER_LIP_PAIRS, strict=True))


@dataclass(frozen=True)
class SpeechObjective:
    """Loss, and augmentation of the sound against overfitting to few speakers.

    Squared errors in centimetres: of the points (mouth: the weight of the lips; lids: none, they blink when they like),
    of their motion from frame to frame, of the lips' opening. noise, tilt, gain: standard deviations of what is added
    to the normalised bands: to each, rising over them, to all alike. silence: share of samples that become silence,
    whose face is the neutral one.
    head: weight of the negative log-likelihood of the head's steps. head_noise: standard deviation, at most, of what is
    added to a window's past, the same everywhere, in spreads: so it learns to return. head_silence: how far a head goes
    in silence, of how far it goes in speech; an assumption, as prepared clips hold no silent people.
    """

    mouth: float = 2.0
    elsewhere: float = 0.5
    velocity: float = 5.0
    aperture: float = 1.0
    noise: float = 0.3
    tilt: float = 0.3
    gain: float = 0.2
    silence: float = 0.15
    head: float = 0.1
    head_noise: float = 0.3
    head_silence: float = 0.5

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
        """Return augmented features, and which samples (B,) are heard; drawn from each sample's number alone."""
        changed, heard = [], []
        for one_CL, number in zip(features_BCL, numbers, strict=True):
            generator = generator_of(seed, number, 1)
            tilt, gain = (torch.randn(2, generator=generator) * torch.tensor([self.tilt, self.gain])).tolist()
            slope_C1 = tilt * torch.linspace(-1, 1, len(one_CL))[:, None] + gain
            noise_CL = self.noise * torch.randn(one_CL.shape, generator=generator)
            changed.append((slope_C1 + noise_CL).to(one_CL))
            heard.append(float(torch.rand((), generator=generator)) >= self.silence)
        return features_BCL + torch.stack(changed), torch.tensor(heard, device=features_BCL.device)

    def head_loss(self, step: Step, real_BS6: Tensor) -> Tensor:
        """Return the weighted negative log-likelihood; 0 for a correct step of the smallest spread."""
        return self.head * (nll(real_BS6, step) - LEAST_NLL).mean()

    def disturbed_heads(self, pose_BS6: Tensor, numbers: list[int], seed: int) -> tuple[Tensor, Tensor]:
        """Return the poses, half of them mirrored, and the noise (B, 1, 6) on their past; drawn as in ``disturbed``."""
        signs, noise = [], []
        for number in numbers:
            generator = generator_of(seed, number, 2)
            mirrored, level = torch.rand(2, generator=generator).tolist()
            signs.append(torch.tensor(MIRRORED if mirrored < 0.5 else [1.0] * N_POSE))
            noise.append(level * self.head_noise * torch.randn(1, N_POSE, generator=generator))
        return pose_BS6 * torch.stack(signs)[:, None].to(pose_BS6), torch.stack(noise).to(pose_BS6)
