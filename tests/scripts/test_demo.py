"""The demo from end to end, on a toy network and a few steps, killed once on the way."""

import json
import subprocess

import numpy as np
import pytest
from PIL import Image

from faceanim.media.video import read_video
from tests.helpers.commands import kill, run, start, wait_for
from tests.helpers.training import TINY, steps

FEW = [
    *TINY,
    "model.image_size=128",
    "model.codec.patch=4",
    "model.attention=[false,true]",
    *steps("appearance", 6, checkpoint_every=1),
    *steps("temporal", 2),
]


@pytest.fixture
def command(tmp_path):
    options = ",".join(f"'{option}'" for option in FEW)
    return ["-m", "scripts.demo", f"output={tmp_path}/demo", f"train=[{options}]"]


def test_a_killed_demo_goes_on_and_ends_with_all_it_promises(command, tmp_path):
    out = tmp_path / "demo"
    checkpoint = out / "appearance" / "checkpoints" / "last.ckpt"
    process = start(*command, stdout=subprocess.DEVNULL)
    wait_for(checkpoint.exists, process)
    kill(process)
    assert not (out / "summary.json").exists()

    done = run(*command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "prepare: done before" in done.stdout and "appearance: step 6 of 6" in done.stdout
    for name in ("pipeline/model_index.json", "animation.mp4", "sheet.png", "evaluation/report.html"):
        assert (out / name).is_file() and str(out) in done.stdout
    summary = json.loads((out / "summary.json").read_text())
    for key in ("nme", "nme_static", "face_found_rate", "psnr", "ssim", "train_seconds", "total_seconds"):
        assert key in summary
    assert 0.2 < summary["nme_static"] < 2 and 0.1 < summary["peak_memory_gb"] < 6
    assert summary["train_seconds"] < summary["total_seconds"]
    video = read_video(out / "animation.mp4")
    assert video.frames_THWC.shape == (24, 128, 4 * 128, 3)
    assert np.asarray(Image.open(out / "sheet.png")).std() > 20

    again = run(*command)
    assert again.returncode == 0 and again.stdout.count("done before") == 6
    assert json.loads((out / "summary.json").read_text()) == summary


def test_a_failing_step_says_where_the_demo_stands(tmp_path):
    done = run("-m", "scripts.demo", f"output={tmp_path}/demo", "train=['nonsense=1']")
    assert done.returncode == 2
    assert "step appearance ended with exit code 2" in done.stderr and "Traceback" not in done.stderr
