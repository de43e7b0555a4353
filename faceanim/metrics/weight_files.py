"""Weights of the networks that measure: where they are, and which files they must be."""

import sys
from pathlib import Path
from typing import NamedTuple

import torch

from faceanim.media.files import file_hash
from faceanim.models.weight_source import WeightSource
from faceanim.pose.landmark_weights import WEIGHTS_VARIABLE, WeightsFile, weights_folder
from faceanim.pose.landmarks import FaceLandmarker

_TORCH_HUB = "https://download.pytorch.org/models/"


class Published(NamedTuple):
    """file: its name in the weights folder. url: where it is published. sha256: of the file as published."""

    file: str
    url: str
    sha256: str


PUBLISHED = {
    "inception": Published(
        "pt_inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
    "i3d": Published(
        "i3d_torchscript.pt",
        "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
        "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
    ),
    "alexnet": Published(
        "alexnet-owt-7be5be79.pth",
        f"{_TORCH_HUB}alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    "videomae": Published(
        "vit_g_hybrid_pt_1200e_ssv2_ft.pth",
        "https://pjlab-gvm-data.oss-cn-shanghai.aliyuncs.com/internvideo/videomaev2/vit_g_hybrid_pt_1200e_ssv2_ft.pth",
        "5a210a92f035dff30c53b46157b612e7a1a5d3c99700e1b2d71da5c399ca7e70",
    ),
    "syncnet": Published(
        "syncnet_v2.model",
        "https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
        "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
    ),
}


class WeightFiles:
    """Finder of weight files that refuses all but those that the protocol names.

    pinned: name -> sha256, of the protocol. paths: name -> a file or folder, in place of the weights folder
    (FACEANIM_WEIGHTS, else ~/.cache/faceanim). download: fetch what is missing from where it is published.
    used: name -> sha256, of what was found.
    """

    def __init__(
        self, pinned: dict[str, str], paths: dict[str, str | None] | None = None, download: bool = False
    ) -> None:
        unknown = sorted({name for name, path in (paths or {}).items() if path} - {*PUBLISHED, "arcface"})
        if unknown:
            raise ValueError(f"weights: expected {', '.join(PUBLISHED)} or arcface, got {unknown[0]}")
        self.pinned, self.paths, self.download = pinned, paths or {}, download
        self.used: dict[str, str] = {}

    def find(self, name: str) -> Path:
        """The file of this name. ValueError where it is missing, is another one, or the protocol names none."""
        if name not in self.pinned:
            raise ValueError(f"protocol.extractors names no sha256 for {name}")
        found = self._source(name).fetch()
        self.used[name] = self.pinned[name]
        return found

    def note_dlib(self, name: str, file: str | None = None) -> None:
        """Check and note one of dlib's files, which come with a package."""
        from faceanim.pose.dlib_landmarker import dlib_weights  # needs the package dlib

        path = dlib_weights() if file is None else dlib_weights().with_name(file)
        WeightSource(path=str(path), sha256=self.pinned.get(name)).fetch()
        self.used[name] = self.pinned.get(name) or file_hash(path)

    def note_landmarker(self, name: str, backend: FaceLandmarker) -> None:
        """Note the files that another backend's module names; the protocol pins dlib's only."""
        if name == "dlib":
            self.note_dlib("dlib_landmarks")
            return
        for file in vars(sys.modules[type(backend).__module__]).values():
            if isinstance(file, WeightsFile) and (weights_folder() / file.name).is_file():
                self.used[f"{name}_{file.name}"] = file_hash(weights_folder() / file.name)

    def _source(self, name: str) -> WeightSource:
        sha256 = self.pinned[name]
        if self.paths.get(name):
            return WeightSource(path=self.paths[name], sha256=sha256)
        published, folder = PUBLISHED.get(name), weights_folder()
        if published is None:
            raise ValueError(f"it has no place of its own: weights.{name}=<file>")
        for place in (folder, Path(torch.hub.get_dir()) / "checkpoints"):
            if (place / published.file).is_file():
                return WeightSource(path=str(place / published.file), sha256=sha256)
        if self.download:
            return WeightSource(url=published.url, sha256=sha256, folder=str(folder))
        raise ValueError(
            f"no {published.file} in {folder} ({WEIGHTS_VARIABLE}): curl -fL --create-dirs -o "
            f"{folder / published.file} '{published.url}', or evaluate.py download=true or weights.{name}=<file>"
        )
