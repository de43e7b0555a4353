"""Where a run starts from: public weights by parts, an earlier run, or both; and what may stay random."""

import shutil
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from faceanim.cli import CONF_FOLDER
from faceanim.models.animation_model import AnimationModel
from faceanim.models.codec import Codec, VAECodec
from faceanim.models.weight_layouts import module_of
from faceanim.models.weight_source import WeightSource
from faceanim.modules.appearance import AppearanceStage
from faceanim.modules.objective import Objective
from faceanim.modules.stage import checkpoint_card
from faceanim.modules.temporal import TemporalStage
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.export import export_pipeline
from faceanim.pipelines.initial_weights import initialise
from tests.helpers.composed import composed
from tests.helpers.public_weights import VISION, adapter, animatediff, controlnet, stock_unet, vae
from tests.helpers.stages import APPEARANCE, APPEARANCE_AND_ENCODER, TEMPORAL
from tests.helpers.tiny_model import tiny_codec, tiny_model, tiny_scheduler, wake
from tests.helpers.training import fit, steps, whole

NONE = {"appearance_trained": False, "parts": {}}


def vae_codec(seed: int = 0) -> VAECodec:
    torch.manual_seed(seed)
    return VAECodec((8, 8, 16), latent_channels=8, layers_per_block=1, norm_num_groups=4)


def random_model(seed: int) -> AnimationModel:
    """Another seed, other weights, those included that start from zero."""
    model = tiny_model(seed=seed)
    wake(model, seed)
    return model


def motion_of(state: dict) -> dict:
    return {
        name.removeprefix("denoising_net.unet."): t for name, t in state.items() if "motion_modules" in name
    }


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(tensor, b[name]) for name, tensor in a.items())


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return same(a.state_dict(), b.state_dict())


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    """A file for every part of the tiny model, in our own layout, all drawn from one seed."""
    folder, model = tmp_path_factory.mktemp("parts"), random_model(7)
    parts = {name: getattr(model, name).state_dict() for name in AnimationModel.components}
    parts["motion_modules"] = motion_of(model.state_dict())
    parts["codec"] = vae_codec(7).state_dict()
    for part, state in parts.items():
        save_file(state, folder / f"{part}.safetensors")
    return {part: str(folder / f"{part}.safetensors") for part in parts}


def only(files: dict[str, str], *parts: str) -> dict:
    return {"appearance_trained": True, "parts": {part: files[part] for part in parts}}


def source(kind: str, folder: Path, trained: str, codec: Codec) -> tuple[str, AnimationModel]:
    """What ``init_from`` may name, after a stage: its path and the networks in it."""
    model = random_model(3)
    if kind == "pipeline":
        parts = {**model.parts(), "codec": codec, "scheduler": tiny_scheduler()}
        pipeline = AnimationPipeline(**parts, chunk_frames=4, motion=trained == "temporal")
        pipeline.save_pretrained(folder / "pipeline")
        return str(folder / "pipeline"), model
    if kind == "safetensors":
        state = model.state_dict()
        held = {k: v for k, v in state.items() if trained == "temporal" or "motion_modules" not in k}
        save_file(held, folder / "w.safetensors")
        return str(folder / "w.safetensors"), model
    (folder / "run" / "checkpoints").mkdir(parents=True)
    path = folder / "run" / "checkpoints" / "last.ckpt"
    stage = AppearanceStage if trained == "appearance" else TemporalStage
    module = stage(model, codec, tiny_scheduler(), Objective(), None, None)
    card = {"faceanim": checkpoint_card(module), "global_step": 1}
    torch.save({"state_dict": module.state_dict(), **card}, path)
    return str(folder / "run" if kind == "run" else path), model


KINDS = ("pipeline", "safetensors", "run", "checkpoint")


def test_a_vae_without_weights_is_refused(files):
    with pytest.raises(ValueError, match=r"codec VAECodec has no weights: .* or weights\.parts\.codec="):
        initialise(tiny_model(), vae_codec(), NONE, None, APPEARANCE_AND_ENCODER)
    initialise(tiny_model(), vae_codec(), only(files, "codec"), None, APPEARANCE_AND_ENCODER)


def test_a_vae_without_weights_is_refused_beside_networks_from_a_file(files, tmp_path):
    start, _ = source("safetensors", tmp_path, "appearance", tiny_codec())
    with pytest.raises(ValueError, match="codec VAECodec has no weights"):
        initialise(tiny_model(), vae_codec(), NONE, start, APPEARANCE)
    codec = vae_codec(0)
    initialise(tiny_model(), codec, only(files, "codec"), start, APPEARANCE)
    assert equal(codec, vae_codec(7))


