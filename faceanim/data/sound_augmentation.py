"""Speech as other rooms, microphones and neighbours make it sound. N: samples at 16 kHz."""

from dataclasses import dataclass

import numpy as np

from faceanim.models.log_mel import RATE

_EQUALISER_HERTZ = (60, 250, 700, 1500, 3000, 7600)
_EQUALISER_DECIBELS = 9.0  # of each of these, at most, up or down
_REVERBERATION = (0.05, 0.4)  # seconds until its amplitude has fallen to 1 / e
_DIRECT_DECIBELS = (0.0, 15.0)  # of the direct sound over the reverberation
_CHORD = (1.0, 1.2599, 1.4983, 2.0)  # a major chord in equal temperament
_FUNDAMENTAL = (90.0, 350.0)  # hertz
_HARMONICS = 6


@dataclass(frozen=True)
class SoundAugmentation:
    """Each with its own probability: equaliser, reverberation, coloured noise, chords as of music; and `alone`, noise
    or chords in place of the speech, at which a face stays at rest. decibels: of the speech over what is added."""

    equaliser: float = 0.5
    reverberation: float = 0.3
    noise: float = 0.5
    music: float = 0.25
    alone: float = 0.05
    decibels: tuple[float, float] = (5.0, 30.0)

    def __post_init__(self) -> None:
        for name in ("equaliser", "reverberation", "noise", "music", "alone"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation.{name}: expected a probability, got {getattr(self, name)}")
        low, high = self.decibels
        if not low <= high:
            raise ValueError(f"augmentation.decibels: expected [lowest, highest], got {list(self.decibels)}")

    def __call__(self, sound_N: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
        """Return the changed sound, float32 of the same length, and whether speech is left in it."""
        level = max(float(np.sqrt(np.mean(np.square(sound_N, dtype=np.float64)))), 1e-4)
        if rng.uniform() < self.alone:
            make = coloured_noise if rng.uniform() < 0.5 else chords
            return (level * make(len(sound_N), rng)).astype(np.float32), False
        changed = sound_N.astype(np.float64)
        if rng.uniform() < self.equaliser:
            changed = equalised(changed, rng)
        if rng.uniform() < self.reverberation:
            changed = reverberated(changed, rng)
        for probability, make in ((self.noise, coloured_noise), (self.music, chords)):
            if rng.uniform() < probability:
                changed += level * 10 ** (-rng.uniform(*self.decibels) / 20) * make(len(changed), rng)
        return changed.astype(np.float32), True


def equalised(sound_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains at some frequencies by chance, and smooth in between."""
    hertz = np.fft.rfftfreq(len(sound_N), 1 / RATE)
    decibels = rng.uniform(-_EQUALISER_DECIBELS, _EQUALISER_DECIBELS, len(_EQUALISER_HERTZ))
    gain = 10 ** (np.interp(np.log(np.maximum(hertz, 1)), np.log(_EQUALISER_HERTZ), decibels) / 20)
    return np.fft.irfft(gain * np.fft.rfft(sound_N), len(sound_N))


def reverberated(sound_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With a tail of exponentially fading noise after the direct sound (Moorer, 1979)."""
    fall = float(rng.uniform(*_REVERBERATION))
    time = np.arange(round(4 * fall * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * np.exp(-time / fall)
    tail *= 10 ** (-rng.uniform(*_DIRECT_DECIBELS) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] += 1
    length = len(sound_N) + len(tail)
    return np.fft.irfft(np.fft.rfft(sound_N, length) * np.fft.rfft(tail, length), length)[: len(sound_N)]


def coloured_noise(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls by a power of the frequency from 0 (white) to 2 (brown), root mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hertz = np.maximum(np.fft.rfftfreq(n_samples, 1 / RATE), 20)
    return _unit(np.fft.irfft(spectrum * hertz ** -rng.uniform(0, 1), n_samples))


def chords(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Chords that are struck one or two times a second and fade, root mean square 1."""
    made, begin = np.zeros(n_samples), 0
    while begin < n_samples:
        length = min(round(rng.uniform(0.4, 1.2) * RATE), n_samples - begin)
        time, root = np.arange(length) / RATE, rng.uniform(*_FUNDAMENTAL)
        for ratio in _CHORD:
            pitch = ratio * root
            for harmonic in range(1, _HARMONICS + 1):
                made[begin : begin + length] += (
                    np.sin(2 * np.pi * harmonic * pitch * time + rng.uniform(0, 2 * np.pi)) / harmonic
                ) * np.exp(-time / 0.5)
        begin += length
    return _unit(made)


def _unit(made_N: np.ndarray) -> np.ndarray:
    return made_N / max(float(np.sqrt(np.mean(made_N**2))), 1e-12)
