"""From a sound file to a pose sequence: length, time, pieces, memory, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceanim.media.errors import MediaError
from faceanim.media.sound import write_wav
from faceanim.metrics.speech_motion import opening
from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.log_mel import HOP, RATE
from faceanim.pipelines.motion_sources import Speech
from faceanim.pose import speech
from faceanim.pose.head_model import head_angles
from faceanim.pose.motion import Head, recompose
from faceanim.pose.openness import eye_openness, lip_aperture
from faceanim.pose.sequence import PoseSequence
from faceanim.pose.speech import expression_of, motion_from_speech, sound_features
from tests.helpers.heads import somebody
from tests.helpers.speech_models import WAV2VEC2, babble, talker


def spoken(path: Path, model: AudioToPose, reference: np.ndarray, *options, **named) -> PoseSequence:
    motion = motion_from_speech(path, model, *options, **named)
    return recompose(motion, Head.of(reference), 640, 480)


@pytest.mark.parametrize(("seconds", "fps"), [(1.0, 24), (2.017, 25), (0.3, 29.97), (1.49, 30), (0.05, 24)])
def test_there_are_as_many_frames_as_the_sound_lasts(seconds, fps, tmp_path):
    write_wav(tmp_path / "a.wav", babble(seconds))
    poses = spoken(tmp_path / "a.wav", talker(), somebody().points, fps)
    assert len(poses) == max(1, round(round(seconds * RATE) / RATE * fps))
    assert poses.fps == fps and (poses.width, poses.height) == (640, 480) and poses.found.all()


@pytest.mark.parametrize("encoder", ["mel", "wav2vec2"])
def test_the_mouth_moves_when_the_sound_does(encoder):
    """A click in silence: what it does to the face is centred on its frame, to within one."""
    model = talker(encoder=encoder, dilations=[1, 2], wav2vec2={**WAV2VEC2, "num_hidden_layers": 0})
    if encoder == "wav2vec2":  # what its transformer's random weights look at lies anywhere
        torch.nn.init.zeros_(
            model.speech_encoder.encoder.pos_conv_embed.conv.parametrizations.weight.original0
        )
    for second in (1.5, 2.5):
        click = np.zeros(4 * RATE, np.float32)
        click[round(second * RATE) - 80 : round(second * RATE) + 80] += 0.5
        made = expression_of(click, model, 100, 25.0)
        change = np.abs(made - np.median(made, axis=0)).sum(axis=(1, 2))
        near = slice(round(25 * second) - 12, round(25 * second) + 13)
        centre = (np.arange(100)[near] * change[near] ** 2).sum() / (change[near] ** 2).sum()
        assert abs(centre - 25 * second) <= 1, centre


def test_pieces_leave_no_seams(monkeypatch):
    """Features of a sound that comes in pieces are those of the whole, and so is what the network makes of them."""
    model, sound = talker(), babble(7.3)
    whole = sound_features([sound], model)
    pieces = sound_features(np.split(sound, [1, 500, 9000, 40_000, 40_100]), model)
    assert whole.n_samples == pieces.n_samples == len(sound)
    assert whole.features_CL.shape[1] == len(whole.heard_L) == 1 + len(sound) // HOP
    assert (whole.features_CL - pieces.features_CL).abs().max() < 1e-4
    expected = expression_of(sound, model, 175, 24.0)
    monkeypatch.setattr(speech, "PIECE_SECONDS", 1.0)
    assert np.abs(expression_of(sound, model, 175, 24.0) - expected).max() < 1e-5


@pytest.mark.parametrize("encoder", ["mel", "wav2vec2"])
def test_a_pause_is_the_neutral_face_whatever_the_network_says(encoder):
    model = talker(encoder=encoder, wav2vec2=WAV2VEC2)
    torch.nn.init.constant_(model.out.bias, 0.5)
    sound = np.concatenate([babble(2), np.zeros(2 * RATE, np.float32), babble(2)])
    moved = np.abs(expression_of(sound, model, 144, 24.0)[:, 48:]).mean(axis=(1, 2))
    assert moved[55:90].max() == 0 and moved[6:40].min() > 0.05 and moved[110:140].min() > 0.05
    assert np.abs(np.diff(moved[40:110])).max() < 0.35  # it closes and opens over some frames


def test_the_hidden_states_of_long_speech_are_as_many_and_at_their_moments():
    model = talker(encoder="wav2vec2", wav2vec2=WAV2VEC2)
    sound = babble(45)
    features = sound_features([sound], model).features_CL
    assert features.shape == (16, 1 + 45 * 50)
    late = sound_features([np.concatenate([np.zeros(RATE, np.float32), sound])], model).features_CL
    inside = slice(100, 900)  # of the first piece; a second is 50 features
    moved = late[:, 150:950]
    assert torch.corrcoef(torch.stack([moved.flatten(), features[:, inside].flatten()]))[0, 1] > 0.9


def test_blinks_and_a_head_that_moves_and_the_same_seed_gives_the_same(tmp_path):
    write_wav(tmp_path / "a.wav", babble(20))
    reference = somebody().points
    poses = spoken(tmp_path / "a.wav", talker(), reference)
    openness = eye_openness(poses.points).mean(axis=1)
    shut = openness < 0.4 * np.median(openness)
    assert 3 <= (shut[1:] & ~shut[:-1]).sum() <= 12
    turned = np.ptp(head_angles(poses.points), axis=0)
    assert 2 < turned[0] < 12 and np.abs(np.diff(head_angles(poses.points)[:, 0])).max() < 1.5
    off = np.linalg.norm(poses.points[0, :36] - reference[:36], axis=1).mean()
    assert off < 1
    again = spoken(tmp_path / "a.wav", talker(), reference)
    np.testing.assert_array_equal(again.points, poses.points)
    other = spoken(tmp_path / "a.wav", talker(), reference, seed=1)
    assert np.abs(other.points - poses.points).max() > 1


def test_the_head_of_a_template_over_lips_from_speech(tmp_path):
    write_wav(tmp_path / "a.wav", babble(20))
    talker().save_pretrained(tmp_path / "model")
    poses, plain = (
        Speech(tmp_path / "a.wav", model=tmp_path / "model", head=head)
        .read((480, 640), somebody(turned=(0, 0, 0)).points)
        .poses
        for head in ("turning", None)
    )
    assert len(poses) == 480
    assert np.ptp(head_angles(poses.points)[:, 0]) > 25
    lips = lip_aperture(poses.points), lip_aperture(plain.points)
    assert np.corrcoef(*lips)[0, 1] > 0.95


def test_what_cannot_be_spoken_is_refused_in_one_line(tmp_path):
    model, reference = talker(), somebody().points
    write_wav(tmp_path / "short.wav", babble(0.02))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    write_wav(tmp_path / "long.wav", babble(3))
    cases = (
        ("short.wav", {}, ValueError, "at least 0.04 s of sound, got 0.020 s"),
        ("broken.wav", {}, MediaError, "cannot read sound"),
        ("long.wav", {"max_seconds": 2}, MediaError, "too long: expected at most 2 s"),
    )
    for name, options, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            spoken(tmp_path / name, model, reference, **options)
        assert "\n" not in str(caught.value)


def test_louder_and_softer_recordings_say_the_same():
    model, sound = talker(), babble(3)
    loud, soft = (opening(expression_of(gain * sound, model, 72, 24.0)) for gain in (1.0, 0.1))
    assert np.corrcoef(loud, soft)[0, 1] > 0.98


def test_a_model_of_another_version_or_kind_is_refused(tmp_path):
    talker().save_pretrained(tmp_path / "model")
    assert isinstance(AudioToPose.load(tmp_path / "model"), AudioToPose)
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"width": 8', '"width": 9'))
    with pytest.raises(ValueError, match="do not fit"):
        AudioToPose.load(tmp_path / "model")
    config.write_text('{"sizes": 3}')
    with pytest.raises(ValueError, match="does not describe an AudioToPose"):
        AudioToPose.load(tmp_path / "model")
    with pytest.raises(ValueError, match="expected a run folder of stage=audio_to_pose"):
        AudioToPose.load(Path("/nowhere"))
