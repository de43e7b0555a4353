"""Values of the right type that no training can have are one line that names the option, in a dry run too."""

import pytest


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["schedule.appearance.max_steps=-5"], "schedule.appearance.max_steps: expected 1 or more, got -5"),
        (["schedule.appearance.batch_size=0"], "schedule.appearance.batch_size: expected 1 or more, got 0"),
        (["global_batch_size=0"], "global_batch_size: expected 1 or more, got 0"),
        (["data.module.samples_per_clip=0"], "data.module.samples_per_clip: expected 1 or more, got 0"),
        (["callbacks.samples.landmarks=foo"], "callbacks.samples.landmarks: expected one of "),
        (["objective=speech"], "objective: expected faceanim.modules.objective.Objective or a subclass"),
    ],
)
def test_impossible_values_are_refused(words, expected, command, demo_data, tmp_path):
    given = [f"data.folder={demo_data}", f"run_dir={tmp_path / 'run'}", "dry_run=true"]
    code, _, err = command("train.py", *given, *words)
    assert code == 2 and err.startswith(f"error: {expected}") and err.count("\n") == 1
