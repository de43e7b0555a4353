"""How fast a pipeline animates, part by part and end to end: python -m benchmarks.inference (--help explains).

Shape letters: T frames, t frames of one window, C latent channels, h w latent size.
"""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_inference", "benchmarks.inference")

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import hydra.utils
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from benchmarks.plain_attention import use_plain_attention
from faceanim.markdown import table
from faceanim.media.files import write_json
from faceanim.media.video_writer import VideoWriter
from faceanim.models import reference_attention
from faceanim.models.animation_model import AnimationModel
from faceanim.models.pixels import to_frames
from faceanim.models.reference_attention import ReadReference, RecordReference
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.conditioning import Conditioning
from faceanim.pipelines.long_video import LongVideo
from faceanim.pipelines.noise import noise_of
from faceanim.pipelines.options import Runtime, Sampling
from faceanim.pipelines.render import render
from faceanim.pipelines.runtime import device_name, peak_gigabytes, prepare
from faceanim.pipelines.sampling import sample
from faceanim.pipelines.schedulers import build_sampler
from faceanim.pose.sequence import PoseSequence


def main(cfg: DictConfig) -> None:
    bench = Bench(cfg)
    results = {
        "device": bench.name,
        "torch": torch.__version__,
        "model": cfg.model_name,
        "compute": str(cfg.compute),
    }
    results["components"] = bench.components()
    print(_components(results["components"]), flush=True)
    results["presets"] = {name: bench.preset(dict(preset)) for name, preset in cfg.presets.items()}
    print("\n" + _presets(results["presets"]), flush=True)
    if cfg.plain.frames:
        results["plain"] = bench.against_plain()
        print("\n" + _plain(results["plain"]), flush=True)
    if cfg.output:
        write_json(cfg.output, results)


def random_pipeline(model: DictConfig, window: int) -> AnimationPipeline:
    """A pipeline of conf/model's networks; no weight is zero."""
    torch.manual_seed(0)
    parts = hydra.utils.instantiate(model, _convert_="all")
    networks = {name: parts[name] for name in AnimationModel.components}
    for network in networks.values():
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    settings = {"image_size": model.image_size, "chunk_frames": window}
    pipe = AnimationPipeline(**networks, codec=parts["codec"], scheduler=parts["scheduler"], **settings)
    return pipe


def random_picture(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)


def random_poses(size: int, T: int) -> PoseSequence:
    points = np.random.default_rng(1).uniform(0.2 * size, 0.8 * size, (T, 68, 2)).astype(np.float32)
    return PoseSequence(points, np.ones(T, np.float32), 24.0, size, size)


