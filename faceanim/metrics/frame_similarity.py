"""Do the generated frames look like the real ones?"""

from torch import Tensor

from faceanim.metrics.functional.frame_similarity import psnr, ssim
from faceanim.metrics.mean_over_frames import MeanOverFrames
from faceanim.metrics.networks.lpips import Lpips
from faceanim.metrics.video_pair import VideoPair


class Psnr(MeanOverFrames):
    """Mean of the frames' peak signal-to-noise ratios in dB, see `psnr`."""

    higher_is_better = True

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return psnr(seen.real.frames_THW3, seen.generated.frames_THW3)


class Ssim(MeanOverFrames):
    """Mean structural similarity, see `ssim`."""

    higher_is_better = True

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return ssim(seen.real.frames_THW3, seen.generated.frames_THW3)


class PerceptualDistance(MeanOverFrames):
    """LPIPS of the generated and the real frames, 0: identical."""

    higher_is_better = False

    def __init__(self, network: Lpips) -> None:
        super().__init__()
        self.network = network

    def values(self, seen: VideoPair) -> Tensor:
        """(T,)"""
        return self.network.distance(seen.real.frames_THW3, seen.generated.frames_THW3)


class TemporalPerceptualDistance(MeanOverFrames):
    """tLP: how much the LPIPS of consecutive frames differs from that of the real ones (TecoGAN: Chu et al., 2020,
    arXiv:1811.09393, section 4), 0: they change as much. Without the factor of 100 that the paper's tables have.
    """

    higher_is_better = False

    def __init__(self, network: Lpips) -> None:
        super().__init__()
        self.network = network

    def values(self, seen: VideoPair) -> Tensor:
        """(T - 1,)"""
        real, generated = seen.real.frames_THW3, seen.generated.frames_THW3
        changes = [self.network.distance(frames[:-1], frames[1:]) for frames in (real, generated)]
        return (changes[1] - changes[0]).abs()
