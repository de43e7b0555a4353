"""--help and mistakes are answered before torch, Lightning and diffusers are imported, which takes seconds."""

import json

import pytest

from faceanim.cli import CONF_FOLDER
from tests.helpers.commands import ROOT, run

HEAVY = ("torch", "lightning", "diffusers", "transformers", "matplotlib", "gradio", "scipy")
FILES = [*ROOT.glob("*.py"), *ROOT.glob("scripts/**/*.py"), *ROOT.glob("benchmarks/*.py")]
FILES += [ROOT / "faceanim/app/__main__.py"]
COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in FILES
    if "from faceanim.cli import" in (text := path.read_text())
    and ("@application(" in text or "run_command(" in text)
)
INFER = ["infer", "pipeline=p", "reference=a.png", "output=b.mp4"]
MISTAKES = [
    (["train", "learning_rate=1e-4"], "schedule.appearance.learning_rate"),
    (["train", "trainer=gpuu"], "trainer"),
    (["train", "-m", "seed=1,2", "hydra/launcher=joblib"], "faceanim[joblib]"),
    (["evaluate", "protocol.metrics=many"], "protocol"),
    ([*INFER, "driving=c.mp4", "scheduler=euler"], "scheduler"),
    ([*INFER, "driving=c.mp4", "precision=float8"], "precision"),
    ([*INFER, "driving=c.mp4", "colour_match=2"], "colour_match"),
    ([*INFER, "driving=c.mp4", "steps=many"], "steps"),
    (INFER, "driving"),
    (["scripts.prepare_celebvhq_hdtf", "raw=a", "output=b", "size=63"], "size"),
    (["faceanim.app", "pipeline=p", "port=70000"], "port"),
]
RUNNER = """
import contextlib, io, json, runpy, sys
cases, heavy = json.loads(sys.argv[1])
answers = []
for module, *words in cases:
    sys.argv = [module, *words]
    code, err = 0, io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code or 0
    imported = [name for name in heavy if name in sys.modules]
    answers.append([code, err.getvalue(), imported])
    if imported:
        break
print(json.dumps(answers))
"""


def answers(cases: list[list[str]]) -> list[tuple[list[str], int, str, list[str]]]:
    """(command, exit code, stderr, heavy modules that were imported), in one process, up to the first such import."""
    done = run("-c", RUNNER, json.dumps([cases, HEAVY]))
    assert done.returncode == 0, done.stderr
    return [(case, *answer) for case, answer in zip(cases, json.loads(done.stdout), strict=False)]


def test_every_command_is_tried():
    assert len(COMMANDS) == len(list(CONF_FOLDER.glob("*.yaml"))) - 1  # command.yaml, which all of them share


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("nonsense=1", 2)])
def test_every_command_answers_before_it_imports_what_takes_seconds(word, code):
    for case, got, err, imported in answers([[command, word] for command in COMMANDS]):
        assert (got, imported) == (code, []), f"{case}: {err}"
        assert code == 0 or err.startswith("error: unknown option nonsense"), err


def test_wrong_values_are_found_before_what_takes_seconds_is_imported():
    found = answers([case for case, _ in MISTAKES])
    for (case, got, err, imported), (_, word) in zip(found, MISTAKES, strict=True):
        assert (got, imported) == (2, []), f"{case}: {err}"
        assert word in err and err.count("\n") == 1, f"{case}: {err}"
