"""Many processes, many machines, and kills: always the same clips."""

import random
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from faceanim.data.manifest import read_manifest
from faceanim.media.video import write_video
from scripts.prepare_celebvhq_hdtf.options import PrepareOptions
from scripts.prepare_celebvhq_hdtf.run import prepare
from tests.helpers.commands import kill, start, wait_for
from tests.helpers.demo import demo_frames
from tests.helpers.preparation import OPTIONS


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, frames = tmp_path_factory.mktemp("raw"), demo_frames()
    for k in range(4):
        write_video(folder / f"v{k}.mp4", frames[20 * k : 20 * k + 16], 24)
    write_video(folder / "nobody.mp4", frames[:16] * 0 + 90, 24)
    return folder


@pytest.fixture(scope="module")
def undisturbed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    prepare(replace(OPTIONS, raw=str(raw), output=str(out)))
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """What is handed on: the index, and all clips, landmarks and sounds."""
    names = [path for place in ("clips", "landmarks", "audio") for path in (folder / place).rglob("*")]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in [folder / "index.parquet", folder / "coverage.csv", *names]
    }


def test_processes_give_the_same_bytes_as_none(raw, undisturbed, tmp_path):
    prepare(replace(OPTIONS, raw=str(raw), output=str(tmp_path), workers=2))
    assert contents(tmp_path) == contents(undisturbed)


def test_a_ray_cluster_gives_the_same_bytes(raw, undisturbed, tmp_path):
    pytest.importorskip("ray")
    prepare(replace(OPTIONS, raw=str(raw), output=str(tmp_path), backend="ray", workers=2))
    assert contents(tmp_path) == contents(undisturbed)


def test_a_clip_at_its_time_limit_is_dropped_with_that_reason(raw, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "v.mp4").symlink_to(raw / "v0.mp4")
    options = replace(OPTIONS, raw=str(tmp_path / "raw"), output=str(tmp_path), workers=1, time_limit=0.01)
    with pytest.raises(ValueError, match=r"mostly \(1 of 1\) gave up: more than 0.01 s"):
        prepare(options)
    assert [row.keep for row in read_manifest(tmp_path)] == [False]


def preparing(options: PrepareOptions) -> subprocess.Popen:
    words = [f"{name}={'null' if v is None else v}" for name, v in vars(options).items()]
    return start("-m", "scripts.prepare_celebvhq_hdtf", *words, stdout=subprocess.DEVNULL)


def test_after_a_kill_a_rerun_ends_with_the_bytes_of_an_undisturbed_run(raw, undisturbed, tmp_path):
    """Killed while the first clip is being written; until then no other command may write there."""
    options = replace(OPTIONS, raw=str(raw), output=str(tmp_path), workers=1)
    process = preparing(options)
    try:
        wait_for(lambda: list((tmp_path / "clips").glob(".*.mp4")), process)
        with pytest.raises(ValueError, match="output: another preparation is writing to"):
            prepare(replace(options, workers=0))
    finally:
        kill(process)
    assert not (tmp_path / "index.parquet").exists()
    prepare(replace(options, workers=0))
    assert contents(tmp_path) == contents(undisturbed)
    assert not list((tmp_path / "clips").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_after_kills_at_random_moments_too(seed, raw, undisturbed, tmp_path):
    rng = random.Random(seed)
    options = replace(OPTIONS, raw=str(raw), output=str(tmp_path), workers=2)
    for _ in range(3):
        process = preparing(options)
        time.sleep(rng.uniform(0, 12))
        kill(process)
    prepare(options)
    assert contents(tmp_path) == contents(undisturbed)
