import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from faceanim.models.weights import load_into, read_checkpoint, read_json, read_tensors


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


def test_what_is_declared_may_miss_or_be_too_much():
    target, state = nn.Linear(3, 2), {"weight": torch.ones(2, 3), "old.x": torch.zeros(1)}
    report = load_into(target, state, "a", may_miss=["bias"], may_ignore=["old."])
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


class Payload:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of the checkpoint ran')",))


def test_a_malicious_checkpoint_cannot_run_code(tmp_path):
    torch.save({"state_dict": {}, "faceanim": Payload()}, tmp_path / "evil.ckpt")
    with pytest.raises(ValueError, match="more than tensors"):
        read_checkpoint(tmp_path / "evil.ckpt")
