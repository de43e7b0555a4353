"""Strategies for many devices, and checks of what each cannot do."""

import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.plugins.precision import DeepSpeedPrecision
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from torch import nn

from faceanim.modules.callbacks.ema import TrainedEMA

SHARDED = (DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy)


class FullyShardStrategy(ModelParallelStrategy):
    """Data parallelism over all ranks with what is trained spread over them (FSDP's second version), and one checkpoint
    file as everywhere."""

    def __init__(self, **options: Any):
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False, **options)

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def load_checkpoint(
        self, checkpoint_path: str | Path, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Strict in the stage's sense; the strategy's would ask for the frozen weights too."""
        names = torch.load(checkpoint_path, mmap=True, weights_only=True)["state_dict"].keys()
        self.lightning_module.check_names(names)
        self.lightning_module.strict_loading = False
        return super().load_checkpoint(checkpoint_path, weights_only)


def is_sharded(trainer: L.Trainer) -> bool:
    """Return whether weights, gradients or optimiser states are spread over ranks."""
    return isinstance(trainer.strategy, SHARDED)


def shards_weights(trainer: L.Trainer) -> bool:
    """Return whether no rank has all weights, so that a network runs on all ranks at once or not at all."""
    strategy = trainer.strategy
    if isinstance(strategy, DeepSpeedStrategy):
        return strategy.zero_stage_3
    return is_sharded(trainer)


class DeepSpeedAutocast(DeepSpeedPrecision):
    """Autocast in place of DeepSpeed's own mixed precision: that turns weights, inputs and all else into bfloat16, and
    runs norms, embeddings and the loss in it too. Here its bfloat16 weights (their float32 masters are in its
    optimiser) are used under autocast, on float32 inputs."""

    def forward_context(self) -> AbstractContextManager:
        return torch.autocast("cuda", self._desired_dtype)

    def convert_input(self, data: Any) -> Any:
        return data


def check_accelerator(accelerator: str) -> None:
    """Raise ValueError for a GPU that does not exist."""
    if accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"trainer.accelerator={accelerator}: there is no GPU here; trainer=cpu trains without"
        )


def check_strategy(trainer: L.Trainer) -> None:
    """Raise ValueError for what would fail, or silently do nothing, hours later."""
    name = type(trainer.strategy).__name__
    if isinstance(trainer.strategy, FSDPStrategy):
        raise ValueError(
            "trainer.strategy: FSDPStrategy flattens frozen and trained parameters together; trainer=fsdp shards by "
            "torch's fully_shard"
        )
    if isinstance(trainer.strategy, DeepSpeedStrategy) and not isinstance(
        trainer.accelerator, CUDAAccelerator
    ):
        raise ValueError("trainer.strategy: DeepSpeed trains on CUDA GPUs; on a CPU try trainer=ddp")
    averages = any(isinstance(callback, TrainedEMA) and callback.decay for callback in trainer.callbacks)
    if is_sharded(trainer) and averages:
        raise ValueError(
            f"callbacks.ema: no rank has the weights to average under {name}. Switch it off: ~callbacks.ema"
        )


def shard(networks: list[nn.Module], mesh: object) -> None:
    """FSDP's second version (torch's ``fully_shard``) for each network that trains something: its trained parameters,
    gradients and optimiser states are spread over the ranks. What is frozen stays whole on each.

    A network is gathered as one: its projections of the reference read the weights of all layers before these run.
    """
    from torch.distributed.fsdp import fully_shard

    warnings.filterwarnings(
        "ignore", "FSDP2-wrapped module .* returned a view"
    )  # nothing is done to it in place
    for network in networks:
        frozen = {parameter for parameter in network.parameters() if not parameter.requires_grad}
        if len(frozen) < len(list(network.parameters())):
            fully_shard(network, mesh=mesh, ignored_params=frozen)
