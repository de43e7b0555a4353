"""What is exported is what was there: bit for bit in our layout, a public one, and as one graph."""

import json

import numpy as np
import pytest
import torch
import yaml

from faceanim.models.audio_to_pose import AudioToPose
from faceanim.models.codec import VAECodec
from faceanim.models.weights import load_parts, read_tensors
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.export import cast_weights, export_pipeline
from faceanim.pipelines.export_graph import FILES, export_step, step_with_inputs
from faceanim.pipelines.moore_layout import IMAGE_ENCODER, VAE, write_moore
from faceanim.pipelines.pretrained import weights_hash
from scripts.golden.folder import FILES as GOLDEN_FILES
from scripts.golden.folder import GoldenFolder
from tests.helpers.tiny_model import tiny_model, wake
from tests.helpers.tiny_pipeline import animate, pipeline


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_is_the_rounded_pipeline_bit_for_bit(dtype, tmp_path):
    rounded = cast_weights(pipeline(), dtype)
    rounded.save_pretrained(tmp_path / "p")
    size = sum(p.stat().st_size for p in (tmp_path / "p").rglob("*.safetensors"))
    loaded = AnimationPipeline.from_pretrained(tmp_path / "p")
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    for network in rounded.model.children():
        for parameter in network.parameters():
            parameter.data = parameter.data.float()
    assert np.array_equal(animate(loaded, guidance_scale=2.0), animate(rounded, guidance_scale=2.0))
    assert not np.array_equal(animate(loaded), animate(pipeline()))
    buffers = dict(rounded.model.named_buffers())
    assert buffers and {b.dtype for b in buffers.values() if b.is_floating_point()} == {torch.float32}
    pipeline().save_pretrained(tmp_path / "full")
    whole = sum(p.stat().st_size for p in (tmp_path / "full").rglob("*.safetensors"))
    assert size < 0.6 * whole


def evaluation(weights_hash: str | None) -> dict:
    """Parts of a metrics.json."""

    def figure(value: float | None, interval: list[float] | None = None) -> dict:
        return {"value": value, "n": 240, "reason": None, "interval": interval, "interval_of": None}

    return {
        "kind": "pipeline",
        "protocol": {"name": "self_reenactment"},
        "protocol_hash": "1a" * 32,
        "data_hash": "2b" * 32,
        "weights_hash": weights_hash,
        "n_clips": 3,
        "n_frames": 240,
        "metrics": {
            "nme": {"generated": figure(0.25, [0.125, 0.5]), "static": figure(0.75), "real": figure(0.0)},
            "psnr": {"generated": figure(None), "static": figure(20.0)},
        },
    }


def test_the_card_says_where_weights_come_from_and_names_no_path(output_of, appearance, tmp_path):
    plain = export_pipeline(appearance, tmp_path / "plain", dtype="float16")
    (tmp_path / "metrics.json").write_text(json.dumps(evaluation(weights_hash(plain))))
    AudioToPose(width=8).save_pretrained(tmp_path / "speech")
    options = (f"metrics={tmp_path / 'metrics.json'}", "license='CC BY-NC 4.0'", "dtype=float16")
    options += (f"speech={tmp_path / 'speech'}",)
    given = (f"checkpoint={appearance}", f"output={tmp_path / 'p'}", *options)
    output_of("-m", "scripts.export_pipeline", *given)
    assert AudioToPose.load(tmp_path / "p" / "audio_to_pose").config["width"] == 8
    AnimationPipeline.from_pretrained(tmp_path / "p")
    card = (tmp_path / "p" / "README.md").read_text()
    for word in ("appearance, 2", "- run: appearance", "CC BY-NC 4.0", "clips, sha256"):
        assert word in card, word
    for word in (
        "3 clips, 240 frames. Protocol self_reenactment, sha256 1a1a1a1a1a1a1a1a",
        "sha256 2b2b2b2b2b2b2b2b",
    ):
        assert word in card, word
    assert "| metric | generated | static | real | 95% | n |" in card
    assert "| nme | 0.25 | 0.75 | 0 | 0.125 to 0.5 | 240 |" in card and "psnr" not in card
    provenance = json.loads((tmp_path / "p" / "provenance.json").read_text())
    assert provenance["code"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert provenance["metrics"]["values"] == {"nme": 0.25}
    settings = yaml.safe_load((tmp_path / "p" / "training.yaml").read_text())
    assert settings["data"]["folder"] and "/" not in settings["data"]["folder"]
    for file in ("README.md", "provenance.json", "training.yaml"):
        assert str(appearance.parent) not in (tmp_path / "p" / file).read_text()
    assert AnimationPipeline.from_pretrained(tmp_path / "p").config["motion"] is False
    assert weights_hash(tmp_path / "p") == weights_hash(plain)  # figures in the card are no other weights


def test_figures_of_other_weights_are_refused_and_leave_nothing(appearance, tmp_path):
    plain = export_pipeline(appearance, tmp_path / "plain")
    path = tmp_path / "metrics.json"

    def refused(expected: str, content: dict, **options) -> None:
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=expected):
            export_pipeline(appearance, tmp_path / "p", metrics=path, **options)
        assert {file.name for file in tmp_path.iterdir()} == {"plain", "metrics.json"}

    same = evaluation(weights_hash(plain))
    refused(
        f"the weights that are exported, {same['weights_hash'][:12]}, got those of 0000", evaluation("0" * 64)
    )
    refused(f"got those of {same['weights_hash'][:12]}", same, dtype="bfloat16")
    refused("got those of videos made elsewhere", evaluation(None))
    refused(
        r"expected a metrics.json of evaluate.py, got KeyError\('data_hash'\)",
        {k: v for k, v in same.items() if k != "data_hash"},
    )
    refused("expected a metrics.json of evaluate.py", {"metrics": 3})


