"""AniPortrait's two audio networks (Wei et al., 2024, arXiv:2403.17694, section 3.1), in its own key layout.

Shape letters: B batch, N samples, T frames, V mesh vertices, D width, H heads.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from faceanim.models.wav2vec2_features import current_names, wav2vec2_features
from faceanim.models.weights import load_into, read_json, read_tensors

N_VERTICES = 468  # of MediaPipe's face mesh
MANNERS = 100  # of moving the head that were learnt
MESH, HEAD = "audio2mesh", "audio2pose"  # names of the released files, .pt or .safetensors
_ENCODER = "wav2vec2*/config.json"  # in the same folder


class AudioToMesh(nn.Module):
    """Speech to what the mesh's vertices do, relative to the speaker's face at rest, in the mesh's own axes: x to the
    picture's right, y up, z to the camera, centimetres."""

    def __init__(self, wav2vec2: Wav2Vec2Config, width: int = 512, mean_of_layers: bool = False):
        super().__init__()
        self.mean_of_layers = mean_of_layers
        self.audio_encoder = Wav2Vec2Model(wav2vec2)
        self.in_fn = nn.Linear(wav2vec2.hidden_size, width)
        self.out_fn = nn.Linear(width, 3 * N_VERTICES)

    def forward(self, sound_BN: Tensor, n_frames: int) -> Tensor:
        """sound_BN: 16 kHz, of mean 0 and variance 1. Returns (B, T, 468, 3)."""
        hidden = wav2vec2_features(self.audio_encoder, sound_BN, n_frames, self.mean_of_layers)
        return self.out_fn(self.in_fn(hidden)).unflatten(-1, (N_VERTICES, 3))


