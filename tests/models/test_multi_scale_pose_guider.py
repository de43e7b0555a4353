import pytest
import torch

from faceanim.models.animation_model import AnimationModel
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
from tests.helpers.tiny_model import B, T, inputs, tiny_model, wake


def guider(**options) -> MultiScalePoseGuider:
    torch.manual_seed(0)
    return MultiScalePoseGuider(16, (16, 32), (4, 8), 2, 4, norm_num_groups=4, **options)


def animated_by(pose_guider: MultiScalePoseGuider) -> AnimationModel:
    networks = tiny_model().parts()
    return AnimationModel(**networks | {"pose_guider": pose_guider}).eval()


def with_pose(seed: int = 0) -> dict:
    x = inputs()
    x["face"].pose_B3HW = torch.rand((B, 3, 32, 32), generator=torch.Generator().manual_seed(seed))
    return x


def test_features_have_the_sizes_that_the_denoising_unet_adds_them_to():
    shapes = [tuple(f.shape) for f in guider()(torch.rand(6, 3, 32, 32))]
    assert shapes == [(6, 16, 8, 8), (6, 16, 4, 4), (6, 32, 4, 4)]


@torch.no_grad()
def test_a_new_guider_adds_nothing_at_any_scale_and_a_trained_one_at_every():
    x = inputs()
    new = guider()
    features = new(x["pose_BT3HW"].flatten(0, 1))
    assert all(not f.any() for f in features)
    assert torch.equal(animated_by(new)(**x), tiny_model().eval()(**x))
    model = animated_by(guider())
    wake(model)
    full = model.guide(x["pose_BT3HW"], x["face"])
    arguments = x["noisy_BTChw"], x["t"], x["image_tokens_BLD"], None
    out = model.denoising_net(*arguments, full)
    for scale in range(3):
        without = [torch.zeros_like(f) if i == scale else f for i, f in enumerate(full)]
        assert (model.denoising_net(*arguments, without) - out).abs().max() > 1e-4, scale


@torch.no_grad()
@pytest.mark.parametrize("attend", [False, True])
def test_the_references_pose_counts_only_where_it_is_attended_to(attend):
    model = animated_by(guider(attend_reference=attend))
    wake(model)
    difference = (model(**with_pose(0)) - model(**with_pose(1))).abs().max()
    assert (difference > 0) == attend


def test_attending_to_the_reference_takes_the_same_weights_and_its_pose():
    plain, attending = guider(), guider(attend_reference=True)
    attending.load_state_dict(plain.state_dict())
    with pytest.raises(ValueError, match="needs the reference's pose image"):
        attending(torch.rand(T, 3, 32, 32))


def test_statistics_are_the_checkpoints_unless_the_batchs_are_asked_for():
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for batch_statistics in (False, True):
        net = guider(batch_statistics=batch_statistics).train()
        wake(net)
        before = {name: buffer.clone() for name, buffer in net.named_buffers()}
        alone, together = net(x[:1])[0], net(x)[0][:1]
        assert torch.allclose(alone, together, atol=1e-5) != batch_statistics
        assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


def test_a_guider_with_other_scales_than_the_network_is_refused():
    with pytest.raises(ValueError, match="pose_guider has 4 scales, denoising_net takes 1 or 3"):
        animated_by(MultiScalePoseGuider(16, (16, 32, 32), (4, 8), 2, 4, norm_num_groups=4))
