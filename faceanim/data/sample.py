"""One training sample: as workers ship it, in bytes, and as the networks see it, in floats.

Bytes take a quarter of the memory between processes and on the way to the device, and turning them into floats
there costs a worker nothing: on a CPU it takes longer than decoding (benchmarks/README.md).

Shape letters: T frames, n motion frames, N = 1 + T + n, C latent channels, H W pixels, h w latent size,
q = a quarter of H or W, L image tokens, D their width. A batch has a leading B.
"""

from typing import NamedTuple, Self

from torch import Tensor
from torch.utils.data import default_collate

from faceanim.models.pixels import to_signed, to_unit


class ClipSample(NamedTuple):
    """Images in [-1, 1], pose images and masks in [0, 1]. images_N3HW: reference, targets, motion frames; with cached
    latents the reference alone."""

    index: int
    clip_id: str
    images_N3HW: Tensor
    reference_mask_1HW: Tensor
    reference_pose_3HW: Tensor
    pose_T3HW: Tensor
    face_mask_T1qq: Tensor
    lip_mask_T1qq: Tensor
    motion_valid_n: Tensor
    latents_NChw: Tensor | None
    image_tokens_LD: Tensor | None

    @property
    def reference_3HW(self) -> Tensor:
        return self.images_N3HW.select(-4, 0)

    @property
    def frames_T3HW(self) -> Tensor:
        """The targets; none with cached latents."""
        return self.images_N3HW.tensor_split([1, 1 + self.pose_T3HW.shape[-4]], dim=-4)[1]

    @property
    def motion_n3HW(self) -> Tensor:
        return self.images_N3HW.tensor_split([1, 1 + self.pose_T3HW.shape[-4]], dim=-4)[2]


class PackedSample(NamedTuple):
    """uint8 images, float32 masks. frames_NHW3: reference, targets, motion frames; with cached latents the
    reference alone. Motion frames that are not valid are black."""

    index: int
    clip_id: str
    frames_NHW3: Tensor
    reference_mask_1HW: Tensor
    reference_pose_HW3: Tensor
    pose_THW3: Tensor
    face_mask_T1qq: Tensor
    lip_mask_T1qq: Tensor
    motion_valid_n: Tensor
    latents_NChw: Tensor | None
    image_tokens_LD: Tensor | None

    @classmethod
    def collate(cls, samples: list[Self]) -> Self:
        """A batch; what the samples do not have, it has not."""
        fields = zip(*samples, strict=True)
        return cls(*(None if field[0] is None else default_collate(list(field)) for field in fields))

    def unpack(self) -> ClipSample:
        """The same, of a sample or a batch, for the networks, on the device where the bytes are."""
        return ClipSample(
            index=self.index,
            clip_id=self.clip_id,
            images_N3HW=to_signed(self.frames_NHW3).contiguous(),
            reference_mask_1HW=self.reference_mask_1HW,
            reference_pose_3HW=to_unit(self.reference_pose_HW3).contiguous(),
            pose_T3HW=to_unit(self.pose_THW3).contiguous(),
            face_mask_T1qq=self.face_mask_T1qq,
            lip_mask_T1qq=self.lip_mask_T1qq,
            motion_valid_n=self.motion_valid_n,
            latents_NChw=self.latents_NChw,
            image_tokens_LD=self.image_tokens_LD,
        )
