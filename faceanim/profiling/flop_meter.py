"""Floating point operations and live tensor memory of code that runs, on real or fake tensors.

One floating point operation (FLOP) is an addition or a multiplication. Matrix products, convolutions and attention are
counted, as ``FlopCounterMode`` does; the rest is below a percent of them. ``torch.distributed._tools.mem_tracker``
tracks memory too, but raises on frozen parameters.
"""

import weakref
from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import (
    flop_registry,
    register_flop_formula,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from faceanim.models.torch_private import TorchDispatchMode, in_backward

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
if _forward not in flop_registry:  # some releases of torch leave out the CPU's attention

    @register_flop_formula(_forward)
    def _attention(q: torch.Size, k: torch.Size, v: torch.Size, *_: object, **__: object) -> int:
        return sdpa_flop_count(q, k, v)

    @register_flop_formula(_backward)
    def _attention_backward(out: torch.Size, q: torch.Size, k: torch.Size, v: torch.Size, *_, **__) -> int:
        return sdpa_backward_flop_count(out, q, k, v)


class FlopMeter(TorchDispatchMode):
    """Counts FLOPs as ``FlopCounterMode`` does, whose module hooks, though, keep activations alive.

    recomputed: those among ``flops`` that gradient checkpointing spends on forwards run again in the backward.
    """

    def __init__(self):
        super().__init__()
        self.flops = self.recomputed = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.overloadpacket in flop_registry:
            flops = flop_registry[func.overloadpacket](*args, **kwargs, out_val=result)
            self.flops += flops
            if in_backward() and torch.is_grad_enabled():  # a forward inside a backward
                self.recomputed += flops
        return result


class StepMeter(FlopMeter):
    """Counts FLOPs, and the bytes of all tensor storages, real or fake, that are made inside the context and live.

    known: tensors whose storages do not count. live, peak: bytes. gradients: bytes of the gradients that were
    added, until the caller sets it to 0; gradients_at_peak: the same when ``peak`` was reached.
    """

    def __init__(self, known: Iterable[Tensor] = ()):
        super().__init__()
        self.live = self.peak = self.gradients = self.gradients_at_peak = 0
        self._known = {id(tensor.untyped_storage()): tensor.untyped_storage() for tensor in known}
        self._storages: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = super().__torch_dispatch__(func, types, args, kwargs)
        outputs = result if isinstance(result, tuple | list) else (result,)
        self.add(*(output for output in outputs if isinstance(output, Tensor)))
        return result

    def add(self, *tensors: Tensor) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            key = id(storage)  # stable as long as the storage lives
            if key not in self._storages and key not in self._known:
                self._storages[key] = weakref.ref(storage, partial(self._free, key, storage.nbytes()))
                self.live += storage.nbytes()
        if self.live > self.peak:
            self.peak, self.gradients_at_peak = self.live, self.gradients

    def add_gradient(self, parameter: Tensor) -> None:
        self.add(parameter.grad)
        self.gradients += parameter.grad.nbytes

    def _free(self, key: int, size: int, _: weakref.ref) -> None:
        del self._storages[key]
        self.live -= size
