"""The cost estimate, as a user calls it."""

import re

import pytest

from tests.helpers.commands import run
from tests.helpers.training import TINY

SMALL = [option for option in TINY if option.startswith("model.")]
FIGURE = r"[\d,]+\.\d+"


def figures(printed: str, name: str) -> list[float]:
    """The numbers of the row that begins with name."""
    row = re.search(rf"^\| {name} +\|(.*)$", printed, re.M).group(1)
    return [float(cell.replace(",", "")) for cell in re.findall(FIGURE, row)]


def n_trained(printed: str) -> int:
    return int(re.search(r"^\| all +\|.* ([\d,]+) \|$", printed, re.M).group(1).replace(",", ""))


def test_the_card_adds_up(output_of):
    out = output_of("-m", "scripts.estimate_cost", *SMALL, "stage=temporal", "frames=2")
    parts = ("weights", "gradients", "optimiser", "activations")
    adamw, adam8 = zip(*(figures(out, part) for part in parts), strict=True)
    peak = figures(out, "peak")
    assert abs(peak[0] - sum(adamw)) < 0.3 and abs(peak[1] - sum(adam8)) < 0.3  # each is rounded to 0.1
    assert adamw[2] > adam8[2] > 0
    step, guided = (figures(out, f"sampling step{how}, per frame")[0] for how in ("", " with guidance"))
    assert step < guided < 2 * step  # the unconditional half reads no reference
    motion, everything = (
        re.search(rf"^\| {part} +\| +([\d,]+) .* ([\d,]+) \|$", out, re.M).groups()
        for part in ("motion modules of denoising_net", "all")
    )
    assert motion[0] == motion[1] == everything[1] != everything[0]  # stage 2 trains them and nothing else


@pytest.mark.parametrize(
    ("trainer", "spread", "whole"),
    [
        ("cpu", [], ""),
        ("ddp", [], "every rank holds all of it"),
        ("fsdp", ["weights", "gradients", "optimiser"], "one network at a time whole"),
        ("deepspeed", ["gradients", "optimiser"], "keeps trained weights whole"),
        ("deepspeed_zero3", ["weights", "gradients", "optimiser"], "what a layer needs whole"),
    ],
)
def test_what_a_trainer_of_many_devices_spreads_is_said_and_counted(output_of, trainer, spread, whole):
    out = output_of("-m", "scripts.estimate_cost", *SMALL, "frames=2", f"trainer={trainer}")
    note = out.rstrip().splitlines()[-1]
    assert ("rank" in note) == (trainer != "cpu") and whole in note, note
    trained = n_trained(out)
    for name in ("weights", "gradients", "optimiser"):
        found = re.search(rf"{name} ({FIGURE}) MB", note)
        assert (found is not None) == (name in spread), (name, note)
    if "weights" in spread:
        weights = float(re.search(rf"weights ({FIGURE}) MB", note)[1])
        assert weights == pytest.approx(4 * trained / 1e6, abs=0.1)


def test_low_rank_updates_need_no_weights_either(output_of):
    out = output_of("-m", "scripts.estimate_cost", *SMALL, "frames=2", "lora.rank=2")
    trained = n_trained(out)
    assert trained > 0 and figures(out, "gradients")[0] == pytest.approx(4 * trained / 1e6, abs=0.1)


@pytest.mark.parametrize(
    ("option", "message"),
    [("precision=fp8", "precision"), ("frames=40", "32 frames"), ("frames=0", "frames")],
)
def test_a_mistake_is_one_line(option, message, error_of):
    assert message in error_of("-m", "scripts.estimate_cost", *SMALL, "stage=temporal", option)


@pytest.mark.slow
def test_the_full_size_is_computed_without_weights_in_memory():
    """Two billion parameters are 10 GB."""
    measured = (
        "import resource, runpy, sys; sys.argv = ['m', *sys.argv[1:]];"
        "runpy.run_module('scripts.estimate_cost', run_name='__main__', alter_sys=True);"
        "usage = resource.getrusage(resource.RUSAGE_SELF);"
        "print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)"
    )
    done = run("-c", measured, "model=sd15", "stage=temporal", "frames=24", "batch=1", "checkpointing=true")
    assert done.returncode == 0, done.stderr
    seconds, gigabytes = map(float, done.stdout.split()[-2:])
    assert seconds < 60 and gigabytes < 4
