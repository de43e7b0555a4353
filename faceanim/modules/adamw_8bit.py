"""AdamW with moments in 8 bits (Dettmers et al., 2022, arXiv:2110.02861), by bitsandbytes."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def adamw_8bit(parameters: Iterable[Tensor], **options: Any) -> Optimizer:
    """Build bitsandbytes' ``AdamW8bit`` with these options. Raises ValueError where the package is not installed."""
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise ValueError(f"optimizer=adamw_8bit needs pip install 'faceanim[8bit]': {error}") from error
    return AdamW8bit(parameters, **options)
