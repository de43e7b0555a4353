"""An option of the wrong type is one line that names it, before anything is built."""

from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import CONF_FOLDER

WRONG = {
    "seed=abc": "expected an integer",
    "schedule.appearance.frames=2.5": "expected an integer",
    "schedule.appearance.learning_rate=abc": "expected a number",
    "model.motion_frames=true": "expected an integer",
    "dry_run=off": "expected true or false",
    "compute.compile=maybe": "expected true or false",
    "logger.csv=abc": "expected options (_target_, ",
    "pose.mask=foo": "expected options (region, ",
    "model.codec=foo": "expected options (_target_, ",
    "objective.snr_gamma=abc": "expected a valid number",  # what the class declares
    "callbacks.guard.window=2.5": "expected a valid integer",
    "callbacks.samples.at_start=off": "expected a valid boolean",
    "data.module.num_workers=null": "expected a valid integer",
    "data.module.jitter.shift=abc": "expected a valid number",
    "data.folder=null": "expected a valid string",  # as the class declares to which it goes
    "run_dir=null": "expected a valid string",
    "trainer.devices=[1,a]": "expected a valid",
}


def test_wrong_types_are_one_line_that_names_the_options(command) -> None:
    code, _, err = command("train.py", *WRONG)
    assert code == 2 and err.count("\n") == 1
    faults = err.removeprefix("error: ").split("; ")
    assert len(faults) == len(WRONG)
    for fault, (word, expected) in zip(faults, WRONG.items(), strict=True):
        assert fault.startswith(f"{word.partition('=')[0]}: {expected}")


def test_what_a_class_takes_passes(command, tmp_path: Path) -> None:
    words = ["callbacks.ema=null", "data.module.jitter=null", "trainer.devices=auto", f"run_dir={tmp_path}"]
    code, _, err = command("train.py", "dry_run=true", "data.folder=/nowhere", *words)
    assert code == 2 and "no folder /nowhere" in err


@pytest.mark.parametrize(
    "choices",
    [
        [],
        ["stage=temporal", "experiment=paper"],
        ["stage=audio_to_pose"],
        ["model=sd15", "trainer=ddp"],
    ],
    ids=" ".join,
)
def test_every_default_has_its_own_type(choices: list[str], command, tmp_path: Path) -> None:
    """Each number and truth value of the configuration, said again on the command line, passes."""
    with hydra.initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        cfg = hydra.compose("train", choices)
    words = list(_numbers(cfg))
    assert len(words) > 20
    given = ["data.folder=/nowhere", "init_from=/nowhere", f"run_dir={tmp_path}", "trainer.accelerator=cpu"]
    code, _, err = command("train.py", *choices, *words, *given)
    assert code == 2 and "/nowhere" in err, err


def _numbers(cfg: DictConfig, group: str = "") -> list[str]:
    words = []
    for key in cfg:
        name = f"{group}{key}"
        if "/" in name or OmegaConf.is_missing(cfg, key) or OmegaConf.is_interpolation(cfg, key):
            continue
        if isinstance(cfg[key], DictConfig):
            words += _numbers(cfg[key], f"{name}.")
        elif isinstance(cfg[key], bool | int | float):
            words.append(f"{name}={str(cfg[key]).lower()}")
    return words
