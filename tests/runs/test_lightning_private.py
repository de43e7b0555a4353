"""Lightning's private API does what callbacks rely on, with its own trainer."""

from typing import ClassVar

import lightning as L
import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

from faceanim.runs.csv_log import CSVLog, read_rows
from faceanim.runs.lightning_private import StepCheckpoint, is_line, recount, run_validation, write_line


class Module(BoringModel):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)["loss"]
        self.log("train/loss", loss)
        return loss


class Probe(L.Callback):
    """Does at the end of each batch what the test asks for."""

    def __init__(self, do):
        self.do, self.found = do, []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.found.append(self.do(trainer, batch_idx))


def fit(folder, *callbacks, ckpt_path=None, **options) -> L.Trainer:
    quiet = ("enable_progress_bar", "enable_model_summary", "logger")
    settings = {"max_steps": 6, "limit_val_batches": 1, "val_check_interval": 6, "num_sanity_val_steps": 0}
    settings |= {"accelerator": "cpu", "default_root_dir": folder, **dict.fromkeys(quiet, False), **options}
    saves = any(isinstance(callback, StepCheckpoint) for callback in callbacks)
    trainer = L.Trainer(callbacks=list(callbacks), enable_checkpointing=saves, **settings)
    trainer.fit(Module(), ckpt_path=ckpt_path)
    return trainer


def test_lines_are_at_the_logged_steps_and_can_be_written_early(tmp_path):
    probe = Probe(is_line)
    fit(tmp_path, probe, accumulate_grad_batches=2, log_every_n_steps=2)
    assert [batch for batch, line in enumerate(probe.found) if line] == [3, 7, 11]
    path = tmp_path / "early" / "metrics.csv"
    rows = Probe(lambda trainer, _: (write_line(trainer), len(read_rows(path)))[1])
    fit(path.parent, rows, logger=CSVLog(path.parent), log_every_n_steps=1)
    assert rows.found == [1, 2, 3, 4, 5, 6] and len(read_rows(path)) == 6


def test_a_validation_runs_before_the_first_step_and_training_goes_on(tmp_path):
    class Baseline(L.Callback):
        steps: ClassVar[list[int]] = []

        def on_train_epoch_start(self, trainer, module):
            run_validation(trainer)

        def on_validation_end(self, trainer, module):
            self.steps.append(trainer.global_step)

    assert fit(tmp_path, Baseline()).global_step == 6 and Baseline.steps == [0, 6]


def test_a_checkpoint_on_request_is_written_once(tmp_path):
    saved = []
    keeper = type(
        "Keeper", (StepCheckpoint,), {"on_saved": lambda self, trainer: saved.append(trainer.global_step)}
    )
    checkpoint = keeper(tmp_path, filename="{step}", save_top_k=-1, save_last="link", every_n_train_steps=100)
    fit(
        tmp_path,
        Probe(lambda trainer, batch: batch == 3 and [checkpoint.save(trainer) for _ in "ab"]),
        checkpoint,
    )
    assert saved.count(4) == 1 and (tmp_path / "step=4.ckpt").is_file()
    checkpoint.remove(L.Trainer(logger=False, accelerator="cpu"), str(tmp_path / "step=4.ckpt"))
    assert not (tmp_path / "step=4.ckpt").exists()


@pytest.mark.parametrize("batches", [1, 2])
def test_a_finished_run_of_recounted_batches_is_made_longer(batches, tmp_path):
    class Longer(L.Callback):
        def on_load_checkpoint(self, trainer, module, checkpoint):
            recount(checkpoint["loops"]["fit_loop"], checkpoint["global_step"], trainer)

    checkpoint = StepCheckpoint(tmp_path, filename="a", save_top_k=1, every_n_train_steps=3)
    fit(tmp_path, checkpoint, max_steps=3)
    torch.load(tmp_path / "a.ckpt", weights_only=True)
    probe = Probe(lambda trainer, batch: batch)
    trainer = fit(
        *(tmp_path / "b", Longer(), probe),
        **{"ckpt_path": tmp_path / "a.ckpt", "max_steps": 5, "accumulate_grad_batches": batches},
    )
    assert trainer.global_step == 5 and len(probe.found) == 2 * batches
