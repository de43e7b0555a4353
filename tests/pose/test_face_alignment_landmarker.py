"""face-alignment's real networks, with weights that find bright squares and mark them at random."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker

pytest.importorskip("face_alignment")
import face_alignment
from face_alignment.detection.sfd.net_s3fd import s3fd
from face_alignment.models import FAN

from faceanim.pose.face_alignment_landmarker import DETECTOR, NETWORK, FaceAlignmentLandmarker

RED, YELLOW = (255, 0, 0), (255, 255, 0)
BACKGROUND = 20


@torch.no_grad()
def square_finder() -> s3fd:
    """S3FD whose layer of stride 16 finds red cells as small faces and yellow ones as large faces.

    Channel 0 passes red on, channel 1 green, from the input through every convolution.
    """
    network = s3fd()
    for parameter in network.parameters():
        parameter.zero_()
    for name in ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3"):
        weight = getattr(network, f"conv{name}").weight
        sources = (2, 1) if name == "1_1" else (0, 1)  # the detector's input is BGR
        for channel, source in enumerate(sources):
            weight[channel, source, 1, 1] = 1
    network.conv5_3_norm.weight.fill_(5)  # a red cell is (5, 0), a yellow one about (3.5, 3.5), a dark one 0
    for name, parameter in network.named_parameters():
        if name.endswith("mbox_conf.bias"):
            parameter[-1] = -5  # no face
    network.conv5_3_norm_mbox_conf.weight[1, 0, 1, 1] = 2.5
    network.conv5_3_norm_mbox_loc.weight[2:, 1, 1, 1] = 1.0  # exp(0.2 * 3.5): twice a red one's 64 pixels
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `torch.hub` has it, so that the package's own class finds the files too."""
    folder = tmp_path_factory.mktemp("hub") / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(square_finder().state_dict(), folder / DETECTOR.name)
    torch.save(FAN(4).state_dict(), folder / NETWORK.name)
    return folder


@pytest.fixture(scope="module")
def fan_landmarker(weights: Path) -> FaceLandmarker:
    return landmarker("face_alignment", device="cpu", weights=weights)


def picture(*squares: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """A dark textured frame (160, 192) with a square of 16 pixels at each row and column of cells."""
    frame_HWC = np.random.default_rng(0).integers(0, BACKGROUND, (160, 192, 3)).astype(np.uint8)
    for row, column, colour in squares:
        frame_HWC[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = colour
    return frame_HWC


def test_the_largest_face_is_found_and_no_face_is_nan_in_batches_as_alone(weights):
    frames_THWC = np.stack([picture((4, 4, RED)), picture(), picture((4, 4, RED), (6, 8, YELLOW))])
    backend = FaceAlignmentLandmarker(weights, "cpu", batch_size=2)
    found = backend.detect(frames_THWC)
    assert found.found.tolist() == [True, False, True]
    np.testing.assert_allclose(found.box[0], (40, 40, 104, 104), atol=0.1)
    left, top, right, bottom = found.box[2]
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((136, 104), abs=0.1)
    assert 120 < right - left < 140
    assert (found.confidence[[0, 2]] > 0.9).all() and found.confidence[1] == 0
    middle = (found.box[[0, 2], :2] + found.box[[0, 2], 2:]) / 2
    side = found.box[[0, 2], 2:] - found.box[[0, 2], :2]
    assert (np.abs(found.points[[0, 2]] - middle[:, None]) < 1.3 * side[:, None]).all()
    np.testing.assert_allclose(backend.detect(frames_THWC[2:]).points[0], found.points[2], atol=1e-3)


def test_all_faces_of_a_picture_come_the_largest_first(fan_landmarker):
    large, small = fan_landmarker.boxes(picture((2, 2, RED), (7, 9, YELLOW)))
    assert 120 < large[2] - large[0] < 140 and small[2] - small[0] == pytest.approx(64, abs=0.2)
    assert fan_landmarker.boxes(picture()).shape == (0, 4)
    assert fan_landmarker.boxes(np.zeros((2, 500, 3), np.uint8)).shape == (0, 4)


def test_frames_too_small_or_too_thin_hold_no_face(fan_landmarker):
    for size in ((2, 2, 500), (1, 1, 1), (1, 64, 64), (0, 64, 64)):
        found = fan_landmarker.detect(np.zeros((*size, 3), np.uint8))
        assert len(found) == size[0] and not found.found.any()


@pytest.mark.slow
def test_a_large_frame_is_searched_shrunk_and_cut_out_of_its_own_pixels(fan_landmarker):
    frame_HWC = np.kron(picture((4, 4, RED)), np.ones((8, 8, 1), np.uint8))  # 1280x1536, searched at 640x768
    found = fan_landmarker.detect(frame_HWC[None])
    left, top, right, bottom = found.box[0]
    assert found.found.all() and 512 <= (left + right) / 2 <= 640 and 512 <= (top + bottom) / 2 <= 640
    assert right - left == pytest.approx(128, abs=1)


def test_wrong_options_frames_and_files_are_refused_with_the_reason(fan_landmarker, weights, tmp_path):
    with pytest.raises(ValueError, match="batch_size: expected 1 or more, got 0"):
        FaceAlignmentLandmarker(weights, "cpu", batch_size=0)
    with pytest.raises(ValueError, match=r"expected uint8 \(T, H, W, 3\), got float64"):
        fan_landmarker.detect(np.zeros((1, 8, 8, 3)))
    (tmp_path / NETWORK.name).symlink_to(weights / NETWORK.name)
    (tmp_path / DETECTOR.name).write_bytes(b"cut off")
    with pytest.raises(ValueError, match=f"cannot read weights .*{DETECTOR.name}"):
        FaceAlignmentLandmarker(tmp_path, "cpu")
    torch.save({"conv1_1.weight": torch.zeros(1)}, tmp_path / DETECTOR.name)
    with pytest.raises(ValueError, match=f"do not fit: weights from .*{DETECTOR.name}.*missing"):
        FaceAlignmentLandmarker(tmp_path, "cpu")


def test_no_code_in_a_weights_file_is_run(weights, tmp_path):
    class Attack:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "was here",)

    (tmp_path / NETWORK.name).symlink_to(weights / NETWORK.name)
    torch.save({"conv1_1.weight": Attack()}, tmp_path / DETECTOR.name)
    with pytest.raises(ValueError, match="more than tensors"):
        FaceAlignmentLandmarker(tmp_path, "cpu")
    assert not (tmp_path / "was here").exists()


@pytest.mark.slow  # the package compiles its decoding first
def test_the_points_are_the_packages_own_but_for_its_rounding(fan_landmarker, weights, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(weights.parents[1]))
    package = face_alignment.FaceAlignment(face_alignment.LandmarksType.TWO_D, device="cpu", compile=False)
    for frame_HWC in (picture((4, 4, RED)), picture((7, 3, YELLOW))):
        found = fan_landmarker.detect(frame_HWC[None])
        (expected,), _, (box,) = package.get_landmarks_from_image(frame_HWC, return_bboxes=True)
        np.testing.assert_allclose(found.box[0], box[:4], atol=1e-3)
        assert found.confidence[0] == pytest.approx(box[4])
        exact = found.points[0] + 0.5  # the package counts from the border and drops what follows the point
        cut = [np.trunc(exact + nudge) for nudge in (-1e-3, 1e-3)]
        assert ((cut[0] == expected) | (cut[1] == expected)).all()
