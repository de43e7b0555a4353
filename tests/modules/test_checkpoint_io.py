import pytest
import torch

from faceanim.modules.checkpoint_io import AtomicCheckpointIO
from tests.helpers.training import configuration


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"x": torch.ones(3)}, path)
    with pytest.raises(Exception, match="pickle"):
        AtomicCheckpointIO().save_checkpoint({"x": torch.zeros(3), "y": lambda: None}, path)
    assert torch.equal(torch.load(path, weights_only=True)["x"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_both_trainers_use_it(tmp_path):
    for trainer in ("cpu", "gpu"):
        cfg = configuration(tmp_path, tmp_path, "appearance", f"trainer={trainer}")
        assert cfg.trainer.plugins[0]["_target_"].endswith("AtomicCheckpointIO")
