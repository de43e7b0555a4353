"""Noise on the motion frames reaches the networks in both stages, and only there."""

import pytest
import torch

from faceanim.data.dataset import FaceClipDataset
from faceanim.data.frame_selection import SamplingRules
from faceanim.data.sample import ClipSample, PackedSample
from faceanim.models.motion_frames import MotionFrames, beside_reference
from faceanim.modules.appearance import AppearanceStage
from faceanim.modules.objective import Objective
from faceanim.modules.temporal import TemporalStage
from tests.helpers.tiny_model import tiny_codec, tiny_model, tiny_scheduler, wake


@pytest.fixture(scope="module")
def batch(demo_data) -> ClipSample:
    dataset = FaceClipDataset(demo_data, "train", SamplingRules(frames=3, spacing=2, motion_frames=2))
    return PackedSample.collate([dataset[0], dataset[1]]).unpack()


@torch.no_grad()
@pytest.mark.parametrize("kind", [AppearanceStage, TemporalStage])
def test_each_stage_learns_from_noisy_motion_frames(kind, batch):
    def loss(motion_noise: float, drop_motion: float) -> torch.Tensor:
        model = tiny_model()
        wake(model)
        objective = Objective(motion_noise=motion_noise, drop_motion=drop_motion)
        stage = kind(model, tiny_codec(), tiny_scheduler(), objective, torch.optim.SGD, None)
        return stage.losses(batch, seed=0).losses.mean()

    assert not torch.equal(loss(1.0, drop_motion=0), loss(0.0, drop_motion=0))
    assert torch.equal(loss(1.0, drop_motion=1), loss(0.0, drop_motion=1))


def test_noise_is_added_and_missing_frames_stay_missing():
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn((2, 2, 3, 8, 4, 4), generator=generator)
    reference = torch.zeros(2, 8, 4, 4)
    valid = torch.tensor([[True, True, False], [False, False, False]])
    noisy = MotionFrames(latents, valid).noised(noise)
    assert torch.equal(noisy.latents_BnChw, latents + noise) and torch.equal(noisy.valid_Bn, valid)
    seen = beside_reference(reference, noisy, 3)[:, 8:32].unflatten(1, (3, 8))
    assert torch.equal(seen[valid], (latents + noise)[valid]) and not seen[~valid].any()
