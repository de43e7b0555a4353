"""What drives, on a reference: templates, speech, and a word where the two do not suit."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from faceanim.media.audio import write_wav
from faceanim.pose.composed import compose
from faceanim.pose.drive import fitted, speech_poses, template_poses
from tests.pose.test_aniportrait_speech import networks
from tests.pose.test_motion import somebody
from tests.pose.test_speech import WAV2VEC2, babble, talker

SIZE = (512, 512)
POINTS = somebody(turned=(0, 0, 0)).points


def test_a_template_at_any_rate_and_length():
    poses = template_poses("nodding", POINTS, SIZE, fps=12.0, max_frames=20)
    assert (len(poses), poses.fps, poses.width, poses.height) == (20, 12.0, 512, 512)
    assert len(template_poses("nodding", POINTS, SIZE)) == 144


def test_a_pair_that_does_not_suit_is_told_before_it_takes_an_hour(caplog):
    fitted(compose("turning"), POINTS, SIZE)
    assert not caplog.text
    fitted(compose("turning"), somebody(turned=(0.7, 0, 0)).points, SIZE)
    assert "composed: turning suits this reference poorly (0." in caplog.text
    assert "degrees from the camera" in caplog.text


def test_speech_is_spoken_by_the_pipelines_own_model_or_another(tmp_path):
    write_wav(tmp_path / "a.wav", babble(1))
    with pytest.raises(ValueError, match=r"holds no speech model: speech=<run folder"):
        speech_poses(tmp_path / "a.wav", None, tmp_path, POINTS, SIZE)
    talker().save_pretrained(tmp_path / "audio_to_pose")
    own = speech_poses(tmp_path / "a.wav", None, tmp_path, POINTS, SIZE)
    named = speech_poses(
        tmp_path / "a.wav", tmp_path / "audio_to_pose", "nowhere", POINTS, SIZE, max_frames=10
    )
    assert len(own) == 24 and len(named) == 10
    np.testing.assert_array_equal(own.points[:10], named.points)


def released_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As the released files name the weight norm."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    renamed = {}
    for name, tensor in state.items():
        for new, named in old.items():
            name = name.replace(new, named)
        renamed[name] = tensor.clone()
    return renamed


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_aniportraits_files_speak_too(tmp_path, suffix):
    write_wav(tmp_path / "a.wav", babble(6.3))
    mesh, head = networks(max_frames=600)
    folder = tmp_path / "pretrained_model"
    (folder / "wav2vec2-base-960h").mkdir(parents=True)
    (folder / "wav2vec2-base-960h" / "config.json").write_text(json.dumps(WAV2VEC2))
    for name, network in (("audio2mesh", mesh), ("audio2pose", head)):
        state = released_names(network.state_dict())
        if suffix == ".pt":
            torch.save(state, folder / f"{name}.pt")
        else:
            save_file(state, folder / f"{name}.safetensors")
    made = speech_poses(tmp_path / "a.wav", folder, "nowhere", POINTS, SIZE, seed=3)
    assert len(made) == round(6.3 * 24) and made.found.all()
    again = speech_poses(tmp_path / "a.wav", folder, "nowhere", POINTS, SIZE, seed=3)
    other = speech_poses(tmp_path / "a.wav", folder, "nowhere", POINTS, SIZE, seed=4)
    np.testing.assert_array_equal(made.points, again.points)
    assert np.abs(made.points - other.points).max() > 1


def test_one_of_the_two_files_alone_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", babble(1))
    save_file(released_names(networks()[0].state_dict()), tmp_path / "audio2mesh.safetensors")
    with pytest.raises(ValueError, match=r"expected AniPortrait's audio2mesh and audio2pose.*no audio2pose"):
        speech_poses(tmp_path / "a.wav", tmp_path, "nowhere", POINTS, SIZE)
