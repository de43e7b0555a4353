"""AudioToPose: speech to what lips, jaw and brows do, and the head. Our own network, small enough for a CPU.

Shape letters: B batch, N samples, C channels of the features, L features in time, T video frames, D width, P 68 points.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from faceanim.models.head_from_speech import HeadFromSpeech
from faceanim.models.log_mel import HOP, RATE, SILENT, LogMel, normalised
from faceanim.models.wav2vec2_features import transformer_states
from faceanim.models.weights import load_into, read_checkpoint, read_json, read_tensors

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
_METADATA = "audio_to_pose"  # of a .safetensors: the configuration as JSON
_KERNEL = 5


class AudioToPose(ModelMixin, ConfigMixin):
    """Features of the sound, dilated convolutions over them with residual connections, and a linear layer at the
    moments that the video's frames are shown.

    encoder: mel, the sound's log-mel bands, which need no weights; or wav2vec2, its hidden states, 50 a second.
    dilations: of one convolution of five taps each. wav2vec2: options of transformers' Wav2Vec2Config.
    head: options of ``HeadFromSpeech``, which hears the same features; None: nothing is known of the head's motion.
    Convolutions only look so far (`reach`), so that long speech may be computed in pieces and give the same.
    """

    @register_to_config
    def __init__(
        self,
        encoder: Literal["mel", "wav2vec2"] = "mel",
        bands: int = 40,
        width: int = 32,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        dropout: float = 0.4,
        wav2vec2: dict[str, Any] | None = None,
        head: dict[str, Any] | None = None,
    ):
        super().__init__()
        if encoder not in ("mel", "wav2vec2"):
            raise ValueError(f"model.encoder: expected mel or wav2vec2, got {encoder!r}")
        self.log_mel = LogMel(bands)  # also for the profile of a recording, whatever the encoder
        self.speech_encoder = (
            Wav2Vec2Model(Wav2Vec2Config(**(wav2vec2 or {}))) if encoder == "wav2vec2" else None
        )
        channels = bands if self.speech_encoder is None else self.speech_encoder.config.hidden_size
        widths = [channels, *[width] * (len(dilations) - 1)]
        self.layers = nn.ModuleList(
            nn.Conv1d(c, width, _KERNEL, padding=d * (_KERNEL // 2), dilation=d)
            for c, d in zip(widths, dilations, strict=True)
        )
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(width, 68 * 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.head_network = None if head is None else HeadFromSpeech(channels, self.feature_rate, **head)

    @property
    def feature_rate(self) -> float:
        """Features a second; number l is of the moment l / feature_rate."""
        return RATE / HOP if self.speech_encoder is None else 50.0

    @property
    def reach(self) -> float:
        """Seconds of sound to either side that a frame depends on, the encoder's own aside."""
        return sum(d * (_KERNEL // 2) for d in self.config.dilations) / self.feature_rate

    def features(self, sound_BN: Tensor, profile_BC: Tensor) -> Tensor:
        """(B, C, L) of sound at RATE. profile_BC: of the recordings, see ``log_mel.recording_profile``."""
        if self.speech_encoder is None:
            return normalised(self.log_mel(sound_BN), profile_BC)
        gain_B1 = torch.exp(-profile_BC.mean(dim=1, keepdim=True) / 2)  # power to amplitude
        hidden = self.speech_encoder.feature_extractor(
            F.pad(gain_B1 * sound_BN, (200, 200))
        )  # centred on l / 50 s
        hidden, _ = self.speech_encoder.feature_projection(hidden.transpose(1, 2))
        return transformer_states(self.speech_encoder, hidden).transpose(1, 2)

    def forward(self, features_BCL: Tensor, place_BT: Tensor) -> Tensor:
        """place_BT: where the frames lie among the features, 0 to L - 1, in between too. Returns (B, T, P, 2): what the
        points do, centimetres on an average face (``FaceMotion.expression``); 0 is the neutral face."""
        x = features_BCL
        for number, layer in enumerate(self.layers):
            y = F.gelu(layer(self.drop(x)))
            x = y if number == 0 else x + y
        last = x.shape[-1] - 1
        place_BT = place_BT.clamp(0, last)
        before = place_BT.long()
        after, share_B1T = (before + 1).clamp(max=last), (place_BT - before)[:, None].to(x.dtype)
        x = (1 - share_B1T) * _at(x, before) + share_B1T * _at(x, after)
        return self.out(x.transpose(1, 2)).unflatten(-1, (68, 2))

    def silence(self, features_BCL: Tensor) -> Tensor:
        """What the features are where nothing is heard, for training: only known of log-mel bands."""
        return torch.full_like(features_BCL, SILENT)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """From a folder that ``save_pretrained`` wrote, a file of ``save_file``, a training's run folder, or its
        checkpoint; every tensor or ValueError."""
        path = Path(path)
        if (path / "checkpoints" / "last.ckpt").exists():
            path = path / "checkpoints" / "last.ckpt"
        if path.suffix == ".ckpt":
            checkpoint = read_checkpoint(path)
            card = checkpoint["faceanim"]
            if card.get("stage") != "audio_to_pose":
                raise ValueError(
                    f"{path}: expected a checkpoint of stage=audio_to_pose, got {card.get('stage')}"
                )
            config = card["model"]
            state = {name.removeprefix("model."): tensor for name, tensor in checkpoint["state_dict"].items()}
        elif path.suffix == ".safetensors":
            config, state = _config_of(path), read_tensors(path)
        elif (path / CONFIG).is_file():
            config, state = read_json(path / CONFIG), read_tensors(path / WEIGHTS)
        else:
            raise ValueError(
                f"no speech model in {path}: expected a run folder of stage=audio_to_pose, its checkpoint, a folder "
                f"with {CONFIG}, or a .safetensors"
            )
        try:
            model = cls(**{name: value for name, value in config.items() if not name.startswith("_")})
        except TypeError as error:
            raise ValueError(f"{path}: does not describe an AudioToPose: {error}") from error
        load_into(model, state, path, part="audio_to_pose")
        return model.eval()

    def save_file(self, path: str | Path) -> None:
        """Write weights in half precision and their configuration into one .safetensors."""
        state = {name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}
        config = {name: value for name, value in self.config.items() if not name.startswith("_")}
        save_file(state, path, {_METADATA: json.dumps(config)})


def _config_of(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, "pt") as file:
            return json.loads((file.metadata() or {})[_METADATA])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the weights of an AudioToPose with their configuration"
        ) from error


def _at(x_BDL: Tensor, index_BT: Tensor) -> Tensor:
    return torch.gather(x_BDL, 2, index_BT[:, None].expand(-1, x_BDL.shape[1], -1))
