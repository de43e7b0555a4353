"""The blocks of docs/extending.md: each file in use, each command run."""

import importlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch

from faceanim.data.prepared_folder import read_index
from faceanim.media.video import write_video
from faceanim.metrics.families import METRICS
from faceanim.metrics.video_pair import ClipFrames, Finders, VideoPair
from faceanim.models.codec import CODECS
from faceanim.pose.landmarkers import BACKENDS
from scripts.prepare_celebvhq_hdtf.readers import READERS
from tests.helpers.commands import ROOT
from tests.helpers.demo import demo_frames
from tests.helpers.training import TINY, steps

PAGE = (ROOT / "docs/extending.md").read_text()
BLOCKS = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.S)
EXPORT, *COMMANDS = re.findall(r"```sh\n(.*?)\n```", PAGE, re.S)
MODULES = EXPORT.partition("FACEANIM_IMPORTS=")[2].split(",")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The page's files in the current folder, its modules imported; what they register is forgotten afterwards."""
    for name, content in BLOCKS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.setenv("FACEANIM_IMPORTS", ",".join(MODULES))
    before = [(registry, dict(registry)) for registry in (METRICS, CODECS, BACKENDS, READERS)]
    for name in MODULES:
        importlib.import_module(name)
    yield tmp_path
    for registry, content in before:
        registry.clear()
        registry.update(content)
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]


def words(of: str, *changed: str) -> list[str]:
    """Those of the page's command, after its python, with some options changed or added."""
    (found,) = [line for line in COMMANDS if of in line]
    names = {option.partition("=")[0] for option in changed}
    given = [word for word in shlex.split(found)[1:] if word.partition("=")[0] not in names]
    return [*given, *changed]


def test_every_block_is_a_file_and_none_of_ours():
    assert len(BLOCKS) == 8 and not any((ROOT / name).exists() for name, _ in BLOCKS)
    assert len(COMMANDS) == 4


def imported() -> subprocess.CompletedProcess:
    code = "import faceanim, sys; print([name for name in sys.modules if name.startswith('mine.')])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_the_modules_that_the_environment_names_are_imported_by_every_process(mine, monkeypatch):
    done = imported()
    assert done.stdout == f"{MODULES}\n", done.stderr
    monkeypatch.setenv("FACEANIM_IMPORTS", "mine.nothing")
    assert "expected modules that Python finds" in imported().stderr


def test_a_stage_and_a_codec_train_resume_and_are_exported(mine, demo_data, output_of):
    codec = words("codec=pixels")[-3:]
    tiny = [
        word
        for word in TINY
        if not word.startswith(("model.codec.", "model.reference_net.latent_channels", "schedule.appearance"))
    ]
    tiny += [f"data.folder={demo_data}", "run_dir=run", "schedule.edges.frames=2"]
    for maximum in (1, 2):
        output_of(*words("stage=edges", *tiny, *codec, *steps("edges", maximum)))
    checkpoint = torch.load(mine / "run/checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2 and checkpoint["faceanim"]["stage"] == "edges"
    assert checkpoint["faceanim"]["codec"]["name"] == "PixelCodec"
    output_of("-m", "scripts.export_pipeline", "checkpoint=run", "output=pipeline")
    assert (mine / "pipeline" / "model_index.json").is_file()


def test_a_metric_measures(mine):
    metric = METRICS["brightness"].make({})
    real = np.full((3, 8, 8, 3), 100, np.uint8)
    frames = ClipFrames(real[0], real, real + np.uint8(5), None, 24.0)
    metric.update(VideoPair.of(frames, Finders(None)))
    assert metric.compute() == 5


def test_a_motion_source_is_read(mine):
    source = importlib.import_module("mine.still").Still(frames=5)
    landmarker = importlib.import_module("mine.centred").CentredLandmarker()
    points = landmarker.detect(np.zeros((1, 64, 64, 3), np.uint8)).points
    poses = source.read((64, 64), points[0]).poses
    assert len(poses) == 5 and (poses.width, poses.height) == (64, 64)
    assert np.ptp(poses.points, axis=0).max() < 1e-3


def test_a_data_set_is_prepared_with_a_landmark_backend(mine, output_of):
    write_video(mine / "lectures" / "ada" / "7.mp4", demo_frames()[:60], 30)
    output_of(*words("source=lectures", "raw=lectures", "landmarks=centred", "size=64"))
    assert [row.identity for row in read_index(mine / "data/lectures")] == ["ada"]
