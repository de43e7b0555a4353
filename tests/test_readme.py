"""The README's commands, as they stand there, on fewer steps."""

import re
import shlex
import shutil

import pytest
from PIL import Image
from skimage import data

from faceanim.cli import CONF_FOLDER
from tests.helpers.commands import ROOT
from tests.helpers.training import TINY, steps

README = (ROOT / "README.md").read_text()


def commands() -> list[list[str]]:
    block = re.search(r"tests/test_readme.py -->\n```bash\n(.*?)```", README, re.S).group(1)
    return [
        shlex.split(line, comments=True) for line in block.splitlines() if line and not line.startswith("#")
    ]


def test_the_readmes_commands_run_as_they_stand_there(output_of, tmp_path, monkeypatch):
    """In an empty folder, in order; training is cut to two tiny steps, everything else is verbatim."""
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.png")
    listed = commands()
    assert len(listed) == 6
    monkeypatch.chdir(tmp_path)
    for command in listed:
        assert command[0] == "python"
        if command[1] == "train.py":
            command += [*TINY, "model.image_size=128", "model.codec.patch=4", "model.attention=[false,true]"]
            command += [*steps("appearance", 2), *steps("temporal", 2)]
        if command[1] == "infer.py":
            clip = next((tmp_path / "outputs/mine/data/clips").glob("*_test.mp4"))
            shutil.copy(clip, tmp_path / "motion.mp4")
        output_of(*command[1:])
    assert (tmp_path / "outputs/mine/animation.mp4").stat().st_size > 1000
    assert (tmp_path / "outputs/mine/evaluation/metrics.json").is_file()


@pytest.mark.parametrize("name", re.findall(r"\]\(([^)#:]+)\)", README))
def test_the_readmes_links_lead_somewhere(name):
    assert (ROOT / name).exists(), name


def test_every_make_target_that_the_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_config_group_of_the_readmes_commands_exists():
    for group, choice in re.findall(r"\b(stage|protocol|trainer|experiment)=([a-z_]+)", README):
        assert (CONF_FOLDER / group / f"{choice}.yaml").is_file(), f"{group}={choice}"