def test_an_image_encoder_that_is_neither_trained_nor_loaded_is_refused(files):
    with pytest.raises(ValueError, match="image_encoder has no weights and stage=appearance does not"):
        initialise(tiny_model(), tiny_codec(), NONE, None, APPEARANCE)
    initialise(tiny_model(), tiny_codec(), NONE, None, APPEARANCE_AND_ENCODER)
    initialise(tiny_model(), tiny_codec(), only(files, "image_encoder"), None, APPEARANCE)


def test_stage_two_needs_appearance_weights_and_all_that_it_does_not_train(files):
    parts = only(files, "reference_net", "denoising_net", "motion_modules", "pose_guider", "image_encoder")
    with pytest.raises(ValueError, match="stage=temporal needs appearance weights: init_from="):
        initialise(tiny_model(), tiny_codec(), {**parts, "appearance_trained": False}, None, TEMPORAL)
    model = tiny_model()
    report = initialise(model, tiny_codec(), parts, None, TEMPORAL).report
    assert report.splitlines()[-1] == "face_locator: random, as built"
    for missing in ("reference_net", "denoising_net", "pose_guider", "image_encoder"):
        rest = {part: path for part, path in parts["parts"].items() if part != missing}
        with pytest.raises(ValueError, match=f"{missing} has no weights and stage=temporal does not"):
            initialise(model, tiny_codec(), {**parts, "parts": rest}, None, TEMPORAL)


@pytest.mark.parametrize("kind", KINDS)
def test_an_earlier_run_comes_before_the_parts(kind, files, tmp_path):
    start, expected = source(kind, tmp_path, "temporal", vae_codec(3))
    model, codec = tiny_model(), vae_codec(0)
    report = initialise(model, codec, only(files, *files), start, TEMPORAL).report
    assert equal(model, expected)  # motion modules too: the source's are trained
    assert equal(codec, vae_codec(7 if kind == "safetensors" else 3))  # such a file holds no codec
    assert f"all from {start}" in report and "motion_modules from" not in report and "random" not in report


@pytest.mark.parametrize("kind", KINDS)
def test_motion_modules_come_from_their_part_where_the_earlier_run_has_not_trained_any(kind, files, tmp_path):
    start, earlier = source(kind, tmp_path, "appearance", tiny_codec())
    model, public = tiny_model(), load_file(files["motion_modules"])
    given = only(files, "motion_modules", "reference_net")
    report = initialise(model, tiny_codec(), given, start, TEMPORAL).report
    state = model.state_dict()
    assert same(motion_of(state), public) and f"motion_modules from {files['motion_modules']}" in report
    assert same({**earlier.state_dict(), **{k: v for k, v in state.items() if "motion_modules" in k}}, state)


def test_untrained_motion_modules_of_an_earlier_run_are_left_out(tmp_path):
    start, _ = source("run", tmp_path, "appearance", tiny_codec())
    model = tiny_model()
    built = {name: tensor.clone() for name, tensor in motion_of(model.state_dict()).items()}
    report = initialise(model, tiny_codec(), NONE, start, TEMPORAL).report
    assert same(motion_of(model.state_dict()), built)
    assert f"kept: {len(built)}, first denoising_net.unet." in report


def test_a_trained_source_that_lacks_some_motion_modules_is_refused(tmp_path):
    state = random_model(3).state_dict()
    state = {name: t for name, t in state.items() if "mid_block.motion_modules" not in name}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"missing: \d+, first denoising_net.unet.mid_block.motion_modules"):
        initialise(tiny_model(), tiny_codec(), NONE, str(tmp_path / "w.safetensors"), TEMPORAL)


def test_stage_one_leaves_motion_modules_alone_and_reports_what_stays_random(files):
    model = tiny_model()
    given = only(files, "motion_modules", "denoising_net", "image_encoder")
    report = initialise(model, tiny_codec(), given, None, APPEARANCE).report
    assert "motion_modules from" not in report
    assert not motion_of(model.state_dict())["mid_block.motion_modules.0.proj_out.weight"].any()  # as built
    random = [line.split(":")[0] for line in report.splitlines() if line.endswith(": random, as built")]
    assert random == ["reference_net", "pose_guider", "face_locator"]


@pytest.mark.parametrize("start", ["nowhere", "an empty folder"])
def test_a_source_that_is_none_is_an_error(start, tmp_path):
    path = str(tmp_path) if start == "an empty folder" else str(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=rf"init_from={path}: expected a run folder"):
        initialise(tiny_model(), tiny_codec(), NONE, path, APPEARANCE)


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONF_FOLDER / "weights").glob("*.yaml")))
def test_every_choice_of_weights_composes_and_names_parts_that_exist(name):
    size = "sd15_multi_scale" if name == "aniportrait" else "sd15"
    cfg = composed("train", f"model={size}", f"weights={name}", "run_dir=x")
    weights = instantiate(cfg.weights, _convert_="all")
    model = tiny_model()
    sources = {part: WeightSource.parse(value) for part, value in weights["parts"].items()}
    assert all(module_of(part, model, vae_codec()) is not None for part in sources)
    assert all(source.revision for source in sources.values())
    if name != "none":  # only the Face Locator is nobody's
        assert {*sources, "face_locator"} == {*AnimationModel.components, "motion_modules", "codec"}