class AudioToHead(nn.Module):
    """Speech to the head's motion, frame by frame from its own output: x, y, z degrees (turned about x first) and
    x, y, z centimetres, relative to the start.

    Each frame attends to all before it, less to farther ones (ALiBi, Press et al., 2022), and to its own moment of the
    speech. Keys and values of past frames are kept: the same numbers, in a quarter of the time.
    """

    def __init__(
        self,
        wav2vec2: Wav2Vec2Config,
        width: int = 512,
        heads: int = 8,
        layers: int = 8,
        max_frames: int = 600,
        mean_of_layers: bool = False,
    ):
        super().__init__()
        self.max_frames, self.mean_of_layers = max_frames, mean_of_layers
        self.audio_encoder = Wav2Vec2Model(wav2vec2)
        self.pose_map = nn.Linear(6, width)
        self.in_fn = nn.Linear(wav2vec2.hidden_size, width)
        self.PPE = _Positions(width, max_frames)
        layer = nn.TransformerDecoderLayer(width, heads, 2 * width, batch_first=True)
        self.transformer_decoder = nn.TransformerDecoder(layer, layers)
        self.pose_map_r = nn.Linear(width, 6)
        self.id_embed = nn.Embedding(MANNERS, width)
        self.register_buffer("slopes_H", _alibi_slopes(heads), persistent=False)

    def forward(self, sound_BN: Tensor, n_frames: int, manner_B: Tensor) -> Tensor:
        """manner_B: 0 to 99, one of the manners learnt. Returns (B, T, 6). ValueError beyond `max_frames`."""
        if n_frames > self.max_frames:
            raise ValueError(f"audio to head pose: expected at most {self.max_frames} frames, got {n_frames}")
        speech = wav2vec2_features(self.audio_encoder, sound_BN, n_frames, self.mean_of_layers)
        memory_BTD = self.in_fn(speech)
        manner_B1D = self.id_embed(manner_B)[:, None]
        past: list[tuple[Tensor, Tensor] | None] = [None] * len(self.transformer_decoder.layers)
        pose_B16 = memory_BTD.new_zeros(len(memory_BTD), 1, 6)
        poses = []
        for t in range(n_frames):
            x = self.pose_map(pose_B16) + self.PPE.pe[:, t : t + 1] + manner_B1D
            for number, layer in enumerate(self.transformer_decoder.layers):
                x, past[number] = self._layer(layer, x, memory_BTD[:, t : t + 1], past[number])
            pose_B16 = self.pose_map_r(x)
            poses.append(pose_B16)
        return torch.cat(poses, dim=1)

    def _layer(
        self,
        layer: nn.TransformerDecoderLayer,
        x_B1D: Tensor,
        memory_B1D: Tensor,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One post-norm decoder layer for the newest frame. Attention to one token is that token's value."""
        attention = layer.self_attn
        q, k, v = F.linear(x_B1D, attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1)
        k, v = (_split(one, attention.num_heads) for one in (k, v))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        ages_T = torch.arange(k.shape[2] - 1, -1, -1, device=x_B1D.device, dtype=x_B1D.dtype)
        bias_1H1T = -self.slopes_H.to(x_B1D.dtype)[None, :, None, None] * ages_T
        seen = F.scaled_dot_product_attention(_split(q, attention.num_heads), k, v, attn_mask=bias_1H1T)
        x = layer.norm1(x_B1D + attention.out_proj(seen.transpose(1, 2).flatten(2)))
        speech = layer.multihead_attn
        D = x.shape[-1]
        value = F.linear(memory_B1D, speech.in_proj_weight[2 * D :], speech.in_proj_bias[2 * D :])
        x = layer.norm2(x + speech.out_proj(value))
        return layer.norm3(x + layer.linear2(F.relu(layer.linear1(x)))), (k, v)


def holds_released(folder: str | Path) -> bool:
    """Whether the released files lie in this folder, as in AniPortrait's pretrained_model."""
    return _file(folder, MESH) is not None


def load_folder(folder: str | Path) -> tuple[AudioToMesh, AudioToHead]:
    """Both networks from the released files in a folder, in evaluation mode: every tensor, or ValueError.

    wav2vec2's configuration is read from wav2vec2-base-960h/config.json in the folder, or that of another wav2vec2;
    without one it is that model's.
    """
    paths = {name: _file(folder, name) for name in (MESH, HEAD)}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise ValueError(
            f"{folder}: expected AniPortrait's {MESH} and {HEAD}, .pt or .safetensors; no {missing[0]}"
        )
    encoders = sorted(Path(folder).glob(_ENCODER))
    if len(encoders) > 1:
        raise ValueError(f"{folder}: expected one {_ENCODER}, got {', '.join(map(str, encoders))}")
    config = Wav2Vec2Config.from_dict(read_json(encoders[0])) if encoders else Wav2Vec2Config()
    states = {name: current_names(read_tensors(path)) for name, path in paths.items()}
    for name, state in states.items():
        if "in_fn.weight" not in state:
            raise ValueError(f"{paths[name]}: not AniPortrait's {name}: no in_fn.weight in it")
    width = {name: len(state["in_fn.weight"]) for name, state in states.items()}
    layers = {name.split(".")[2] for name in states[HEAD] if name.startswith("transformer_decoder.layers.")}
    mesh, head = AudioToMesh(config, width[MESH]), AudioToHead(config, width[HEAD], layers=len(layers))
    for name, network in ((MESH, mesh), (HEAD, head)):
        load_into(network, states[name], paths[name], part=name)
    return mesh.eval(), head.eval()


def _file(folder: str | Path, name: str) -> Path | None:
    paths = (Path(folder) / f"{name}{suffix}" for suffix in (".pt", ".safetensors"))
    return next((path for path in paths if path.is_file()), None)


class _Positions(nn.Module):
    """Sines and cosines of the frame number (Vaswani et al., 2017, section 3.5)."""

    def __init__(self, width: int, max_frames: int):
        super().__init__()
        position = torch.arange(max_frames).float()[:, None]
        frequency = torch.exp(torch.arange(0, width, 2).float() * -(math.log(10000.0) / width))
        table = torch.stack([torch.sin(position * frequency), torch.cos(position * frequency)], dim=-1)
        self.register_buffer("pe", table.flatten(1)[None])


def _alibi_slopes(heads: int) -> Tensor:
    """Press et al., 2022, section 3: 2^(-8/H), its square, ...; between powers of two, those of the next one are woven
    in."""
    closest = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * (h + 1) / closest) for h in range(closest)]
    between = [2 ** (-4 * (h + 1) / closest) for h in range(0, 2 * closest, 2)]
    return torch.tensor(slopes + between[: heads - closest])


def _split(x_BTD: Tensor, heads: int) -> Tensor:
    return x_BTD.unflatten(-1, (heads, -1)).transpose(1, 2)
