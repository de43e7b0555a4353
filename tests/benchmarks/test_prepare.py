"""The preparation's benchmark on the demo clip, and what `make bench` runs."""

import re
import shlex
import subprocess

import pytest

from tests.helpers.commands import ROOT
from tests.helpers.composed import composed

ELSEWHERE = {"memory_savers", "drift"}  # they need extras or a pipeline: benchmarks/README.md


def test_each_stage_is_timed_beside_a_bare_decode(output_of):
    out = output_of("-m", "benchmarks.prepare", "size=32", "fps=5")
    lines = {line[:22].strip(): line[22:].split() for line in out.splitlines()}
    stages = ("decode", "find cuts", "faces and landmarks", "filter", "write", "sound", "all, decoding twice")
    for stage in stages:
        per_frame, _, ratio, _ = (float(value) for value in lines[stage])
        assert ratio == pytest.approx(per_frame / float(lines["decode"][0]), rel=0.05, abs=0.05)
    assert float(lines["decode"][2]) == 1 and "21 frames at 5 frames/s" in out


@pytest.mark.parametrize("word", ["size=63", "landmarks=cloud", "raw=/nowhere", "nonsense=1"])
def test_a_mistake_is_one_line(word, error_of):
    error_of("-m", "benchmarks.prepare", word)


def test_make_bench_runs_every_benchmark_that_a_cpu_can_do_with_options_that_exist():
    done = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    commands = re.findall(r"-m benchmarks\.(\w+)(.*)", done.stdout)
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "run_command(" in path.read_text()}
    assert {name for name, _ in commands} == there - ELSEWHERE
    for name, options in commands:
        composed(f"benchmark_{name}", *shlex.split(options))
