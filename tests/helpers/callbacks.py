"""Callbacks for trainings under test: power cuts, and which parameters have gradients."""

import lightning as L
from lightning.pytorch.callbacks import Checkpoint


class PowerCut(Exception):
    pass


class CutAt(L.Callback):
    """Ends the process's training as abruptly as an exception can, before the step's checkpoint."""

    def __init__(self, step: int):
        self.step = step

    def on_before_optimizer_step(self, trainer, *_):
        if trainer.global_step == self.step:
            raise PowerCut


class CutAfterSaving(Checkpoint):
    """The same between a step's checkpoint and whatever Lightning does with the step afterwards."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise PowerCut


SEEN: dict[str, bool] = {}


class Gradients(L.Callback):
    """Notes in SEEN whether each trainable parameter has a gradient."""

    def on_after_backward(self, trainer, pl_module):
        SEEN.update({n: p.grad is not None for n, p in pl_module.named_parameters() if p.requires_grad})
