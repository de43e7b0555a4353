"""AniPortrait's audio networks, against tensors that its own code computed with the same weights."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Wav2Vec2Config

from faceanim.models.aniportrait_audio import AudioToHead, AudioToMesh, load_folder
from faceanim.models.wav2vec2_features import current_names
from faceanim.models.weights import load_into
from tests.helpers.assets import present
from tests.helpers.golden import write_golden

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-10}
OUTPUTS = {torch.float32: "audio_outputs", torch.float64: "audio_outputs_f64"}


@pytest.fixture(
    scope="module", params=[None, *present("golden", "aniportrait_tiny")], ids=lambda path: path and path.name
)
def folder(request, tmp_path_factory) -> Path:
    return request.param or write_golden("aniportrait_audio", tmp_path_factory.mktemp("golden") / "audio")


def network(kind: type, folder: Path, **options) -> torch.nn.Module:
    config = Wav2Vec2Config.from_dict(json.loads((folder / "wav2vec2_tiny" / "config.json").read_text()))
    model = kind(config, width=32, **options)
    name = "audio2mesh" if kind is AudioToMesh else "audio2pose"
    load_into(model, current_names(load_file(folder / f"{name}.safetensors")), name)
    return model.eval()


@pytest.fixture(scope="module")
def inputs(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "audio_inputs.safetensors")


@torch.no_grad()
@pytest.mark.parametrize("dtype", OUTPUTS)
def test_the_mesh_is_theirs(dtype, folder, inputs):
    expected = load_file(folder / f"{OUTPUTS[dtype]}.safetensors")["a2m.b1"]
    mesh = network(AudioToMesh, folder).to(dtype)(inputs["audio"][:1].to(dtype), expected.shape[1])
    assert mesh.shape == (1, expected.shape[1], 468, 3)
    assert (mesh.flatten(2) - expected).abs().max() < TOLERANCE[dtype]


@torch.no_grad()
def test_so_are_a_batch_of_two_and_the_mean_of_all_layers(folder, inputs):
    expected = load_file(folder / "audio_outputs.safetensors")
    model, mean = network(AudioToMesh, folder), expected["a2m.b1.mean_features"]
    two = model(inputs["audio"], expected["a2m.b2"].shape[1])
    assert (two.flatten(2) - expected["a2m.b2"]).abs().max() < 2e-5
    model.mean_of_layers = True
    assert (model(inputs["audio"][:1], mean.shape[1]).flatten(2) - mean).abs().max() < 2e-5


@torch.no_grad()
@pytest.mark.parametrize("dtype", OUTPUTS)
def test_the_head_pose_is_theirs_though_keys_and_values_are_kept(dtype, folder, inputs):
    expected = load_file(folder / f"{OUTPUTS[dtype]}.safetensors")["a2p.b1"]
    head = network(AudioToHead, folder).to(dtype)
    pose = head(inputs["audio"][:1].to(dtype), expected.shape[1], inputs["id_seed"])
    assert (pose - expected).abs().max() < TOLERANCE[dtype]


@torch.no_grad()
def test_another_speech_of_another_manner_too(folder, inputs):
    expected = load_file(folder / "audio_outputs.safetensors")["a2p.second"]
    pose = network(AudioToHead, folder)(inputs["audio"][1:], expected.shape[1], inputs["id_seed_second"])
    assert (pose - expected).abs().max() < 2e-5


@torch.no_grad()
def test_a_folder_of_the_released_files_gives_both_networks(folder, inputs):
    mesh, head = load_folder(folder)
    expected, sound_BN = load_file(folder / "audio_outputs.safetensors"), inputs["audio"][:1]
    vertices, pose = expected["a2m.b1"], expected["a2p.b1"]
    assert (mesh(sound_BN, vertices.shape[1]).flatten(2) - vertices).abs().max() < 2e-5
    assert (head(sound_BN, pose.shape[1], inputs["id_seed"]) - pose).abs().max() < 2e-5


def test_more_frames_than_it_has_positions_for_are_refused(folder, inputs):
    with pytest.raises(ValueError, match="at most 600 frames, got 601"):
        network(AudioToHead, folder)(inputs["audio"][:1], 601, torch.zeros(1, dtype=torch.long))


def test_a_file_that_lacks_a_tensor_is_refused_whole(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "released", copy_function=shutil.copyfile)
    state = load_file(folder / "audio2mesh.safetensors")
    del state["out_fn.bias"]
    save_file(state, tmp_path / "released" / "audio2mesh.safetensors")
    with pytest.raises(ValueError, match=r"missing: 1, first out_fn\.bias"):
        load_folder(tmp_path / "released")
