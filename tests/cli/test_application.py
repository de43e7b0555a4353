"""What every command line shares, on a real Hydra configuration."""

import sys

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from faceanim.cli import application

GIVEN = ["prepare", "raw=a", "output=b"]


def exit_code(main, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", arguments)
    try:
        application(config_name="prepare")(main)()
    except SystemExit as end:
        return int(end.code)
    return 0


def test_main_gets_the_composed_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    assert (
        exit_code(lambda cfg: seen.append(OmegaConf.to_container(cfg)), monkeypatch, [*GIVEN, "size=64"]) == 0
    )
    assert seen[0]["size"] == 64 and seen[0]["raw"] == "a"


def test_a_value_error_is_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(cfg: DictConfig) -> None:
        raise ValueError("expected this,\n  got that")

    assert exit_code(main, monkeypatch, GIVEN) == 2
    assert capsys.readouterr().err == "error: expected this, got that\n"


def test_any_other_error_is_a_traceback_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(cfg: DictConfig) -> None:
        raise RuntimeError("a bug")

    assert exit_code(main, monkeypatch, GIVEN) == 1
    errors = capsys.readouterr().err
    assert "Traceback" in errors and "RuntimeError: a bug" in errors


def test_errors_inside_classes_that_hydra_builds_count_as_what_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def landmarker(cfg: DictConfig) -> None:
        instantiate({"_target_": "faceanim.pose.landmarkers.landmarker", "name": "nose"})

    def wrong_argument(cfg: DictConfig) -> None:
        instantiate({"_target_": "faceanim.pose.landmarkers.landmarker", "nome": "dlib"})

    assert exit_code(landmarker, monkeypatch, GIVEN) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: landmarks: expected one of") and errors.count("\n") == 1
    assert exit_code(wrong_argument, monkeypatch, GIVEN) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["faceanim.nothing.Here", "faceanim.pose.landmarks.nobody", "dlb.x"])
def test_a_target_that_does_not_exist_is_one_line_and_2(
    target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(cfg: DictConfig) -> None:
        instantiate({"a": {"b": {"_target_": target}}})

    assert exit_code(main, monkeypatch, GIVEN) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: Error locating target '{target}'") and errors.count("\n") == 1
    assert "full_key: a.b" in errors and "HYDRA_FULL_ERROR" not in errors


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def main(cfg: DictConfig) -> None:
        raise KeyboardInterrupt

    assert exit_code(main, monkeypatch, GIVEN) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_sweep_runs_on_after_a_failing_job_and_reports_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    seen = []

    def main(cfg: DictConfig) -> None:
        seen.append(cfg.size)
        if cfg.size == 32:
            raise ValueError("size 32 fails")

    arguments = ["prepare", "-m", *GIVEN[1:], "size=32,64", f"hydra.sweep.dir={tmp_path}"]
    assert exit_code(main, monkeypatch, arguments) == 2
    assert seen == [32, 64]
    errors = capsys.readouterr().err
    assert "error: size 32 fails (0)" in errors and "the sweep is incomplete" in errors.splitlines()[-1]
    assert (tmp_path / "0" / "error.txt").read_text() == "size 32 fails\n"
    assert not (tmp_path / "1" / "error.txt").exists()
