"""Public checkpoints, written here by the public classes themselves at tiny size, compute in our networks what they
compute in theirs: names, shapes and head counts are all right, or the outputs would differ."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from torch import Tensor, nn

from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import TinyCodec, VAECodec
from faceanim.models.denoising_net import DenoisingNet
from faceanim.models.motion_frames import MotionFrames
from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
from faceanim.models.pose_guider import PoseGuider
from faceanim.models.weights import LoadReport, load_parts
from tests.helpers.public_weights import adapter, animatediff, controlnet, stock_unet, vae
from tests.helpers.tiny_model import TINY, tiny_codec, tiny_model, wake

T, n = 3, 2
EXACT = {"atol": 1e-10, "rtol": 0}  # float64


def load(model: AnimationModel, **parts: Path) -> list[LoadReport]:
    return load_parts(model, tiny_codec(), {part: str(path) for part, path in parts.items()})


def holds(module: nn.Module, expected: dict[str, Tensor]) -> bool:
    own = module.state_dict()
    return all(torch.equal(own[name], tensor) for name, tensor in expected.items())


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


@pytest.fixture(scope="module")
def unet(tmp_path_factory) -> tuple[UNet2DConditionModel, dict[str, Path]]:
    """Stable Diffusion's UNet as a folder, a .safetensors and a .bin file."""
    folder, net = tmp_path_factory.mktemp("unet"), stock_unet()
    net.save_pretrained(folder)
    torch.save(net.state_dict(), folder / "unet.bin")
    return net.double(), {
        "folder": folder,
        "safetensors": folder / "diffusion_pytorch_model.safetensors",
        "bin": folder / "unet.bin",
    }


@torch.no_grad()
@pytest.mark.parametrize("form", ["folder", "safetensors", "bin"])
def test_the_denoising_net_computes_what_the_stock_unet_computes_frame_by_frame(form, unet):
    stock, files = unet
    model = tiny_model().eval().double()
    (report,) = load(model, denoising_net=files[form])
    assert len(report.loaded) == len(stock.state_dict()) and not report.left
    assert report.kept and all("motion_modules" in name for name in report.kept)

    model.denoising_net.enable_motion(False)
    noisy_BTChw, tokens_BLD = random(2, T, 8, 8, 8), random(2, 3, 12)
    got = model.denoising_net(noisy_BTChw, torch.tensor([7, 900]), tokens_BLD)
    for b, t in enumerate((7, 900)):
        for frame in range(T):
            one = noisy_BTChw[b, frame][None]
            expected = stock(one, t, tokens_BLD[b][None]).sample
            torch.testing.assert_close(got[b, frame][None], expected, **EXACT)


@torch.no_grad()
def test_the_reference_net_records_what_the_stock_unets_attention_sees(unet):
    stock, files = unet
    model = tiny_model(motion_frames=0).eval().double()
    (report,) = load(model, reference_net=files["bin"])
    assert set(report.left) == {
        f"{n}.{kind}" for n in ("conv_norm_out", "conv_out") for kind in ("bias", "weight")
    }
    assert not report.reshaped and not report.kept

    seen = {}
    for name, module in stock.named_modules():
        if name.endswith(".norm1") and "transformer_blocks" in name:
            module.register_forward_hook(
                lambda *a, name=name: seen.update({name.removesuffix(".norm1"): a[2]})
            )
    latents, tokens = random(2, 8, 8, 8), random(2, 3, 12)
    stock(latents, 0, tokens)
    states = model.reference_net(latents, tokens).states
    assert states.keys() == seen.keys()
    for layer, state in states.items():
        torch.testing.assert_close(state, seen[layer], **EXACT, msg=layer)


