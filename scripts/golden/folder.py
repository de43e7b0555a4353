"""Comparison of the networks with tensors that a public implementation computed.

A folder of the golden layout holds ``config.json`` (constructor arguments, scheduler, windows), a safetensors file a
component in the public implementation's own key layout, ``inputs``, ``outputs`` (float32) and ``outputs_f64``.
Cases, for batches b1 and b2: ``a`` the denoising UNet alone, ``b`` with pose features, ``c`` with reference attention
(``c.bank.*`` the recorded states, ``c.block.*`` each block's output), ``d`` guided, ``e`` the whole sampling loop from
the reference image on.

Shape letters: B batch, T frames, C latent channels, H W pixels, h w latent size.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler
from PIL import Image
from torch import Tensor, nn

from faceanim.models.animation_model import AnimationModel, Face
from faceanim.models.codec import VAECodec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.face_locator import FaceLocator
from faceanim.models.image_encoder import ImageEncoder
from faceanim.models.multi_scale_pose_guider import FixedBatchNorm, MultiScalePoseGuider
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.reference_net import ReferenceNet
from faceanim.models.weights import LoadReport, load_parts, read_json, read_tensors
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.conditioning import Conditioning
from faceanim.pipelines.long_video import LongVideo
from faceanim.pipelines.options import Sampling
from scripts.golden.tolerances import Comparison, tolerance

FILES = {  # part of the model -> its file
    "reference_net": "reference_unet",
    "denoising_net": "denoising_unet",
    "motion_modules": "denoising_unet",
    "pose_guider": "pose_guider",
    "image_encoder": "image_encoder",
    "codec": "vae",
}
OUTPUTS = {torch.float32: "outputs", torch.float64: "outputs_f64"}
# What the public implementation does by default or by fault: information, not a target.
NOT_A_TARGET = ("fp16bank", "nocfg_asis", "after_train_call", "audio")


class GoldenFolder:
    """The networks that a golden folder describes, with its weights. Raises ValueError on anything unexpected."""

    def __init__(self, folder: str | Path, motion_frames: int = 0):
        self.folder = Path(folder)
        self.config = read_json(self.folder / "config.json")
        try:
            self.model = _model(self.config, motion_frames)
            vae = {k: v for k, v in self.config["vae"].items() if k in VAECodec.__init__.__annotations__}
            self.codec = VAECodec(**vae)
            self.scheduler = DDIMScheduler(**self.config["noise_scheduler_kwargs"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.folder / 'config.json'} does not fit: {error!r}") from error
        files = {part: self.folder / f"{name}.safetensors" for part, name in FILES.items()}
        self.reports: list[LoadReport] = load_parts(
            self.model, self.codec, {part: str(path) for part, path in files.items()}
        )
        self.model.eval()
        self.inputs = read_tensors(self.folder / "inputs.safetensors")

    @torch.no_grad()
    def compare(self) -> Iterator[Comparison]:
        """Compare every stored output that is a target, in both precisions. An output that we don't compute is an
        error."""
        targets = {dtype: self._targets(file) for dtype, file in OUTPUTS.items()}
        if "e.alphas_cumprod" in targets[torch.float32]:
            kind = _with_schedule(targets[torch.float32]["e.alphas_cumprod"])
            self.scheduler = kind(**self.config["noise_scheduler_kwargs"])
        own_error = {
            case.split(".", 1)[1]: (targets[torch.float32][case].double() - exact).abs().max().item()
            for case, exact in targets[torch.float64].items()
            if case in targets[torch.float32]
        }
        for dtype, expected in targets.items():
            for net in (self.model, self.codec):
                nn.Module.to(
                    net, dtype
                )  # diffusers' own ``to`` warns of parts kept in float32, of which there are none
            compared = set()
            for case, got in self._outputs(dtype):
                if case in expected:
                    compared.add(case)
                    error = (got.double() - expected[case].double()).abs().max().item()
                    limit = tolerance(case, dtype, expected[case], own_error)
                    yield Comparison(case, dtype, error, limit)
            if set(expected) - compared:
                unknown = sorted(expected.keys() - compared)
                raise ValueError(f"{self.folder}/{OUTPUTS[dtype]}: don't know how to compute {unknown}")

    def _targets(self, file: str) -> dict[str, Tensor]:
        outputs = read_tensors(self.folder / f"{file}.safetensors")
        return {k: v for k, v in outputs.items() if not any(word in k for word in NOT_A_TARGET)}

    def _outputs(self, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        for batch in ("b1", "b2"):
            if f"{batch}.latents" in self.inputs:
                yield from self._forwards(batch, dtype)
        if "e.init_latents" in self.inputs:
            yield from self._loop(dtype)

    def _forwards(self, batch: str, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        net, x = self.model.denoising_net, _of(self.inputs, batch, dtype)
        latents_BTChw = x["latents"].transpose(1, 2)
        B, T = latents_BTChw.shape[:2]
        t = x["timestep"].expand(B)
        tokens = x["image_embeds"][:, None]
        pose_BT3HW = x["pose_u8"].transpose(1, 2) / 255
        features = self._pose_features(pose_BT3HW, x)
        yield from ((f"{batch}.{name}", f) for name, f in self._named_pose_features(pose_BT3HW, x))

        def denoise(tokens: Tensor, *conditions) -> Tensor:
            return net(latents_BTChw, t, tokens, *conditions).transpose(1, 2)

        yield f"{batch}.a", denoise(tokens)
        yield f"{batch}.b", denoise(tokens, None, features)
        reference = self.model.read_reference(x["ref_latents"], None, tokens)
        for layer, states in reference.states.items():
            yield f"{batch}.c.bank.{layer}", states
        zero = torch.zeros(B, dtype=torch.long)
        latents = torch.cat([x["ref_latents"], self._no_motion(x["ref_latents"])], dim=1)
        yield f"{batch}.ref_unet_plain_sample", self.model.reference_net.unet(latents, zero, tokens).sample
        blocks: dict[str, Tensor] = {}
        conditional = self._watching_blocks(blocks, T, lambda: denoise(tokens, reference, features))
        yield from ((f"{batch}.c.block.{name}", tensor) for name, tensor in blocks.items())
        unconditional = denoise(torch.zeros_like(tokens), None, features)
        yield f"{batch}.c", conditional
        yield f"{batch}.d.cond", conditional
        yield f"{batch}.d.uncond", unconditional
        yield f"{batch}.d.guided", _guided(unconditional, conditional, self.config["e"]["guidance_scale"])

    def _loop(self, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        x = _of(self.inputs, "e", dtype)
        noise_BTChw = x["init_latents"].transpose(1, 2)
        image = Image.fromarray(x["ref_image_u8"].byte().numpy())
        tokens = self.model.image_encoder(_tensor(image, dtype))
        yield "e.image_embeds", tokens[:, 0]
        stored = x["pose_u8"] if "pose_u8" in x else x["pose_cond_u8"]
        pose_BT3HW = (stored.float() / 255).to(dtype).transpose(1, 2)
        H, W = pose_BT3HW.shape[-2:]
        # By height, then width, as Pillow 13 does at once: older ones go the other way, and each pass rounds.
        for size in ((image.width, H), (W, H)):
            image = image.resize(size, Image.Resampling.LANCZOS)
        latents = self.codec.encode(_tensor(image, dtype))
        yield "e.ref_image_latents", latents
        yield "e.alphas_cumprod", self.scheduler.alphas_cumprod
        face = Face(torch.zeros_like(pose_BT3HW[:, 0]), pose_BT3HW[:, 0, :1], x.get("ref_pose_u8"))
        conditions = Conditioning(
            latents, tokens, face, pose_BT3HW.shape[1], lambda frames: pose_BT3HW[:, frames]
        )
        for suffix in ("", "_pg_trainmode_asis") if self._multi_scale else ("",):
            self._batch_statistics(suffix != "")
            final = self._sample(conditions, noise_BTChw)
            self._batch_statistics(False)
            yield f"e.final_latents{suffix}", final.transpose(1, 2)
            if suffix == "":
                yield "e.timesteps", self._timesteps()
                video = (self.codec.decode(final[0]) / 2 + 0.5).clamp(0, 1)
                yield "e.video_f16", video.transpose(0, 1)[None]

    def _sample(self, conditions: Conditioning, noise_BTChw: Tensor) -> Tensor:
        """Run the pipeline's own loop, over the windows that the public one takes."""
        settings = self.config["e"]
        networks = self.model.parts()
        pipe = AnimationPipeline(
            **networks, codec=self.codec, scheduler=self.scheduler, chunk_frames=settings["context_frames"]
        )
        windows = LongVideo("context_window", overlap=settings["context_overlap"], closed_loop=True)
        plan = pipe.plan(conditions.n_frames, windows)
        if [segment.windows for segment in plan] != [settings["windows"]]:
            raise ValueError(f"{self.folder}: expected windows {settings['windows']}, got {plan}")
        sampling = Sampling(settings["steps"], settings["guidance_scale"])
        blocks = pipe.denoise(conditions, plan, lambda frames: noise_BTChw, sampling)
        return torch.cat(list(blocks))[None]

    def _timesteps(self) -> Tensor:
        self.scheduler.set_timesteps(self.config["e"]["steps"])
        return self.scheduler.timesteps

    @property
    def _multi_scale(self) -> bool:
        return isinstance(self.model.pose_guider, MultiScalePoseGuider)

    def _batch_statistics(self, on: bool) -> None:
        for module in self.model.pose_guider.modules():
            if isinstance(module, FixedBatchNorm):
                module.batch_statistics = on

    def _pose_features(self, pose_BT3HW: Tensor, x: dict[str, Tensor]) -> list[Tensor]:
        """Return features per scale, (B, T, c, h, w)."""
        maps = self.model.pose_guider(pose_BT3HW.flatten(0, 1), x.get("ref_pose_u8"))
        return [m.unflatten(0, pose_BT3HW.shape[:2]) for m in maps]

    def _named_pose_features(self, pose_BT3HW: Tensor, x: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        features = self._pose_features(pose_BT3HW, x)
        if not self._multi_scale:
            yield "pose_fea", features[0].transpose(1, 2)
            return
        self._batch_statistics(True)
        on_batch = self._pose_features(pose_BT3HW, x)
        self._batch_statistics(False)
        for suffix, maps in (("", features), ("_trainmode", on_batch)):
            yield from ((f"pose_fea{suffix}.{i}", m.transpose(1, 2)) for i, m in enumerate(maps))

    def _no_motion(self, latents_BChw: Tensor) -> Tensor:
        B, C, h, w = latents_BChw.shape
        return latents_BChw.new_zeros(B, self.model.reference_net.unet.conv_in.in_channels - C, h, w)

    def _watching_blocks(self, outputs: dict[str, Tensor], T: int, forward) -> Tensor:
        """Run ``forward`` and record what each block of the denoising UNet returns, (B, c, T, h, w)."""
        unet = self.model.denoising_net.unet

        def note(name: str):
            def hook(module, args, output):
                hidden = output[0] if isinstance(output, tuple) else output
                outputs[name] = hidden.unflatten(0, (-1, T)).transpose(1, 2)

            return hook

        blocks = {f"down_blocks.{i}": b for i, b in enumerate(unet.down_blocks)}
        blocks |= {"mid_block": unet.mid_block} | {f"up_blocks.{i}": b for i, b in enumerate(unet.up_blocks)}
        handles = [block.register_forward_hook(note(name)) for name, block in blocks.items()]
        try:
            return forward()
        finally:
            for handle in handles:
                handle.remove()


def _with_schedule(alphas_cumprod: Tensor) -> type[DDIMScheduler]:
    """DDIM on this very schedule: machines round it differently, by more than float64 allows the sampling loop."""

    class Stored(DDIMScheduler):
        def set_timesteps(self, *args, **kwargs) -> None:
            super().set_timesteps(*args, **kwargs)
            self.alphas_cumprod = alphas_cumprod

    return Stored


def _model(config: dict, motion_frames: int) -> AnimationModel:
    unet, more, guider = config["unet"], config["unet_additional_kwargs"], config["pose_guider"]
    motion = more["motion_module_kwargs"]
    shared = {
        "latent_channels": unet["in_channels"],
        "block_out_channels": unet["block_out_channels"],
        "attention_levels": [True] * (len(unet["block_out_channels"]) - 1) + [False],
        "layers_per_block": unet["layers_per_block"],
        "num_attention_heads": unet["attention_head_dim"],  # their name for the number of heads
        "cross_attention_dim": unet["cross_attention_dim"],
        "norm_num_groups": unet["norm_num_groups"],
    }
    width = shared["block_out_channels"][0]
    if "noise_latent_channels" in guider:
        heads = {key: guider[key] for key in ("num_attention_heads", "attention_head_dim")}
        pose_guider = MultiScalePoseGuider(width, shared["block_out_channels"], **heads)
    else:
        pose_guider = PoseGuider(**guider)
    return AnimationModel(
        ReferenceNet(motion_frames=motion_frames, **shared),
        DenoisingNet(
            motion_num_attention_heads=motion["num_attention_heads"],
            motion_mid_block=more["motion_module_mid_block"],
            max_frames=motion["temporal_position_encoding_max_len"],
            **shared,
        ),
        pose_guider,
        FaceLocator(width, enabled=False),
        ImageEncoder(**config["image_encoder"]),
    )


def _of(inputs: dict[str, Tensor], case: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the inputs of one case without its name; images stay in [0, 255]."""
    own = {k.removeprefix(f"{case}."): v for k, v in inputs.items() if k.startswith(f"{case}.")}
    return {k: v if v.dtype == torch.int64 else v.to(dtype) for k, v in own.items()}


def _tensor(image: Image.Image, dtype: torch.dtype) -> Tensor:
    pixels = torch.from_numpy(np.array(image)).float()  # rounded to float32, as the public pipelines do
    return (pixels / 255 * 2 - 1).to(dtype).permute(2, 0, 1)[None]


def _guided(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    return unconditional + scale * (conditional - unconditional)
