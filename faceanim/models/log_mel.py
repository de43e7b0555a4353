"""Log-mel spectra of speech, and what is taken out of them: how loud the recording is, and how it sounds.

Shape letters: B batch, N samples, C mel bands, L spectra.
"""

import math

import torch
from torch import Tensor, nn

RATE = 16_000  # samples a second
HOP = 160  # samples from spectrum to spectrum: 100 a second; number l is centred on sample l * HOP
WINDOW, N_FFT = 400, 512
_LOWEST, _HIGHEST = 60.0, 7600.0  # hertz
_QUIET = 1e-8  # power that is taken for silence: -50 dB below faint speech, at full scale 1
_SPEECH_RANGE = 5.0  # nats (22 dB) below the loud spectra that speech still is
_FAINTEST = -9.0  # log power, nats, of the faintest recording whose level is taken out
_SPREAD, _FARTHEST = 2.0, 4.0  # nats; normalised bands lie within -4 to 4 spreads


class LogMel(nn.Module):
    """The log power in mel bands (Stevens et al., 1937; O'Shaughnessy's formula), natural logarithm."""

    def __init__(self, bands: int = 40):
        super().__init__()
        # the import takes a second, which data workers need not spend
        from transformers.audio_utils import mel_filter_bank

        bank_KC = mel_filter_bank(N_FFT // 2 + 1, bands, _LOWEST, _HIGHEST, RATE, mel_scale="htk")
        bank = torch.from_numpy(bank_KC).T.float().contiguous()
        self.register_buffer("bank_CF", bank, persistent=False)
        self.register_buffer("window_N", torch.hann_window(WINDOW), persistent=False)

    def forward(self, sound_BN: Tensor) -> Tensor:
        """sound_BN: -1 to 1, RATE samples a second. Returns (B, C, 1 + N // HOP); silence surrounds the sound."""
        spectra = torch.stft(
            sound_BN, N_FFT, HOP, WINDOW, self.window_N, center=True, pad_mode="constant", return_complex=True
        )
        return torch.log(self.bank_CF @ spectra.abs() ** 2 + _QUIET)


def recording_profile(log_mel_CL: Tensor) -> Tensor:
    """(C,) the mean of the spectra that hold speech: those within 22 dB of the loud ones. Where nothing is louder
    than a faint hiss, so high that all of it is silence."""
    level_L = torch.logsumexp(log_mel_CL, 0)
    loud = level_L.kthvalue(max(1, math.ceil(0.95 * len(level_L)))).values
    if loud < _FAINTEST:
        return torch.full_like(log_mel_CL[:, 0], _FAINTEST - math.log(len(log_mel_CL)) + _SPREAD * _FARTHEST)
    return log_mel_CL[:, level_L > loud - _SPEECH_RANGE].mean(dim=1)


def normalised(log_mel_BCL: Tensor, profile_BC: Tensor) -> Tensor:
    """Spectra relative to their recording's profile, about -4 (silence) to 4."""
    return ((log_mel_BCL - profile_BC[..., None]) / _SPREAD).clamp(-_FARTHEST, _FARTHEST)


SILENT = -_FARTHEST  # what `normalised` makes of silence
