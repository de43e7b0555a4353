"""wav2vec 2.0 (Baevski et al., 2020) at the rate of a video, as AniPortrait uses it.

Shape letters: B batch, N samples, T video frames, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Wav2Vec2Model

from faceanim.models.weight_source import WeightSource
from faceanim.models.weights import LoadReport, load_into, read_tensors


def current_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the weight norm of wav2vec2's positional convolution as torch has named it since 2.0."""
    names = {".pos_conv_embed.conv.weight_g": "original0", ".pos_conv_embed.conv.weight_v": "original1"}
    renamed = {}
    for name, tensor in state.items():
        for old, new in names.items():
            name = name.replace(old, f".pos_conv_embed.conv.parametrizations.weight.{new}")
        renamed[name] = tensor
    return renamed


def load_wav2vec2(encoder: Wav2Vec2Model, source: str | dict | WeightSource) -> LoadReport:
    """Fill it from a released checkpoint (wav2vec2-base, -base-960h): every tensor of it, or ValueError. What such
    files hold for pre-training or for letters is left."""
    path = WeightSource.parse(source).fetch()
    state = current_names(read_tensors(path))
    if any(name.startswith("wav2vec2.") for name in state):
        state = {n.removeprefix("wav2vec2."): t for n, t in state.items() if n.startswith("wav2vec2.")}
    return load_into(encoder, state, path, may_miss=["masked_spec_embed"], part="wav2vec2")


def wav2vec2_features(
    encoder: Wav2Vec2Model, sound_BN: Tensor, n_frames: int, mean_of_layers: bool = False
) -> Tensor:
    """Hidden states (B, T, D) for `n_frames` frames that share the whole sound evenly.

    The convolutions' output is resampled to the frames, ends on ends, before it is projected; so the transformer sees
    one token a frame. mean_of_layers: the mean of the transformer's input and all layers' outputs instead of the last.
    """
    if encoder.config.do_stable_layer_norm or encoder.config.add_adapter:
        raise ValueError("wav2vec2: expected the base layout (post-norm, no adapter), got another")
    features = encoder.feature_extractor(sound_BN)
    features = F.interpolate(features, size=n_frames, mode="linear", align_corners=True)
    hidden, _ = encoder.feature_projection(features.transpose(1, 2))
    return transformer_states(encoder, hidden, mean_of_layers)


def transformer_states(encoder: Wav2Vec2Model, hidden_BTD: Tensor, mean_of_layers: bool = False) -> Tensor:
    """What its transformer makes of projected features: the loop of transformers' Wav2Vec2Encoder, which no longer
    returns the states on the way."""
    layers = encoder.encoder
    hidden = hidden_BTD + layers.pos_conv_embed(hidden_BTD)
    states = [layers.dropout(layers.layer_norm(hidden))]
    for layer in layers.layers:
        output = layer(states[-1])
        states.append(output if isinstance(output, Tensor) else output[0])
    return torch.stack(states).mean(dim=0) if mean_of_layers else states[-1]
