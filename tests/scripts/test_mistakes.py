"""Mistakes in the options of smaller commands are one line that says what was expected."""

import pytest


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            "scripts.join_prepared folders=[] output={}",
            "folders: expected prepared folders, or a name with *",
        ),
        ("scripts.compare runs=[]", "runs: expected a folder of runs, or run folders, got none"),
        ("scripts.cache_latents output={} batch_size=0", "batch_size: expected 1 or more, got 0"),
        (
            "scripts.cache_latents output={} model=audio_to_pose",
            "model: expected reference_net, denoising_net,",
        ),
        ("scripts.estimate_cost frames=0", "frames: expected 1 or more, got 0"),
        ("benchmarks.train_step stage=audio_to_pose", "stage=audio_to_pose is not for this command"),
        (
            "benchmarks.train_step model=pipeline",
            "model.image_size is taken from init_from: expected a pipeline folder",
        ),
    ],
)
def test_mistakes_are_one_line(words, answer, error_of, tmp_path):
    assert answer in error_of("-m", *words.format(tmp_path / "output").split())
    assert not (tmp_path / "output").exists()


def test_a_file_where_a_folder_belongs_is_named(error_of, demo_data, tmp_path):
    (tmp_path / "run").touch()
    err = error_of("train.py", f"data.folder={demo_data}", f"run_dir={tmp_path / 'run'}", "init_from=null")
    assert err == f"error: {tmp_path / 'run'}: File exists\n"
