"""Runs that several test modules start from."""

from pathlib import Path

import pytest

from tests.helpers.training import fit, steps


@pytest.fixture(scope="session")
def appearance(demo_data, tmp_path_factory) -> Path:
    """The run folder of two steps of stage 1, each with a validation. Not to be changed: copy it."""
    run_dir = tmp_path_factory.mktemp("runs") / "appearance"
    fit(demo_data, run_dir, "appearance", *steps("appearance", 2, checkpoint_every=2, sample_every=1))
    return run_dir
