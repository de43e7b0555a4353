"""The samplers agree on one schedule: each nears the same solution, the second-order ones sooner."""

import pytest
import torch

from faceanim.pipelines.sampling import sample
from faceanim.pipelines.schedulers import SAMPLERS, build_sampler
from tests.helpers.tiny_model import tiny_scheduler

MEAN, STD = 0.4, 1.0  # of data for which the best prediction is known; latents have about unit spread


def solved(name: str, steps: int, prediction_type: str) -> torch.Tensor:
    """Sampling with the exact prediction for Gaussian data: E[x_0 | x_t] is linear in x_t."""
    trained = tiny_scheduler(prediction_type)
    abar = trained.alphas_cumprod.double()

    def predict(latents, t, frames):
        a = abar[t.long()].reshape(())
        gain = STD**2 * a.sqrt() / (STD**2 * a + 1 - a)
        x0 = MEAN + gain * (latents - a.sqrt() * MEAN)
        noise = (latents - a.sqrt() * x0) / (1 - a).sqrt()
        return x0 if prediction_type == "sample" else a.sqrt() * noise - (1 - a).sqrt() * x0

    start = torch.randn((1, 6, 1, 8, 8), generator=torch.Generator().manual_seed(0)).double()
    generators = [torch.Generator() for _ in range(6)]
    *_, latents = sample(predict, build_sampler(name, trained), start, steps, generators=generators)
    return latents


@pytest.mark.parametrize("prediction_type", ["v_prediction", "sample"])
def test_every_sampler_nears_the_same_solution_and_second_order_needs_fewer_steps(prediction_type):
    exact = solved("ddim", 1000, prediction_type)
    start = torch.randn((1, 6, 1, 8, 8), generator=torch.Generator().manual_seed(0)).double()
    solution = MEAN + STD * start  # the flow's, for such data
    torch.testing.assert_close(exact, solution, atol=0.02, rtol=0)
    errors = {
        name: [(solved(name, steps, prediction_type) - exact).abs().max().item() for steps in (5, 12, 50)]
        for name in ("ddim", "dpm++", "unipc")
    }
    for name, (few, some, many) in errors.items():
        assert few > some > many and many < 0.15, (name, errors)
    assert max(errors["dpm++"][1], errors["unipc"][1]) < 0.5 * errors["ddim"][1], errors


def test_a_sampler_keeps_the_trained_schedule_and_is_always_new():
    trained = tiny_scheduler("v_prediction")
    for name, kind in SAMPLERS.items():
        sampler = build_sampler(name, trained)
        assert isinstance(sampler, kind) and sampler is not trained
        for key in (
            "beta_start",
            "beta_schedule",
            "rescale_betas_zero_snr",
            "prediction_type",
            "timestep_spacing",
        ):
            assert sampler.config[key] == trained.config[key], (name, key)
        sampler.set_timesteps(10)
        assert sampler.timesteps[0] == 999  # from pure noise
    again = build_sampler(None, trained)
    assert type(again) is type(trained) and again is not trained
    assert torch.equal(again.alphas_cumprod, trained.alphas_cumprod)


def test_the_noise_of_lcm_is_seeded():
    assert torch.equal(solved("lcm", 4, "sample"), solved("lcm", 4, "sample"))


def test_an_unknown_sampler_is_named():
    with pytest.raises(ValueError, match=r"expected one of ddim, dpm\+\+, unipc, lcm, got 'euler'"):
        build_sampler("euler", tiny_scheduler())
