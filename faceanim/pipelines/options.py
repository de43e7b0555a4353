"""Options of an animation; conf/infer.yaml has their values and explains each.

Nothing here imports torch: a wrong value is an error before anything is loaded.
"""

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from faceanim.bounds import above, at_least
from faceanim.media.frame_writers import check_name
from faceanim.media.watermark_fonts import runs_of
from faceanim.pipelines.drift_correction import DriftCorrection
from faceanim.pipelines.long_video import LongVideo

Precision = Literal["float32", "bfloat16", "float16"]  # torch's dtypes, see compute.PRECISIONS
Sampler = Literal["ddim", "dpm++", "unipc", "lcm"]  # see schedulers.SAMPLERS


def option(name: str, default: Any = MISSING) -> Any:
    """Declare a field whose command-line option has another name."""
    return field(default=default, metadata={"option": name})


@dataclass(frozen=True)
class Photograph:
    """The reference image, and the size of the video; None: the square that the model was trained on."""

    path: str = option("reference")
    crop: bool
    height: int | None
    width: int | None

    def __post_init__(self) -> None:
        if self.path is None:
            raise ValueError("missing option: reference=<image> (--help explains)")
        above(0, height=self.height, width=self.width)
        if (self.height is None) != (self.width is None):
            raise ValueError(f"height, width: expected both or none, got {self.height} and {self.width}")


@dataclass(frozen=True)
class Sampling:
    """Sampling options.

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
    drift: DriftCorrection = field(default_factory=DriftCorrection)
    decode_batch: int = 4
    overlap_decoding: bool = False

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, decode_batch=self.decode_batch)
        at_least(0, seed=self.seed, guidance_scale=self.guidance_scale)
        if self.seed >= 2**64:
            raise ValueError(f"seed: expected less than 2 to the power of 64, got {self.seed}")
        if self.scheduler is not None and self.scheduler not in get_args(Sampler):
            raise ValueError(
                f"scheduler: expected one of {', '.join(get_args(Sampler))}, got {self.scheduler!r}"
            )


@dataclass(frozen=True)
class Output:
    """Output options."""

    path: str = option("output")
    sound: bool
    paste_back: bool
    side_by_side: bool
    sheet: str | None
    label: str | None
    mark: bool

    def __post_init__(self) -> None:
        check_name(self.path)
        if self.paste_back and self.side_by_side:
            raise ValueError("paste_back=true: expected side_by_side=false with it, got side_by_side=true")
        if self.sheet is not None and Path(self.sheet).suffix.lower() != ".png":
            raise ValueError(f"sheet: expected a name that ends in .png, got {self.sheet}")
        if self.label:
            runs_of(self.label)


@dataclass(frozen=True)
class Runtime:
    """Model, device and performance options. landmarks: see ``landmarker``.

    precision: of weights and networks; the sampler always works in float32. auto: bfloat16 on a GPU that has it, else
    float32. compile: torch.compile of both UNets, when each shape is first seen. cuda_graphs: of the denoising UNet.
    offload: only the networks at work are on the device. decoder: see ``read_decoder``.
    """

    pipeline: str = ""
    decoder: str | None = None
    landmarks: str = "dlib"
    device: str = "auto"
    precision: str = "auto"
    channels_last: bool = False
    compile: bool = False
    cuda_graphs: bool = False
    offload: bool = False

    def __post_init__(self) -> None:
        if self.precision not in ("auto", *get_args(Precision)):
            raise ValueError(
                f"precision: expected auto, {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        if self.cuda_graphs and not self.compile:
            raise ValueError("cuda_graphs=true: expected compile=true with it, got compile=false")


@dataclass(frozen=True)
class Command:
    """Options of the command itself: one video, or with `jobs` many; with `dry_run` only a plan."""

    jobs: str | None
    workers: int | None
    backend: str
    address: str | None
    dry_run: bool

    def __post_init__(self) -> None:
        if self.backend not in ("processes", "ray"):
            raise ValueError(f"backend: expected processes or ray, got {self.backend!r}")
        at_least(1, workers=self.workers)
