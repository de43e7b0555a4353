"""The input of metrics: a clip's reference, real and generated frames, and what is found in them.

T: frames; H, W: pixels; h, w: pixels of the frames on which flow is found; D: size of an embedding; N: of sound.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch

from faceanim.media.contact_sheet import side_by_side, video_sheet
from faceanim.metrics.optical_flow import optical_flow
from faceanim.pose.landmarks import FaceLandmarker


class ClipFrames(NamedTuple):
    """Frames of one clip, uint8, all of one size.

    real_THW3: the driving frames. same_person: they are also the truth, frame for frame; else only their motion is.
    poses_THW3: the pose images, if known. sound_N: mono at 16 kHz, if there is any.
    """

    reference_HW3: np.ndarray
    real_THW3: np.ndarray
    generated_THW3: np.ndarray
    poses_THW3: np.ndarray | None
    fps: float
    same_person: bool = True
    sound_N: np.ndarray | None = None

    def videos(self) -> dict[str, np.ndarray]:
        """All videos by name: reference (T, H, W, 3), pose, generated, real."""
        still = np.repeat(self.reference_HW3[None], len(self.real_THW3), axis=0)
        poses = {} if self.poses_THW3 is None else {"pose": self.poses_THW3}
        shown = {"generated": self.generated_THW3, "real" if self.same_person else "driving": self.real_THW3}
        return {"reference": still, **poses, **shown}

    def sheet(self) -> np.ndarray:
        """Rows of evenly spaced frames: uint8 (height, width, 3); the reference once."""
        videos = self.videos()
        return video_sheet(videos | {"reference": videos["reference"][:1]})

    def side_by_side(self) -> np.ndarray:
        """One video (T, H, width, 3) of all of them, from left to right."""
        return side_by_side(list(self.videos().values()))


class Embedder(Protocol):
    """Faces to vectors, and the likeness of two of them."""

    def embed(self, frames_THW3: np.ndarray, points_T68x2: np.ndarray) -> np.ndarray:
        """float32 (T, D) of uint8 RGB frames and their landmarks, of any backend; NaN where these are NaN."""
        ...

    def likeness(self, reference_TD: torch.Tensor, generated_TD: torch.Tensor) -> torch.Tensor:
        """float64 (T,)"""
        ...


@dataclass(frozen=True)
class Finders:
    """Networks that find faces. embedder: None if there is none. embed_every: one of this many frames is embedded."""

    landmarker: FaceLandmarker | None
    embedder: Embedder | None = None
    embed_every: int = 1


@dataclass
class SeenVideo:
    """uint8 frames (T, H, W, 3) and, computed once when first needed, what is in them.

    still_of: the video is this single frame, repeated, so that everything is computed once. notes: a cache for metrics,
    by name.
    """

    frames_THW3: np.ndarray
    finders: Finders
    still_of: "SeenVideo | None" = field(default=None, repr=False)
    notes: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        frames = self.frames_THW3
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            broken = 0 if frames.dtype.kind != "f" else int((~np.isfinite(frames)).any(axis=(1, 2, 3)).sum())
            raise ValueError(
                f"frames to measure: expected uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}"
                + (f", {broken} frames of it not finite" if broken else "")
            )

    @classmethod
    def still(cls, image_HW3: np.ndarray, n_frames: int, finders: Finders) -> Self:
        """An image, repeated."""
        frames = np.repeat(image_HW3[None], n_frames, axis=0)
        return cls(frames, finders, cls(image_HW3[None], finders))

    def __len__(self) -> int:
        return len(self.frames_THW3)

    @cached_property
    def points(self) -> torch.Tensor:
        """Landmarks float32 (T, 68, 2) in pixels; NaN where no face was found."""
        if self.still_of is not None:
            return self.still_of.points.repeat(len(self), 1, 1)
        return torch.from_numpy(self.finders.landmarker.detect(self.frames_THW3).points)

    @cached_property
    def embeddings(self) -> torch.Tensor:
        """float32 (ceil(T / embed_every), D): of one frame in `embed_every`; NaN where no face was found."""
        every = self.finders.embed_every
        if self.still_of is not None:
            return self.still_of.embeddings.repeat(-(-len(self) // every), 1)
        return torch.from_numpy(
            self.finders.embedder.embed(self.frames_THW3[::every], self.points[::every].numpy())
        )

    @cached_property
    def flow_Thw2(self) -> np.ndarray:
        """See `optical_flow`."""
        flow = optical_flow(self.frames_THW3[: 1 if self.still_of is not None else None])
        return flow if self.still_of is None else np.zeros((len(self) - 1, *flow.shape[1:]), np.float32)

    @property
    def blank(self) -> int:
        """Number of frames of a single colour throughout, which values that are not finite become."""
        flat = self.frames_THW3.reshape(len(self), -1, 3)
        return int((flat == flat[:, :1]).all(axis=(1, 2)).sum())


@dataclass(frozen=True)
class VideoPair:
    """One clip as a method shows it, and the real video that it is compared with. reference: one frame."""

    reference: SeenVideo
    real: SeenVideo
    generated: SeenVideo
    fps: float
    same_person: bool = True
    sound_N: np.ndarray | None = None

    def __post_init__(self) -> None:
        shapes = {video.frames_THW3.shape[1:] for video in (self.reference, self.real, self.generated)}
        if len(shapes) > 1 or len(self.real) != len(self.generated):
            raise ValueError(
                "frames to measure: expected reference, real and generated ones of one size, as many generated as "
                f"real, got {tuple(v.frames_THW3.shape for v in (self.reference, self.real, self.generated))}"
            )

    @classmethod
    def of(cls, frames: ClipFrames, finders: Finders) -> Self:
        """The pair of a clip's generated and real frames."""
        return cls(
            SeenVideo(frames.reference_HW3[None], finders),
            SeenVideo(frames.real_THW3, finders),
            SeenVideo(frames.generated_THW3, finders),
            frames.fps,
            frames.same_person,
            frames.sound_N,
        )
