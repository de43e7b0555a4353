"""Scores say what they mean: checked on faces and sounds made to measure."""

import cv2
import numpy as np
import pytest
from skimage import data

from faceanim.data.quality import QUIETEST, face_scores, is_duplicate, sharpness, sound_scores, thumbnail
from tests.helpers.heads import turned_head

RATE, FPS = 16_000, 24.0


def speaking(n_frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of a mouth that opens at random, and sound whose loudness follows it."""
    rng = np.random.default_rng(seed)
    opening = np.convolve(rng.random(n_frames + 4), np.ones(5) / 5, mode="valid")
    points = np.repeat(turned_head(0, 0, 0)[None], n_frames, axis=0)
    points[:, 62], points[:, 66] = (300, 350), (300, 350)
    points[:, 66, 1] += 40 * opening
    amplitude = np.interp(np.arange(n_frames * RATE / FPS) * FPS / RATE, np.arange(n_frames) + 0.5, opening)
    return points, (0.3 * amplitude**3 * rng.standard_normal(len(amplitude))).astype(np.float32)


def test_faces_are_measured_in_their_own_size():
    still = np.repeat(turned_head(0, 0, 0)[None], 24, axis=0)
    moving = still + np.arange(24, dtype=np.float32)[:, None, None]
    scores = face_scores(still, FPS, 640, 640)
    assert scores["motion"] == 0 and scores["visibility"] == 1
    size = scores["face_size"]
    assert face_scores(2 * still, FPS, 2000, 2000)["face_size"] == pytest.approx(2 * size)
    assert face_scores(moving, FPS, 640, 640)["motion"] == pytest.approx(np.sqrt(2) * FPS / size, rel=1e-4)
    assert face_scores(2 * moving, FPS, 2000, 2000)["motion"] == pytest.approx(
        np.sqrt(2) * FPS / size, rel=1e-4
    )


def test_the_range_of_the_head_comes_in_degrees():
    points = np.stack([turned_head(yaw, 0.2 * yaw, 0.5 * yaw) for yaw in np.linspace(-20, 20, 41)])
    scores = face_scores(points, FPS, 640, 640)
    assert scores["yaw_range"] == pytest.approx(36, abs=0.5)  # 90% of 40
    assert scores["roll_range"] == pytest.approx(18, abs=0.5)
    assert scores["pitch_range"] == pytest.approx(7.2, abs=0.5)


def test_frames_without_a_face_are_passed_over():
    points = np.repeat(turned_head(10, 0, 0)[None], 6, axis=0)
    whole = face_scores(points, FPS, 640, 640)
    points[2] = np.nan
    assert face_scores(points, FPS, 640, 640) == pytest.approx(whole)
    assert face_scores(points[2:3], FPS, 640, 640) == {}


def test_half_a_face_outside_the_frame_is_half_visible():
    points = turned_head(0, 0, 0)[None]
    points[0, :, 0] = np.arange(68)
    assert face_scores(points, FPS, 34, 640)["visibility"] == 0.5


def test_blur_lowers_sharpness_and_size_does_not():
    picture, box = data.astronaut(), np.array([160, 60, 290, 200])
    sharp = sharpness(picture, box)
    assert sharpness(cv2.GaussianBlur(picture, (0, 0), 2), box) < 0.2 * sharp
    twice = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    assert sharpness(twice, 2 * box) == pytest.approx(sharp, rel=0.3)
    assert sharpness(picture, np.array([-50, -50, -10, -10])) == 0


def test_a_repeated_frame_is_told_from_a_blink_whatever_the_encoding_noise():
    picture = data.astronaut()
    noisy = picture + np.random.default_rng(0).normal(0, 1.5, picture.shape)
    blink = picture.copy()
    blink[95:110, 195:255] = blink[85:100, 195:255]
    small, again = thumbnail(picture), thumbnail(np.clip(noisy.round(), 0, 255).astype(np.uint8))
    repeated, blinked = is_duplicate(small, again), is_duplicate(small, thumbnail(blink))
    assert repeated and not blinked


def test_a_mouth_that_speaks_goes_with_its_sound():
    points, samples_N = speaking(120)
    scores = sound_scores(samples_N, RATE, points, FPS)
    assert scores["mouth_audio_correlation"] > 0.8 and scores["mouth_audio_lag"] == 0
    other = sound_scores(speaking(120, seed=1)[1], RATE, points, FPS)
    assert other["mouth_audio_correlation"] < 0.6


def test_late_sound_is_told_by_its_lag():
    points, samples_N = speaking(120)
    late = np.concatenate([np.zeros(RATE // 2, np.float32), samples_N])[: len(samples_N)]
    scores = sound_scores(late, RATE, points, FPS)
    assert scores["mouth_audio_lag"] == pytest.approx(0.5, abs=0.05)
    assert scores["mouth_audio_correlation"] > 0.8


def test_loudness_is_relative_to_full_scale_and_silence_has_no_correlation():
    points, _ = speaking(48)
    square = np.where(np.arange(2 * RATE) % 100 < 50, 0.1, -0.1).astype(np.float32)
    assert sound_scores(square, RATE, points, FPS)["loudness"] == pytest.approx(-20, abs=1e-4)
    assert sound_scores(0 * square, RATE, points, FPS) == {"loudness": QUIETEST}


@pytest.mark.parametrize("n_frames", [1, 2, 7])
def test_clips_shorter_than_the_largest_lag_have_none(n_frames):
    points, samples_N = speaking(120, seed=0)
    scores = sound_scores(samples_N[: round(n_frames * RATE / FPS)], RATE, points[:n_frames], FPS)
    assert scores["mouth_audio_lag"] == scores["mouth_audio_correlation"] == 0 > scores["loudness"]