class Bench:
    """A pipeline of random weights, and something to animate."""

    def __init__(self, cfg: DictConfig):
        self.cfg, self.device = cfg, torch.device(cfg.device)
        self.pipe = random_pipeline(cfg.model, cfg.window)
        prepare(self.pipe, self.device, Runtime(**OmegaConf.to_object(cfg.compute)))
        self.image = random_picture(cfg.model.image_size)
        self.name = device_name(self.device)

    def poses(self, T: int) -> PoseSequence:
        return random_poses(self.cfg.model.image_size, T)

    def conditions(self, T: int) -> Conditioning:
        poses = self.poses(T)
        return self.pipe.conditions(self.image, poses.points[0], poses)

    @torch.no_grad()
    def components(self) -> list[dict]:
        """Seconds of each part, the median of ``repeats`` runs after one to warm up, for one window."""
        pipe, t = self.pipe, self.cfg.window
        conditions = self.conditions(t)
        size = self.cfg.model.image_size
        latents = noise_of(0, pipe.latent_shape(size, size), range(t)).to(self.device, pipe.precision)
        image = conditions.face.image_B3HW
        reference = pipe._read_reference(conditions, None)
        poses = conditions.pose_images(list(range(t)))
        features = pipe.model.guide(poses, conditions.face)
        step = torch.tensor([500], device=self.device)
        net = pipe.denoising_net
        tokens = net.project_image(conditions.tokens_1LD)
        batch = self.cfg.decode_batch
        runs: dict[str, tuple[Callable[[], object], str]] = {
            "image encoder": (lambda: pipe.image_encoder(image), "once a video"),
            "encoding the reference": (lambda: pipe.codec.encode(image), "once a video"),
            "ReferenceNet, keys and values": (lambda: pipe._read_reference(conditions, None), "once a chunk"),
            "drawing poses": (lambda: conditions.pose_images(list(range(t))), "once a chunk"),
            "Pose Guider, Face Locator": (lambda: pipe.model.guide(poses, conditions.face), "once a chunk"),
            "step, conditional": (lambda: net(latents, step, tokens, reference, features), "each step"),
            "step, unconditional": (lambda: net(latents, step, tokens, None, features), "each step"),
            "decoding": (
                lambda: [to_frames(pipe.decoder.decode(part)) for part in latents[0].split(batch)],
                "once a chunk",
            ),
        }
        rows = []
        for name, (run, often) in runs.items():
            run()
            seconds = [self._seconds(run) for _ in range(self.cfg.repeats)]
            per_frame = float(np.median(seconds)) / (1 if often == "once a video" else t)
            rows.append(
                {"part": name, "often": often, "seconds": float(np.median(seconds)), "per_frame": per_frame}
            )
        return rows

    def preset(self, options: dict) -> dict:
        """End to end: from image and poses to an .mp4, after a run of one step to warm up."""
        T = self.cfg.frames
        self._run(T, options | {"steps": 2})
        self._reset_peak()
        seconds, first = self._run(T, options)
        return {
            "options": options,
            "frames": T,
            "seconds": seconds,
            "fps": T / seconds,
            "first_frame": first,
        } | {"peak_gb": peak_gigabytes(self.device)}

    def _run(self, T: int, options: dict) -> tuple[float, float]:
        """(seconds in all, seconds to the first frames)."""
        poses, first = self.poses(T), None
        size = self.cfg.model.image_size
        start = time.perf_counter()
        sampling = Sampling(decode_batch=self.cfg.decode_batch, overlap_decoding=True, **options)
        with (
            tempfile.TemporaryDirectory() as folder,
            VideoWriter(Path(folder) / "v.mp4", 24, size, size) as writer,
        ):
            for frame in render(self.pipe, self.image, poses.points[0], poses, sampling):
                first = first or time.perf_counter() - start
                writer.write(frame.generated_HWC)
        return time.perf_counter() - start, first

    def against_plain(self) -> dict:
        """Our way and the plain one in turns, with the same weights, steps and frames."""
        plain = self.cfg.plain
        options = {"steps": plain.steps, "guidance_scale": plain.guidance_scale}
        ways = {
            "ours": lambda T, steps: self._seconds(partial(self._run, T, options | {"steps": steps})),
            "plain": lambda T, steps: self._seconds(partial(self._plain_way, T, steps)),
        }
        for run in ways.values():
            run(self.cfg.window, 1)
        seconds = {name: [] for name in ways}
        for _ in range(plain.repeats):
            for name, run in ways.items():
                seconds[name].append(run(plain.frames, plain.steps))
        medians = {name: float(np.median(values)) for name, values in seconds.items()}
        return medians | {"ratio": medians["plain"] / medians["ours"], "frames": plain.frames, **options}

    @torch.no_grad()
    def _plain_way(self, T: int, steps: int) -> None:
        """As the public loop works: windows that overlap, closed to a loop; both halves of guidance in one batch, the
        unconditional one under a mask; the reference's keys and values projected for every frame at every step; decoded
        frame by frame, when everything is denoised. Not compiled."""
        pipe, plain, net = self.pipe, self.cfg.plain, self.pipe.denoising_net
        use_plain_attention(pipe.model)
        compiled = {unet: unet._compiled_call_impl for unet in (pipe.reference_net.unet, net.unet)}
        for unet in compiled:
            unet._compiled_call_impl = None
        try:
            conditions = self.conditions(T)
            tokens = torch.cat([torch.zeros_like(conditions.tokens_1LD), conditions.tokens_1LD])
            reference = pipe.model.read_reference(conditions.reference_1Chw.repeat(2, 1, 1, 1), None, tokens)
            reference = replace(reference, keep=[False, True])
            (segment,) = pipe.plan(T, LongVideo("context_window", overlap=plain.overlap, closed_loop=True))
            kept: dict[tuple[int, ...], list[Tensor]] = {}

            def predict(latents: Tensor, t: Tensor, frames: list[int]) -> Tensor:
                key = tuple(frames)
                if key not in kept:
                    kept[key] = pipe.model.guide(conditions.pose_images(frames), conditions.face)
                both = torch.cat([latents.to(tokens.dtype)] * 2)
                features = [torch.cat([f] * 2) for f in kept[key]]
                u, c = net(both, t.expand(2), tokens, reference, features).to(latents.dtype).chunk(2)
                return u + plain.guidance_scale * (c - u)

            size = self.cfg.model.image_size
            noise = noise_of(0, pipe.latent_shape(size, size), range(T)).to(self.device)
            *_, latents = sample(
                predict, build_sampler("ddim", pipe.scheduler), noise, steps, segment.windows
            )
            frames = [to_frames(pipe.codec.decode(one[None].to(pipe.precision))) for one in latents[0]]
            with (
                tempfile.TemporaryDirectory() as folder,
                VideoWriter(Path(folder) / "v.mp4", 24, size, size) as writer,
            ):
                for frame in frames:
                    writer.write(frame[0])
        finally:
            reference_attention.install(pipe.reference_net.unet, RecordReference)
            reference_attention.install(net.unet, ReadReference)
            for unet, call in compiled.items():
                unet._compiled_call_impl = call

    def _seconds(self, run: Callable[[], object]) -> float:
        """On a CPU those of its cores, which other work does not lengthen."""
        clock = time.perf_counter if self.device.type == "cuda" else time.process_time
        self._wait()
        start = clock()
        run()
        self._wait()
        return clock() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _reset_peak(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)


def _components(rows: list[dict]) -> str:
    header = ("part", "how often", "ms", "ms a frame")
    cells = [
        (r["part"], r["often"], f"{1e3 * r['seconds']:.1f}", f"{1e3 * r['per_frame']:.2f}") for r in rows
    ]
    return table(header, cells)


def _presets(rows: dict[str, dict]) -> str:
    header = ("preset", "frames", "seconds", "frames/s", "first frame after", "peak memory")
    return table(
        header,
        [
            (name, str(r["frames"]), f"{r['seconds']:.1f}", f"{r['fps']:.3f}", f"{r['first_frame']:.1f} s",
             f"{r['peak_gb']:.2f} GB")
            for name, r in rows.items()
        ],
    )  # fmt: skip


def _plain(row: dict) -> str:
    header = ("frames x steps", "ours", "plain", "plain / ours")
    cells = (
        f"{row['frames']} x {row['steps']}",
        f"{row['ours']:.1f} s",
        f"{row['plain']:.1f} s",
        f"{row['ratio']:.2f}",
    )
    return table(header, [cells])
