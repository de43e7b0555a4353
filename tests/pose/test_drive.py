"""What drives, on a reference: templates, speech, and a word where the two do not suit."""

import numpy as np
import pytest

from faceanim.media.audio import write_wav
from faceanim.pose.composed import compose
from faceanim.pose.drive import fitted, speech_poses, template_poses
from tests.pose.test_motion import somebody
from tests.pose.test_speech import babble, talker

POINTS = somebody(turned=(0, 0, 0)).points


def test_a_template_at_any_rate_and_length():
    poses = template_poses("nodding", POINTS, 512, fps=12.0, max_frames=20)
    assert (len(poses), poses.fps, poses.width, poses.height) == (20, 12.0, 512, 512)
    assert len(template_poses("nodding", POINTS, 512)) == 144


def test_a_pair_that_does_not_suit_is_told_before_it_takes_an_hour(caplog):
    fitted(compose("turning"), POINTS, 512)
    assert not caplog.text
    fitted(compose("turning"), somebody(turned=(0.7, 0, 0)).points, 512)
    assert "composed: turning suits this reference poorly (0." in caplog.text
    assert "degrees from the camera" in caplog.text


def test_speech_is_spoken_by_the_pipelines_own_model_or_another(tmp_path):
    write_wav(tmp_path / "a.wav", babble(1))
    with pytest.raises(ValueError, match=r"holds no speech model: speech=<run folder"):
        speech_poses(tmp_path / "a.wav", None, tmp_path, POINTS, 512)
    talker().save_pretrained(tmp_path / "audio_to_pose")
    own = speech_poses(tmp_path / "a.wav", None, tmp_path, POINTS, 512)
    named = speech_poses(
        tmp_path / "a.wav", tmp_path / "audio_to_pose", "nowhere", POINTS, 512, max_frames=10
    )
    assert len(own) == 24 and len(named) == 10
    np.testing.assert_array_equal(own.points[:10], named.points)
