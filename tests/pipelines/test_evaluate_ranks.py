"""One process or two, whatever the batch: the same figures. An odd number of clips, so that shares differ."""

import hashlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
from multiprocessing.process import BaseProcess

import numpy as np
import pytest
import torch

import evaluate
from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.video import read_video
from faceanim.media.video_writer import write_video
from faceanim.metrics.distributed import Ranks
from faceanim.metrics.networks.inception import Inception
from tests.helpers.commands import OFFLINE, ROOT
from tests.helpers.composed import composed
from tests.helpers.formula import fill


def test_shares_are_all_clips_once_for_any_number_of_ranks():
    for count in (1, 2, 3, 5):
        shares = [Ranks(k, count).share(list(range(7))) for k in range(count)]
        assert sorted(sum(shares, [])) == list(range(7))  # noqa: RUF017


def evaluate_as(rank: int, count: int, port: int, options: list[str]) -> None:
    """evaluate.py's main, as torchrun starts it."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    cfg = composed("evaluate", *options)
    evaluate.main.__wrapped__(cfg)


def start(count: int, options: list[str]) -> list[BaseProcess]:
    """Processes whose imports are shared."""
    context, port = multiprocessing.get_context("forkserver"), free_port()
    context.set_forkserver_preload(["evaluate"])
    processes = [context.Process(target=evaluate_as, args=(k, count, port, options)) for k in range(count)]
    for process in processes:
        process.start()
    return processes


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def options(tmp_path) -> list[str]:
    """Three clips of two or three frames, and an Inception of formula weights."""
    frames = read_video(demo_clip_path()).frames_THWC[:24:4, :144, 20:164]
    for name, made, n in (("a", frames[1:4], 3), ("b", frames[[0, 0]], 2), ("c", frames[[3, 2, 1]], 3)):
        write_video(tmp_path / "references" / f"{name}.mp4", frames[:n], 6.0, crf=0)
        write_video(tmp_path / "predictions" / f"{name}.mp4", made, 6.0, crf=0)
    weights = tmp_path / "inception.pth"
    torch.save(fill(Inception()).state_dict(), weights)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    return [
        *(f"{kind}={tmp_path / kind}" for kind in ("predictions", "references")),
        f"weights.inception={weights}",
        f"protocol.extractors.inception={sha256}",
        "device=cpu",
    ]


def test_two_processes_and_other_batches_give_the_figures_of_one(output_of, options, tmp_path):
    processes = start(2, [*options, f"run_dir={tmp_path / 'two'}", "batch_size=2"])
    output_of("evaluate.py", *options, f"run_dir={tmp_path / 'one'}", "batch_size=5")
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    assert one["n_clips"] == 3 and one["n_frames"] == 8
    assert one["metrics"]["fid"]["generated"]["n"] == one["metrics"]["kid"]["generated"]["n"] == 8
    assert one["metrics"]["fid"]["real"]["value"] == pytest.approx(0, abs=1e-3)
    assert one["metrics"]["fid"]["generated"]["value"] > 0.1
    one.pop("seconds"), two.pop("seconds")
    one, two = flat(one), flat(two)
    assert one.keys() == two.keys()
    for path, value in one.items():
        close = pytest.approx(value, rel=1e-4, abs=1e-4) if isinstance(value, float) else value
        assert two[path] == close, path
    records = sorted(path.name for path in (tmp_path / "two" / "clips").iterdir())
    assert records == ["a.json", "b.json", "c.json"]


@pytest.mark.slow
def test_what_fails_on_one_rank_ends_all_of_them_with_one_line(options, tmp_path):
    """The second rank's only clip is of another length."""
    write_video(tmp_path / "predictions" / "b.mp4", np.zeros((1, 144, 144, 3), np.uint8), 6.0)
    env = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "evaluate.py", *options, f"run_dir={tmp_path / 'run'}"]
    pipes = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=OFFLINE | env | {"RANK": str(k)}, **pipes) for k in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=300)
        lines = [line for line in err.splitlines() if line.startswith("error: ")]
        assert process.returncode == 2 and len(lines) == 1 and "expected 2 frames of 144x144" in lines[0], err
    assert not (tmp_path / "run" / "metrics.json").exists()


def flat(content: object, path: str = "") -> dict[str, object]:
    """Leaves by path."""
    if isinstance(content, dict):
        return {k: v for key, value in content.items() for k, v in flat(value, f"{path}/{key}").items()}
    if isinstance(content, list):
        return {k: v for key, value in enumerate(content) for k, v in flat(value, f"{path}/{key}").items()}
    return {path: content}
