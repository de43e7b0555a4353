"""The checkpoint with the best validation."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from faceanim.models.weights import read_checkpoint
from faceanim.pipelines.checkpoint_folder import damage

log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Keeps <folder>/best.ckpt, of the validation with the lowest (mode min) or highest (max) ``monitor``, such as
    val/nme.

    at_least: other metrics and what a candidate must reach in them. A landmark error is a mean over the frames that
    show a face: without this bound, a model that draws one good face and no other could win.
    NaN never wins, nor what an earlier validation logged. The score is kept in best.ckpt itself: a resumed run takes
    it from there, as the checkpoint it is resumed from is older than the validation of its step. Before the first step
    nothing is saved.
    """

    def __init__(
        self,
        folder: str | Path,
        monitor: str = "val/nme",
        mode: Literal["min", "max"] = "min",
        at_least: Mapping[str, float] | None = None,
    ):
        if mode not in ("min", "max"):
            raise ValueError(f"callbacks.best.mode: expected min or max, got {mode!r}")
        super().__init__(
            dirpath=folder,
            filename="best",
            monitor=monitor,
            mode=mode,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )
        self.at_least = dict(at_least or {})
        self._earlier: torch.Tensor | None = None

    @property
    def path(self) -> Path:
        return Path(self.dirpath) / f"{self.filename}{self.FILE_EXTENSION}"

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if trainer.global_step:
            self._take_up(trainer.strategy.broadcast(self._held() if trainer.is_global_zero else None))

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for name in (self.monitor, *self.at_least):  # Lightning keeps values of earlier validations
            trainer.callback_metrics.pop(name, None)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.strategy.reduce_boolean_decision(self._is_candidate(trainer)):
            super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the score for ``on_train_start``: DeepSpeed's checkpoints are folders, from which it is not read."""
        self._earlier = state_dict["best_model_score"]

    def _is_candidate(self, trainer: L.Trainer) -> bool:
        found, step = trainer.callback_metrics, trainer.global_step
        for name in (self.monitor, *self.at_least):
            option = "monitor" if name == self.monitor else "at_least"
            if name not in found:
                logged = ", ".join(sorted(key for key in found if key.startswith("val/")))
                log.warning(
                    "callbacks.best.%s=%s: not logged by the validation at step %d, which has %s: no best.ckpt",
                    *(option, name, step, logged or "nothing"),
                )
                return False
            if found[name].isnan():
                log.warning(
                    "callbacks.best.%s=%s: NaN at step %d, no candidate for best.ckpt", option, name, step
                )
                return False
        return all(found[name] >= bound for name, bound in self.at_least.items())

    def _held(self) -> float | None:
        """Return the score of best.ckpt, or None without one of this monitor and mode."""
        if self.path.is_dir():
            return None if self._earlier is None else float(self._earlier)
        if not self.path.is_file() or damage(self.path) is not None:
            return None
        state = read_checkpoint(self.path).get("callbacks", {}).get(self.state_key)
        return None if state is None else float(state["best_model_score"])

    def _take_up(self, score: float | None) -> None:
        self.best_k_models, self.best_model_path, self.best_model_score = {}, "", None
        if score is None:
            return
        self.best_model_score = self.kth_value = torch.tensor(score)
        self.best_model_path = self.kth_best_model_path = str(self.path)
        self.best_k_models = {self.best_model_path: self.best_model_score}
