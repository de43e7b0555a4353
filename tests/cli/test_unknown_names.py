"""An unknown option or choice is answered with the nearest names that there are."""

import pytest

from faceanim.cli.unknown_names import nearest


@pytest.fixture
def mistake(run_main):
    def run(*words: str, config: str = "train") -> str:
        code, err = run_main(lambda cfg: None, *words, config=config)
        assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
        return err

    return run


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        (
            "learning_rate=1e-4",
            "did you mean schedule.appearance.learning_rate, schedule.temporal.learning_rate",
        ),
        ("schedule.apearance.learning_rate=1e-4", "did you mean schedule.appearance.learning_rate?"),
        ("model.motion_farmes=2", "did you mean model.motion_frames?"),
        ("motion_farmes=2", "model.motion_frames"),
        ("max_step=3", "did you mean schedule.appearance.max_steps, schedule.temporal.max_steps"),
        ("data.foldr=x", "did you mean data.folder?"),
        ("expriment=paper", "did you mean experiment?"),
        ("~callbacks.emma", "did you mean callbacks.ema?"),
        ("hydra.sweep.dirr=x", "did you mean hydra.sweep.dir?"),
        ("trainer.limit_train_batches=3", "(+trainer.limit_train_batches=3 would add it)"),
        ("xylophone=3", "unknown option xylophone (--help explains)"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest(mistake, word, meant):
    err = mistake(word, "data.folder=x")
    assert f"unknown option {word.lstrip('~').partition('=')[0]}" in err and meant in err


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("experiment=papper", "experiment: expected one of 24gb, ablation, demo,"),
        ("experiment=papper", "got papper; did you mean experiment=paper?"),
        ("logger=[csv,wandbb]", "got wandbb; did you mean logger=wandb?"),
        ("model/codec=tny", "model/codec: expected one of dct, pipeline, sd,"),
    ],
)
def test_an_unknown_choice_is_answered_with_those_there_are(mistake, word, meant):
    assert meant in mistake(word)


def test_an_option_of_the_chosen_experiment_is_known(mistake):
    err = mistake("stage=audio_to_pose", "max_steps=3")
    assert "did you mean schedule.audio_to_pose.max_steps, trainer.max_steps?" in err


@pytest.mark.parametrize("experiment", ["paper", "demo"])
def test_choices_that_exclude_each_other_are_named(mistake, experiment):
    words = ["stage=audio_to_pose", f"experiment={experiment}"]
    for given in (words, words[::-1]):
        assert f"{given[0]} and {given[1]} each bring " in mistake(*given, "model.network.bands=20")


def test_a_sweep_is_answered_before_its_first_job(mistake):
    assert "did you mean stage=temporal?" in mistake("-m", "stage=appearance,temporl")
    assert "did you mean model.motion_frames?" in mistake(
        "-m", "stage=appearance,temporal", "model.motion_frame=0,2"
    )


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("reference", "got reference (--help explains)"),
        ("=a.jpg", "got =a.jpg (--help explains)"),
        ("-x", "got -x (--help explains)"),
        ("--guidance-scale=2", "got --guidance-scale=2; did you mean guidance_scale=2? (--help explains)"),
        ("--reference", "got --reference; did you mean reference=...? (--help explains)"),
    ],
)
def test_a_word_that_is_no_option_is_told(mistake, word, answer):
    assert mistake(word, config="infer") == f"error: expected option=value, {answer}\n"


def test_options_are_added_only_where_they_can_be(command):
    assert command("infer.py", "foo=1")[2] == "error: unknown option foo (--help explains)\n"


def test_what_holds_a_value_comes_before_what_holds_options():
    assert nearest("rate", ["a.rate", "b.rate", "rate.x"]) == ["a.rate", "b.rate"]
    assert nearest("nothing", ["a.rate"]) == []
