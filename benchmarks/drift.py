"""Does the person stay the person over minutes? python -m benchmarks.drift pipeline=... reference=... poses=..."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_drift", "benchmarks.drift")

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from omegaconf import DictConfig, OmegaConf

from benchmarks.seams import borders, seam_ratio
from faceanim.markdown import table
from faceanim.media.contact_sheet import tile
from faceanim.media.files import atomic_path, write_json
from faceanim.media.image import write_image
from faceanim.metrics.families.identity import FaceEmbedder
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.device import choose_device
from faceanim.pipelines.drift_correction import DriftCorrection
from faceanim.pipelines.long_video import LongVideo
from faceanim.pipelines.motion_sources import SavedPoses
from faceanim.pipelines.options import Sampling
from faceanim.pipelines.reference import Reference, find_reference
from faceanim.pipelines.render import render
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.timing import loop

matplotlib.use("Agg")


@dataclass
class Curve:
    """Means of each second. identity: 1 minus the distance of dlib's embeddings of frame and reference. colour:
    distance of the mean colours of frame and reference in CIELAB (CIE76). seam: see ``seam_ratio``."""

    identity: list[float] = field(default_factory=list)
    colour: list[float] = field(default_factory=list)
    seam: float = 0.0
    wall_seconds: float = 0.0


def main(cfg: DictConfig) -> None:
    pipe = AnimationPipeline.from_pretrained(cfg.pipeline).to(choose_device(cfg.device))
    size = (pipe.config["image_size"],) * 2
    faces = landmarker(cfg.landmarks)
    reference = find_reference(cfg.reference, faces, size, crop=False)
    poses = loop(SavedPoses(cfg.poses).read(size).poses, round(cfg.seconds * cfg.fps))
    poses = replace(poses, fps=float(cfg.fps))
    embedder = FaceEmbedder()
    curves, rows = {}, []
    for name, options in OmegaConf.to_object(cfg.variants).items():
        long_video = LongVideo(**options.get("long_video", {}))
        drift = DriftCorrection(**options.get("drift", {}))
        start = time.perf_counter()
        sampling = Sampling(cfg.steps, cfg.guidance_scale, cfg.seed, long_video=long_video, drift=drift)
        rendered = render(pipe, reference.image_HWC, reference.points, poses, sampling)
        frames = np.stack([frame.generated_HWC for frame in rendered])
        curve = measure(frames, reference, faces, embedder, cfg.fps, cfg.samples_per_second)
        curve.wall_seconds = time.perf_counter() - start
        curve.seam = seam_ratio(frames, borders(pipe.plan(len(poses), long_video)))
        curves[name] = curve
        rows.append(frames[:: max(1, len(frames) // 8)][:8])
        print(f"{name}: {curve.wall_seconds:.0f} s", flush=True)
    output = Path(cfg.output)
    write_json(output.with_suffix(".json"), {name: vars(curve) for name, curve in curves.items()})
    plot(curves, output)
    write_image(output.with_name(f"{output.stem}_sheet.png"), tile([list(row) for row in rows], list(curves)))
    print(summary(curves))


def measure(
    frames_THW3: np.ndarray, reference: Reference, faces, embedder: FaceEmbedder, fps: float, per_second: int
) -> Curve:
    """NaN for a second in which no face was found."""
    curve, own = Curve(), mean_lab(reference.image_HWC)
    face_D = embedder.embed(reference.image_HWC[None], reference.points[None])[0]
    for second in range(int(len(frames_THW3) / fps)):
        begin, end = round(second * fps), round((second + 1) * fps)
        chosen = frames_THW3[np.linspace(begin, end - 1, per_second).round().astype(int)]
        distances = np.linalg.norm(embedder.embed(chosen, faces.detect(chosen).points) - face_D, axis=1)
        found = distances[np.isfinite(distances)]
        curve.identity.append(float(1 - found.mean()) if len(found) else float("nan"))
        curve.colour.append(float(np.mean([np.linalg.norm(mean_lab(frame) - own) for frame in chosen])))
    return curve


def mean_lab(image_HWC: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(image_HWC.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab.reshape(-1, 3).mean(axis=0)


def summary(curves: dict[str, Curve]) -> str:
    def first_and_last(values: list[float]) -> list[str]:
        n = max(1, len(values) // 6)
        return [f"{np.nanmean(values[:n]):.2f}", f"{np.nanmean(values[-n:]):.2f}"]

    header = ("variant", "identity, first sixth", "last sixth", "colour, first sixth", "last sixth", "seam")
    return table(
        header,
        [
            (name, *first_and_last(c.identity), *first_and_last(c.colour), f"{c.seam:.2f}")
            for name, c in curves.items()
        ],
    )


def plot(curves: dict[str, Curve], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(9, 6), sharex=True)
    for name, curve in curves.items():
        axes[0].plot(curve.identity, label=name)
        axes[1].plot(curve.colour)
    axes[0].set_ylabel("identity (1 - distance)")
    axes[1].set_ylabel("colour distance (CIE76)")
    axes[1].set_xlabel("second of video")
    axes[0].legend(loc="lower left", fontsize=8)
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)
