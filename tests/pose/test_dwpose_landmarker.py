"""DWPose through rtmlib's real classes, with ONNX files of its layout that answer by colour, not by sight."""

from pathlib import Path

import numpy as np
import pytest

from faceanim.pose.landmarkers import landmarker
from faceanim.pose.landmarks import FaceLandmarker

pytest.importorskip("rtmlib")
pytest.importorskip("onnx")
import onnx
from onnx import TensorProto, helper, numpy_helper

from faceanim.pose.dwpose_landmarker import DETECTOR, NETWORK, DwposeLandmarker

BLUE, MAGENTA = (0, 0, 255), (255, 0, 255)
FACE_X, FACE_Y = np.arange(68) * 8 + 10, np.arange(68) * 10 + 40  # half pixels of the network's input
SMALL, LARGE = (10, 10, 96, 128), (4, 3, 192, 256)  # a person's cell (column, row; 32 pixels), width, height


def save(path: Path, size: tuple[int, int], outputs: dict[str, np.ndarray]) -> None:
    """A network whose outputs are `outputs`, times 0 to 1 as far as the input's first channel is above 0."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Slice", ["mean", "zero", "one", "one"], ["first"]),
        helper.make_node("Clip", ["first", "low", "high"], ["open"]),
        helper.make_node("Reshape", ["open", "shape"], ["gate"]),
    ]
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "low": np.float32(0),
        "high": np.float32(1),
        "shape": np.array([1, 1, 1]),
    }
    for name, value in outputs.items():
        constants[f"all_{name}"] = value.astype(np.float32)
        nodes.append(helper.make_node("Mul", [f"all_{name}", "gate"], [name]))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *size])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
            for name, value in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YOLOX sees two people where blue is, and a dog; the pose network marks them where red is."""
    folder = tmp_path_factory.mktemp("weights")
    rows = np.zeros((1, 8400, 85))
    for (column, row, width, height), kind in ((SMALL, 0), (LARGE, 0), ((10, 3, 400, 400), 16)):
        cell = rows[0, 80 * 80 + 40 * 40 + row * 20 + column]  # of stride 32: x, y, log sizes, score, classes
        cell[2:5] = np.log(width / 32), np.log(height / 32), 1
        cell[5 + kind] = 0.9
    save(folder / DETECTOR.name, (640, 640), {"output": rows})
    simcc_x, simcc_y = np.zeros((1, 133, 576)), np.zeros((1, 133, 768))
    simcc_x[0, :, 0] = simcc_y[0, :, 0] = 0.9  # body and hands lie in the corner
    simcc_x[0, 23:91] = simcc_y[0, 23:91] = 0
    simcc_x[0, range(23, 91), FACE_X], simcc_y[0, range(23, 91), FACE_Y] = 0.7, 0.5
    save(folder / NETWORK.name, (384, 288), {"simcc_x": simcc_x, "simcc_y": simcc_y})
    return folder


@pytest.fixture(scope="module")
def dwpose_landmarker(weights: Path) -> FaceLandmarker:
    return landmarker("dwpose", device="cpu", weights=weights)


def frames(*colours: tuple[int, int, int]) -> np.ndarray:
    """Half the size at which people are sought."""
    return np.stack([np.full((320, 320, 3), colour, np.uint8) for colour in colours])


def test_the_face_part_of_the_largest_person_comes_back_in_the_frames_pixels(dwpose_landmarker):
    found = dwpose_landmarker.detect(frames(MAGENTA))
    column, row, width, height = LARGE
    centre, size = np.array([column, row]) * 16, np.array([width, height]) / 2 * 1.25  # the network sees more
    share = np.stack([FACE_X / 576, FACE_Y / 768], axis=1)
    np.testing.assert_allclose(found.points[0], centre + (share - 0.5) * size, atol=0.05)
    np.testing.assert_allclose(found.box[0, 2:], found.points[0].max(axis=0))
    assert found.confidence[0] == pytest.approx(0.6)


def test_people_are_sought_in_bgr_and_marked_in_rgb_as_the_networks_were_trained(dwpose_landmarker):
    """Without blue no person, without red no face: both are NaN, and no exception."""
    found = dwpose_landmarker.detect(frames((255, 0, 0), BLUE, MAGENTA, (0, 0, 0)))
    assert found.found.tolist() == [False, False, True, False]
    assert found.confidence.tolist()[:2] == [0, 0]


def test_the_faces_of_all_people_come_the_largest_first(dwpose_landmarker):
    boxes = dwpose_landmarker.boxes(frames(MAGENTA)[0])
    found = dwpose_landmarker.detect(frames(MAGENTA))
    assert len(boxes) == 2 and boxes.dtype == np.float32
    np.testing.assert_array_equal(boxes[0], found.box[0])
    assert dwpose_landmarker.boxes(frames(BLUE)[0]).shape == (0, 4)


def test_frames_of_odd_sizes_are_no_exception(dwpose_landmarker):
    for size in ((2, 2, 500), (1, 1, 5000), (1, 1, 1), (0, 64, 64)):
        assert len(dwpose_landmarker.detect(np.zeros((*size, 3), np.uint8))) == size[0]


def test_wrong_options_frames_and_files_are_refused_with_the_reason(dwpose_landmarker, weights, tmp_path):
    with pytest.raises(ValueError, match=r"expected uint8 \(T, H, W, 3\), got float64"):
        dwpose_landmarker.detect(np.zeros((1, 8, 8, 3)))
    (tmp_path / DETECTOR.name).write_bytes(b"cut off")
    (tmp_path / NETWORK.name).symlink_to(weights / NETWORK.name)
    with pytest.raises(ValueError, match=f"cannot read weights .*{DETECTOR.name}"):
        DwposeLandmarker(tmp_path, "cpu")


def test_a_gpu_that_onnxruntime_cannot_use_is_an_error(weights):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime can use a GPU here")
    with pytest.raises(ValueError, match="device=cuda needs the package onnxruntime-gpu"):
        DwposeLandmarker(weights, "cuda")


def test_nothing_is_printed(weights, capfd):
    DwposeLandmarker(weights, "cpu")
    assert capfd.readouterr().out == ""
