import pytest
import torch

from faceanim.models import diffusion
from tests.helpers.tiny_model import tiny_scheduler


@pytest.fixture
def drawn():
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn((2, 4, 3, 8, 6, 6), generator=generator, dtype=torch.float64)
    return x0, noise, torch.tensor([0, 300, 700, 999])


def test_noising_and_velocity_equal_those_of_diffusers(drawn):
    x0, noise, t = drawn
    scheduler = tiny_scheduler()
    abar = scheduler.alphas_cumprod[t].double()
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    torch.testing.assert_close(diffusion.add_noise(x0, noise, abar), scheduler.add_noise(x0, noise, t))
    torch.testing.assert_close(diffusion.velocity(x0, noise, abar), scheduler.get_velocity(x0, noise, t))


@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
def test_a_perfect_prediction_samples_back_the_clean_latents(drawn, prediction):
    x0, noise, _ = drawn
    scheduler = tiny_scheduler(prediction)
    scheduler.set_timesteps(8)
    x = noise
    for t in scheduler.timesteps:
        abar = scheduler.alphas_cumprod[t].expand(len(x0)).double()
        eps = (x - abar.view(-1, 1, 1, 1, 1).sqrt() * x0) / (1 - abar.view(-1, 1, 1, 1, 1)).sqrt()
        x = scheduler.step(diffusion.target(prediction, x0, eps, abar), t, x).prev_sample
    torch.testing.assert_close(x, x0, rtol=0, atol=1e-5)


def test_timesteps_per_frame_equal_timesteps_per_sample_frame_by_frame(drawn):
    x0, noise, _ = drawn
    abar_BT = torch.rand((4, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = diffusion.add_noise(x0, noise, abar_BT)
    for frame in range(3):
        one = slice(frame, frame + 1)
        alone = diffusion.add_noise(x0[:, one], noise[:, one], abar_BT[:, frame])
        torch.testing.assert_close(together[:, one], alone)


def test_min_snr_weights_are_the_closed_forms():
    abar = torch.tensor([0.0, 0.5, 0.99], dtype=torch.float64)
    s = torch.tensor([0.0, 1.0, 99.0], dtype=torch.float64)
    weigh = diffusion.loss_weight
    expected = {
        ("sample", "plus_one"): torch.tensor([1.0, 2.0, 5.0]),
        ("sample", "plain"): torch.tensor([0.0, 1.0, 5.0]),
        ("v_prediction", "plus_one"): torch.tensor([1.0, 1.0, 5 / 100]),
        ("v_prediction", "plain"): torch.tensor([0.0, 0.5, 5 / 100]),
        ("v_prediction", "off"): torch.ones(3),
    }
    for (prediction, form), weight in expected.items():
        torch.testing.assert_close(weigh(prediction, abar, 5.0, form), weight.double(), rtol=1e-7, atol=0)
    torch.testing.assert_close(s, diffusion.snr(abar))


def test_an_error_of_v_is_an_error_of_x0_divided_by_one_minus_abar(drawn):
    """So that both predictions minimise the same loss: w_x |x0 error|^2 = w_v |v error|^2."""
    x0, noise, t = drawn
    abar = tiny_scheduler().alphas_cumprod[t].double()
    wrong = x0 + 0.1
    x_t = diffusion.add_noise(x0, noise, abar)
    over = abar.view(-1, 1, 1, 1, 1)

    def v_of(x):
        return (over.sqrt() * x_t - x) / (1 - over).sqrt()

    v_error = ((v_of(wrong) - v_of(x0)) ** 2).mean(dim=(1, 2, 3, 4))
    x_error = ((wrong - x0) ** 2).mean(dim=(1, 2, 3, 4))
    v_loss = v_error * diffusion.loss_weight("v_prediction", abar, 5.0)
    x_loss = x_error * diffusion.loss_weight("sample", abar, 5.0)
    torch.testing.assert_close(v_loss, x_loss)


def test_offset_noise_is_shared_by_the_frames_of_a_clip():
    def draw(strength):
        generator = torch.Generator().manual_seed(0)
        return diffusion.offset_noise((2, 3, 4, 5, 5), strength, generator)

    offset = draw(0.5) - draw(0.0)
    torch.testing.assert_close(offset, offset[:, :1, :, :1, :1].expand_as(offset))
    assert offset.std() > 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: diffusion.target("epsilon", *torch.zeros(2, 1, 1, 1, 1, 1), torch.zeros(1)),
        lambda: diffusion.loss_weight("sample", torch.zeros(1), 5.0, "max"),
    ],
)
def test_an_unknown_choice_is_an_error(call):
    with pytest.raises(ValueError, match="expected"):
        call()
