"""Released wav2vec2 files are read whole; the hidden states are transformers' own."""

import pytest
import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model

from faceanim.models.wav2vec2_features import load_wav2vec2, transformer_states

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
SMALL |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}


def encoder(seed: int, **options) -> Wav2Vec2Model:
    torch.manual_seed(seed)
    return Wav2Vec2Model(Wav2Vec2Config(**SMALL, **options)).eval()


@torch.no_grad()
def test_the_last_state_is_what_transformers_returns():
    model, sound = encoder(0), torch.randn(2, 8000, generator=torch.Generator().manual_seed(0))
    features = model.feature_extractor(sound).transpose(1, 2)
    hidden, _ = model.feature_projection(features)
    torch.testing.assert_close(transformer_states(model, hidden), model(sound).last_hidden_state)


def test_a_released_file_with_letters_and_old_names_fills_the_encoder(tmp_path):
    torch.manual_seed(1)
    whole = Wav2Vec2ForCTC(Wav2Vec2Config(**SMALL))
    state = {}
    for name, tensor in whole.state_dict().items():
        name = name.replace("parametrizations.weight.original0", "weight_g")
        state[name.replace("parametrizations.weight.original1", "weight_v")] = tensor.contiguous()
    assert any(name.endswith("weight_g") for name in state) and "lm_head.weight" in state
    save_file(state, tmp_path / "model.safetensors")
    model = encoder(2)
    report = load_wav2vec2(model, str(tmp_path))
    assert not report.missing and not report.unexpected
    for name, tensor in whole.wav2vec2.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
    del state["wav2vec2.encoder.layers.1.final_layer_norm.bias"]
    save_file(state, tmp_path / "cut.safetensors")
    with pytest.raises(ValueError, match="missing: 1"):
        load_wav2vec2(model, str(tmp_path / "cut.safetensors"))
