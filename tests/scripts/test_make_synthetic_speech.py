"""Synthetic speech: prepared clips that a training takes, the same at every time."""

from faceanim.data.manifest import read_manifest
from faceanim.models.audio_to_pose import AudioToPose
from tests.helpers.synthesizers import needs_synthesizers
from tests.helpers.training import equal

pytestmark = needs_synthesizers
SMALL = [
    "minutes=0.1",
    "sentences_a_clip=1",
    "voices={en:[kal,slt],de:[de],fr:[],es:[]}",
    "val_voices=[de]",
    "test_voices=[slt]",
]
NETWORK = ["model.network.width=8", "model.network.dilations=[1,2]", "model.network.head=null"]


def test_it_is_reproducible_and_a_model_is_trained_on_it_and_scored(output_of, tmp_path):
    for name in ("one", "two"):
        output_of("-m", "scripts.make_synthetic_speech", f"output={tmp_path / name}", *SMALL)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two and len(one) == 7
    assert {row.identity: row.split for row in read_manifest(tmp_path / "one")} == {
        "kal": "train", "slt": "test", "de": "val"
    }  # fmt: skip
    run, steps = (
        tmp_path / "run",
        ["max_steps=2", "frames=24", "batch_size=2", "warmup_steps=1", "sample_every=2"],
    )
    words = [*NETWORK, f"data.folder={tmp_path / 'one'}", f"run_dir={run}", "~callbacks.progress"]
    words += [f"schedule.audio_to_pose.{word}" for word in steps]
    output_of("train.py", "stage=audio_to_pose", "data=synthetic_speech", *words)
    file = tmp_path / "speech.safetensors"
    output_of("-m", "scripts.export_weights", f"run={run}", f"output={file}")
    trained = {name: tensor.half().float() for name, tensor in AudioToPose.load(run).state_dict().items()}
    assert equal(trained, dict(AudioToPose.load(file).state_dict()))
    shown = output_of(
        "-m", "scripts.score_speech", f"speech={file}", f"clips={tmp_path / 'one'}", "least_correlation=-1"
    )
    assert "| en_slt_0001 |" in shown and "\n| mean " in shown


def test_voices_and_sentences_that_are_not_there_are_named(error_of, tmp_path):
    command = ["-m", "scripts.make_synthetic_speech", f"output={tmp_path / 'out'}"]
    assert "expected some of voices, got ['nobody']" in error_of(*command, "test_voices=[nobody]")
    assert "expected a file" in error_of(*command, f"sentences={tmp_path}")
    assert "minutes: expected more than 0" in error_of(*command, "minutes=0")
