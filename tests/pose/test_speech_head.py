"""A head that a model moves while it speaks: where it begins, how it stays, and what replaces it."""

import tracemalloc

import numpy as np
import pytest
from scipy.interpolate import BSpline

from faceanim.media.sound import write_wav
from faceanim.pipelines.motion_sources import Speech
from faceanim.pose.speech import motion_from_speech
from faceanim.pose.speech_head import between_steps
from tests.helpers.heads import somebody
from tests.helpers.speech_models import WAV2VEC2, babble, mover, talker


def test_between_steps_lies_a_cubic_b_spline():
    values = np.random.default_rng(0).normal(size=(40, 3))
    made = between_steps(values, 80, 0.4)  # 0 to 31.6
    spline = BSpline(np.arange(-3, 41), values, 3)  # value k counts most at k - 1
    place = np.arange(80) * 0.4
    inside = place >= 2
    np.testing.assert_allclose(made[inside], spline(place[inside] - 1), atol=1e-9)
    np.testing.assert_allclose(made[0], values[0], atol=1e-12)
    line = np.arange(40.0)
    np.testing.assert_allclose(between_steps(line, 80, 0.4), place, atol=1e-9)


@pytest.mark.parametrize("encoder", ["mel", "wav2vec2"])
@pytest.mark.parametrize("fps", [8.0, 24.0, 59.94])
def test_the_first_frame_is_the_references_own_pose_and_it_begins_to_move_slowly(encoder, fps, tmp_path):
    write_wav(tmp_path / "a.wav", babble(6))
    motion = motion_from_speech(tmp_path / "a.wav", mover(encoder=encoder, wav2vec2=WAV2VEC2), fps)
    poses = motion.head_poses
    assert poses.shape == (round(6 * fps), 6) and np.isfinite(poses).all()
    assert np.abs(poses[0]).max() == 0
    speed = np.linalg.norm(np.diff(np.degrees(motion.turn), axis=0), axis=1) * fps
    assert speed[: round(0.15 * fps)].max() < 5 < speed.max() < 100


def test_the_shortest_sound_has_a_head_too(tmp_path):
    write_wav(tmp_path / "a.wav", babble(0.05))
    assert len(motion_from_speech(tmp_path / "a.wav", mover())) == 1


def test_what_is_spoken_later_changes_nothing_before(tmp_path):
    """No seams, as nothing is done in pieces; sound is heard half a second ahead."""
    sound = babble(12)
    write_wav(tmp_path / "whole.wav", sound)
    write_wav(tmp_path / "part.wav", sound[: 8 * 16_000])
    whole, part = (
        motion_from_speech(tmp_path / f"{name}.wav", mover()).head_poses for name in ("whole", "part")
    )
    changed = np.abs(whole[:192] - part)
    assert changed[:150].max() < 0.01 * changed.max() + 2e-3  # the recording's profile differs a little


def test_a_template_replaces_the_learnt_head(tmp_path):
    write_wav(tmp_path / "a.wav", babble(4))
    reference, led = somebody(turned=(0, 0, 0)).points, []
    for name, model in (("mover", mover()), ("talker", talker())):
        model.save_pretrained(tmp_path / name)
        source = Speech(tmp_path / "a.wav", model=tmp_path / name, head="turning")
        led.append(source.read((480, 640), reference).poses)
    eyes_and_brows = slice(17, 48)
    np.testing.assert_allclose(led[0].points[:, eyes_and_brows], led[1].points[:, eyes_and_brows], atol=1e-3)


def test_lips_are_the_same_with_and_without_a_learnt_head(tmp_path):
    write_wav(tmp_path / "a.wav", babble(3))
    model, plain = mover(), talker()
    state = {name: one for name, one in model.state_dict().items() if not name.startswith("head_network.")}
    plain.load_state_dict(state)
    motions = [motion_from_speech(tmp_path / "a.wav", one) for one in (model, plain)]
    lips = [motion.expression[:, 48:] for motion in motions]
    np.testing.assert_allclose(*lips, atol=1e-6)
    assert np.abs(motions[0].head_poses - motions[1].head_poses)[:, :3].max() > 0.02


def test_ten_minutes_take_little_memory_and_do_not_leave_the_bound(tmp_path):
    write_wav(tmp_path / "long.wav", np.tile(babble(20), 30))
    model = mover()
    tracemalloc.start()
    motion = motion_from_speech(tmp_path / "long.wav", model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(motion) == 14_400
    assert peak < 100e6  # numpy's: 16 MB are the motion itself; the sound alone would be 38 MB as floats
    assert (np.abs(motion.head_poses) <= model.head_network.bound_6.numpy() * (1 + 1e-6)).all()
