"""Sound as other rooms make it: of the same length and moment, by chance that a seed repeats."""

import numpy as np
import pytest

from faceanim.data.sound_augmentation import (
    SoundAugmentation,
    chords,
    coloured_noise,
    equalised,
    reverberated,
)

SOUND = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1


def test_it_is_a_function_of_the_generator():
    augment = SoundAugmentation()
    for seed in range(8):
        (one, speech), (same, _) = (augment(SOUND, np.random.default_rng(seed)) for _ in range(2))
        assert one.shape == SOUND.shape and one.dtype == np.float32 and np.array_equal(one, same)
        assert speech == (abs(np.corrcoef(one, SOUND)[0, 1]) > 0.1)


def test_nothing_is_changed_at_probability_0_and_everything_alone_is_no_speech():
    still = SoundAugmentation(0, 0, 0, 0, 0)(SOUND, np.random.default_rng(0))
    assert np.array_equal(still[0], SOUND) and still[1]
    assert not any(SoundAugmentation(alone=1)(SOUND, np.random.default_rng(k))[1] for k in range(4))


@pytest.mark.parametrize("change", [equalised, reverberated])
def test_an_impulse_stays_at_its_moment(change):
    impulse = np.zeros(16_000)
    impulse[4000] = 1
    for seed in range(4):
        assert np.abs(change(impulse, np.random.default_rng(seed))).argmax() == 4000


@pytest.mark.parametrize("make", [coloured_noise, chords])
def test_what_is_added_has_the_level_asked_for(make):
    for length in (1, 999, 16_000):
        assert np.sqrt(np.mean(make(length, np.random.default_rng(1)) ** 2)) == pytest.approx(1, rel=1e-6)
    noisy = SoundAugmentation(0, 0, 1, 0, 0, (10, 10))(SOUND, np.random.default_rng(0))[0]
    assert 20 * np.log10(SOUND.std() / (noisy - SOUND).std()) == pytest.approx(10, abs=0.3)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match=r"augmentation\.music: expected a probability, got 2"):
        SoundAugmentation(music=2)
    with pytest.raises(ValueError, match=r"augmentation\.decibels: expected \[lowest, highest\]"):
        SoundAugmentation(decibels=(9, 3))
