"""stage=audio_to_pose: what is learnt from two people's speech is right about a third, whom it has not heard."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.data.manifest import read_manifest
from faceanim.data.speech_clips import SpeechClips
from faceanim.media.sound import write_wav
from faceanim.metrics.speech_motion import opening
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.pose.speech import motion_from_speech
from tests.helpers.assets import asset
from tests.helpers.speech_data import HELD_OUT, TRAINED_ON, hold_out, prepare_speech
from tests.helpers.speech_training import fit, last_validation
from tests.helpers.training import equal

asset("data/clips")  # all below learns from people who speak


@pytest.fixture(scope="module")
def trained(speech_data, shared) -> Path:
    often = "schedule.audio_to_pose.sample_every=100"
    return shared("speech_run", lambda folder: fit(speech_data, folder, 100, often))


def test_somebody_it_has_not_heard_is_better_shown_than_by_the_mean_or_at_other_moments(trained):
    found = last_validation(trained)
    assert found["lip_correlation"] > 0.3
    assert abs(found["lip_correlation_shifted"]) < 0.15
    assert found["lip_error"] < 0.95 * found["lip_error_mean_pose"]
    assert found["lip_error"] < 0.95 * found["lip_error_shifted"]


def test_the_head_moves_as_heads_do(trained):
    found = last_validation(trained)
    assert found["head_nll"] < min(found["head_nll_mean_pose"], found["head_nll_last_pose"])
    for name in ("head_spread_yaw", "head_spread_pitch", "head_spread_roll", "head_speed"):
        assert 0.2 < found[name] / found[f"{name}_real"] < 2, found


@pytest.mark.slow
def test_each_of_six_people_held_out_once(tmp_path):
    """The table of docs/poses.md."""
    names = [f"liveportrait_d{n}" for n in (6, 10, 11, 12)] + ["moore_1_scenecut", "moore_3_speech"]
    data = prepare_speech(tmp_path, names)
    found = []
    for name in names:
        hold_out(data, name)
        fit(data, tmp_path / name, 150)
        found.append(last_validation(tmp_path / name))
    mean = {key: np.mean([one[key] for one in found]) for key in found[0]}
    assert all(one["lip_correlation"] > one["lip_correlation_shifted"] + 0.05 for one in found), found
    assert mean["lip_correlation"] > 0.2 and abs(mean["lip_correlation_shifted"]) < 0.1, mean
    assert mean["lip_error"] < 0.96 * min(mean["lip_error_mean_pose"], mean["lip_error_shifted"]), mean
    assert mean["head_nll"] < min(mean["head_nll_mean_pose"], mean["head_nll_last_pose"]) - 0.1, mean
    for name in ("head_spread_yaw", "head_spread_pitch", "head_spread_roll", "head_speed"):
        assert 0.5 < mean[name] / mean[f"{name}_real"] < 1.2, mean


def test_the_run_is_a_run_like_any_other(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "metrics.csv", "loss.png", "provenance.json", "checkpoints"} <= names
    assert {"best.ckpt", "last.ckpt"} <= {path.name for path in (trained / "checkpoints").iterdir()}


def test_a_run_its_checkpoint_and_a_folder_are_one_model(trained, tmp_path):
    from_run = AudioToPose.load(trained)
    from_run.save_pretrained(tmp_path / "saved")
    for path in (trained / "checkpoints" / "last.ckpt", tmp_path / "saved"):
        assert equal(dict(AudioToPose.load(path).state_dict()), dict(from_run.state_dict()))
    with pytest.raises(ValueError, match=r"no speech model in .*nowhere"):
        AudioToPose.load(tmp_path / "nowhere")


def test_silence_is_a_closed_still_mouth_and_speech_is_not(trained, speech_data, tmp_path):
    model = AudioToPose.load(trained)
    write_wav(tmp_path / "silence.wav", np.zeros(48_000, np.float32))
    silent = opening(motion_from_speech(tmp_path / "silence.wav", model).expression)
    spoken = opening(motion_from_speech(speech_data / "audio" / f"{HELD_OUT}.wav", model).expression)
    assert np.abs(silent).max() < 1e-6
    assert spoken.mean() > 0.3 and spoken.std() > 0.05


def test_clips_where_nobody_is_heard_to_speak_are_left_out(speech_data):
    clips = SpeechClips(speech_data, "train", 48)
    assert [row.clip_id for row in clips.rows] == list(TRAINED_ON)
    with pytest.raises(ValueError, match=r"least_correlation is 0\.99"):
        SpeechClips(speech_data, "train", 48, least_correlation=0.99)
    with pytest.raises(ValueError, match="speech and 9999 frames: 0 of 2"):
        SpeechClips(speech_data, "train", 9999)


def test_a_sample_follows_from_its_number_and_its_sound_lies_under_its_frames(speech_data):
    clips = SpeechClips(speech_data, "test", 48, longest_lag=0)
    sample, again = clips[5], SpeechClips(speech_data, "test", 48, longest_lag=0)[5]
    assert equal(list(sample), list(again))
    clip = clips.clip(clips.rows[0])
    start = next(
        t
        for t in range(len(clip.expression_T68x2) - 47)
        if np.allclose(clip.expression_T68x2[t : t + 48], sample.expression_T68x2, atol=1e-5)
    )
    place = round((start / clip.fps + 1.0) * 16_000)  # a second behind the first frame
    inside = round((float(sample.place_T[0]) + 1.0) * 16_000)
    expected = clip.sound_N[place : place + 800]
    assert (
        min(
            np.abs(sample.sound_N.numpy()[inside + d : inside + d + 800] - expected).max() for d in (-1, 0, 1)
        )
        == 0
    )


def test_sound_that_is_plainly_late_or_early_is_moved(speech_data):
    row = next(row for row in read_manifest(speech_data) if row.clip_id == "moore_1_scenecut")
    assert row.mouth_audio_correlation > 0.3 and -0.2 <= row.mouth_audio_lag < 0  # the mouth moves later
    moved, as_it_is = (SpeechClips(speech_data, "train", 48, longest_lag=lag) for lag in (0.2, 0))
    late = round(-row.mouth_audio_lag * 16_000)
    sound = moved.clip(row).sound_N
    assert not sound[:late].any()
    np.testing.assert_array_equal(sound[late:], as_it_is.clip(row).sound_N)


def test_dry_runs_and_mistakes(output_of, error_of, speech_data, tmp_path):
    common = ("stage=audio_to_pose", f"run_dir={tmp_path / 'run'}", "~callbacks.progress")
    assert "are well" in output_of("train.py", *common, f"data.folder={speech_data}", "dry_run=true")
    assert not (tmp_path / "run").exists()
    for options, words in (
        (("data.folder=/nowhere",), "/nowhere"),
        ((f"data.folder={speech_data}", "model.network.encoder=hubert"), "expected 'mel' or 'wav2vec2'"),
        ((f"data.folder={speech_data}", "model.network.encoder=wav2vec2"), "needs its weights"),
        ((f"data.folder={speech_data}", "init_from=/nowhere"), "no speech model in /nowhere"),
    ):
        assert words in error_of("train.py", *common, *options)
