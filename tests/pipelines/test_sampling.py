import pytest
import torch
from diffusers import DDIMScheduler

from faceanim.pipelines.sampling import sample
from tests.helpers.tiny_model import tiny_scheduler

NOISE = torch.randn((1, 5, 2, 3, 3), generator=torch.Generator().manual_seed(0))


def predict(latents, t, frames):
    """Differs from frame to frame, but not from window to window."""
    return 0.5 * latents + 0.1 * torch.tensor(frames)[:, None, None, None] + 1e-3 * t


def last(windows=None, by=predict):
    return list(sample(by, tiny_scheduler(), NOISE, 4, windows))[-1]


def test_one_window_is_the_schedulers_own_loop():
    scheduler: DDIMScheduler = tiny_scheduler()
    scheduler.set_timesteps(4)
    latents = NOISE
    for t in scheduler.timesteps:
        latents = scheduler.step(predict(latents, t, list(range(5))), t, latents).prev_sample
    assert torch.equal(last(), latents)


def test_overlapping_windows_that_agree_change_nothing_and_others_are_averaged():
    torch.testing.assert_close(last([[0, 1, 2], [2, 3, 4], [4, 0]]), last())

    def differing(latents, t, frames):
        return torch.full_like(latents, float(len(frames)))

    twice, once = last([[0, 1], [1, 2, 3, 4]], differing), last([[0, 1, 2], [3, 4]], differing)
    mean = last([range(5)], lambda latents, t, frames: torch.full_like(latents, 3.0))
    torch.testing.assert_close(twice[:, 1], mean[:, 1])  # (2 + 4) / 2
    assert not torch.allclose(once[:, 0], once[:, 3])


def test_a_frame_in_no_window_is_refused():
    with pytest.raises(ValueError, match=r"frames \[3, 4\] of 5 are in none"):
        last([[0, 1, 2]])
