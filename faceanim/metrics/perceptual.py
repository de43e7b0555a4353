"""LPIPS, where its weights are."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torchmetrics import Metric

_ALEXNET = "alexnet-owt-7be5be79.pth"


def lpips() -> Metric:
    """LPIPS (Zhang et al., 2018, arXiv:1801.03924) on AlexNet, for pictures (B, 3, H, W) in [0, 1]; 0 is identical.

    Nothing is downloaded: AlexNet's ImageNet weights have to lie in torch's hub folder (``TORCH_HOME`` moves it).
    Raises ValueError where they, or torchvision, are missing.
    """
    if find_spec("torchvision") is None:
        raise ValueError("LPIPS needs the package torchvision")
    weights = Path(torch.hub.get_dir()) / "checkpoints" / _ALEXNET
    if not weights.is_file():
        raise ValueError(f"LPIPS needs {weights}: https://download.pytorch.org/models/{_ALEXNET}")
    from torchmetrics.image import LearnedPerceptualImagePatchSimilarity  # there only with torchvision

    return LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
