"""What the exact short cuts of the networks are worth: python -m benchmarks.speed_ups (--help explains)."""

from faceanim.cli import run_command

if __name__ == "__main__":  # above what takes seconds to import: a mistake is answered at once
    run_command("benchmark_speed_ups", "benchmarks.speed_ups")

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial

import hydra.utils
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from faceanim.media.files import write_json
from faceanim.models.animation_model import AnimationModel
from faceanim.models.reference_attention import SpeedUps

VARIANTS = {
    "all on": SpeedUps(),
    **{f"{name} off": replace(SpeedUps(), **{name: False}) for name in asdict(SpeedUps())},
    "all off": SpeedUps(**dict.fromkeys(asdict(SpeedUps()), False)),
}


def main(cfg: DictConfig) -> None:
    torch.manual_seed(0)
    bench = Step(cfg)
    rows = []
    for case, run in (("guided", bench.guided), ("unguided", bench.unguided), ("training", bench.training)):
        times, outputs, memory = measure({name: partial(run, v) for name, v in VARIANTS.items()}, cfg)
        flops = {name: bench.flops(partial(run, v)) for name, v in VARIANTS.items()}
        for name in VARIANTS:
            difference = (outputs[name] - outputs["all on"]).abs().max() / outputs["all on"].abs().max()
            median = statistics.median(times[name])
            ratio = median / statistics.median(times["all on"])
            work = flops[name] / flops["all on"]
            rows.append(
                {
                    "case": case,
                    "variant": name,
                    "seconds": median,
                    "ratio": ratio,
                    "flops": flops[name],
                    "difference": difference.item(),
                }
                | ({"peak_gb": memory[name]} if memory else {})
            )
            gigabytes = f"{memory[name]:10.2f} GB" if memory else ""
            print(
                f"{case:10}{name:18}{median:9.4f} s{ratio:7.2f} x{work:7.3f} x FLOPs"
                f"   differs by {difference:.1e}{gigabytes}"
            )
    if cfg.output:
        write_json(cfg.output, {"device": bench.name, "torch": torch.__version__, "rows": rows})


class Step:
    """One denoising step of a model with random weights, its motion modules and guiders awake."""

    def __init__(self, cfg: DictConfig):
        self.device, self.guidance = torch.device(cfg.device), cfg.guidance
        cuda = self.device.type == "cuda"
        self.name = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
        build = partial(hydra.utils.instantiate, _convert_="all")
        with self.device:
            self.model = AnimationModel(
                **{name: build(cfg.model[name]) for name in AnimationModel.components}
            )
        for parameter in self.model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
        if cfg.channels_last:
            self.model.to(memory_format=torch.channels_last)
        if cfg.compile:
            self.model.denoising_net.unet.compile()
        self.autocast = cfg.autocast and partial(
            torch.autocast, self.device.type, getattr(torch, cfg.autocast)
        )
        net, size = self.model.denoising_net, cfg.latent_size
        C = net.config.latent_channels
        self.noisy = torch.randn(1, cfg.frames, C, size, size, device=self.device)
        self.latents = torch.randn(1, C, size, size, device=self.device)
        self.tokens = torch.randn(1, 1, net.config.cross_attention_dim, device=self.device)
        self.features = [torch.randn(1, cfg.frames, net.feature_channels, size, size, device=self.device)]
        self.t = torch.tensor([500], device=self.device)
        self.counter = nullcontext()

    def context(self):
        return self.autocast() if self.autocast else nullcontext()

    @torch.no_grad()
    def unguided(self, speed_ups: SpeedUps) -> Tensor:
        net, reference = self._prepared(speed_ups)
        return self._timed(lambda: net(self.noisy, self.t, self.tokens, reference, self.features))

    @torch.no_grad()
    def guided(self, speed_ups: SpeedUps) -> Tensor:
        """Without ``skip_dropped`` both halves are one batch, the unconditional one under a mask."""
        net, reference = self._prepared(speed_ups)

        def apart() -> Tensor:
            conditional = net(self.noisy, self.t, self.tokens, reference, self.features)
            zeros = torch.zeros_like(self.tokens)
            unconditional = net(self.noisy, self.t, zeros, None, self.features)
            return unconditional + self.guidance * (conditional - unconditional)

        def together() -> Tensor:
            tokens = torch.cat([torch.zeros_like(self.tokens), self.tokens])
            states = {layer: torch.cat([s, s]) for layer, s in reference.states.items()}
            both = replace(reference, states=states, keep=[False, True], projected={})
            noisy, features = torch.cat([self.noisy] * 2), [torch.cat([f] * 2) for f in self.features]
            u, c = net(noisy, self.t.expand(2), tokens, both, features).chunk(2)
            return u + self.guidance * (c - u)

        return self._timed(apart if speed_ups.skip_dropped else together)

    def training(self, speed_ups: SpeedUps) -> Tensor:
        """Forward and backward of stage 2, the ReferenceNet's part included; returns a motion module's gradient."""
        self.model.use(speed_ups)
        self.model.requires_grad_(False)
        motion = self.model.denoising_net.motion_parameters()
        trained = [p for n, p in self.model.denoising_net.named_parameters() if n in motion]
        for parameter in trained:
            parameter.requires_grad_(True)

        def step() -> Tensor:
            reference = self.model.read_reference(self.latents, None, self.tokens)
            out = self.model.denoising_net(self.noisy, self.t, self.tokens, reference, self.features)
            return torch.autograd.grad(out.float().square().mean(), trained)[-1]

        return self._timed(step)

    def flops(self, run: Callable[[], Tensor]) -> int:
        """Of the step alone: multiplications and additions of its matrix products, convolutions and attention."""
        self.counter = FlopCounterMode(display=False)
        run()
        counted, self.counter = self.counter.get_total_flops(), nullcontext()
        return counted

    def _prepared(self, speed_ups: SpeedUps):
        self.model.use(speed_ups)
        with self.context():
            reference = self.model.read_reference(self.latents, None, self.tokens)
            if speed_ups.project_once:
                reference = self.model.denoising_net.project(reference)
        return self.model.denoising_net, reference

    def _timed(self, step: Callable[[], Tensor]) -> Tensor:
        start = self._clock()
        with self.context(), self.counter:
            out = step()
        self.seconds = self._clock() - start
        return out.float()

    def _clock(self) -> float:
        """Seconds: on a CPU those of its cores, which other work does not lengthen."""
        if self.device.type != "cuda":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()


def measure(runs: dict[str, Callable[[], Tensor]], cfg: DictConfig) -> tuple[dict, dict, dict]:
    """Seconds, output and peak gigabytes (CUDA only) of each run; all runs in turns, after a round to warm up."""
    times, outputs, memory = {name: [] for name in runs}, {}, {}
    for turn in range(cfg.repeats + 1):
        for name, run in runs.items():
            if cfg.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            outputs[name] = run()
            if cfg.device == "cuda":
                memory[name] = torch.cuda.max_memory_allocated() / 1e9
            if turn:
                times[name].append(run.func.__self__.seconds)
    return times, outputs, memory
