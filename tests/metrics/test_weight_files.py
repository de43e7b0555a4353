"""Weights of what measures: found where they are, refused where they are others, and a reason where there are none."""

import hashlib
from pathlib import Path

import pytest
import torch

from faceanim.metrics.metric_suite import evaluation_suite
from faceanim.metrics.networks.set_features import I3DFeatures
from faceanim.metrics.protocol import Protocol
from faceanim.metrics.weight_files import PUBLISHED, WeightFiles
from faceanim.models.weight_source import WeightSource
from faceanim.pose.landmark_weights import WeightsFile
from tests.helpers.protocols import named

CPU = torch.device("cpu")
NETWORK = WeightsFile("eyes.onnx", "https://example.org/eyes.onnx")


class Scripted(torch.nn.Module):
    """Stands for StyleGAN-V's file: the same call, the mean colour in the place of logits."""

    def forward(
        self, videos: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        assert rescale and resize and return_features
        return videos.float().mean(dim=[2, 3, 4]).repeat(1, 134)[:, :400]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FACEANIM_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def test_a_file_is_found_in_the_folder_or_where_it_is_said_to_be_and_its_hash_is_noted(folder):
    file = folder / PUBLISHED["inception"].file
    file.write_bytes(b"weights")
    other = folder / "elsewhere.pth"
    other.write_bytes(b"others")
    files = WeightFiles({"inception": sha256(file), "alexnet": sha256(other)}, {"alexnet": str(other)})
    assert files.find("inception") == file and files.find("alexnet") == other
    assert files.used == {"inception": sha256(file), "alexnet": sha256(other)}
    hub = folder / "hub" / "checkpoints" / PUBLISHED["alexnet"].file
    hub.parent.mkdir(parents=True)
    hub.write_bytes(b"others")
    assert WeightFiles({"alexnet": sha256(hub)}).find("alexnet") == hub  # torch's own cache counts too


def test_another_file_than_the_protocols_is_refused_and_a_missing_one_says_how_to_get_it(folder):
    (folder / PUBLISHED["i3d"].file).write_bytes(b"some other network")
    files = WeightFiles({name: published.sha256 for name, published in PUBLISHED.items()})
    with pytest.raises(ValueError, match=r"i3d_torchscript.pt: expected sha256 bec6519f.*, got "):
        files.find("i3d")
    with pytest.raises(ValueError, match=r"no syncnet_v2.model in .*: curl .*syncnet_v2.model"):
        files.find("syncnet")
    with pytest.raises(ValueError, match=r"protocol.extractors names no sha256 for arcface"):
        files.find("arcface")
    with pytest.raises(ValueError, match=r"weights: expected inception, .* got resnet"):
        WeightFiles({}, {"resnet": "a.pth"})
    assert files.used == {}


class EyesLandmarker:
    """A backend of this module, which names its file as the real ones do."""


def test_the_files_of_another_landmark_backend_are_noted(folder):
    (folder / NETWORK.name).write_bytes(b"weights")
    files = WeightFiles({})
    files.note_landmarker("eyes", EyesLandmarker())
    assert files.used == {"eyes_eyes.onnx": sha256(folder / NETWORK.name)}


def test_a_file_from_the_web_is_kept_whole_and_right_or_not_at_all(folder):
    there = folder / "there" / "net.pth"
    there.parent.mkdir()
    there.write_bytes(b"weights")
    kept, url = folder / "kept", there.as_uri() + "?dl=1"
    source = WeightSource(url=there.as_uri(), sha256=sha256(there), folder=str(kept))
    assert source.fetch() == kept / "net.pth" and str(source) == there.as_uri()
    there.unlink()
    assert source.fetch().read_bytes() == b"weights"  # not fetched again
    (kept / "net.pth").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"not the file it should be"):
        source.fetch()
    gone = WeightSource(url=url, sha256="0" * 64, folder=str(folder / "new"))
    with pytest.raises(ValueError, match=r"cannot fetch .*; put the file at .*net.pth yourself"):
        gone.fetch()
    there.write_bytes(b"not them")
    with pytest.raises(ValueError, match=r"not the file it should be"):
        WeightSource(url=there.as_uri(), sha256="0" * 64, folder=str(folder / "new")).fetch()
    assert not any((folder / "new").iterdir())
    with pytest.raises(ValueError, match="expected a url to come with sha256 and folder"):
        WeightSource(url=url)


def test_a_torchscript_file_runs_only_with_its_hash(folder):
    path = folder / "detector.pt"
    torch.jit.script(Scripted()).save(str(path))
    protocol = {"i3d": sha256(path)}
    features = I3DFeatures(WeightFiles(protocol, {"i3d": str(path)}).find("i3d"), CPU, window=2, batch=1)
    frames = torch.arange(4 * 6 * 6 * 3, dtype=torch.uint8).reshape(4, 6, 6, 3).numpy()
    found = features.extract(frames)
    assert found.shape == (2, 400)
    assert found[1, :3].tolist() == pytest.approx(frames[2:].mean(axis=(0, 1, 2)).tolist(), rel=1e-5)
    with pytest.raises(ValueError, match=r"not the file it should be"):
        WeightFiles({"i3d": "0" * 64}, {"i3d": str(path)}).find("i3d")


def test_an_evaluation_without_weights_says_of_every_metric_why_it_has_none(folder):
    suite = evaluation_suite(
        named("self_reenactment"),
        WeightFiles(named("self_reenactment").extractors),
        CPU,
        4,
    )
    missing = {"lpips", "tlp", "fid", "fid_limit", "kid", "fvd", "sync_confidence", "sync_distance"}
    assert set(suite.unavailable) == missing and not missing & set(suite.metrics())
    assert all(reason.startswith("no ") and str(folder) in reason for reason in suite.unavailable.values())
    assert suite.weights == {
        name: named("self_reenactment").extractors[name] for name in ("dlib_landmarks", "dlib_identity")
    }
    with pytest.raises(ValueError, match=r"shape_predictor_68_face_landmarks.dat: expected sha256 000"):
        evaluation_suite(Protocol("p", 1), WeightFiles({"dlib_landmarks": "0" * 64}), CPU, 4)
