"""A pipeline folder gives back what was saved, starts a training, and is refused where it is damaged."""

import json
import shutil

import numpy as np
import pytest
import torch

from faceanim.models.multi_scale_pose_guider import MultiScalePoseGuider
from faceanim.pipelines.animation_pipeline import AnimationPipeline
from faceanim.pipelines.export import export_pipeline, pipeline_of
from faceanim.pipelines.initial_weights import open_checkpoint
from faceanim.pipelines.options import Sampling
from tests.helpers.public_weights import POINTER
from tests.helpers.tiny_model import wake
from tests.helpers.tiny_pipeline import animate, image, pipeline, poses
from tests.helpers.training import fit, steps


def test_saved_and_loaded_again_a_pipeline_gives_the_same_frames_bit_for_bit(tmp_path):
    first = pipeline(mask={"shape": "box"})
    first.save_pretrained(tmp_path / "p")
    again = AnimationPipeline.from_pretrained(tmp_path / "p")
    assert np.array_equal(animate(first, guidance_scale=2.0), animate(again, guidance_scale=2.0))
    assert dict(again.config["mask"]) == {"shape": "box"}


def test_an_exported_checkpoint_holds_the_averaged_weights(appearance, tmp_path):
    path = appearance / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)["state_dict"]
    folder = export_pipeline(path, tmp_path / "p")
    loaded = AnimationPipeline.from_pretrained(folder)
    held = {f"model.{name}": tensor for name, tensor in loaded.model.state_dict().items()}
    assert held.keys() - checkpoint.keys() == {name for name in held if "motion_modules" in name}  # untrained
    for name, tensor in checkpoint.items():
        assert torch.equal(tensor, held[name]), name
    assert np.array_equal(animate(loaded), animate(pipeline_of(open_checkpoint(path))))
    card = json.loads((folder / "provenance.json").read_text())
    assert (card["stage"], card["step"]) == ("appearance", 2)
    export_pipeline(path, folder)  # a pipeline folder is replaced ...
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="not a pipeline folder"):
        export_pipeline(path, tmp_path / "other")  # ... and nothing else is


def test_a_pipeline_folder_starts_a_training(demo_data, appearance, tmp_path):
    export_pipeline(appearance, tmp_path / "p")
    fit(demo_data, tmp_path / "t", "temporal", *steps("temporal", 1), f"init_from={tmp_path / 'p'}")


def test_a_multi_scale_guider_is_saved_and_loaded_as_such(tmp_path):
    guider = MultiScalePoseGuider(16, (16, 32), (4, 8), 2, 4, norm_num_groups=4, attend_reference=True)
    wake(guider)
    pipe = pipeline(pose_guider=guider)
    pipe.save_pretrained(tmp_path / "p")
    assert np.array_equal(animate(AnimationPipeline.from_pretrained(tmp_path / "p")), animate(pipe))


def test_the_face_masks_region_may_be_all_that_is_driven():
    by_reference, by_clip = (animate(pipeline(mask={"region": region})) for region in ("reference", "clip"))
    assert np.array_equal(by_reference, animate(pipeline()))
    assert not np.array_equal(by_clip, by_reference)


def test_the_second_chunk_follows_from_the_first():
    """Other poses in the first chunk change the second chunk, through the motion frames alone."""
    pipe, other = pipeline(), poses()
    other.points[:3] += 2
    moved = pipe(image(), poses().points[0], other, Sampling(steps=2))
    assert not np.array_equal(moved[3:6], animate(pipe)[3:6])


WEIGHTS = "reference_net/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda p: (p / "model_index.json").unlink(), "not a pipeline folder"),
        (lambda p: shutil.rmtree(p / "pose_guider"), "pose_guider"),
        (lambda p: (p / "denoising_net" / "config.json").write_text("{"), "denoising_net"),
        (lambda p: (p / "denoising_net" / "config.json").write_text('{"latent_chanels": 8}'), "does not fit"),
        (lambda p: (p / WEIGHTS).write_bytes((p / WEIGHTS).read_bytes()[:-100]), "cannot read weights"),
        (lambda p: (p / WEIGHTS).write_text(POINTER), "is a pointer of Git LFS"),
        (lambda p: rename_class(p, "codec", ["os", "system"]), "expected one of DCTCodec"),
    ],
)
def test_a_damaged_folder_is_one_clear_error(damage, word, tmp_path):
    pipeline().save_pretrained(tmp_path / "p")
    damage(tmp_path / "p")
    with pytest.raises(ValueError, match=word):
        AnimationPipeline.from_pretrained(tmp_path / "p")


def rename_class(folder, component, value):
    index = json.loads((folder / "model_index.json").read_text())
    index[component] = value
    (folder / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("reference", "points", "word"),
    [
        (np.zeros((16, 16, 3), np.uint8), poses().points[0], r"expected uint8 \(32, 32, 3\)"),
        (image().astype(np.float32), poses().points[0], "expected uint8"),
        (image(), np.full((68, 2), np.nan, np.float32), "no face found"),
    ],
)
def test_inputs_that_do_not_fit_are_one_clear_error(reference, points, word):
    with pytest.raises(ValueError, match=word):
        pipeline()(reference, points, poses(), Sampling(steps=1))


def test_more_frames_at_once_than_the_motion_modules_see_are_refused():
    with pytest.raises(ValueError, match="chunk_frames: expected 1 to 8, got 9"):
        pipeline(chunk_frames=9)
