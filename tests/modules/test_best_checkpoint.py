"""best.ckpt under the real Trainer, with a module that logs given scores."""

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader

from faceanim.models.weights import read_checkpoint
from faceanim.modules.callbacks.best import BestCheckpoint
from faceanim.modules.callbacks.checkpoints import RunCheckpoints
from faceanim.pipelines.checkpoint_folder import newest_checkpoint

NAN = float("nan")


class Scores(L.LightningModule):
    """Logs at each validation, one a step, what is given; None: nothing."""

    def __init__(self, *validations: dict | None):
        super().__init__()
        self.layer, self.validations = torch.nn.Linear(1, 1), validations

    def training_step(self, batch, _):
        return self.layer(batch).mean()

    def validation_step(self, batch, _):
        self.log("val/loss", 1.0)

    def on_validation_epoch_end(self):
        for name, value in (self.validations[self.trainer.global_step - 1] or {}).items():
            self.log(f"val/{name}", torch.tensor(value))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["faceanim"] = {}

    def train_dataloader(self):
        return DataLoader(torch.ones(100, 1))

    def val_dataloader(self):
        return DataLoader(torch.ones(1, 1))


def train(run_dir, *validations, best=None, checkpoint=None, every=1, **options):
    folder = run_dir / "checkpoints"
    best = best or BestCheckpoint(folder, monitor="val/nme", **options)
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    often = {"val_check_interval": 1, "check_val_every_n_epoch": None, "num_sanity_val_steps": 0}
    trainer = L.Trainer(
        **{
            **quiet,
            **often,
            "accelerator": "cpu",
            "max_steps": len(validations),
            "default_root_dir": run_dir,
        },
        callbacks=[RunCheckpoints(folder, every=every), best],
    )
    trainer.fit(Scores(*validations), ckpt_path=checkpoint, weights_only=True)
    return best


def best_step(run_dir) -> int:
    return read_checkpoint(run_dir / "checkpoints" / "best.ckpt")["global_step"]


def nme(*values: float) -> list[dict]:
    return [{"nme": value} for value in values]


@pytest.mark.parametrize(
    ("mode", "values", "step"),
    [("min", (NAN, 3.0, 2.0, NAN, 2.5), 3), ("max", (NAN, 2.0, 3.0, NAN, 2.5), 3), ("min", (1.0, NAN), 1)],
)
def test_the_best_value_wins_and_never_nan(mode, values, step, tmp_path, caplog):
    best = train(tmp_path, *nme(*values), mode=mode)
    assert best_step(tmp_path) == step
    assert best.best_model_score == values[step - 1]
    assert "callbacks.best.monitor=val/nme: NaN at step" in caplog.text


def test_nothing_is_saved_where_every_value_is_nan(tmp_path):
    train(tmp_path, *nme(NAN, NAN))
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_it_stands_beside_the_last_checkpoints_and_is_never_the_newest(tmp_path):
    train(tmp_path, *nme(3.0, 2.0, 1.0, 4.0))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best.ckpt", "last.ckpt", "step-000003.ckpt", "step-000004.ckpt"]
    assert newest_checkpoint(tmp_path).name == "step-000004.ckpt"


def test_a_metric_that_was_not_logged_is_named_beside_those_that_were(tmp_path, caplog):
    train(tmp_path, {"nme": 2.0}, None, {"nme": 1.0, "psnr": 20.0})
    assert best_step(tmp_path) == 3
    message = "val/nme: not logged by the validation at step 2, which has val/loss: no best.ckpt"
    assert message in caplog.text  # an old value is no value
    caplog.clear()
    train(tmp_path / "other", {"nmee": 2.0})
    assert "at step 1, which has val/loss, val/nmee: no best.ckpt" in caplog.text


def test_a_candidate_must_reach_what_is_asked_of_other_metrics(tmp_path):
    few = {"nme": 0.1, "face_found_rate": 0.05}
    all_but_one = {"nme": 0.2, "face_found_rate": 0.95}
    train(tmp_path, all_but_one, few, {"nme": 0.0}, at_least={"val/face_found_rate": 0.9})
    assert best_step(tmp_path) == 1


def test_a_resumed_run_keeps_the_score_of_the_file_not_that_of_the_older_checkpoint(tmp_path):
    train(tmp_path, *nme(3.0, 1.0), every=2)  # step-2 is saved before its validation
    newest = newest_checkpoint(tmp_path)
    believed = read_checkpoint(newest)["callbacks"][BestCheckpoint(tmp_path, "val/nme").state_key]
    assert believed["best_model_score"] == 3
    resumed = train(tmp_path, *nme(3.0, 1.0, 2.0, 1.5), checkpoint=newest, every=100)
    assert best_step(tmp_path) == 2 and resumed.best_model_score == 1.0
    train(tmp_path, *nme(3.0, 1.0, 2.0, 1.5, 0.5), checkpoint=newest_checkpoint(tmp_path))
    assert best_step(tmp_path) == 5


def test_a_moved_or_lost_best_checkpoint(tmp_path):
    train(tmp_path / "a", *nme(3.0, 1.0))
    (tmp_path / "a").rename(tmp_path / "b")
    train(tmp_path / "b", *nme(3.0, 1.0, 2.0), checkpoint=newest_checkpoint(tmp_path / "b"))
    assert best_step(tmp_path / "b") == 2
    path = tmp_path / "b" / "checkpoints" / "best.ckpt"
    path.write_bytes(path.read_bytes()[:-100])
    train(tmp_path / "b", *nme(3.0, 1.0, 2.0, 4.0), checkpoint=newest_checkpoint(tmp_path / "b"))
    assert best_step(tmp_path / "b") == 4


def test_an_unknown_mode_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"callbacks\.best\.mode: expected min or max, got 'least'"):
        BestCheckpoint(tmp_path, mode="least")
