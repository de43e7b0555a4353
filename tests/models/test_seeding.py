"""Every bit of a seed and of a sample's number counts, wherever something is drawn."""

import numpy as np
import pytest
import torch

from faceanim.media.sound import write_wav
from faceanim.models.seeding import generator, mixed_seed, seed_of_32_bits
from faceanim.modules.objective import Objective
from faceanim.modules.speech_objective import SpeechObjective
from faceanim.pipelines.noise import noise_of
from faceanim.pose.speech import motion_from_speech
from tests.helpers.speech_models import babble, mover

HIGH = 2**32  # a seed and one that differs in the upper half of its 64 bits


def training_noise(seed: int, number: int = 3) -> torch.Tensor:
    return Objective().draw(torch.tensor([number]), (1, 2, 4, 4, 4), seed, 1000).noise_BTChw


def sound_noise(seed: int, number: int = 3) -> torch.Tensor:
    return SpeechObjective().disturbed(torch.zeros(1, 8, 20), [number], seed)[0]


def test_a_generator_has_all_of_mt19937s_state():
    """numpy's own generator of the same state draws the same words; torch takes two of them for each number."""
    words = np.random.MT19937(np.random.SeedSequence([3, 4])).random_raw(3000)
    drawn = torch.empty(1400, dtype=torch.int64).random_(0, 2**31, generator=generator(3, 4))
    np.testing.assert_array_equal(drawn.numpy(), words[2:2802:2].astype(np.int64) % 2**31)
    normal = torch.randn(100_000, generator=generator(0))
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02


@pytest.mark.parametrize("draw", [training_noise, sound_noise])
@pytest.mark.parametrize("pair", [(50699, 55170), (2983, 68855), (88028, 106305)])
def test_no_two_samples_of_a_training_share_their_noise(draw, pair):
    """Of these the lower halves of the mixed seeds agree, as those of some pair among 100,000 numbers do."""
    one, two = (draw(0, number) for number in pair)
    assert not torch.equal(one, two)
    assert torch.equal(one, draw(0, pair[0]))


@pytest.mark.parametrize("draw", [training_noise, sound_noise, lambda s: noise_of(s, (1, 2, 2), range(2))])
@pytest.mark.parametrize("seed", [0, 7, 2**31])
def test_the_upper_half_of_a_seed_counts(draw, seed):
    assert torch.equal(draw(seed), draw(seed))
    assert not torch.equal(draw(seed), draw(seed + HIGH))


def test_a_head_that_speaks_hears_the_upper_half_of_a_seed(tmp_path):
    write_wav(tmp_path / "a.wav", babble(3))
    model = mover()
    low, high = (motion_from_speech(tmp_path / "a.wav", model, seed=seed).turn for seed in (1, 1 + HIGH))
    assert not np.array_equal(low, high)


def test_videos_of_before_keep_their_noise():
    expected = [-0.5961400866508484, -0.33660033345222473, 0.14005212485790253]
    expected += [-1.4339872598648071, -1.1703722476959229, 0.37797805666923523]
    assert noise_of(3, (1, 1, 3), range(5, 7)).flatten().tolist() == expected
    assert [seed_of_32_bits(seed) for seed in (0, 5, HIGH - 1)] == [0, 5, HIGH - 1]
    assert 0 <= seed_of_32_bits(HIGH + 5) < HIGH and seed_of_32_bits(HIGH + 5) != 5
    assert mixed_seed(1, 2) != mixed_seed(2, 1)
