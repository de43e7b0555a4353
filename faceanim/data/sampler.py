"""The order in which training sees sample numbers: sharded over ranks, resumable anywhere."""

from collections.abc import Iterator

from torch.utils.data import Sampler


class ResumableBatchSampler(Sampler[list[int]]):
    """Yields batches of sample numbers, from ``start_batch`` up to ``total_batches``.

    Global batch b holds the numbers b * W * B ... (b + 1) * W * B - 1 for W ranks and batch size B; rank r takes
    every W-th from r. So two ranks with batch 1 see what one rank with batch 2 sees.
    """

    def __init__(
        self, batch_size: int, total_batches: int, rank: int = 0, world_size: int = 1, start_batch: int = 0
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size: expected >= 1, got {batch_size}")
        self.batch_size, self.rank, self.world_size = batch_size, rank, world_size
        self.start_batch, self.total_batches = start_batch, total_batches

    def __len__(self) -> int:
        """Batches of the whole training, those before ``start_batch`` included: Lightning counts on from there."""
        return self.total_batches

    def __iter__(self) -> Iterator[list[int]]:
        per_batch = self.batch_size * self.world_size
        for b in range(self.start_batch, self.total_batches):
            yield list(range(b * per_batch + self.rank, (b + 1) * per_batch, self.world_size))
