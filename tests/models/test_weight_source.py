"""Files, folders and the hub, which no test can reach: what is in its cache loads, the rest is one clear error."""

import hashlib
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from torch import nn

from faceanim.models.weight_source import NAMES, WeightSource
from faceanim.models.weights import load_parts
from tests.helpers.tiny_model import tiny_codec, tiny_model


@pytest.mark.parametrize(
    "value",
    [None, 3, ["a"], {"repo": "org/name", "name": "x"}, {}, {"repo": "org/name"}, {"file": "a", "path": "b"}],
)
def test_anything_but_a_path_or_a_hub_file_is_an_error(value):
    with pytest.raises(ValueError, match=r"expected (a path or a mapping|either path, or repo and file)"):
        WeightSource.parse(value)


def test_a_source_is_a_path_a_mapping_or_itself():
    source = WeightSource(repo="org/name", file="unet/a.bin", revision="v2")
    assert WeightSource.parse({"repo": "org/name", "file": "unet/a.bin", "revision": "v2"}) == source
    assert WeightSource.parse(source) is source
    assert str(source) == "org/name/unet/a.bin at v2"
    assert WeightSource.parse("/a.bin") == WeightSource(path="/a.bin")


def test_a_folder_is_searched_for_the_usual_names_safetensors_first(tmp_path):
    for name in reversed(NAMES):
        (tmp_path / name).touch()
        assert WeightSource(path=str(tmp_path)).fetch() == tmp_path / name


def test_missing_files_and_empty_folders_are_errors_that_name_them(tmp_path):
    with pytest.raises(ValueError, match=r"weights file not found: .*/nowhere\.bin"):
        WeightSource(path=str(tmp_path / "nowhere.bin")).fetch()
    with pytest.raises(ValueError, match=rf"no weights in {tmp_path}: expected one of .*{NAMES[0]}"):
        WeightSource(path=str(tmp_path)).fetch()


def test_a_checksum_must_match(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert WeightSource(path=str(path), sha256=sha256).fetch() == path
    path.write_bytes(b"weighty")
    with pytest.raises(ValueError, match=rf"a\.bin: expected sha256 {sha256}, got [0-9a-f]{{64}}"):
        WeightSource(path=str(path), sha256=sha256).fetch()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def into_cache(cache: Path, repo: str, file: str, revision: str, state: dict) -> None:
    """A file as the hub's client leaves it behind: content by hash, linked to from the commit of a branch or tag."""
    root, commit = cache / f"models--{repo.replace('/', '--')}", "c" * 40
    (root / "refs").mkdir(parents=True)
    (root / "refs" / revision).write_text(commit)
    (root / "blobs").mkdir()
    torch.save(state, root / "blobs" / "b10b")
    link = root / "snapshots" / commit / file
    link.parent.mkdir(parents=True)
    link.symlink_to(root / "blobs" / "b10b")


@pytest.mark.parametrize("offline", [False, True])
def test_a_hub_file_in_the_local_cache_loads_without_the_network(offline, cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    model = tiny_model(seed=0)
    published = tiny_model(seed=1).pose_guider
    nn.init.ones_(published.conv_out.weight)
    into_cache(cache, "org/name", "guider/model.pth", "v2.0", published.state_dict())
    source = {"repo": "org/name", "file": "guider/model.pth", "revision": "v2.0"}
    (report,) = load_parts(model, tiny_codec(), {"pose_guider": source})
    assert torch.equal(model.pose_guider.conv_out.weight, published.conv_out.weight)
    assert report.source.endswith("guider/model.pth")


UNREACHABLE = (
    r"pose_guider from .*: cannot fetch org/name/model\.pth at v2\.0: .+"
    r"Without the hub: put the file anywhere and name its path"
)


@pytest.mark.parametrize("offline", [False, True])
def test_an_unreachable_hub_is_an_error_that_names_the_file_and_the_way_out(offline, cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits between its attempts, 24 s in all
    source = {"repo": "org/name", "file": "model.pth", "revision": "v2.0"}
    with pytest.raises(ValueError, match=UNREACHABLE):
        load_parts(tiny_model(), tiny_codec(), {"pose_guider": source})