@torch.no_grad()
def test_a_reference_net_widened_for_motion_frames_records_the_same_states_bit_for_bit(unet):
    _, files = unet
    plain, wide = tiny_model(motion_frames=0).eval(), tiny_model(motion_frames=n).eval()
    wake(wide, seed=3)  # what the file does not bring must not matter
    load(plain, reference_net=files["folder"])
    (report,) = load(wide, reference_net=files["folder"])
    assert report.reshaped == ["unet.conv_in.weight widened by 18 channels of zeros, for motion frames"]
    assert report.reshaped[0] in str(report)

    reference, tokens = random(1, 8, 8, 8).float(), random(1, 1, 12).float()
    motion = MotionFrames(random(1, n, 8, 8, 8, seed=5).float(), torch.ones(1, n, dtype=torch.bool))
    expected = plain.read_reference(reference, None, tokens).states
    for given in (motion, None):
        states = wide.read_reference(reference, given, tokens).states
        assert states.keys() == expected.keys()
        assert all(torch.equal(states[layer], expected[layer]) for layer in states)


def test_motion_modules_of_diffusers_and_of_animatediff_are_the_same_tensors(tmp_path):
    source = adapter()
    source.save_pretrained(tmp_path / "adapter")
    published = animatediff(source.state_dict())
    assert "mid_block.motion_modules.0.temporal_transformer.transformer_blocks.0.norms.1.bias" in published
    torch.save(published, tmp_path / "mm.ckpt")
    wrapped = {f"module.{name}": tensor for name, tensor in published.items()}
    torch.save({"epoch": 1, "global_step": 2, "state_dict": wrapped}, tmp_path / "trained.ckpt")

    for number, path in enumerate(("adapter", "mm.ckpt", "trained.ckpt")):
        model = tiny_model(seed=number)
        spatial = {k: v.clone() for k, v in model.state_dict().items() if "motion_modules" not in k}
        (report,) = load(model, motion_modules=tmp_path / path)
        assert len(report.loaded) == len(source.state_dict()) and not report.left
        assert holds(model.denoising_net.unet, source.state_dict()) and holds(model, spatial)


def test_two_position_tables_that_differ_are_refused(tmp_path):
    state = animatediff(adapter().state_dict())
    last = [name for name in state if name.endswith("attention_blocks.1.pos_encoder.pe")][-1]
    state[last] += 1e-3
    torch.save(state, tmp_path / "mm.ckpt")
    with pytest.raises(ValueError, match=rf"motion_modules from .*mm\.ckpt: {last}.* differs"):
        load(tiny_model(), motion_modules=tmp_path / "mm.ckpt")


def test_motion_modules_without_a_middle_block_need_a_network_without_one(tmp_path):
    torch.save(animatediff(adapter(middle=False).state_dict()), tmp_path / "first.ckpt")
    torch.save(animatediff(adapter().state_dict()), tmp_path / "second.ckpt")
    with pytest.raises(ValueError, match=r"missing: \d+, first unet.mid_block.motion_modules.0"):
        load(tiny_model(), motion_modules=tmp_path / "first.ckpt")

    parts = tiny_model().parts()
    without = {"motion_num_attention_heads": 2, "motion_norm_num_groups": 4, "max_frames": 8}
    parts["denoising_net"] = DenoisingNet(motion_mid_block=False, **without, **TINY)
    (report,) = load(AnimationModel(**parts), motion_modules=tmp_path / "first.ckpt")
    assert len(report.loaded) == len(adapter(middle=False).state_dict())
    with pytest.raises(ValueError, match=r"unexpected: \d+, first unet.mid_block.motion_modules.0"):
        load(AnimationModel(**parts), motion_modules=tmp_path / "second.ckpt")


def test_a_position_table_of_another_length_is_refused_with_both_lengths(tmp_path):
    adapter(frames=6).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"pos_embed.pe \(expected \(1, 8, 16\), got \(1, 6, 16\)\)"):
        load(tiny_model(), motion_modules=tmp_path)


def old_names(state: dict[str, Tensor], convolutions: bool) -> dict[str, Tensor]:
    """An AutoencoderKL's attention before diffusers 0.18: other names, in some releases 1x1 convolutions."""
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    renamed = {}
    for name, tensor in state.items():
        for new, old in names.items():
            if new in name:
                name = name.replace(new, old)
                tensor = tensor[:, :, None, None] if convolutions and name.endswith("weight") else tensor
        renamed[name] = tensor
    return renamed


