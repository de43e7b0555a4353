"""The networks together, at tiny size: what must hold whatever the weights are."""

import pytest
import torch

from faceanim.models.animation_model import AnimationModel
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.reference_attention import ReferenceFeatures, spatial_transformer_blocks
from tests.helpers.tiny_model import B, T, inputs, part, tiny_model, wake


@pytest.fixture
def model() -> AnimationModel:
    return tiny_model().eval()


@pytest.fixture
def awake(model) -> AnimationModel:
    wake(model)
    return model


def test_the_prediction_has_the_shape_of_the_noisy_latents(awake):
    x = inputs()
    assert awake(**x).shape == x["noisy_BTChw"].shape


@torch.no_grad()
def test_a_new_model_ignores_pose_face_motion_frames_and_motion_modules_bit_for_bit(model):
    full = model(**inputs())
    other = inputs(seed=1)
    for name in ("pose_BT3HW", "face", "motion"):
        assert torch.equal(model(**{**inputs(), name: other[name]}), full), name
    model.denoising_net.enable_motion(False)
    assert torch.equal(model(**inputs()), full)


@torch.no_grad()
@pytest.mark.parametrize("name", ["pose_BT3HW", "face", "motion", "reference_BChw", "image_tokens_BLD"])
def test_a_trained_model_heeds_every_input(awake, name):
    full = awake(**inputs())
    changed = awake(**{**inputs(), name: inputs(seed=1)[name]})
    assert (changed - full).abs().max() > 1e-3


@torch.no_grad()
def test_no_motion_frames_equals_a_model_built_without_them(model):
    without = tiny_model(motion_frames=0).eval()
    state = model.state_dict()
    state["reference_net.unet.conv_in.weight"] = state["reference_net.unet.conv_in.weight"][:, :8]
    without.load_state_dict(state)
    x = {**inputs(), "motion": None}
    assert torch.equal(without(**x), model(**x))
    assert torch.equal(without(**x), model(**inputs()))


@torch.no_grad()
def test_motion_frames_that_are_invalid_are_as_good_as_missing(awake):
    x = inputs()
    x["motion"] = x["motion"].where(torch.tensor([False, False]))
    assert torch.equal(awake(**x), awake(**{**x, "motion": None}))


@torch.no_grad()
def test_a_face_locator_that_is_switched_off_adds_nothing():
    off = tiny_model(enabled=False).eval()
    assert not list(off.face_locator.parameters())
    wake(off)
    assert torch.equal(off(**inputs()), off(**{**inputs(), "face": inputs(seed=1)["face"]}))


