"""SyncNet (Chung and Zisserman, 2016, "Out of time"), version 2: five frames of a face and 0.2 s of speech as vectors.

B: windows; T: frames; H, W: pixels.
"""

from torch import Tensor, nn

SIZE = 1024  # of a vector
SIDE = 224  # pixels of a face
FRAMES = 5  # of a window, at 25 a second
COEFFICIENTS, STEPS = 13, 20  # of the sound of a window, at 100 a second


class SyncNet(nn.Module):
    """Keys are those of syncnet_python's published syncnet_v2.model: strict loading fits."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_flat(1, 64, 3, 1),
            nn.MaxPool2d(1),
            *_flat(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_flat(192, 384, 3, 1),
            *_flat(384, 256, 3, 1),
            *_flat(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_flat(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_deep(3, 96, (5, 7, 7), stride=(1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_deep(96, 256, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            *_deep(256, 256, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_deep(256, 512, (1, 6, 6)),
        )
        self.netfcaud, self.netfclip = _head(), _head()

    def hear(self, sound_B1CS: Tensor) -> Tensor:
        """(B, 1024) of cepstra (B, 1, 13, 20)."""
        return self.netfcaud(self.netcnnaud(sound_B1CS).flatten(1))

    def see(self, faces_B3THW: Tensor) -> Tensor:
        """(B, 1024) of five frames each, 224x224, BGR, in [0, 255]."""
        return self.netfclip(self.netcnnlip(faces_B3THW).flatten(1))


def _flat(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def _deep(inputs: int, outputs: int, kernel: tuple[int, int, int], **options: object) -> list[nn.Module]:
    return [nn.Conv3d(inputs, outputs, kernel, **options), nn.BatchNorm3d(outputs), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, SIZE))
