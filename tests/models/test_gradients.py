"""The networks together: gradients, and what is computed by a shorter way."""

import pytest
import torch

from benchmarks.plain_attention import use_plain_attention
from faceanim.models.animation_model import AnimationModel
from faceanim.models.reference_net import ReferenceNet
from tests.helpers.tiny_model import TINY, B, doubled, freeze_unused, inputs, part, tiny_model, wake


@pytest.fixture
def awake() -> AnimationModel:
    model = tiny_model().eval()
    wake(model)
    return model


KEEPS = {"all": [True, True], "one": [False, True], "none": [False, False]}


@pytest.mark.parametrize("L", [1, 3])
@pytest.mark.parametrize("keep", KEEPS.values(), ids=KEEPS.keys())
def test_every_short_cut_leaves_output_and_gradients_as_they_are(keep, L):
    results = []
    for plain in (False, True):
        model = tiny_model().double().train()
        wake(model)
        x = doubled(inputs())
        x["image_tokens_BLD"] = x["image_tokens_BLD"] + torch.arange(L)[:, None] / 10
        if plain:
            use_plain_attention(model)
            reference = model.read_reference(x["reference_BChw"], x["motion"], x["image_tokens_BLD"])
            reference.keep = keep
            features = model.guide(x["pose_BT3HW"], x["face"])
            out = model.denoising_net(x["noisy_BTChw"], x["t"], x["image_tokens_BLD"], reference, features)
        else:
            out = model(**x, keep_reference_B=torch.tensor(keep))
        out.square().mean().backward()
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        results.append((out.detach(), gradients))
    (fast, fast_gradients), (plain, plain_gradients) = results
    torch.testing.assert_close(fast, plain, atol=1e-12, rtol=0)
    for parameter, gradient in plain_gradients.items():
        none = torch.zeros_like(gradient)  # of q and k of a single token
        other = fast_gradients.get(parameter, none)
        torch.testing.assert_close(other, gradient, atol=1e-12, rtol=0, msg=parameter)


def test_a_batch_that_drops_every_reference_still_gives_every_parameter_a_gradient(awake):
    """A rank must not differ from the others in which parameters take part (DDP)."""
    freeze_unused(awake)
    awake.image_encoder.requires_grad_(False)
    awake.train()(**inputs(), keep_reference_B=torch.tensor([False, False])).square().mean().backward()
    trained = {name: p for name, p in awake.named_parameters() if p.requires_grad}
    assert [name for name, p in trained.items() if p.grad is None] == []
    assert all(not p.grad.any() for name, p in trained.items() if name.startswith("reference_net"))


def test_accumulated_gradients_are_those_of_the_whole_batch():
    x = doubled(inputs())
    whole, parts = tiny_model().double().train(), tiny_model().double().train()
    wake(whole)
    wake(parts)
    whole(**x).square().mean().backward()
    for i in range(B):
        (parts(**{name: part(value, i) for name, value in x.items()}).square().mean() / B).backward()
    for (name, p), q in zip(whole.named_parameters(), parts.parameters(), strict=True):
        if p.grad is not None:
            torch.testing.assert_close(q.grad, p.grad, atol=1e-12, rtol=0, msg=name)


@pytest.mark.parametrize(
    "attention",
    [
        (True, True, True),
        (True, True, False),
        (False, False, True),
        (False, True, False),
        (False, False, False),
    ],
)
def test_what_a_gradient_does_not_reach_is_frozen_and_nothing_else_is(attention):
    sizes = {**TINY, "block_out_channels": (16, 16, 32), "attention_levels": attention, "layers_per_block": 2}
    torch.manual_seed(0)
    reference = ReferenceNet(motion_frames=2, **sizes)
    wake(reference)
    latents, tokens = torch.randn(1, 8 * 3 + 2, 8, 8), torch.randn(1, 1, 12)
    sum(states.square().sum() for states in reference(latents, tokens).states.values()).backward()
    unreached = {name for name, p in reference.named_parameters() if p.grad is None}
    assert unreached == reference.unused_parameters()


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for checkpointing in (False, True):
        model = tiny_model().double()
        wake(model)
        if checkpointing:
            model.reference_net.enable_gradient_checkpointing()
            model.denoising_net.enable_gradient_checkpointing()
        x = doubled(inputs())
        model.train()(**x).square().mean().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-10, rtol=0, msg=name)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_checkpointing_runs_each_motion_module_a_second_time_and_no_more(awake, checkpointing):
    """diffusers leaves those outside of the middle block out: at T=24 they hold most of the memory."""
    if checkpointing:
        awake.denoising_net.enable_gradient_checkpointing()
    calls: dict[int, int] = {}
    for number, module in enumerate(awake.denoising_net.motion_modules()):
        module.proj_in.register_forward_hook(
            lambda *_, number=number: calls.update({number: calls.get(number, 0) + 1})
        )
    awake.train()(**inputs()).square().mean().backward()
    assert set(calls.values()) == {2 if checkpointing else 1} and len(calls) > 3
