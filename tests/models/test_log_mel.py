"""Log-mel bands, and what is taken out of them."""

import math

import numpy as np
import pytest
import torch

from faceanim.models.log_mel import HOP, RATE, SILENT, LogMel, normalised, recording_profile


def tone(hertz: float, seconds: float = 0.5, loud: float = 0.5) -> torch.Tensor:
    return (loud * torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)).float()[None]


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 4000.0])
def test_a_tone_lies_in_the_band_around_its_pitch(hertz):
    log_mel = LogMel(40)(tone(hertz))
    assert log_mel.shape == (1, 40, 1 + 8000 // HOP)
    loudest = int(log_mel[0, :, 20].argmax())
    mel = 2595 * np.log10(1 + np.array([60, 7600, hertz]) / 700)
    place = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 41 - 1  # of the band's middle, in bands
    assert abs(loudest - place) <= 0.8


def test_a_click_is_in_the_spectra_around_its_moment():
    sound = torch.zeros(1, RATE)
    sound[0, 8000] = 1
    level = torch.logsumexp(LogMel(40)(sound)[0], 0)
    assert int(level.argmax()) == 8000 // HOP
    loud = (level > level.min() + 1e-3).nonzero()[:, 0]
    assert abs(float(loud.float().mean()) - 50) < 0.5 and len(loud) <= 5


def test_how_loud_and_how_coloured_a_recording_is_does_not_matter_where_somebody_speaks():
    generator = torch.Generator().manual_seed(0)
    speech = torch.randn(1, 2 * RATE, generator=generator) * torch.linspace(0, 1, 2 * RATE)
    mel = LogMel(40)
    found = []
    for colour in (torch.zeros(40), torch.linspace(-2, 2, 40)):
        for gain in (1.0, 0.05):
            bands = mel(gain * speech)[0] + colour[:, None]
            found.append(normalised(bands[None], recording_profile(bands)[None]))
    loud = slice(100, 200)
    for other in found[1:]:
        assert (other - found[0])[..., loud].abs().max() < 0.02


def test_silence_is_as_silent_as_can_be_whatever_the_recording():
    mel = LogMel(40)
    for sound in (
        torch.zeros(1, RATE),
        1e-5 * torch.randn(1, RATE, generator=torch.Generator().manual_seed(0)),
    ):
        bands = mel(sound)[0]
        assert (normalised(bands[None], recording_profile(bands)[None]) == SILENT).all()
