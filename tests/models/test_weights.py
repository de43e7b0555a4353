import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from faceanim.models.weights import load_into, load_parts, read_checkpoint, read_json, read_tensors
from tests.helpers.public_weights import POINTER
from tests.helpers.tiny_model import tiny_codec, tiny_model


def test_weights_that_fit_are_loaded_and_reported():
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    report = load_into(target, source.state_dict(), "a.safetensors")
    assert torch.equal(target.weight, source.weight)
    assert "a.safetensors: 2 tensors loaded" in str(report)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: s.pop("bias"), "missing: 1, first bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "unexpected: 1, first extra"),
        (
            lambda s: s.update(weight=torch.zeros(2, 4)),
            r"misshapen: 1, first weight \(expected \(2, 3\), got",
        ),
        (lambda s: s.update({f"module.{k}": s.pop(k) for k in list(s)}), "unexpected: 2, first module."),
    ],
)
def test_anything_else_is_an_error_and_nothing_is_loaded(change, word):
    target, state = nn.Linear(3, 2), nn.Linear(3, 2).state_dict()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    change(state)
    with pytest.raises(ValueError, match=word):
        load_into(target, state, "a.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_what_is_declared_may_miss():
    target = nn.Linear(3, 2)
    report = load_into(target, {"weight": torch.ones(2, 3)}, "a", may_miss=["bias"])
    assert report.loaded == ["weight"] and torch.equal(target.weight, torch.ones(2, 3))


def test_damaged_missing_and_foreign_files_are_one_clear_error(tmp_path):
    good = tmp_path / "good.safetensors"
    save_file({"x": torch.arange(1000.0)}, good)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:500])
    (tmp_path / "foreign.ckpt").write_bytes(pickle.dumps({"state_dict": 1}))
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    torch.save({"state_dict": {}, "faceanim": {}}, tmp_path / "whole.ckpt")
    (tmp_path / "cut.ckpt").write_bytes((tmp_path / "whole.ckpt").read_bytes()[:300])
    (tmp_path / "bad.json").write_text("{")
    for read, name, word in (
        (read_tensors, "cut.safetensors", "cannot read weights"),
        (read_tensors, "nowhere", "not found"),
        (read_checkpoint, "foreign.ckpt", "cannot read checkpoint|not a checkpoint"),
        (read_checkpoint, "cut.ckpt", "cut off, damaged"),
        (read_checkpoint, "other.ckpt", "not a checkpoint of faceanim"),
        (read_checkpoint, "nowhere", "not found"),
        (read_json, "bad.json", "cannot read"),
    ):
        with pytest.raises(ValueError, match=word):
            read(tmp_path / name)
    assert read_checkpoint(tmp_path / "whole.ckpt")["faceanim"] == {}


@pytest.mark.parametrize("name", ["a.safetensors", "a.ckpt", "a.pth", "a.json"])
def test_a_pointer_of_git_lfs_is_named_with_the_way_out(name, tmp_path):
    (tmp_path / name).write_text(POINTER)
    reads = [read_json] if name.endswith("json") else [read_tensors, read_checkpoint]
    for read in reads:
        with pytest.raises(ValueError, match=rf"{name} is a pointer .* \(4\.7 MB\): .*git lfs pull"):
            read(tmp_path / name)


class Payload:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the checkpoint ran')",))


