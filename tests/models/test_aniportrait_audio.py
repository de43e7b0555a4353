"""AniPortrait's audio networks, against tensors that its own code computed with the same weights."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config

from faceanim.models.aniportrait_audio import AudioToHead, AudioToMesh, load_folder
from faceanim.models.wav2vec2_features import current_names
from faceanim.models.weights import load_into
from tests.helpers.commands import ROOT

GOLDEN = ROOT.parent / "shared" / "golden" / "aniportrait_tiny"
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden tensors here")
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-10}


def tensors(name: str) -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / f"{name}.safetensors")


def network(kind: type, name: str, **options) -> torch.nn.Module:
    config = Wav2Vec2Config.from_dict(json.loads((GOLDEN / "wav2vec2_tiny" / "config.json").read_text()))
    model = kind(config, width=32, **options)
    load_into(model, current_names(tensors(name)), name)
    return model.eval()


@pytest.fixture(scope="module")
def sound_BN() -> torch.Tensor:
    return tensors("audio_inputs")["audio"]


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_mesh_is_theirs(dtype, sound_BN):
    expected = tensors("audio_outputs_f64" if dtype == torch.float64 else "audio_outputs")["a2m.b1"]
    mesh = network(AudioToMesh, "audio2mesh").to(dtype)(sound_BN[:1].to(dtype), 30)
    assert mesh.shape == (1, 30, 468, 3)
    assert (mesh.flatten(2) - expected).abs().max() < TOLERANCE[dtype]


@torch.no_grad()
def test_so_are_a_batch_of_two_and_the_mean_of_all_layers(sound_BN):
    expected = tensors("audio_outputs")
    model = network(AudioToMesh, "audio2mesh")
    assert (model(sound_BN, 25).flatten(2) - expected["a2m.b2"]).abs().max() < 2e-5
    model.mean_of_layers = True
    assert (model(sound_BN[:1], 30).flatten(2) - expected["a2m.b1.mean_features"]).abs().max() < 2e-5


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_head_pose_is_theirs_though_keys_and_values_are_kept(dtype, sound_BN):
    expected = tensors("audio_outputs_f64" if dtype == torch.float64 else "audio_outputs")["a2p.b1"]
    manner = tensors("audio_inputs")["id_seed"]
    pose = network(AudioToHead, "audio2pose").to(dtype)(sound_BN[:1].to(dtype), 24, manner)
    assert (pose - expected).abs().max() < TOLERANCE[dtype]


@torch.no_grad()
def test_another_speech_of_another_manner_too(sound_BN):
    manner = tensors("audio_inputs")["id_seed_second"]
    pose = network(AudioToHead, "audio2pose")(sound_BN[1:], 20, manner)
    assert (pose - tensors("audio_outputs")["a2p.second"]).abs().max() < 2e-5


@torch.no_grad()
def test_a_folder_of_the_released_files_gives_both_networks(sound_BN):
    mesh, head = load_folder(GOLDEN)
    expected, manner = tensors("audio_outputs"), tensors("audio_inputs")["id_seed"]
    assert (mesh(sound_BN[:1], 30).flatten(2) - expected["a2m.b1"]).abs().max() < 2e-5
    assert (head(sound_BN[:1], 24, manner) - expected["a2p.b1"]).abs().max() < 2e-5


def test_more_frames_than_it_has_positions_for_are_refused(sound_BN):
    with pytest.raises(ValueError, match="at most 600 frames, got 601"):
        network(AudioToHead, "audio2pose")(sound_BN[:1], 601, torch.zeros(1, dtype=torch.long))


def test_a_file_that_lacks_a_tensor_is_refused_whole(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "released")
    state = tensors("audio2mesh")
    del state["out_fn.bias"]
    save_file(state, tmp_path / "released" / "audio2mesh.safetensors")
    with pytest.raises(ValueError, match=r"missing: 1, first out_fn\.bias"):
        load_folder(tmp_path / "released")
