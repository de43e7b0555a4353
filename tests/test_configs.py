"""Configurations compose, name real classes, and refuse what they do not know."""

import pytest
import torch
from hydra.utils import instantiate
from lightning import Trainer

from faceanim.cli import CONF_FOLDER
from faceanim.models.animation_model import AnimationModel
from tests.helpers.commands import run
from tests.helpers.composed import composed

PREPARE = ["-m", "scripts.prepare_celebvhq_hdtf"]
ON_CPU = ["trainer.accelerator=cpu", "trainer.devices=1", "trainer.precision=32-true"]


OF_SPEECH = {"audio_to_pose"}  # its stage brings it along


def choices(group: str) -> list[str]:
    return sorted({path.stem for path in (CONF_FOLDER / group).glob("*.yaml")} - OF_SPEECH)


@pytest.mark.parametrize("stage", ["appearance", "temporal"])
@pytest.mark.parametrize("experiment", choices("experiment"))
def test_every_experiment_composes_for_both_stages(experiment, stage):
    cfg = composed("train", f"experiment={experiment}", f"stage={stage}", "run_dir=x")
    assert cfg.stage.name == stage
    assert cfg.trainer.max_steps == cfg.schedule[stage].max_steps
    assert cfg.data.module.rules.motion_frames == cfg.model.reference_net.get("motion_frames")


def test_the_stage_of_speech_brings_its_own_model_data_callbacks_and_settings():
    cfg = composed("train", "stage=audio_to_pose", "data.folder=x", "run_dir=x", "trainer=gpu")
    assert cfg.trainer.max_steps == cfg.schedule.audio_to_pose.max_steps
    assert set(cfg.schedule) == {"audio_to_pose"} and cfg.callbacks.samples is None
    network = instantiate(cfg.model, _convert_="all")["network"]
    assert cfg.data.module.bands == network.config.bands


@pytest.mark.parametrize("name", choices("trainer"))
def test_every_trainer_is_built_where_its_devices_are(name):
    if "deepspeed" in name:
        pytest.importorskip("deepspeed")
    cfg = composed("train", f"trainer={name}", "run_dir=x")
    options = instantiate(cfg.trainer, _convert_="all", _target_="builtins.dict")
    options |= {"accelerator": "cpu", "devices": 1}
    assert Trainer(**options, logger=False).max_steps == cfg.schedule.appearance.max_steps


@pytest.mark.parametrize("choice", ["csv", "tensorboard", "wandb", "[tensorboard,wandb]"])
def test_loggers_combine_and_metrics_csv_is_always_written(choice, tmp_path):
    cfg = composed("train", f"logger={choice}", f"run_dir={tmp_path}")
    loggers = instantiate(cfg.logger)
    assert set(loggers) == {"csv", *choice.strip("[]").split(",")}
    assert loggers["csv"].path == tmp_path / "metrics.csv"
    assert not list(tmp_path.iterdir())  # nothing is written before the run is known to be this one


@pytest.mark.parametrize(
    "name", [name for name in choices("model") if name != "pipeline"]
)  # that of init_from
def test_every_model_can_be_built_and_fits_its_codec(name):
    cfg = composed("train", f"model={name}", "run_dir=x")
    del cfg.model.scheduler
    with torch.device("meta"):  # sizes without memory
        parts = instantiate(cfg.model, _convert_="all")
    model = AnimationModel.from_parts(parts)
    assert model.configs()["reference_net"]["motion_frames"] == cfg.model.motion_frames
    assert parts["codec"].latent_channels == cfg.model.reference_net.latent_channels


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["train.py", "model.motion_farmes=2"], "motion_farmes"),
        (["train.py", "experiment=nowhere"], "nowhere"),
        (["train.py", "data.folder=/nowhere", "run_dir=RUN"], "/nowhere"),
        (["train.py", "trainer=gpu", "run_dir=RUN"], "there is no GPU here"),
        (["train.py", "trainer=deepspeed", "run_dir=RUN"], "there is no GPU here"),
        (["train.py", "trainer=fsdp", *ON_CPU, "run_dir=RUN"], "callbacks.ema: no rank has the weights"),
        (["train.py", "trainer.strategy._target_=nowhere.Nothing", "run_dir=RUN"], "trainer"),
        (["train.py", "stage=temporal", "data.folder=/nowhere", "run_dir=/dev/null/x"], "/dev/null/x"),
        (["-m", "scripts.export_pipeline", "checkpoint=/nowhere.ckpt", "output=RUN"], "/nowhere.ckpt"),
        (["-m", "scripts.export_pipeline"], "missing option"),
        (["evaluate.py", "pipeline=/nowhere", "run_dir=RUN"], "/nowhere"),
        (["infer.py", "pipeline=/nowhere", "reference=a.png", "driving=b.mp4", "output=RUN"], "error"),
        (["-m", "scripts.demo", "nonsense=1"], "nonsense"),
        ([*PREPARE, "nonsense=1"], "unknown option nonsense"),
        (PREPARE, "missing options: output=... raw=..."),
        ([*PREPARE, "raw=demo"], "missing option: output=..."),
        (
            [*PREPARE, "raw=demo", "output=RUN", "size=big"],
            "Value 'big' of type 'str' could not be converted",
        ),
        ([*PREPARE, "raw=demo", "output=RUN", "source=hdtf"], "meta: expected where the annotations"),
        ([*PREPARE, "raw=demo", "output=RUN", "landmarks=cloud"], "landmarks: expected one of"),
        ([*PREPARE, "raw=demo", "output=RUN", "hydra/launcher=none_such"], "hydra/launcher: expected one of"),
        ([*PREPARE, "raw"], "expected option=value, got raw"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, word, error_of, tmp_path):
    assert word in error_of(*[part.replace("RUN", str(tmp_path / "run")) for part in words])
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_mistake_ends_the_process_with_2_and_success_with_0():
    assert run("train.py", "nonsense=1").returncode == 2
    assert run("train.py", "--help").returncode == 0
