"""AniPortrait's networks make a face speak: length, pieces, axes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceanim.media.sound import write_wav
from faceanim.pose.aniportrait_speech import head_motion, motion_from_mesh_model
from faceanim.pose.motion import recompose
from tests.helpers.heads import somebody
from tests.helpers.speech_models import babble, networks


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    write_wav(path, babble(6.3))
    return path


def test_there_are_as_many_frames_as_the_sound_lasts_also_beyond_the_heads_positions(sound):
    mesh, head = networks()
    motion = motion_from_mesh_model(sound, mesh, head, fps=25.0)
    assert len(motion) == round(6.3 * 25) > head.max_frames
    assert np.isfinite(motion.expression).all() and np.isfinite(motion.turn).all()
    assert np.abs(np.diff(motion.turn, axis=0)).max() < 3 * np.abs(np.diff(motion.turn[:50], axis=0)).max()
    assert recompose(motion, somebody(), 640, 480).found.all()


def test_the_mesh_comes_as_points_with_y_down(sound):
    """A network that moves every vertex by 1 to the right, 2 up and 3 to the camera."""
    mesh, _ = networks()
    torch.nn.init.zeros_(mesh.out_fn.weight)
    with torch.no_grad():
        mesh.out_fn.bias.copy_(torch.tensor([1.0, 2.0, 3.0]).repeat(468))
    motion = motion_from_mesh_model(sound, mesh, fps=24.0)
    np.testing.assert_allclose(motion.expression[:, :36], np.broadcast_to((1, -2), (len(motion), 36, 2)))


def test_the_heads_degrees_have_the_signs_of_head_angles():
    """About x (to the right): looks down; about y (up): to the picture's right; about z (to the camera): tilts
    against the clock. To the camera: larger; up: up."""
    pose = np.zeros((7, 6))
    pose[1, 0] = pose[2, 1] = pose[3, 2] = 10
    pose[4, 5], pose[5, 4], pose[6, 3] = 5, 1, 1
    moved = head_motion(pose)
    np.testing.assert_allclose(
        np.degrees(moved["turn"][1:4]), [[0, 10, 0], [10, 0, 0], [0, 0, -10]], atol=1e-6
    )
    assert moved["zoom"][4] > 0.05 and moved["zoom"][0] == 0
    np.testing.assert_allclose(moved["shift"][5:], [[0, -1], [1, 0]])