@torch.no_grad()
@pytest.mark.parametrize("layout", ["folder", "old", "old convolutions"])
def test_the_vae_codec_encodes_and_decodes_as_diffusers_own(layout, tmp_path):
    own, codec = vae(), VAECodec((8, 16), layers_per_block=1, norm_num_groups=4).eval()
    own.save_pretrained(tmp_path)
    path = tmp_path
    if layout != "folder":
        path = tmp_path / "old.bin"
        state = old_names(own.state_dict(), convolutions=layout == "old convolutions")
        assert sum(".query." in name or ".proj_attn." in name for name in state) == 8
        torch.save(state, path)
    (report,) = load_parts(tiny_model(), codec, {"codec": str(path)})
    assert len(report.loaded) == len(own.state_dict())

    images = random(2, 3, 16, 24).float()
    mean = own.encode(images).latent_dist.mean
    torch.testing.assert_close(codec.encode(images), mean * own.config.scaling_factor)
    torch.testing.assert_close(codec.decode(codec.encode(images)), own.decode(mean).sample)


@torch.no_grad()
def test_the_tiny_codec_encodes_and_decodes_as_diffusers_own(tmp_path):
    torch.manual_seed(5)
    sizes = {f"{side}_block_out_channels": (8, 8) for side in ("encoder", "decoder")}
    own = AutoencoderTiny(**sizes, num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1)).eval()
    own.save_pretrained(tmp_path)
    codec = TinyCodec((8, 8), (1, 2), (2, 1)).eval()
    load_parts(tiny_model(), codec, {"codec": str(tmp_path)})
    images = random(2, 3, 16, 24).float()
    assert torch.equal(codec.encode(images), own.encode(images).latents)
    assert torch.equal(codec.decode(codec.encode(images)), own.decode(codec.encode(images)).sample)


def test_a_controlnet_starts_the_pose_guider_all_but_its_last_layer(tmp_path):
    net = controlnet()
    wake(net.controlnet_cond_embedding)
    net.save_pretrained(tmp_path)
    model = tiny_model()
    (report,) = load(model, pose_guider=tmp_path)
    theirs, ours = net.controlnet_cond_embedding.state_dict(), model.pose_guider.state_dict()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]) != name.startswith("conv_out."), name
    assert not ours["conv_out.weight"].any() and not ours["conv_out.bias"].any()
    assert set(report.kept) == {"conv_out.weight", "conv_out.bias"}
    assert len(report.left) + len(report.loaded) == len(net.state_dict())
    assert "controlnet_cond_embedding.conv_out.weight" in report.left


def published_name(name: str) -> str:
    """A parameter of the multi-scale guider as AniPortrait's release names it."""
    kind, _, rest = name.partition(".")
    if kind == "trunk":
        return f"conv_layers.{rest}"
    if kind in ("stages", "attentions"):
        level, _, rest = rest.partition(".")
        return f"{'conv_layers_' if kind == 'stages' else 'cross_attn'}{int(level) + 1}.{rest}"
    return name


def test_pose_guiders_are_read_under_their_published_names(tmp_path):
    def multi_scale() -> MultiScalePoseGuider:
        return MultiScalePoseGuider(16, (16, 32), (4, 8), 2, 4, norm_num_groups=4)

    source, model = multi_scale(), tiny_model()
    wake(source)
    state = {published_name(name): tensor for name, tensor in source.state_dict().items()}
    names = {"conv_layers.0.weight", "conv_layers_1.0.weight", "cross_attn2.norm.bias", "final_proj.bias"}
    assert {*names, "scale"} <= set(state)
    torch.save(state, tmp_path / "multi.pth")
    model.pose_guider = multi_scale()
    load(model, pose_guider=tmp_path / "multi.pth")
    assert holds(model.pose_guider, source.state_dict())

    source, model = PoseGuider(16, 3, (4, 8, 16)), tiny_model()
    wake(source)
    torch.save(source.state_dict(), tmp_path / "single.pth")
    load(model, pose_guider=tmp_path / "single.pth")
    assert holds(model.pose_guider, source.state_dict())
