"""Files of version 0.1.0 as of its first complete state: pipeline folder, run and prepared clips still work.

``earlier_version.tar.xz`` was written by that code: the demo clip prepared at 32 pixels, two steps of the appearance
stage on it, a pipeline folder after two steps of the temporal stage, and a reference image with three frames that this
pipeline generated of it.
"""

import shlex
import tarfile
from pathlib import Path

import numpy as np
import pytest

from faceanim.data.prepared_folder import load_clip, read_index, read_reference
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.options import Sampling

RUN = shlex.split("""
    experiment=demo stage=appearance schedule.appearance.init_from=null logger=csv
    model.image_size=32 model.channels=[4,8] model.attention=[true,true] model.image_token_dim=4
    model.reference_net.latent_channels=8 model.reference_net.norm_num_groups=2
    model.denoising_net.norm_num_groups=2 model.denoising_net.motion_norm_num_groups=2
    model.pose_guider.block_out_channels=[4,4,8] model.face_locator.block_out_channels=[4,4,8]
    model.image_encoder.image_size=32 model.image_encoder.hidden_size=8
    model.image_encoder.intermediate_size=16 model.codec.luma=6 model.codec.chroma=1
    schedule.appearance.warmup_steps=1 trainer.log_every_n_steps=1 trainer.enable_progress_bar=false
    callbacks.samples.at_start=false callbacks.samples.frames=4 callbacks.samples.steps=2
    schedule.temporal.frames=4 ~callbacks.progress
""")


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).with_name("earlier_version.tar.xz")) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_an_earlier_pipeline_folder_and_prepared_clip_give_the_same_frames(earlier):
    row = next(row for row in read_index(earlier / "prepared") if row.split == "test")
    clip = load_clip(earlier / "prepared", row, 3)
    _, points = read_reference(earlier / "prepared", row)
    saved = np.load(earlier / "frames.npz")
    pipeline = AnimationPipeline.from_pretrained(earlier / "pipeline")
    frames = pipeline(saved["reference"], points, clip.poses, Sampling(steps=2))
    assert np.abs(frames.astype(int) - saved["frames"]).max() <= 1  # rounding on other processors


def test_an_earlier_run_is_made_longer_and_exported(earlier, output_of):
    where = [f"data.folder={earlier / 'prepared'}", f"run_dir={earlier / 'run'}"]
    out = output_of("train.py", *RUN, *where, "schedule.appearance.max_steps=3")
    assert "appearance: step 3 of 3" in out
    checkpoint = earlier / "run" / "checkpoints" / "last.ckpt"
    exported = earlier / "exported"
    output_of("-m", "scripts.export_pipeline", f"checkpoint={checkpoint}", f"output={exported}")
    AnimationPipeline.from_pretrained(exported)


def test_the_temporal_stage_starts_from_an_earlier_run(earlier, output_of):
    options = [word.replace("appearance", "temporal") for word in RUN if "init_from" not in word]
    options += [f"data.folder={earlier / 'prepared'}", f"run_dir={earlier / 'next'}"]
    out = output_of("train.py", *options, f"init_from={earlier / 'run'}", "schedule.temporal.max_steps=1")
    assert "temporal: step 1 of 1" in out
