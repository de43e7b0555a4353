"""Options of infer.py are checked before anything is loaded."""

import re

import pytest

from faceanim.pipelines.motion_sources import Speech, Text
from faceanim.pipelines.request import request_of
from faceanim.pipelines.step_counts import uneven_steps
from tests.helpers.composed import composed
from tests.helpers.inference import chosen
from tests.helpers.tiny_model import tiny_scheduler


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"driving": None}, "exactly one of driving, poses, template, audio and text, got none"),
        ({"poses": "a.npz"}, "got driving and poses"),
        ({"audio": "speech.wav"}, "got driving and audio"),
        ({"template": "nodding"}, "got driving and template"),
        ({"speech": "run"}, "speech=: is the model for audio"),
        ({"retarget": "same"}, "retarget: expected one of absolute, aligned, relative, got 'same'"),
        ({"reference": None}, "missing option: reference"),
        ({"output": "out.avi"}, "output: expected a name that ends in .mp4 or .gif, or a folder"),
        ({"sheet": "sheet.jpg"}, "sheet: expected a name that ends in .png, got sheet.jpg"),
        ({"fps": 0.0}, "fps: expected more than 0"),
        ({"fps": 2000.0}, "fps: expected a rate above 0 and at most 1000"),
        ({"longest_gap": -1.0}, "longest_gap: expected 0 or more, got -1"),
        ({"colour": "601"}, "colour: expected auto, bt601, bt709, got 601"),
        ({"smoothing": -0.1}, "smoothing: expected 0 or more, got -0.1"),
        (
            {"driving": None, "template": "nodding", "smoothing": -0.1},
            "smoothing: expected 0 or more",
        ),
        ({"steps": 0}, "steps: expected 1 or more, got 0"),
        ({"decode_batch": 0}, "decode_batch: expected 1 or more, got 0"),
        ({"seed": -1}, "seed: expected 0 or more, got -1"),
        ({"seed": 2**64}, "seed: expected less than 2 to the power of 64"),
        ({"guidance_scale": float("nan")}, "guidance_scale: expected 0 or more, got nan"),
        ({"guidance_scale": -3.0}, "guidance_scale: expected 0 or more, got -3"),
        ({"motion_noise": float("nan")}, "motion_noise: expected 0 or more, got nan"),
        ({"smoothing": float("inf")}, "smoothing: expected 0 or more, got inf"),
        ({"window": 0}, "window: expected 1 or more, got 0"),
        ({"max_frames": 0}, "max_frames: expected more than 0, got 0"),
        ({"height": 64}, "height, width: expected both or none, got 64 and None"),
        ({"scheduler": "euler"}, "scheduler: expected one of ddim, dpm"),
        ({"precision": "int8"}, "precision: expected auto, float32, bfloat16, float16, got 'int8'"),
        ({"cuda_graphs": True}, "cuda_graphs=true: expected compile=true"),
        ({"paste_back": True, "side_by_side": True}, "paste_back=true: expected side_by_side=false"),
        ({"long_video": "loops"}, "long_video: expected one of motion_frames, context_window, both"),
        ({"overlap": -1}, "overlap: expected 0 or more"),
        ({"window": 4, "overlap": 4}, "overlap: expected 0 or more and less than the window, got 4"),
        ({"segment": 0}, "segment: expected 1 or more"),
        ({"closed_loop": True}, "closed_loop: expected long_video=context_window"),
        ({"colour_match": 1.5}, "colour_match: expected 0 to 1, got 1.5"),
        ({"motion_noise": -1.0}, "motion_noise: expected 0 or more"),
        ({"workers": 0}, "workers: expected 1 or more"),
        ({"backend": "slurm"}, "backend: expected processes or ray, got 'slurm'"),
    ],
)
def test_wrong_options_are_found_before_anything_is_loaded(change, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        chosen(**change)


def test_a_request_has_every_option_in_the_part_that_it_belongs_to():
    options = {"driving": None, "audio": "a.wav", "template": "nodding", "speech": "run", "seed": 5}
    request = request_of(chosen(**options, long_video="both", segment=48, output="o.gif"))
    assert request.motion == Speech("a.wav", model="run", pipeline="p", head="nodding", fps=24.0, seed=5)
    spoken = {"driving": None, "text": "Hello.", "voice": "de", "speech": "run"}
    assert request_of(chosen(**spoken)).motion == Text("Hello.", "de", model="run", pipeline="p", fps=24.0)
    assert (request.sampling.seed, request.sampling.long_video.segment) == (5, 48)
    assert (request.reference.path, request.output.path, request.runtime.pipeline) == ("r.png", "o.gif", "p")


@pytest.mark.parametrize("name", ["quality", "fast", "preview"])
def test_presets_choose_the_sampling_and_options_go_before_them(name):
    given = ["pipeline=p", "reference=r", "output=o.mp4", "driving=d", f"preset={name}"]
    preset, changed = composed("infer", *given), composed("infer", *given, "steps=7")
    assert preset.steps == {"quality": 40, "fast": 12, "preview": 6}[name] and changed.steps == 7
    assert uneven_steps(preset.scheduler, tiny_scheduler("v_prediction"), preset.steps) is None
    assert changed.guidance_scale == preset.guidance_scale == (1.0 if name == "preview" else 3.5)