def test_without_metrics_the_card_has_the_last_validations(appearance, tmp_path):
    folder = export_pipeline(appearance, tmp_path / "p")
    values = json.loads((folder / "provenance.json").read_text())["metrics"]["values"]
    assert "val/loss" in values and "The run's last validation" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"dtype": "int8"}, "dtype: expected one of float32, bfloat16, float16, got 'int8'"),
        ({"layout": "comfy"}, "layout: expected one of diffusers, moore, got 'comfy'"),
        (
            {"layout": "moore"},
            r"no place for motion_frames=2 \(0\); a Face Locator .*; DCTCodec .*; untrained motion",
        ),
        ({"metrics": "nowhere.json"}, "nowhere.json"),
        ({"denoising_step": "trt"}, "denoising_step: expected one of torch_export, onnx, got 'trt'"),
        ({"denoising_step": "onnx", "dtype": "float16"}, "expected dtype=float32 with it, got torch.float16"),
    ],
)
def test_what_cannot_be_exported_says_why_and_leaves_nothing(appearance, tmp_path, options, expected):
    with pytest.raises(ValueError, match=expected):
        export_pipeline(appearance, tmp_path / "p", **options)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "README.md").touch()
    with pytest.raises(ValueError, match="exists and is not a pipeline folder"):
        export_pipeline(appearance, tmp_path)


def moore_pipeline() -> AnimationPipeline:
    model = tiny_model(0, enabled=False)
    wake(model)
    return pipeline(**model.parts(), codec=VAECodec((8, 8, 8), 8, 1, 4))


def test_moores_layout_comes_back_bit_for_bit(tmp_path):
    pipe = moore_pipeline()
    write_moore(pipe, tmp_path / "moore")
    again = moore_pipeline()
    for parameter in again.model.parameters():
        torch.nn.init.zeros_(parameter)
    files = {
        "reference_net": "reference_unet.pth",
        "denoising_net": "denoising_unet.pth",
        "motion_modules": "motion_module.pth",
        "pose_guider": "pose_guider.pth",
        "image_encoder": f"{IMAGE_ENCODER}/model.safetensors",
        "codec": f"{VAE}/diffusion_pytorch_model.safetensors",
    }
    parts = {part: str(tmp_path / "moore" / name) for part, name in files.items()}
    load_parts(again.model, again.codec, parts)
    for a, b in zip(
        (*pipe.model.children(), pipe.codec), (*again.model.children(), again.codec), strict=True
    ):
        for name, tensor in a.state_dict().items():
            assert torch.equal(tensor, b.state_dict()[name]), name


def test_moores_layout_has_the_public_files_keys_and_values(golden, tmp_path):
    folder = GoldenFolder(golden)
    parts = folder.model.parts()
    write_moore(
        AnimationPipeline(**parts, codec=folder.codec, scheduler=folder.scheduler), tmp_path / "moore"
    )
    written = {path.stem: read_tensors(path) for path in (tmp_path / "moore").glob("*.pth")}
    written["denoising_unet"] |= written.pop("motion_module")  # one file there
    for name in ("reference_unet", "denoising_unet", "pose_guider"):
        public = read_tensors(golden / f"{name}.safetensors")
        assert name in GOLDEN_FILES.values() and written[name].keys() == public.keys()
        for key, tensor in public.items():
            assert torch.equal(written[name][key], tensor.float()), key


@pytest.mark.slow
def test_the_denoising_step_as_a_graph_is_the_network(tmp_path):
    pipe = pipeline()
    path = export_step(pipe, tmp_path, "torch_export")
    step, inputs = step_with_inputs(pipe)
    graph = torch.export.load(path).module()
    with torch.no_grad():
        torch.testing.assert_close(graph(*inputs), step(*inputs), atol=1e-5, rtol=1e-5)
        other = [inputs[0] + 1, torch.tensor([20]), *inputs[2:]]
        torch.testing.assert_close(graph(*other), step(*other), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(graph(*other), step(*inputs), atol=1e-2)


@pytest.mark.slow
def test_the_denoising_step_in_onnx_is_the_network(tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    assert export_step(pipeline(), tmp_path, "onnx") == tmp_path / FILES["onnx"]
