"""SyncNet against syncnet_python, its cepstra against python_speech_features, its distances against plain loops.

The expected numbers were computed by syncnet-python 0.2.3 and python_speech_features 0.6, which the published file is
used with, from the weights and inputs of `formula`.
"""

import numpy as np
import pytest
import skimage.data
import torch

from faceanim.metrics.families.lip_sync import (
    LipSync,
    SyncScore,
    confidence_and_distance,
    faces_at_25,
)
from faceanim.metrics.networks.syncnet import SyncNet, cepstra
from faceanim.metrics.video_pair import ClipFrames, Finders, VideoPair
from faceanim.pose.landmarkers import landmarker
from tests.helpers.formula import features, fill, video

SEEN = (
    (-1147.0188, 787.30463, -1885.95642, -348.59174, 609.64886, 327.1312),
    (-1079.74512, 770.66663, -1485.15247, -284.15668, 537.98016, 425.7085),
)
HEARD = (
    (-13.91751, 10.11884, -4.83943, 10.07289, 6.7053, 10.46477),
    (-15.05096, 9.0038, -8.67217, 11.18513, 3.73963, 12.0599),
)
CEPSTRA = (
    (20.487429, 50.146373, 5.966768, -3.052649, -24.940683, -27.30901, -27.009232),
    (20.420735, 21.488024, 5.005064, -10.641466, -23.400278, -29.512936, -25.614105),
)


@pytest.fixture(scope="module")
def network() -> SyncNet:
    return fill(SyncNet())


def test_it_sees_and_hears_what_the_published_program_does(network):
    faces = torch.stack([(video(5, 224, 224, pace) + 1) * 127 for pace in (1.0, 3.0)])
    sound = video(1, 13, 20)[:2] * 10
    with torch.no_grad():
        seen, heard = network.see(faces)[:, ::200], network.hear(sound)[:, ::200]
    np.testing.assert_allclose(seen, SEEN, rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(heard, HEARD, rtol=1e-5, atol=1e-3)
    assert len(network.state_dict()) == 102 and sum(p.numel() for p in network.parameters()) == 13_631_616


def test_cepstra_are_those_it_was_trained_on():
    times = np.arange(800)
    found = cepstra(0.3 * np.sin(2 * np.pi * 440 * times / 16000) * (1 + times / 800))
    assert found.shape == (4, 13)  # the last window is filled with silence
    np.testing.assert_allclose(found[2:, :7], CEPSTRA, atol=2e-6)
    assert cepstra(np.zeros(1600)).shape == (9, 13) and np.isfinite(cepstra(np.zeros(1600))).all()


def test_distance_and_confidence_are_the_least_and_how_far_the_median_lies_above():
    seen, heard = features(20, 8, 0.4), features(20, 8, 1.1)
    means = []
    for shift in range(-15, 16):
        rows = [heard[k + shift] if 0 <= k + shift < 20 else torch.zeros(8) for k in range(20)]
        means.append(np.mean([float((a - b + 1e-6).norm()) for a, b in zip(seen, rows, strict=True)]))
    confidence, distance = confidence_and_distance(seen, heard)
    assert distance == pytest.approx(min(means))
    assert confidence == pytest.approx(np.median(means) - min(means))
    later = torch.cat([heard[4:], heard[:4]])
    assert confidence_and_distance(heard, heard)[1] == pytest.approx(0, abs=1e-4)
    late = confidence_and_distance(later, heard)
    assert late[1] < confidence_and_distance(seen, heard)[1]  # a constant lag is found, and no error


def astronaut(n_frames: int) -> np.ndarray:
    head = skimage.data.astronaut()[:256, 96:352]
    return np.stack([np.roll(head, k, axis=1) for k in range(n_frames)])


def test_faces_are_cut_at_25_frames_a_second_and_stay_in_their_place():
    frames = astronaut(6)
    points = landmarker("dlib").detect(frames).points
    points[3] = np.nan
    faces = faces_at_25(frames, points, fps=30.0)
    assert faces.shape == (5, 224, 224, 3)
    found = landmarker("dlib").detect(np.ascontiguousarray(faces[..., ::-1]))
    assert found.found.all()
    middle = found.points.mean(axis=1)
    assert np.abs(middle - middle.mean(axis=0)).max() < 8 and np.abs(middle.mean(axis=0)[0] - 112) < 12


def test_a_clip_is_scored_by_its_sound_and_has_no_figure_without(network):
    frames = astronaut(8)
    sound = np.random.default_rng(0).normal(0, 0.1, 8 * 640).astype(np.float32)
    lip_sync = LipSync(network, torch.device("cpu"), batch=2)

    points = torch.from_numpy(landmarker("dlib").detect(frames).points)

    def seen(sound_N: np.ndarray | None, n_frames: int = 8, lost: bool = False) -> VideoPair:
        shown = frames[:n_frames]
        clip = ClipFrames(shown[0], shown, shown, None, 25.0, sound_N=sound_N)
        found = VideoPair.of(clip, Finders(None))
        found.generated.points = torch.full_like(points, torch.nan) if lost else points[:n_frames]
        return found

    confidence, distance = SyncScore(lip_sync, "confidence"), SyncScore(lip_sync, "distance")
    for clip in (seen(sound), seen(None), seen(sound, lost=True), seen(sound[: 5 * 640], n_frames=5)):
        confidence.update(clip)
        distance.update(clip)
    for metric in (confidence, distance):
        assert metric.compute().isfinite() and (metric.n, metric.lost) == (1, 3)
    whole = seen(sound)
    assert LipSync(network, torch.device("cpu"), batch=100).score(whole) == pytest.approx(
        lip_sync.score(seen(sound))
    )
