"""What every command line shares, on a real Hydra configuration."""

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

GIVEN = ["raw=a", "output=b"]


def raising(error: BaseException):
    def main(cfg):
        raise error

    return main


def building(config: dict):
    return lambda cfg: instantiate(config)


def test_main_gets_the_composed_configuration(run_main):
    seen = []
    assert run_main(lambda cfg: seen.append(OmegaConf.to_container(cfg)), *GIVEN, "size=64") == (0, "")
    assert seen[0]["size"] == 64 and seen[0]["raw"] == "a"


def test_a_value_error_is_one_line_and_2_and_an_interrupt_130(run_main):
    found = run_main(raising(ValueError("expected this,\n  got that")), *GIVEN)
    assert found == (2, "error: expected this, got that\n")
    assert run_main(raising(KeyboardInterrupt()), *GIVEN) == (130, "interrupted\n")


def test_any_other_error_is_a_traceback_and_1(run_main):
    code, err = run_main(raising(RuntimeError("a bug")), *GIVEN)
    assert code == 1 and "Traceback" in err and "RuntimeError: a bug" in err


def test_errors_inside_classes_that_hydra_builds_count_as_what_they_are(run_main):
    target = {"_target_": "faceanim.pose.landmarkers.landmarker"}
    code, err = run_main(building({**target, "name": "nose"}), *GIVEN)
    assert code == 2 and err.startswith("error: landmarks: expected one of") and err.count("\n") == 1
    code, err = run_main(building({**target, "nome": "dlib"}), *GIVEN)
    assert code == 1 and "Traceback" in err


@pytest.mark.parametrize("target", ["faceanim.nothing.Here", "faceanim.pose.landmarks.nobody", "dlb.x"])
def test_a_target_that_does_not_exist_is_one_line_and_2(run_main, target):
    code, err = run_main(building({"a": {"b": {"_target_": target}}}), *GIVEN)
    assert code == 2 and err.startswith(f"error: Error locating target '{target}'") and err.count("\n") == 1
    assert "full_key: a.b" in err and "HYDRA_FULL_ERROR" not in err


def test_a_sweep_runs_on_after_a_failing_job_and_reports_it(run_main, tmp_path):
    seen = []

    def main(cfg):
        seen.append(cfg.size)
        if cfg.size == 32:
            raise ValueError("size 32 fails")

    code, err = run_main(main, "-m", *GIVEN, "size=32,64", f"hydra.sweep.dir={tmp_path}")
    assert code == 2 and seen == [32, 64]
    assert "error: size 32 fails (0)" in err and "the sweep is incomplete" in err.splitlines()[-1]
    assert (tmp_path / "0" / "error.txt").read_text() == "size 32 fails\n"
    assert not (tmp_path / "1" / "error.txt").exists()
