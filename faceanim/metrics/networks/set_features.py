"""Frames and windows of frames as features, for the metrics of whole sets. T: frames; W: windows; D: features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from typing import Protocol as Interface

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import VideoMAEForVideoClassification

from faceanim.metrics.networks.inception import FEATURES, Inception
from faceanim.metrics.networks.videomae import renamed, videomae
from faceanim.models.weights import load_into, read_tensors


class SetFeatures(Interface):
    """size: D."""

    size: int

    def extract(self, frames_THW3: np.ndarray) -> np.ndarray:
        """float32 (N, D) of uint8 frames, N: of frames or windows."""
        ...


class FrameFeatures:
    """Inception's of each frame. batch: frames at a time, which changes nothing but speed."""

    size = FEATURES

    def __init__(self, weights: Path, device: torch.device, batch: int) -> None:
        self.network = Inception()
        load_into(self.network, read_tensors(weights), weights, part="inception")
        self.network.to(device).eval()
        self.device, self.batch = device, batch

    @torch.no_grad()
    def extract(self, frames_THW3: np.ndarray) -> np.ndarray:
        """(T, 2048)"""
        chunks = np.array_split(frames_THW3, range(self.batch, len(frames_THW3), self.batch))
        return np.concatenate([self.network(_float(chunk, self.device)).cpu().numpy() for chunk in chunks])


class _WindowFeatures:
    """Features of windows of `window` frames one after the other; a rest of fewer frames is left out.

    batch: windows at a time.
    """

    size: int

    def __init__(self, network: Callable[..., Any], device: torch.device, window: int, batch: int) -> None:
        self.network, self.device, self.window, self.batch = network, device, window, batch

    @torch.no_grad()
    def extract(self, frames_THW3: np.ndarray) -> np.ndarray:
        """(W, D), W = T // window."""
        n = len(frames_THW3) // self.window
        windows_WTHW3 = frames_THW3[: n * self.window].reshape(n, self.window, *frames_THW3.shape[1:])
        found = [np.zeros((0, self.size), np.float32)]
        for k in range(0, n, self.batch):
            found.append(self.run(windows_WTHW3[k : k + self.batch]).float().cpu().numpy())
        return np.concatenate(found)

    def run(self, videos_WTHW3: np.ndarray) -> Tensor:
        """(W, D) of uint8 videos."""
        raise NotImplementedError


class I3DFeatures(_WindowFeatures):
    """I3D's logits (Carreira and Zisserman, 2017, arXiv:1705.07750), by which FVD is defined.

    weights: StyleGAN-V's TorchScript file, which runs its own code and therefore must be the one that the protocol
    names.
    """

    size = 400

    def __init__(self, weights: Path, device: torch.device, window: int, batch: int) -> None:
        try:
            network = torch.jit.load(str(weights), map_location=device).eval()
        except RuntimeError as error:
            raise ValueError(
                f"cannot read weights {weights}: expected a TorchScript file ({error})"
            ) from error
        super().__init__(network, device, window, batch)

    def run(self, videos_WTHW3: np.ndarray) -> Tensor:
        videos_W3THW = torch.from_numpy(videos_WTHW3).to(self.device).permute(0, 4, 1, 2, 3)
        return self.network(videos_W3THW, rescale=True, resize=True, return_features=True)


class VideoMaeFeatures(_WindowFeatures):
    """VideoMAE's features of windows of as many frames as it is made for."""

    def __init__(self, network: VideoMAEForVideoClassification, device: torch.device, batch: int) -> None:
        super().__init__(network.to(device).eval(), device, network.config.num_frames, batch)
        self.size, self.side = network.config.hidden_size, network.config.image_size

    @classmethod
    def load(cls, weights: Path, device: torch.device, batch: int) -> Self:
        """The giant network from its published file."""
        network = videomae()
        load_into(network, renamed(read_tensors(weights)), weights, part="videomae")
        return cls(network, device, batch)

    def run(self, videos_WTHW3: np.ndarray) -> Tensor:
        n, t = videos_WTHW3.shape[:2]
        frames = _float(videos_WTHW3.reshape(n * t, *videos_WTHW3.shape[2:]), self.device) / 255
        frames = F.interpolate(frames, (self.side, self.side), mode="bilinear", align_corners=False)
        return self.network(frames.unflatten(0, (n, t))).logits


def _float(frames_THW3: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames_THW3)).to(device).permute(0, 3, 1, 2).float()
