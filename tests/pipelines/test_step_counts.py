"""Numbers of steps that a sampler takes unevenly, held against what its steps do to noise of known strength."""

import logging

import pytest
import torch

from faceanim.pipelines import step_counts
from faceanim.pipelines.sampling import sample
from faceanim.pipelines.schedulers import build_sampler
from faceanim.pipelines.step_counts import UnevenSteps, check_steps, misplaced_steps, uneven_steps
from tests.helpers.tiny_model import tiny_scheduler

SPACINGS = ("trailing", "leading", "linspace")


def scheduler(spacing: str, prediction_type: str = "v_prediction"):
    trained = tiny_scheduler(prediction_type)
    return type(trained).from_config(trained.config, timestep_spacing=spacing)


def mean_of(name: str, steps: int, mean: float, std: float) -> float:
    """What sampling makes of Gaussian data's mean with the exact prediction, from noise of mean 0."""
    trained = scheduler("trailing")
    abar = trained.alphas_cumprod.double()

    def predict(latents, t, frames):
        a = abar[t.long()].reshape(())
        gain = std**2 * a.sqrt() / (std**2 * a + 1 - a)
        x0 = mean + gain * (latents - a.sqrt() * mean)
        return (a.sqrt() * latents - x0) / (1 - a).sqrt()  # v, of x_t = sqrt(a) x0 + sqrt(1 - a) noise

    noise = torch.linspace(-2, 2, 33).double()[None, :, None, None, None]
    *_, latents = sample(predict, build_sampler(name, trained), noise, steps)
    return latents.mean().item()


def measured(trained, steps: int) -> int:
    """How many steps of DDIM, each from where it should begin, leave data of one value, whose prediction is exact, with
    another timestep's noise than the next step's."""
    sampler = build_sampler("ddim", trained)
    sampler.set_timesteps(steps)
    abar = torch.cat([trained.alphas_cumprod.double(), torch.ones(1)])  # last: the end
    of_timestep = abar.sqrt() + 3 * (1 - abar).sqrt()  # 1 and 3 of data and noise, so that both are seen
    wrong = 0
    for t, following in zip(sampler.timesteps, [*sampler.timesteps[1:].tolist(), 1000], strict=True):
        reached = sampler.step(torch.ones(1, 1).double(), t, of_timestep[t].reshape(1, 1)).prev_sample
        wrong += (of_timestep - reached.item()).abs().argmin().item() != following
    return wrong


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_steps_that_are_misplaced_are_those_that_leave_another_timesteps_noise(spacing):
    trained = scheduler(spacing, "sample")
    for steps in (*range(1, 61), 64, 75, 99, 100):
        assert misplaced_steps(build_sampler("ddim", trained), steps) == measured(trained, steps), steps


@pytest.mark.parametrize("name", ["dpm++", "unipc"])
def test_the_other_samplers_step_to_the_next_timestep_whatever_their_number(name):
    for steps in (12, 15, 24, 30, 64):
        assert uneven_steps(name, scheduler("trailing"), steps) is None
        assert mean_of(name, steps, 1.5, 0.5) == pytest.approx(1.5, abs=1.5e-3)
        assert abs(mean_of("ddim", steps, 1.5, 0.5) - 1.5) > 3e-3


def test_thirty_steps_of_ddim_shift_the_mean_and_twenty_five_or_forty_do_not():
    assert mean_of("ddim", 30, 1.5, 0.5) == pytest.approx(1.4916, abs=1e-4)
    for steps in (20, 25, 40):
        assert mean_of("ddim", steps, 1.5, 0.5) == pytest.approx(1.5, abs=1e-5)


def test_the_warning_names_the_nearest_counts_that_do_better_and_comes_once(caplog):
    step_counts.warn_once.cache_clear()
    assert uneven_steps(None, scheduler("trailing"), 30) == UnevenSteps(30, 10, (25, 40))
    assert uneven_steps(None, scheduler("linspace"), 30).better == ()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            check_steps("ddim", scheduler("trailing"), 30)
            check_steps("dpm++", scheduler("trailing"), 30)
            check_steps(None, scheduler("leading"), 30)
            check_steps(None, scheduler("trailing"), 25)
            check_steps("lcm", scheduler("trailing"), 4)
    uneven, lcm = (record.getMessage() for record in caplog.records)
    assert uneven.startswith("steps=30: DDIM takes 10 of them") and "; steps=25 or steps=40, or" in uneven
    assert "weights distilled for it" in lcm


@pytest.mark.parametrize(
    ("name", "steps", "expected"),
    [
        ("ddim", 1001, "steps: expected 1 to 1000, the timesteps that were trained, got 1001"),
        ("ddim", 0, "steps: expected 1 to 1000"),
        (
            "ddim",
            61,
            "steps: DDIMScheduler makes 62 steps of 61, one of them outside of its schedule: choose 60",
        ),
        ("dpm++", 61, "steps: DPMSolverMultistepScheduler makes 62 steps of 61"),
        ("lcm", 51, "steps: LCMScheduler cannot take 51 steps"),
    ],
)
def test_steps_that_a_sampler_cannot_take_are_refused(name, steps, expected):
    with pytest.raises(ValueError, match=expected):
        check_steps(name, scheduler("trailing"), steps)