def test_a_malicious_checkpoint_cannot_run_code(tmp_path):
    torch.save({"state_dict": {}, "faceanim": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(ValueError, match="more than tensors"):
        read_checkpoint(tmp_path / "evil.ckpt")


def test_whatever_is_wrong_with_a_torch_file_is_one_error_that_names_it(tmp_path):
    """Its old format and its new one, cut off anywhere: the unpickler raises a dozen kinds of errors."""
    path, good = tmp_path / "cut.ckpt", {"a.weight": torch.arange(9.0), "b.bias": torch.arange(9.0)}
    for zipped in (True, False):
        torch.save(good, path, _use_new_zipfile_serialization=zipped)
        content = path.read_bytes()
        for length in range(0, len(content) - 1, 7):
            path.write_bytes(content[:length])
            with pytest.raises(ValueError, match=r"cut\.ckpt"):
                read_tensors(path)


def scaled(folder: Path, factor: float) -> Path:
    """A Pose Guider's file that fits, all of its weights alike."""
    path = folder / "guider.safetensors"
    save_file({k: torch.full_like(v, factor) for k, v in tiny_model().pose_guider.state_dict().items()}, path)
    return path


def cut(folder: Path, save: Callable, name: str) -> Path:
    save({k: v.contiguous() for k, v in tiny_model().reference_net.state_dict().items()}, folder / name)
    (folder / name).write_bytes((folder / name).read_bytes()[:3000])
    return folder / name


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "bad.pth")
    return folder / "bad.pth"


BAD = {
    "another network's": (
        lambda d: saved(d, tiny_model().face_locator.state_dict()),
        "unexpected: 12, first unet.encoder.conv_in.weight",
    ),
    "another size": (
        lambda d: saved(d, tiny_model(motion_frames=3).reference_net.state_dict()),
        r"misshapen: 1, first unet.conv_in.weight \(expected \(16, 26, 3, 3\), got \(16, 35, 3, 3\)\)",
    ),
    "a layer short": (
        lambda d: saved(d, dict(list(tiny_model().reference_net.state_dict().items())[1:])),
        "missing: 1, first unet.conv_in.weight",
    ),
    "cut safetensors": (lambda d: cut(d, save_file, "cut.safetensors"), "cannot read weights"),
    "cut pth": (lambda d: cut(d, torch.save, "cut.pth"), "cut off, damaged"),
    "code": (lambda d: saved(d, {"state_dict": Payload()}), "more than tensors"),
    "no tensors": (lambda d: saved(d, {"epoch": 3}), r"no tensors in it, its first keys are \['epoch'\]"),
    "a list": (lambda d: saved(d, [torch.zeros(1)]), "expected tensors by name, got list"),
    "no file": (lambda d: d / "nowhere.bin", "weights file not found"),
    "an empty folder": (lambda d: d, "no weights in"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_part_is_one_error_that_names_part_file_and_keys_and_no_part_is_loaded(case, tmp_path):
    (tmp_path / "bad").mkdir()
    make, word = BAD[case]
    bad = make(tmp_path / "bad")
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parts = {"pose_guider": str(scaled(tmp_path, 0.5)), "reference_net": str(bad)}
    with pytest.raises(ValueError, match=word) as caught:
        load_parts(model, tiny_codec(), parts)
    assert f"reference_net from {bad}" in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    load_parts(model, tiny_codec(), {"pose_guider": parts["pose_guider"]})  # alone, the first one would have
    assert all((tensor == 0.5).all() for tensor in model.pose_guider.parameters())


@pytest.mark.parametrize(
    ("sources", "word"),
    [
        ({"denosing_net": "a"}, "expected parts out of reference_net, denoising_net.*, got 'denosing_net'"),
        (
            {"pose_guider": {"repo": "a/b", "filename": "c"}},
            "pose_guider from .*: expected a path or a mapping",
        ),
        ({"pose_guider": None}, "pose_guider from None: expected a path"),
        (
            {"pose_guider": {"path": "GUIDER", "sha256": "0" * 64}},
            "pose_guider from .*: expected sha256 0000",
        ),
    ],
)
def test_unknown_parts_fields_and_contents_are_errors_that_name_the_part(sources, word, tmp_path):
    path = str(scaled(tmp_path, 0.5))
    for value in sources.values():
        if isinstance(value, dict) and "path" in value:
            value["path"] = path
    with pytest.raises(ValueError, match=word):
        load_parts(tiny_model(), tiny_codec(), sources)


def test_half_precision_weights_are_loaded_as_the_networks_own_precision(tmp_path):
    source, model = tiny_model(seed=1), tiny_model(seed=0)
    save_file(
        {k: v.half() for k, v in source.pose_guider.state_dict().items()}, tmp_path / "half.safetensors"
    )
    load_parts(model, tiny_codec(), {"pose_guider": str(tmp_path / "half.safetensors")})
    weight = model.pose_guider.conv_in.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, source.pose_guider.conv_in.weight.half().float())
