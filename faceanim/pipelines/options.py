"""What can be chosen for an animation; the values stand in conf/infer.yaml, where each is explained."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from faceanim.media.colour import check_untagged
from faceanim.media.frame_writers import check_name
from faceanim.media.label_fonts import runs_of
from faceanim.pipelines.choices import Precision, Sampler
from faceanim.pipelines.drift import Drift
from faceanim.pipelines.driving import check_one
from faceanim.pipelines.long_video import LongVideo
from faceanim.pose.retarget import Mode

DRIVEN_BY = ("driving", "poses", "template", "audio")


@dataclass(frozen=True)
class Sampling:
    """How a video is sampled.

    scheduler: ddim, dpm++, unipc or lcm; None: the one of the pipeline folder; see ``check_steps``. guidance_scale,
    sequential_guidance: see ``Guidance``. seed: the noise of frame k depends on it and k alone. decode_batch: frames
    decoded at once; more is faster, takes more memory, and may round a few values to the next of 256.
    overlap_decoding: frames are denoised in a thread of their own while the caller decodes those before.
    """

    steps: int = 20
    guidance_scale: float = 1.0
    seed: int = 0
    sequential_guidance: bool = True
    scheduler: str | None = None
    long_video: LongVideo = field(default_factory=LongVideo)
    drift: Drift = field(default_factory=Drift)
    decode_batch: int = 4
    overlap_decoding: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "decode_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed}")
        if self.scheduler is not None and self.scheduler not in get_args(Sampler):
            raise ValueError(
                f"scheduler: expected one of {', '.join(get_args(Sampler))}, got {self.scheduler!r}"
            )


@dataclass(frozen=True)
class InferenceOptions:
    """One video, or with `jobs` many. Raises ValueError for values that can never do, before anything is loaded."""

    pipeline: str
    output: str
    reference: str | None
    driving: str | None
    poses: str | None
    audio: str | None
    template: str | None
    speech: str | None
    retarget: str
    jobs: str | None
    crop: bool
    longest_gap: float
    smoothing: float
    height: int | None
    width: int | None
    fps: float | None
    colour: str
    max_frames: int | None
    steps: int
    guidance_scale: float
    sequential_guidance: bool
    scheduler: str | None
    seed: int
    long_video: str | None
    window: int | None
    overlap: int
    segment: int
    closed_loop: bool
    colour_match: float
    motion_noise: float
    landmarks: str
    device: str
    precision: str
    channels_last: bool
    compile: bool
    cuda_graphs: bool
    offload: bool
    decoder: str | None
    decode_batch: int
    overlap_decoding: bool
    sound: bool
    paste_back: bool
    side_by_side: bool
    sheet: str | None
    label: str | None
    mark: bool
    dry_run: bool
    workers: int | None
    backend: str
    address: str | None

    def __post_init__(self) -> None:
        self.sampling()
        for name in ("fps", "max_frames", "height", "width"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name}: expected more than 0, or null, got {value}")
        if self.fps is not None and self.fps > 1000:
            raise ValueError(f"fps: expected a rate above 0 and at most 1000, or null, got {self.fps}")
        check_untagged(self.colour)
        if (self.height is None) != (self.width is None):
            raise ValueError(f"height, width: expected both or none, got {self.height} and {self.width}")
        for name in ("longest_gap", "smoothing"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected seconds of 0 or more, got {getattr(self, name)}")
        if self.precision not in ("auto", *get_args(Precision)):
            raise ValueError(
                f"precision: expected auto, {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        if self.cuda_graphs and not self.compile:
            raise ValueError("cuda_graphs=true: expected compile=true with it, got compile=false")
        if self.paste_back and self.side_by_side:
            raise ValueError("paste_back=true: expected side_by_side=false with it, got side_by_side=true")
        if self.retarget not in get_args(Mode):
            raise ValueError(f"retarget: expected one of {', '.join(get_args(Mode))}, got {self.retarget!r}")
        if self.backend not in ("processes", "ray"):
            raise ValueError(f"backend: expected processes or ray, got {self.backend!r}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers: expected 1 or more, or null, got {self.workers}")
        if self.sheet is not None and Path(self.sheet).suffix.lower() != ".png":
            raise ValueError(f"sheet: expected a name that ends in .png, got {self.sheet}")
        if self.label:
            runs_of(self.label)
        if self.jobs is None:
            check_name(self.output)
            self._check_one()

    def _check_one(self) -> None:
        if self.reference is None:
            raise ValueError("missing option: reference=<image> (--help explains)")
        check_one(**{name: getattr(self, name) for name in DRIVEN_BY})
        if self.speech is not None and self.audio is None:
            raise ValueError("speech=: is the model for audio=<file>, which is not given")

    def sampling(self) -> Sampling:
        long_video = LongVideo(self.long_video, self.window, self.overlap, self.segment, self.closed_loop)
        return Sampling(
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            sequential_guidance=self.sequential_guidance,
            scheduler=self.scheduler,
            long_video=long_video,
            drift=Drift(self.colour_match, self.motion_noise),
            decode_batch=self.decode_batch,
            overlap_decoding=self.overlap_decoding,
        )