def test_a_part_may_be_a_path_in_place_of_a_hub_file_and_may_be_pinned():
    options = ["weights=sd15", "weights.parts.codec=/a/vae.bin", "+weights.parts.pose_guider.sha256=00ff"]
    cfg = composed("train", *options, "run_dir=x")
    parts = OmegaConf.to_container(cfg.weights.parts)
    assert WeightSource.parse(parts["codec"]) == WeightSource(path="/a/vae.bin")
    assert WeightSource.parse(parts["pose_guider"]).sha256 == "00ff"
    assert parts["reference_net"] == parts["denoising_net"]


@pytest.fixture(scope="module")
def public(tmp_path_factory) -> dict[str, Path]:
    """All of weights=sd15's files at tiny size, written by the public classes."""
    folder = tmp_path_factory.mktemp("public")
    stock_unet().save_pretrained(folder / "unet")
    torch.save({"state_dict": animatediff(adapter(frames=32).state_dict())}, folder / "mm.ckpt")
    torch.manual_seed(1)
    clip = CLIPVisionConfig(**{**VISION, "intermediate_size": 128}, projection_dim=12)
    CLIPVisionModelWithProjection(clip).save_pretrained(folder / "clip")
    controlnet().save_pretrained(folder / "controlnet")
    vae(channels=(8, 8, 16), latent_channels=8).save_pretrained(folder / "vae")
    names = {"reference_net": "unet", "denoising_net": "unet", "motion_modules": "mm.ckpt"}
    names |= {"pose_guider": "controlnet", "image_encoder": "clip", "codec": "vae"}
    return {part: folder / name for part, name in names.items()}


def test_from_public_files_through_both_stages_to_an_exported_pipeline(public, demo_data, tmp_path, capsys):
    """One step each at learning rate 0: what comes out is what went in, every tensor of it."""
    options = [
        "weights=sd15",
        *(f"weights.parts.{part}={path}" for part, path in public.items()),
        "model.train_image_encoder=false",
        *(f"~model.codec.{name}" for name in ("patch", "luma", "chroma")),
        "model.codec._target_=faceanim.models.codec.VAECodec",
        "+model.codec={block_out_channels: [8, 8, 16], latent_channels: 8, layers_per_block: 1, norm_num_groups: 4}",
        *(f"schedule.{stage}.learning_rate=0" for stage in ("appearance", "temporal")),
    ]
    fit(demo_data, tmp_path / "a", "appearance", *steps("appearance", 1), *options)
    first = capsys.readouterr().out
    assert "motion_modules from" not in first and "face_locator: random, as built" in first
    with pytest.raises(ValueError, match="needs appearance weights"):
        fit(demo_data, tmp_path / "t", "temporal", *steps("temporal", 1), *options)
    start = f"init_from={tmp_path / 'a'}"
    fit(demo_data, tmp_path / "t", "temporal", *steps("temporal", 1), *options, start)
    after = whole(tmp_path / "t")
    assert f"motion_modules from {public['motion_modules']}" in capsys.readouterr().out

    unet, motion = stock_unet().state_dict(), adapter(frames=32).state_dict()
    tail = ("conv_norm_out.", "conv_out.")
    for name, tensor in {**unet, **motion}.items():
        assert torch.equal(after[f"model.denoising_net.unet.{name}"], tensor), name
    for name, tensor in unet.items():
        if name != "conv_in.weight" and not name.startswith(tail):
            assert torch.equal(after[f"model.reference_net.unet.{name}"], tensor), name
    for name, tensor in vae(channels=(8, 8, 16), latent_channels=8).state_dict().items():
        assert torch.equal(after[f"codec.vae.{name}"], tensor), name

    folder = export_pipeline(tmp_path / "t" / "checkpoints" / "last.ckpt", tmp_path / "pipeline")
    shutil.rmtree(tmp_path / "t")
    pipeline = AnimationPipeline.from_pretrained(folder)
    assert isinstance(pipeline.codec, VAECodec)
    held = {f"model.{k}": v for k, v in pipeline.model.state_dict().items()}
    held |= {f"codec.{k}": v for k, v in pipeline.codec.state_dict().items()}
    assert held.keys() == after.keys() and all(torch.equal(held[name], after[name]) for name in held)
