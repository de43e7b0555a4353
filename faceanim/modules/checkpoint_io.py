"""Atomic checkpoints on any file system, written in the background if asked."""

import io
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.apply_func import apply_to_collection
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from faceanim.media.files import atomic_path


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file next to the target and renames. Lightning's own goes through the system's temporary
    folder, and leaves half a file in place of the old one where that is another, and the disk is full.

    background: the training waits for the copy into the main memory alone, a thread writes. Files are removed in
    the same order, so that an older checkpoint goes when the newer one is there. Lightning's own ``AsyncCheckpointIO``
    copies on the GPU, and removes at once. An error while writing is raised at the next checkpoint, or at the end.
    """

    def __init__(self, background: bool = False):
        self.background = background
        self._thread: ThreadPoolExecutor | None = None
        self._pending: list[Future] = []

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        if not self.background:
            return _write(checkpoint, path)
        self._wait()  # one copy at a time in the main memory
        Path(path).parent.mkdir(
            parents=True, exist_ok=True
        )  # the trainer makes links there before it is written
        self._submit(_write, apply_to_collection(checkpoint, Tensor, _copy), path)

    def remove_checkpoint(self, path: str | Path) -> None:
        if not self.background:
            return super().remove_checkpoint(path)
        self._submit(super().remove_checkpoint, path)

    def teardown(self) -> None:
        try:
            self._wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown()
                self._thread = None

    def _submit(self, function: Any, *arguments: Any) -> None:
        self._thread = self._thread or ThreadPoolExecutor(max_workers=1)
        self._pending.append(self._thread.submit(function, *arguments))

    def _wait(self) -> None:
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


def _write(checkpoint: dict[str, Any], path: str | Path) -> None:
    content = io.BytesIO()  # torch's own writer hides why a file cannot be written
    torch.save(checkpoint, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())
