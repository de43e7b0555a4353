"""Frames and windows of frames as features, for the metrics of whole sets. T: frames; W: windows; D: features."""

import zipfile
from pathlib import Path
from typing import Protocol as Interface
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceanim.metrics.networks.i3d import I3D
from faceanim.metrics.networks.inception import FEATURES, Inception
from faceanim.metrics.networks.videomae import VideoMae
from faceanim.models.weights import load_into, read_tensors

_I3D_SIDE = 224


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


class I3DFeatures:
    """I3D's logits of windows of `window` frames one after the other; a rest of fewer frames is left out.

    weights: StyleGAN-V's TorchScript file, which runs its own code and therefore has to be the one that the protocol
    names, or a state dict in pytorch-i3d's layout. batch: windows at a time.
    """

    size = 400

    def __init__(self, weights: Path, device: torch.device, window: int, batch: int) -> None:
        if _is_torchscript(weights):
            self.network, self.scripted = torch.jit.load(str(weights), map_location=device).eval(), True
        else:
            network = I3D()
            load_into(network, read_tensors(weights), weights, part="i3d")
            self.network, self.scripted = network.to(device).eval(), False
        self.device, self.window, self.batch = device, window, batch

    @torch.no_grad()
    def extract(self, frames_THW3: np.ndarray) -> np.ndarray:
        """(W, 400), W = T // window."""
        windows = windows_of(frames_THW3, self.window)
        found = [self._run(windows[k : k + self.batch]) for k in range(0, len(windows), self.batch)]
        return np.concatenate(
            [np.zeros((0, self.size), np.float32), *(f.float().cpu().numpy() for f in found)]
        )

    def _run(self, videos_WTHW3: np.ndarray) -> Tensor:
        n, t = videos_WTHW3.shape[:2]
        if self.scripted:
            videos_W3THW = torch.from_numpy(videos_WTHW3).to(self.device).permute(0, 4, 1, 2, 3)
            return self.network(videos_W3THW, rescale=True, resize=True, return_features=True)
        frames = _float(videos_WTHW3.reshape(n * t, *videos_WTHW3.shape[2:]), self.device)
        frames = F.interpolate(frames, (_I3D_SIDE, _I3D_SIDE), mode="bilinear", align_corners=False)
        return self.network((frames / 127.5 - 1).unflatten(0, (n, t)).transpose(1, 2))


class VideoMaeFeatures:
    """VideoMAE's of windows of as many frames as it is made for, one after the other. batch: windows at a time."""

    def __init__(self, network: VideoMae, device: torch.device, batch: int) -> None:
        self.network, self.device, self.batch = network.to(device).eval(), device, batch
        self.size = network.head.in_features

    @classmethod
    def load(cls, weights: Path, device: torch.device, batch: int) -> Self:
        """The giant network from its published file."""
        with torch.device("meta"):
            network = VideoMae()
        network = network.to_empty(device="cpu")
        network.places = VideoMae(depth=0).places
        load_into(network, read_tensors(weights), weights, part="videomae")
        return cls(network, device, batch)

    @torch.no_grad()
    def extract(self, frames_THW3: np.ndarray) -> np.ndarray:
        """(W, D), W = T // frames."""
        windows = windows_of(frames_THW3, self.network.frames)
        found = [np.zeros((0, self.size), np.float32)]
        for k in range(0, len(windows), self.batch):
            videos = windows[k : k + self.batch]
            n, t = videos.shape[:2]
            frames = _float(videos.reshape(n * t, *videos.shape[2:]), self.device) / 255
            side = self.network.side
            frames = F.interpolate(frames, (side, side), mode="bilinear", align_corners=False)
            found.append(self.network(frames.unflatten(0, (n, t)).transpose(1, 2)).cpu().numpy())
        return np.concatenate(found)


def windows_of(frames_THW3: np.ndarray, window: int) -> np.ndarray:
    """(W, window, H, W, 3): as many as there are whole ones, from the first frame on."""
    n = len(frames_THW3) // window
    return frames_THW3[: n * window].reshape(n, window, *frames_THW3.shape[1:])


def _float(frames_THW3: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames_THW3)).to(device).permute(0, 3, 1, 2).float()


def _is_torchscript(path: Path) -> bool:
    """TorchScript archives hold code, which a file of tensors does not."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in f"/{name}" for name in archive.namelist())
