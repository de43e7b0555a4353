"""The training-step benchmark, on a CPU at tiny size."""

import json

import pytest

from faceanim.profiling.device_peak import bf16_peak
from tests.helpers.training import TINY

OPTIONS = [*(o for o in TINY if o.startswith("model.")), "frames=2", "steps=2", "warmup=1"]


SWITCHES = ["checkpointing=true", "channels_last=true", "precision=bf16-mixed"]


@pytest.fixture
def bench(output_of, tmp_path):
    """Runs the benchmark; returns what it printed and the record that it wrote last."""

    def run(*options: str) -> tuple[str, dict]:
        output = tmp_path / "out" / "steps.jsonl"
        out = output_of("-m", "benchmarks.train_step", *OPTIONS, f"output={output}", *options)
        return out, json.loads(output.read_text().splitlines()[-1])

    return run


@pytest.mark.parametrize(("stage", "switches"), [("appearance", []), ("temporal", SWITCHES)])
def test_real_steps_are_timed_and_told(stage, switches, bench):
    out, record = bench(f"stage={stage}", *switches)
    assert record["peak_memory_bytes"] > 0 and record["flops"] > 0
    assert record["samples_per_second"] == pytest.approx(1 / record["step_seconds"])
    assert record["mfu"] is None and record["device"].startswith("CPU") and "no MFU" in out
    assert "| model, stage" in out and f"| tiny, {stage}" in out
    assert ("checkpointing, channels_last" in out) == bool(switches)


@pytest.mark.slow
def test_compiled_steps_are_timed(bench):
    out, record = bench("stage=temporal", "compile=true", "steps=1")
    assert record["compile"] and " compile " in out and record["step_seconds"] > 0


@pytest.mark.parametrize("option", ["steps=0", "warmup=-1", "batch=0", "precision=fp8", "trainer=tpu"])
def test_a_mistake_is_one_line(option, error_of, tmp_path):
    error_of("-m", "benchmarks.train_step", option, f"output={tmp_path / 'x.jsonl'}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989.4e12),
        ("NVIDIA H100 80GB HBM3", 989.4e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835.5e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", None),
        ("CPU, 2 threads", None),
    ],
)
def test_peaks_go_by_the_devices_name(name, peak):
    assert bf16_peak(name) == peak
