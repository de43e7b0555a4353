"""stage=audio_to_pose moves the head: it learns from sound where there is something to learn, and does not drift."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceanim.data.speech_clips import SpeechClips
from faceanim.media.sound import write_wav
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.head_from_speech import LEAST_NLL, MIRRORED, Step, nll
from faceanim.modules.speech_objective import SpeechObjective
from faceanim.pose.motion import FaceMotion
from faceanim.pose.speech import motion_from_speech
from tests.helpers.nodding_data import SECONDS, nodding_clips
from tests.helpers.speech_training import fit, last_validation
from tests.helpers.training import equal

MINUTE = 60 * 24
SHORT = ("schedule.audio_to_pose.batch_size=2", "schedule.audio_to_pose.sample_every=100")


@pytest.fixture(scope="module")
def nodding(shared) -> Path:
    return shared("nodding", nodding_clips)


@pytest.fixture(scope="module")
def nodder(nodding, shared) -> Path:
    often = "schedule.audio_to_pose.sample_every=100"
    return shared("nodder", lambda folder: fit(nodding, folder, 100, often))


def speak(run_dir: Path, sound: Path, seed: int = 0) -> FaceMotion:
    return motion_from_speech(sound, AudioToPose.load(run_dir), seed=seed)


def correlation(one_T: np.ndarray, other_T: np.ndarray) -> float:
    return float(np.corrcoef(one_T, other_T)[0, 1])


def test_who_nods_with_the_loudness_does_so_over_sound_that_was_not_heard_in_training(nodder, nodding):
    clips = SpeechClips(nodding, "test", 72)
    real = [clips.clip(row).head_T6[:, 1] for row in clips.rows]
    made = [
        np.mean(
            [
                speak(nodder, nodding / "audio" / f"{row.clip_id}.wav", seed).head_poses[:, 1]
                for seed in range(8)
            ],
            axis=0,
        )
        for row in clips.rows
    ]
    for k in range(2):
        assert correlation(made[k], real[k]) > 0.8
        assert abs(correlation(made[1 - k], real[k])) < 0.5  # over the other's sound
        shifted = [abs(correlation(np.roll(made[k], shift), real[k])) for shift in (-36, -24, 24, 36)]
        assert np.mean(shifted) < 0.4
        assert 0.5 < made[k].std() / real[k].std() < 1.2
    found = last_validation(nodder)
    assert found["head_nll"] < found["head_nll_shifted"] - 0.1
    assert found["head_nll"] < found["head_nll_last_pose"] < found["head_nll_mean_pose"]


def test_ten_minutes_end_as_they_began(nodder, nodding, tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(600 * 16_000) / 16_000
    loud = 10 ** (2 * np.interp(time, np.arange(601), rng.uniform(0, 1, 601)) - 2)
    write_wav(tmp_path / "long.wav", (0.3 * loud * rng.normal(size=len(time))).astype(np.float32))
    poses = speak(nodder, tmp_path / "long.wav").head_poses
    assert len(poses) == 10 * MINUTE
    spread = poses.std(axis=0)
    minutes = poses.reshape(10, MINUTE, 6)
    moving = [0, 1]  # this head does nothing else
    means, spreads = minutes.mean(axis=1)[:, moving], minutes.std(axis=1)[:, moving]
    assert (np.abs(means - means.mean(axis=0)) < 0.4 * spread[moving]).all()
    assert (np.abs(means[-1] - means[0]) < 0.4 * spread[moving]).all()
    assert ((spreads[-1] / spreads[0] > 0.75) & (spreads[-1] / spreads[0] < 1.33)).all()
    bound = AudioToPose.load(nodder).head_network.bound_6.numpy()
    assert (np.abs(poses) <= bound * (1 + 1e-6)).all()


def test_in_silence_a_head_moves_a_little(nodder, nodding, tmp_path):
    write_wav(tmp_path / "silence.wav", np.zeros(60 * 16_000, np.float32))
    silent = speak(nodder, tmp_path / "silence.wav")
    spread = AudioToPose.load(nodder).head_network.spread_6.numpy()
    moved = silent.head_poses.std(axis=0)[:2] / spread[:2]
    assert (moved > 0.15).all() and (moved < 0.9).all(), moved
    seconds = silent.head_poses.reshape(60, 24, 6)
    assert np.ptp(seconds, axis=1)[1:, 0].min() > 0  # at no time is it frozen
    assert np.abs(silent.expression[:, 48:]).max() == 0


def test_without_a_head_it_idles_as_models_from_before_do(nodding, tmp_path):
    often = "schedule.audio_to_pose.sample_every=2"
    fit(nodding, tmp_path / "still", 2, *SHORT, often, "model.network.head=null")
    model = AudioToPose.load(tmp_path / "still")
    assert model.head_network is None
    assert not any(name.startswith("head") for name in last_validation(tmp_path / "still"))
    sound = nodding / "audio" / "clip0.wav"
    idle = motion_from_speech(sound, model)
    assert 1 < np.ptp(np.degrees(idle.turn[:, 0])) < 12
    checkpoint = torch.load(tmp_path / "still" / "checkpoints" / "last.ckpt", weights_only=True)
    del checkpoint["faceanim"]["model"]["head"]  # what versions without a head wrote
    torch.save(checkpoint, tmp_path / "old.ckpt")
    np.testing.assert_array_equal(
        motion_from_speech(sound, AudioToPose.load(tmp_path / "old.ckpt")).head_poses, idle.head_poses
    )
    fit(nodding, tmp_path / "new", 1, *SHORT, f"init_from={tmp_path / 'old.ckpt'}")
    begun = AudioToPose.load(tmp_path / "new")
    spread, bound = SpeechClips(nodding, "train", 72).head_range()
    np.testing.assert_allclose(begun.head_network.spread_6, spread, rtol=1e-6)
    np.testing.assert_allclose(begun.head_network.bound_6, bound, rtol=1e-6)
    with pytest.raises(ValueError, match=r"unexpected: \d+, first head_network"):
        fit(nodding, tmp_path / "less", 1, *SHORT, "model.network.head=null", f"init_from={tmp_path / 'new'}")


def test_a_head_goes_on_from_another_runs_and_keeps_its_bounds(nodder, nodding, tmp_path):
    other = AudioToPose.load(nodder)
    other.head_network.bound_6.mul_(2)  # as of other clips
    other.save_pretrained(tmp_path / "other")
    fit(nodding, tmp_path / "further", 3, *SHORT, f"init_from={tmp_path / 'other'}")
    before, after = other.head_network, AudioToPose.load(tmp_path / "further").head_network
    assert equal(dict(before.named_buffers()), dict(after.named_buffers()))
    assert not equal(dict(before.named_parameters()), dict(after.named_parameters()))


def test_stopped_and_resumed_the_head_has_the_same_weights(nodding, tmp_path):
    every = "schedule.audio_to_pose.checkpoint_every=2"
    whole = fit(nodding, tmp_path / "whole", 4, *SHORT, every)
    fit(nodding, tmp_path / "parts", 4, *SHORT, every, "trainer.max_steps=2")
    parts = fit(nodding, tmp_path / "parts", 4, *SHORT, every)
    assert parts["global_step"] == whole["global_step"] == 4
    assert equal(dict(whole["state_dict"]), dict(parts["state_dict"]))


def test_windows_that_are_too_short_for_a_head_are_refused_in_words(nodding, tmp_path):
    with pytest.raises(ValueError, match=r"windows of at least 0\.1 s, got 2 frames.*head=null"):
        fit(nodding, tmp_path / "run", 1, *SHORT, "schedule.audio_to_pose.frames=2")


def test_a_person_who_walks_about_counts_as_at_the_bound(nodding, monkeypatch):
    clips = SpeechClips(nodding, "train", 72)
    clip = clips.clip(clips.rows[0])
    assert clip.head_T6.shape == (SECONDS * 24, 6) and np.abs(clip.head_T6.mean(axis=0)).max() < 1e-9
    spread, bound = clips.head_range()
    walking, read = clip._replace(head_T6=100 * clip.head_T6), clips.clip
    monkeypatch.setattr(clips, "clip", lambda row: walking if row == clips.rows[0] else read(row))
    wild_spread, wild_bound = clips.head_range()
    assert (wild_bound < 2 * bound).all() and (wild_spread < 3 * spread).all()


def test_what_the_head_learns_by_follows_from_the_samples_numbers():
    objective = SpeechObjective(head=0.5, head_noise=0.2)
    poses = torch.randn(200, 5, 6, generator=torch.Generator().manual_seed(0))
    numbers = list(range(200))
    shown, noise = objective.disturbed_heads(poses, numbers, seed=1)
    again = objective.disturbed_heads(poses[[7]], [7], seed=1)
    assert torch.equal(again[0][0], shown[7]) and torch.equal(again[1][0], noise[7])
    mirrored = torch.isclose(shown, poses * torch.tensor(MIRRORED)).all(dim=(1, 2))
    assert torch.equal(shown[~mirrored], poses[~mirrored]) and 70 < mirrored.sum() < 130
    assert noise.shape == (200, 1, 6) and 0.08 < noise.std() < 0.15  # levels from 0 to 0.2
    assert not SpeechObjective(head_noise=0).disturbed_heads(poses, numbers, seed=1)[1].any()

    step = Step(torch.zeros(1, 3, 6), torch.full((1, 3, 6), -1.0))
    expected = 0.5 * (nll(poses[:1, :3], step).mean() - LEAST_NLL)
    torch.testing.assert_close(objective.head_loss(step, poses[:1, :3]), expected)


def test_in_half_precision_it_trains_as_well(nodding, tmp_path):
    options = ("trainer.precision=bf16-mixed", "optimizer.fused=false", "model.network.head.width=16")
    fit(nodding, tmp_path / "run", 2, *SHORT, *options, "objective.head_silence=0.2")
    assert all(one.isfinite().all() for one in AudioToPose.load(tmp_path / "run").state_dict().values())


def test_the_loss_is_zero_for_what_was_done_and_blinks_cost_nothing():
    real = torch.randn(2, 10, 68, 2, generator=torch.Generator().manual_seed(0))
    objective = SpeechObjective()
    assert objective.loss(real, real) == 0
    blinked = real.clone()
    blinked[:, 5, 36:48] += 1
    assert objective.loss(blinked, real) == 0
    gaping = real.clone()
    gaping[:, :, [65, 66, 67], 1] += 1
    assert objective.loss(gaping, real) > objective.aperture
