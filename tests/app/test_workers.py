"""Jobs on devices, without the web: two at a time, stopped between two steps, no file half written."""

import dataclasses
from typing import get_args

import numpy as np
import pytest

from faceanim.app.job_queue import Job, JobQueue
from faceanim.app.workers import Workers, write_videos
from faceanim.media.video import read_video
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.motion_sources import Template
from faceanim.pose.draw import Drawing
from tests.helpers.heads import somebody
from tests.helpers.platform import settings_of, until


@pytest.fixture(scope="module")
def options(pipeline_folder):
    return settings_of(pipeline_folder)[1]["standard"]


@pytest.fixture
def job(options, tmp_path):
    """A job of `visitor` for a video of so many frames."""
    points = somebody(turned=(0, 0, 0)).points.astype(np.float32) / 8  # of a picture of 64 pixels

    def make(visitor: str, n_frames: int, steps: int) -> Job:
        poses = Template("nodding", 24.0, n_frames).read((64, 64), points).poses
        image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        chosen = dataclasses.replace(options, steps=steps)
        paths = tmp_path / f"{visitor}.mp4", tmp_path / f"{visitor}_columns.mp4"
        return Job(visitor, image, points, poses, None, chosen, *paths, max_seconds=60.0)

    return make


def test_two_devices_make_two_videos_at_once_and_a_stopped_one_leaves_nothing(options, job, tmp_path):
    queue = JobQueue(max_waiting=9)
    workers = Workers(["cpu", "cpu:0"], options, queue)
    workers.start()
    long, other, third = job("ann", 100, steps=100), job("ben", 9, steps=30), job("cem", 3, steps=1)
    for one in (long, other, third):
        queue.put(one)
    until(lambda: long.share > 0 and other.share > 0)
    assert queue.sizes == (1, 2)
    queue.cancel(long)
    until(lambda: third.over)
    until(lambda: other.over, 60)
    assert (long.state, other.state, third.state) == ("stopped", "done", "done")
    assert other.share == 1 and other.frames_done == 9 and other.seconds_left == 0
    assert len(read_video(other.video).frames_THWC) == 9
    assert read_video(third.columns).frames_THWC.shape[2] == 192
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["ben", "ben_columns", "cem", "cem_columns"]
    workers.close()


@pytest.mark.parametrize("drawing", ["full", "points", "no_face_contour"])
def test_the_middle_column_shows_the_poses_as_the_model_saw_them(pipeline_folder, job, drawing):
    pipe, one = AnimationPipeline.from_pretrained(pipeline_folder), job("ann", 3, steps=1)
    pipe.register_to_config(drawing=drawing)
    write_videos(pipe, one)
    shown = read_video(one.columns).frames_THWC[:, :, 64:128]
    errors = {
        name: np.abs(shown.astype(float) - one.poses.draw(64, 64, drawing=name)).mean()
        for name in get_args(Drawing)
    }
    assert min(errors, key=errors.get) == drawing, errors  # H.264 blurs it a little


def test_a_pipeline_that_does_not_load_is_a_state_not_a_crash(options, tmp_path):
    (tmp_path / "model_index.json").write_text("{}")
    workers = Workers(["cpu"], dataclasses.replace(options, pipeline=str(tmp_path)), JobQueue(9))
    assert workers.state == "loading"
    workers.start()
    until(lambda: workers.state == "failed")
    assert "expected the components" in workers.failure
    workers.close()
