"""The network that moves a head: what a step sees, how likely it finds a pose, and that no pose leaves its bound."""

import pytest
import torch

from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.head_from_speech import (
    LEAST_NLL,
    MIRRORED,
    HeadFromSpeech,
    Step,
    at_steps,
    changes,
    nll,
)
from faceanim.pose.head_model import angles, rotations

RATE = 100.0


def network(seed: int = 0, std: float = 0.3, **options) -> HeadFromSpeech:
    """Whose output layer is drawn at random."""
    torch.manual_seed(seed)
    head = HeadFromSpeech(6, RATE, **{"width": 16, "window": 4, **options}).eval()
    torch.nn.init.normal_(head.out.weight, std=std)
    head.spread_6.copy_(torch.tensor([0.05, 0.05, 0.03, 0.5, 0.4, 0.02]))
    head.bound_6.copy_(2.5 * head.spread_6)
    return head


def drawn(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_step_by_step_is_the_same_as_all_at_once():
    head = network()
    past, heard = drawn(2, 20, 6), drawn(2, 20, 16, seed=2)
    whole = head(past, changes(past), heard)
    kept = [None] * len(head.layers)
    change = changes(past)
    for s in range(20):
        step = head(past[:, s : s + 1], change[:, s : s + 1], heard[:, s : s + 1], kept)
        torch.testing.assert_close(step.mean_BS6[:, 0], whole.mean_BS6[:, s], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(step.log_std_BS6[:, 0], whole.log_std_BS6[:, s], atol=1e-5, rtol=1e-4)
        assert all(k.shape[2] <= head.layers[0].window - 1 for k, _ in kept)


def test_a_step_sees_neither_the_future_nor_what_lies_beyond_its_windows():
    head = network()
    past, heard = drawn(1, 30, 6), drawn(1, 30, 16, seed=2)
    other_past, other_heard = past.clone(), heard.clone()
    other_past[:, 12], other_heard[:, 12] = 1.0, 1.0
    means = [head(p, changes(p), h).mean_BS6[0] for p, h in ((past, heard), (other_past, other_heard))]
    moved = (means[1] - means[0]).abs().amax(dim=1) > 1e-6
    assert not moved[:12].any() and moved[12]
    assert not moved[14 + 2 * 3 :].any()  # two layers, three steps back each; a change reaches one step more


def test_sound_is_heard_half_a_second_to_either_side():
    head = network()
    features = torch.zeros(1, 6, 400)
    features[:, :, 200] = 1.0
    place = torch.arange(40)[None] * head.hop
    heard = (head.listen(features, place) - head.listen(0 * features, place))[0].abs().amax(dim=1) > 1e-7
    assert heard[15:26].all() and not heard[:14].any() and not heard[27:].any()
    assert head.listen(features, place * 1000).isfinite().all()


def test_what_is_drawn_stays_within_the_bound_whatever_the_network_says_and_follows_from_the_seed():
    head = network(std=5.0)
    heard = drawn(1, 3000, 16)
    one, same, other = (head.roll_out(heard, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert one.shape == (3000, 6) and not one[0].any()
    assert (one.abs() <= head.bound_6 * (1 + 1e-6)).all() and one.std(dim=0).min() > 0
    torch.testing.assert_close(one, same, atol=0, rtol=0)
    assert (one - other).abs().max() > 0.01


def test_before_anything_is_learnt_a_head_returns_to_its_middle():
    head = network(std=0.0)
    past = torch.full((1, 1, 6), 2.0)
    step = head(past, torch.zeros_like(past), torch.zeros(1, 1, 16))
    assert (step.mean_BS6 > 0.5).all() and (step.mean_BS6 < 1.8).all()
    torch.testing.assert_close(step.log_std_BS6.exp(), torch.full((1, 1, 6), 0.4))


def test_how_likely_a_pose_is_agrees_with_torchs_normal_distribution():
    real, step = drawn(2, 5, 6), Step(drawn(2, 5, 6, seed=2), 0.3 * drawn(2, 5, 6, seed=3))
    expected = -torch.distributions.Normal(step.mean_BS6, step.log_std_BS6.exp()).log_prob(real)
    torch.testing.assert_close(nll(real, step), expected)
    past = drawn(1, 50, 6)
    sure = network(std=100.0)(past, changes(past), drawn(1, 50, 16))
    assert nll(sure.mean_BS6, sure).min() >= LEAST_NLL - 1e-5


def test_frames_of_any_rate_become_steps():
    seconds = torch.arange(72) / 24
    line = (seconds[:, None] * torch.arange(1, 7)).expand(2, -1, -1)
    steps = at_steps(line, torch.tensor([24.0, 24.0]))
    assert steps.shape == (2, 30, 6)
    torch.testing.assert_close(steps[0], torch.arange(30)[:, None] / 10 * torch.arange(1.0, 7.0))
    assert at_steps(line, torch.tensor([24.0, 48.0])).shape == (2, 15, 6)
    with pytest.raises(ValueError, match=r"at least 0\.1 s, got 3 frames at 24 fps"):
        at_steps(line[:, :3], torch.tensor([24.0, 24.0]))


def test_in_a_mirror_a_head_turns_tilts_and_moves_to_the_other_side():
    turn = torch.tensor([[0.3, 0.2, -0.1]]).numpy()
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).double().numpy()
    mirrored = angles(mirror @ rotations(turn) @ mirror)
    torch.testing.assert_close(
        torch.from_numpy(mirrored), torch.from_numpy(turn).double() * torch.tensor(MIRRORED[:3]).double()
    )
    assert MIRRORED[3:] == (-1.0, 1.0, 1.0)


def test_options_that_cannot_be_are_refused_and_the_head_is_part_of_the_model(tmp_path):
    with pytest.raises(ValueError, match=r"model\.network\.head: expected a window of 1 or more"):
        AudioToPose(head={"window": 0})
    with pytest.raises(ValueError, match="a width that heads divide, got window 16, width 30, heads 4"):
        AudioToPose(head={"width": 30})
    torch.manual_seed(0)
    without = AudioToPose(width=8)
    torch.manual_seed(0)
    with_head = AudioToPose(width=8, head={"width": 8, "heads": 2, "layers": 1, "dropout": 0.0})
    for name, tensor in without.state_dict().items():  # the expression begins the same with and without it
        torch.testing.assert_close(tensor, with_head.state_dict()[name], atol=0, rtol=0)
    with_head.save_pretrained(tmp_path / "model")
    loaded = AudioToPose.load(tmp_path / "model").head_network.state_dict()
    assert {"spread_6", "bound_6"} <= set(loaded)
    for name, tensor in with_head.head_network.state_dict().items():
        torch.testing.assert_close(tensor, loaded[name], atol=0, rtol=0)
