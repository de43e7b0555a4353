"""--help: what the comments of a command's file say, its groups and its options."""

import pytest
import yaml

from faceanim.cli import CONF_FOLDER
from faceanim.cli.help import help_text

FILES = sorted(path for path in CONF_FOLDER.glob("*.yaml") if path.stem != "command")


@pytest.mark.parametrize("config", FILES, ids=lambda path: path.stem)
def test_help_has_a_usage_line_every_group_and_every_option_with_its_default(config):
    out = help_text(config)
    content = yaml.safe_load(config.read_text())
    groups = [entry for entry in content.pop("defaults") if isinstance(entry, dict)]
    content.pop("hydra", None)
    assert "usage: python" in out and "@text" not in out and "\n  hydra:" not in out
    for option, value in content.items():
        assert f"  {option}:" in out and (not isinstance(value, str) or value in out)
    for group in (name for entry in groups for name in entry if (CONF_FOLDER / name).is_dir()):
        line = next(line for line in out.splitlines() if line.startswith(f"  {group}="))
        assert all(path.stem in line for path in (CONF_FOLDER / group).glob("*.yaml"))


def test_groups_say_the_options_that_they_bring():
    out = help_text(CONF_FOLDER / "train.yaml")
    for name in (
        "data.folder",
        "model.motion_frames",
        "objective.face_weight",
        "schedule.temporal.*",
        "callbacks.ema.*",
    ):
        assert f" {name}," in out or f" {name}\n" in out
    for line in ("model/codec=dct ", "objective=demo ", "optimizer=adamw ", "lr_schedule=cosine "):
        assert f"\n  {line}" in out


def test_help_is_printed_whatever_else_is_typed(command):
    code, out, err = command("train.py", "nonsense=1", "--help")
    assert (code, err) == (0, "") and "usage: python train.py" in out
