"""What is not installed is named by the extra of ours that brings it."""

import pytest

from faceanim.cli.extras import install_command, with_our_extras

GIVEN = ["raw=a", "output=b"]
EXTRAS = {
    "app": "gradio gradio_client.utils",
    "lora": "peft",
    "8bit": "bitsandbytes.optim",
    "ray": "ray",
    "deepspeed": "deepspeed",
    "onnx": "onnx onnxscript",
    "dwpose": "rtmlib",
    "mediapipe": "mediapipe",
    "face-alignment": "face_alignment",
    "dlib": "dlib face_recognition_models",
    "demo": "skvideo",
    "joblib": "hydra-joblib-launcher",
    "dev": "lpips",
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_module_is_found_in_its_extra(extra):
    for name in EXTRAS[extra].split():
        assert install_command(name) == f'pip install "faceanim[{extra}]"'


def test_a_module_of_several_extras_and_of_none():
    assert install_command("onnxruntime") == 'pip install "faceanim[dwpose]" or pip install "faceanim[onnx]"'
    assert {install_command(name) for name in ("torch", "nowhere", None)} == {None}


def test_what_a_library_says_to_install_is_told_in_our_words():
    message = "you must have DeepSpeed installed. Install it by running `pip install -U deepspeed`."
    assert 'running pip install "faceanim[deepspeed]".' in with_our_extras(message)
    ours = "lora.rank needs the package peft: pip install 'faceanim[lora]'"
    assert with_our_extras(ours) == ours


def test_a_missing_module_of_an_extra_is_one_line(run_main):
    def main(cfg):
        raise ModuleNotFoundError("No module named 'rtmlib'", name="rtmlib")

    assert run_main(main, *GIVEN) == (2, 'error: rtmlib is not installed: pip install "faceanim[dwpose]"\n')


def test_a_missing_module_of_ours_is_a_bug(run_main):
    def main(cfg):
        import faceanim.nowhere  # noqa: F401

    code, err = run_main(main, *GIVEN)
    assert code == 1 and "Traceback" in err


@pytest.mark.parametrize(
    ("word", "extra"),
    [
        ("hydra/launcher=joblib", "joblib"),
        ("hydra/launcher=submitit_slurm", "submitit"),
        ("hydra/launcher=submitit_local", "submitit"),
        ("hydra/sweeper=optuna", "optuna"),
    ],
)
def test_a_plugin_of_hydra_that_is_not_installed_is_named_by_its_extra(run_main, word, extra):
    code, err = run_main(lambda cfg: None, *GIVEN, "-m", word)
    assert (code, err) == (2, f'error: {word} is not installed: pip install "faceanim[{extra}]"\n')
