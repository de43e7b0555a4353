import pytest
import torch

from faceanim.modules.objective import Objective

SHAPE = (4, 3, 2, 4, 4)


def draw(objective: Objective, numbers, seed: int = 0, **kwargs):
    shape = (len(numbers), *SHAPE[1:])
    return objective.draw(torch.tensor(numbers), shape, seed, 1000, **kwargs)


def test_the_sample_number_alone_decides_the_noise():
    objective = Objective(motion_noise=0.5)
    together, alone = draw(objective, [5, 6, 7, 8], motion_frames=2), draw(objective, [7], motion_frames=2)
    for a, b in zip(together, alone, strict=True):
        assert torch.equal(a[2:3], b)
    for drawn in (together.noise_BTChw, together.motion_noise_BnChw):
        assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(draw(objective, [5], seed=1).noise_BTChw, together.noise_BTChw[:1])


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    draw(Objective(), [1, 2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_conditioning_is_dropped_per_sample_with_the_asked_frequency():
    objective = Objective(drop_image=0.1, drop_reference=0.3, drop_motion=0.5)
    drawn = objective.draw(torch.arange(4000), (4000, 1, 1, 1, 1), 0, 1000)
    for keep, probability in (
        (drawn.keep_image_B, 0.1),
        (drawn.keep_reference_B, 0.3),
        (drawn.keep_motion_B, 0.5),
    ):
        assert abs((~keep).float().mean() - probability) < 0.03  # more than 3 standard deviations
    dropped = torch.stack([~drawn.keep_image_B, ~drawn.keep_motion_B]).float()
    assert abs(torch.corrcoef(dropped)[0, 1]) < 0.06


def test_timesteps_cover_the_schedule_and_lean_as_asked():
    def mean(bias):
        t = Objective(high_noise_bias=bias).draw(torch.arange(3000), (3000, 1, 1, 1, 1), 0, 1000).t
        assert t.min() >= 0 and t.max() <= 999
        return t.float().mean() / 1000

    assert abs(mean(1.0) - 1 / 2) < 0.02
    assert abs(mean(2.0) - 2 / 3) < 0.02  # E[1 - (1 - u)^2]


def test_timesteps_per_frame_differ_within_a_sample():
    drawn = draw(Objective(), [0, 1], t_per_frame=True)
    assert drawn.t.shape == (2, 3) and len(set(drawn.t.flatten().tolist())) > 3


def test_motion_noise_is_as_strong_as_asked_and_differs_from_sample_to_sample():
    shape = (400, 1, 4, 8, 8)
    drawn = Objective(motion_noise=0.6).draw(torch.arange(400), shape, 0, 1000, motion_frames=3)
    assert drawn.motion_noise_BnChw.shape == (400, 3, 4, 8, 8)
    sigma = drawn.motion_noise_BnChw.flatten(1).std(dim=1)
    assert abs(sigma.mean() - 0.3) < 0.03 and sigma.min() < 0.03 and 0.57 < sigma.max() < 0.66
    assert abs(drawn.motion_noise_BnChw.mean()) < 0.01


def test_motion_noise_changes_no_other_draw():
    off, on = (draw(Objective(motion_noise=s), [3, 4], motion_frames=2) for s in (0, 0.5))
    without = draw(Objective(), [3, 4])
    for name in ("noise_BTChw", "t", "keep_image_B", "keep_reference_B", "keep_motion_B"):
        assert torch.equal(getattr(off, name), getattr(on, name)), name
        assert torch.equal(getattr(off, name), getattr(without, name)), name
    assert not off.motion_noise_BnChw.any() and on.motion_noise_BnChw.any()
    assert without.motion_noise_BnChw.shape == (2, 0, *SHAPE[2:])
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="motion_noise: expected 0 or more, got"):
            Objective(motion_noise=wrong)


def test_only_what_drops_the_reference_stays_on_the_cpu():
    moved = draw(Objective(), [0, 1], motion_frames=2).to(torch.device("meta"))
    stayed = [name for name, tensor in moved._asdict().items() if tensor.device.type == "cpu"]
    assert stayed == ["keep_reference_B"]


def test_the_face_counts_as_often_as_asked():
    objective = Objective(face_weight=3.0, min_snr="off")
    target = torch.zeros(1, 1, 2, 4, 4)
    mask = torch.zeros(1, 1, 1, 4, 4)
    mask[..., :2] = 1
    abar = torch.full((1,), 0.5)
    left, right = target.clone(), target.clone()
    left[..., :2], right[..., 2:] = 1, 1
    inside = objective.losses("sample", left, target, abar, mask)
    outside = objective.losses("sample", right, target, abar, mask)
    torch.testing.assert_close(inside / outside, torch.tensor([3.0]))
    torch.testing.assert_close(outside, torch.tensor([0.5]))


def test_each_sample_has_the_loss_that_it_has_alone():
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.randn((2, *SHAPE), generator=generator)
    abar = torch.rand(SHAPE[0], generator=generator)
    mask = torch.rand((4, 3, 1, 4, 4), generator=generator)
    objective = Objective(face_weight=2.0)
    whole = objective.losses("v_prediction", prediction, target, abar, mask)
    parts = [
        objective.losses(
            "v_prediction", prediction[i : i + 1], target[i : i + 1], abar[i : i + 1], mask[i : i + 1]
        )
        for i in range(4)
    ]
    torch.testing.assert_close(whole, torch.cat(parts))
    per_frame = objective.losses("v_prediction", prediction, target, abar[:, None].expand(4, 3), mask)
    torch.testing.assert_close(whole, per_frame.mean(dim=1))


def test_the_lips_count_times_the_face_and_nothing_negative_counts():
    objective = Objective(face_weight=3.0, lip_weight=2.0, min_snr="off")
    target, ones = torch.zeros(1, 1, 2, 4, 4), torch.ones(1, 1, 1, 4, 4)
    abar = torch.full((1,), 0.5)
    for lips, expected in ((ones, 6.0), (ones / 2, 4.5), (None, 3.0)):
        torch.testing.assert_close(
            objective.losses("sample", target + 1, target, abar, ones, lips), torch.tensor([expected])
        )
    with pytest.raises(ValueError, match="lip_weight: expected 0 or more, got -1"):
        Objective(lip_weight=-1)
