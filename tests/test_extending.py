"""The blocks of docs/extending.md, each as the file that it names, in use."""

import importlib
import re
import sys

import numpy as np
import pytest
import torch

import train
from faceanim.metrics.families import METRICS
from faceanim.metrics.video_pair import ClipFrames, Finders, VideoPair
from faceanim.models.codec import CODECS
from faceanim.pipelines.export import export_pipeline
from faceanim.pose.landmarkers import BACKENDS, landmarker
from scripts.prepare_celebvhq_hdtf.readers import READERS
from tests.helpers.commands import ROOT
from tests.helpers.composed import composed
from tests.helpers.training import options, steps

BLOCKS = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.S)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The page's files in a folder that Python finds; what they register is forgotten afterwards."""
    for name, content in BLOCKS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    before = [(registry, dict(registry)) for registry in (METRICS, CODECS, BACKENDS, READERS)]
    yield tmp_path
    for registry, content in before:
        registry.clear()
        registry.update(content)
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        del sys.modules[name]


def test_every_block_is_a_file_and_none_of_ours():
    assert len(BLOCKS) == 8 and not any((ROOT / name).exists() for name, _ in BLOCKS)


def test_a_stage_and_a_codec_train_resume_and_are_exported(mine, demo_data):
    given = options(demo_data, mine / "run", "edges", f"hydra.searchpath=[file://{mine / 'conf_mine'}]")
    given += ["model/codec=pixels", "model.reference_net.latent_channels=48", "schedule.edges.frames=2"]
    given = [
        one for one in given if not one.startswith(("model.codec.", "model.reference_net.latent_channels=8"))
    ]
    for maximum in (1, 2):
        cfg = composed("train", *given, *steps("edges", maximum))
        train.main.__wrapped__(cfg)
    checkpoint = torch.load(mine / "run/checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2 and checkpoint["faceanim"]["stage"] == "edges"
    assert checkpoint["faceanim"]["codec"]["name"] == "PixelCodec"
    assert (export_pipeline(mine / "run", mine / "pipeline") / "model_index.json").is_file()


def test_a_metric_measures(mine):
    code = (mine / "faceanim/metrics/families/brightness.py").read_text()
    exec(compile(code, "brightness", "exec"), {"__name__": "brightness"})
    metric = METRICS["brightness"].make({})
    real = np.full((3, 8, 8, 3), 100, np.uint8)
    frames = ClipFrames(real[0], real, real + np.uint8(5), None, 24.0)
    metric.update(VideoPair.of(frames, Finders(None)))
    assert metric.compute() == 5


def test_a_motion_source_is_read(mine):
    source = importlib.import_module("mine.still").Still(frames=5)
    points = (
        importlib.import_module("mine.centred")
        .CentredLandmarker()
        .detect(np.zeros((1, 64, 64, 3), np.uint8))
        .points
    )
    poses = source.read((64, 64), points[0]).poses
    assert len(poses) == 5 and (poses.width, poses.height) == (64, 64)
    assert np.ptp(poses.points, axis=0).max() < 1e-3


def test_a_data_set_is_read_under_its_name(mine):
    (mine / "raw" / "ada").mkdir(parents=True)
    (mine / "raw" / "ada" / "7.mp4").touch()
    importlib.import_module("mine.lectures")
    (clip,) = READERS["lectures"](str(mine / "raw"), None).clips
    assert (clip.name, clip.identity, clip.stop) == ("ada_7", "ada", 60)


def test_a_landmark_backend_is_chosen_by_its_name(mine):
    importlib.import_module("mine.centred")
    found = landmarker("centred").detect(np.zeros((2, 48, 64, 3), np.uint8))
    assert found.found.all() and (found.points[0] < (64, 48)).all()
