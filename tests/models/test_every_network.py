"""Each network by itself: saving, repeating, gradients."""

import torch
from torch import Tensor

from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_net import ReferenceNet
from tests.helpers.network_tester import NetworkTester
from tests.helpers.tiny_model import TINY


def drawn(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(shape, generator=generator) for shape in shapes)


class TestReferenceNet(NetworkTester):
    def build(self):
        return ReferenceNet(motion_frames=2, **TINY)

    def inputs(self):
        return drawn((2, 8 * 3 + 2, 8, 8), (2, 1, 12))


class TestDenoisingNet(NetworkTester):
    def build(self):
        return DenoisingNet(motion_num_attention_heads=2, motion_norm_num_groups=4, max_frames=8, **TINY)

    def inputs(self):
        noisy, tokens = drawn((2, 3, 8, 8, 8), (2, 1, 12))
        return noisy, torch.tensor([10, 900]), tokens


class TestPoseGuider(NetworkTester):
    def build(self):
        return PoseGuider(16, 3, (4, 8, 16))

    def inputs(self):
        return drawn((2, 3, 32, 32))


class TestMultiScalePoseGuider(NetworkTester):
    def build(self):
        return MultiScalePoseGuider(16, (16, 32), (4, 8), 2, 4, norm_num_groups=4, attend_reference=True)

    def inputs(self):
        return drawn((4, 3, 32, 32), (2, 3, 32, 32))


class TestFaceLocator(NetworkTester):
    def build(self):
        return FaceLocator(16, (4, 8, 16))

    def inputs(self):
        return drawn((2, 3, 32, 32), (2, 1, 32, 32))


class TestImageEncoder(NetworkTester):
    def build(self):
        return ImageEncoder(32, 16, 32, 64, 1, 2, 12)

    def inputs(self):
        return drawn((2, 3, 40, 32))
