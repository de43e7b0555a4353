"""What is not installed is named by the extra of ours that brings it."""

import sys

import pytest

from faceanim.cli import application
from faceanim.cli.extras import install_command, with_our_extras


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        *(
            ("gradio", "app"),
            ("gradio_client.utils", "app"),
            ("peft", "lora"),
            ("bitsandbytes.optim", "8bit"),
        ),
        *(
            ("ray", "ray"),
            ("deepspeed", "deepspeed"),
            ("onnx", "onnx"),
            ("onnxscript", "onnx"),
            ("rtmlib", "dwpose"),
        ),
        *(
            ("mediapipe", "mediapipe"),
            ("face_alignment", "face-alignment"),
            ("dlib", "dlib"),
            ("skvideo", "demo"),
        ),
        *(("face_recognition_models", "dlib"), ("hydra-joblib-launcher", "joblib"), ("lpips", "dev")),
    ],
)
def test_a_module_is_found_in_its_extra(name, extra):
    assert install_command(name) == f'pip install "faceanim[{extra}]"'


def test_a_module_of_several_extras_and_of_none():
    assert install_command("onnxruntime") == 'pip install "faceanim[dwpose]" or pip install "faceanim[onnx]"'
    assert (
        install_command("torch") is None
        and install_command("nowhere") is None
        and install_command(None) is None
    )


def test_what_a_library_says_to_install_is_told_in_our_words():
    message = "you must have DeepSpeed installed. Install it by running `pip install -U deepspeed`."
    assert 'running pip install "faceanim[deepspeed]".' in with_our_extras(message)
    ours = "lora.rank needs the package peft: pip install 'faceanim[lora]'"
    assert with_our_extras(ours) == ours


@pytest.fixture
def error_of(monkeypatch, capsys):
    def run(main, *words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["prepare", "raw=a", "output=b", *words])
        with pytest.raises(SystemExit) as stop:
            application("prepare")(main)()
        return stop.value.code, capsys.readouterr().err

    return run


def test_a_missing_module_of_an_extra_is_one_line(error_of):
    def main(cfg):
        raise ModuleNotFoundError("No module named 'rtmlib'", name="rtmlib")

    assert error_of(main) == (2, 'error: rtmlib is not installed: pip install "faceanim[dwpose]"\n')


def test_a_missing_module_of_ours_is_a_bug(error_of):
    def main(cfg):
        import faceanim.nowhere  # noqa: F401

    code, err = error_of(main)
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
def test_a_plugin_of_hydra_that_is_not_installed_is_named_by_its_extra(error_of, word, extra):
    code, err = error_of(lambda cfg: None, "-m", word)
    assert (code, err) == (2, f'error: {word} is not installed: pip install "faceanim[{extra}]"\n')