@torch.no_grad()
def test_a_dropped_reference_leaves_plain_self_attention(awake):
    x = inputs()
    x["motion"] = None
    kept = awake(**x)
    mixed = awake(**x, keep_reference_B=torch.tensor([True, False]))
    features = awake.guide(x["pose_BT3HW"], x["face"])
    plain = awake.denoising_net(x["noisy_BTChw"], x["t"], x["image_tokens_BLD"], None, features)
    torch.testing.assert_close(mixed[0], kept[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(mixed[1], plain[1], atol=1e-5, rtol=0)
    assert (kept[1] - plain[1]).abs().max() > 1e-3


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other(awake):
    x = inputs()
    together = awake(**x)
    for i in range(B):
        alone = awake(**{name: part(value, i) for name, value in x.items()})
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_two_references_interleaved_give_what_each_gives_alone(awake):
    a, b = inputs(0), inputs(1)
    alone = awake(**a)
    awake(**b)
    assert torch.equal(awake(**a), alone)


@torch.no_grad()
def test_one_timestep_for_all_frames_equals_the_same_timestep_per_frame(awake):
    awake.denoising_net.enable_motion(False)
    x = inputs()
    per_frame = awake(**{**x, "t": x["t"][:, None].expand(B, T)})
    torch.testing.assert_close(per_frame, awake(**x), atol=1e-5, rtol=0)


def test_timesteps_per_frame_with_motion_are_refused(awake):
    with pytest.raises(ValueError, match="enable_motion"):
        awake(**{**inputs(), "t": torch.zeros(B, T, dtype=torch.long)})


@torch.no_grad()
def test_motion_modules_mix_frames_and_only_they_do(awake):
    x = inputs()
    noisy = x["noisy_BTChw"].clone()
    noisy[:, -1] += 1
    for motion in (True, False):
        awake.denoising_net.enable_motion(motion)
        change = (awake(**{**x, "noisy_BTChw": noisy}) - awake(**x)).abs()
        assert (change[:, 0].max() > 1e-4) == motion


@torch.no_grad()
def test_motion_modules_normalise_each_frame_by_itself(awake):
    """diffusers' stock module normalises across frames: a bright frame would then dim the others' norm."""
    module = awake.denoising_net.motion_modules()[0]
    x_BCThw = torch.randn((1, module.in_channels, T, 4, 4), generator=torch.Generator().manual_seed(0))
    alone = module.norm(x_BCThw[:, :, :1])
    x_BCThw[:, :, 1:] *= 100
    torch.testing.assert_close(module.norm(x_BCThw)[:, :, :1], alone)


def test_a_missing_reference_layer_is_an_error(awake):
    x = inputs()
    reference = awake.read_reference(x["reference_BChw"], None, x["image_tokens_BLD"])
    incomplete = ReferenceFeatures(dict(list(reference.states.items())[1:]))
    with pytest.raises(KeyError, match="no reference features for attention layer"):
        awake.denoising_net(x["noisy_BTChw"], x["t"], x["image_tokens_BLD"], incomplete)


def test_both_networks_read_and_record_the_same_layers(awake):
    x = inputs()
    reference = awake.read_reference(x["reference_BChw"], None, x["image_tokens_BLD"])
    assert list(reference.states) == list(spatial_transformer_blocks(awake.denoising_net.unet))


@torch.no_grad()
def test_keys_and_values_projected_beforehand_give_the_same_output(awake):
    x = inputs()
    reference = awake.read_reference(x["reference_BChw"], x["motion"], x["image_tokens_BLD"])
    arguments = x["noisy_BTChw"], x["t"], x["image_tokens_BLD"]
    projected = awake.denoising_net.project(reference)
    assert projected.projected.keys() == reference.states.keys() and not reference.projected
    assert torch.equal(awake.denoising_net(*arguments, projected), awake.denoising_net(*arguments, reference))


@torch.no_grad()
@pytest.mark.parametrize("L", [1, 3])
def test_image_tokens_projected_beforehand_give_the_same_output(awake, L):
    x, tokens_BLD = inputs(), torch.randn(B, L, 12)
    projected = awake.denoising_net.project_image(tokens_BLD)
    plain = awake.denoising_net(x["noisy_BTChw"], x["t"], tokens_BLD)
    made = awake.denoising_net(x["noisy_BTChw"], x["t"], projected)
    torch.testing.assert_close(made, plain, atol=1e-6, rtol=0)


def test_too_many_frames_for_the_motion_modules_are_an_error(awake):
    x = inputs()
    with pytest.raises(ValueError, match="at most 8 frames"):
        awake.denoising_net(torch.zeros(1, 9, 8, 8, 8), x["t"][:1], x["image_tokens_BLD"][:1])


def test_a_wrong_number_of_motion_frames_is_an_error(awake):
    x = inputs()
    x["motion"] = MotionFrames(torch.zeros(B, 3, 8, 8, 8), torch.ones(B, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="expected 2 motion frames, got 3"):
        awake(**x)


@torch.no_grad()
def test_configs_rebuild_the_same_networks(awake):
    rebuilt = AnimationModel.from_configs(awake.configs()).eval()
    rebuilt.load_state_dict(awake.state_dict())
    assert torch.equal(rebuilt(**inputs()), awake(**inputs()))
    with pytest.raises(ValueError, match="expected the components"):
        AnimationModel.from_configs({"reference_net": {}})
    with pytest.raises(ValueError, match=r"pose_guider: expected one of PoseGuider, .*got 'os.system'"):
        AnimationModel.from_configs(awake.configs() | {"pose_guider": {"class": "os.system"}})
