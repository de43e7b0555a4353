"""What the user hands over becomes one person's motion."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from faceanim.media.image import write_image
from faceanim.media.sound import SPEECH_RATE, read_speech, write_wav
from faceanim.media.video import write_video
from faceanim.pipelines.motion_sources import DrivingVideo, Speech, Template, Text, on_reference
from faceanim.pipelines.reference import find_reference
from faceanim.pose.composed import compose
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.openness import lip_aperture
from faceanim.pose.sequence import PoseSequence
from tests.helpers.demo import demo_frames
from tests.helpers.heads import somebody
from tests.helpers.odd_videos import write_untagged
from tests.helpers.speech_models import WAV2VEC2, babble, networks, talker
from tests.helpers.synthesizers import needs_synthesizers

SIZE = (512, 512)
POINTS = somebody(turned=(0, 0, 0)).points


def spoken(path, model=None, **options) -> PoseSequence:
    return Speech(path, model=model, **options).read(SIZE, POINTS).poses


@pytest.mark.parametrize("kind", ["path", "name", "PIL", "RGBA", "palette", "turned", "grey", "rgba array"])
def test_a_reference_is_a_path_a_picture_of_pil_s_or_an_array(kind, tmp_path):
    frame = demo_frames()[40]
    write_image(tmp_path / "a.png", frame)
    picture = Image.open(tmp_path / "a.png")
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[0x0112] = 6
    kinds = {
        "path": tmp_path / "a.png",
        "name": str(tmp_path / "a.png"),
        "PIL": picture,
        "RGBA": picture.convert("RGBA"),
        "palette": picture.quantize(256),
        "turned": turned,
        "grey": np.asarray(picture.convert("L")),
        "rgba array": np.asarray(picture.convert("RGBA")),
    }
    faces = landmarker("dlib")
    expected, found = (find_reference(one, faces, (64, 64)) for one in (frame, kinds[kind]))
    near = kind in ("palette", "grey")  # other pixels, the same face
    assert np.abs(found.points - expected.points).max() <= (4 if near else 0)
    assert near or np.array_equal(found.image_HWC, expected.image_HWC)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((64, 64, 3), np.float32), r"expected uint8 .*, got float32 \(64, 64, 3\)"),
        (np.zeros((3, 64, 64), np.uint8), r"got uint8 \(3, 64, 64\)"),
        (np.zeros((1, 64, 64, 3), np.uint8), r"got uint8 \(1, 64, 64, 3\)"),
        (np.zeros((0, 64, 3), np.uint8), "expected pixels, got none"),
        (Image.new("F", (64, 64)), "floats"),
        ([[0]], "expected a path, a PIL image or a numpy array, got list"),
        ("nowhere.png", "no such file"),
        (Image.new("RGB", (64, 64)), "no face found in the reference image"),
    ],
)
def test_what_is_no_picture_of_a_face_is_one_line(picture, words):
    with pytest.raises(ValueError, match=words):
        find_reference(picture, landmarker("dlib"), (64, 64))


def test_a_full_body_photograph_is_cut_to_its_head_with_a_warning_of_its_few_pixels(caplog):
    frame = demo_frames()[40]
    picture = np.full((1280, 960, 3), 120, np.uint8)
    picture[100:244, 400:592] = frame
    faces = landmarker("dlib")
    found = find_reference(picture, faces, (512, 512), name="photo")
    framing = found.framing
    assert 400 <= framing.x and framing.x + framing.width <= 592 and framing.width < 160
    expected = f"photo: the head has {framing.width} pixels, which are enlarged to the 512 of the video"
    assert expected in caplog.text
    assert np.abs(found.points - faces.detect(found.image_HWC[None]).points[0]).mean() < 10
    caplog.clear()
    find_reference(picture, faces, (64, 64))
    assert not caplog.records


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom", "top left", "bottom right"])
def test_a_head_that_the_border_cuts_off_is_padded_and_pasted_back(side, caplog):
    frame = demo_frames()[40]
    faces = landmarker("dlib")
    points = faces.detect(frame[None]).points[0]
    (left, top), (right, bottom) = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    cut = 16 if " " in side else 8  # of the face, less at two sides: dlib has to see it yet
    across, down = (right - left) // cut, (bottom - top) // cut
    picture = frame[
        top + down if "top" in side else 0 : bottom - down if "bottom" in side else 144,
        left + across if "left" in side else 0 : right - across if "right" in side else 192,
    ]
    height, width = picture.shape[:2]
    picture = np.ascontiguousarray(picture.repeat(3, axis=0).repeat(3, axis=1))
    found = find_reference(picture, faces, (256, 256), name="photo")
    framing = found.framing
    over = framing.padding(3 * width, 3 * height)
    warned = f"photo: the head is cut off by the image's border: {100 * over:.0f}%" in caplog.text
    assert over > 0 and warned == (over > 0.1)
    pasted = framing.paste(np.full((256, 256, 3), 255, np.uint8), picture)
    inside = np.zeros(picture.shape[:2], bool)
    top, left = max(0, framing.y), max(0, framing.x)
    inside[top : framing.y + framing.height, left : framing.x + framing.width] = True
    np.testing.assert_array_equal(pasted[~inside], picture[~inside])
    assert pasted.shape == picture.shape and (pasted[inside] != picture[inside]).any()


def test_smoothing_takes_the_head_s_jitter_and_leaves_the_lips(tmp_path):
    write_video(tmp_path / "clip.mp4", demo_frames()[:24], 24)
    sources = (DrivingVideo(tmp_path / "clip.mp4", smoothing=seconds) for seconds in (0, 0.3))
    plain, smoothed = (source.read((512, 512), landmarker=landmarker("dlib")).poses for source in sources)
    roughness = [np.abs(np.diff(poses.points[:, 17:36], 3, axis=0)).mean() for poses in (plain, smoothed)]
    assert roughness[1] < 0.6 * roughness[0]
    assert np.corrcoef(lip_aperture(plain.points), lip_aperture(smoothed.points))[0, 1] > 0.99


def test_the_colour_option_decides_for_a_driving_video_without_tags(tmp_path):
    frames = demo_frames()[:4]
    write_untagged(tmp_path / "untagged.mp4", frames, 12)
    finder, real = landmarker("dlib"), {}
    for colour in ("auto", "bt601", "bt709"):
        source = DrivingVideo(tmp_path / "untagged.mp4", smoothing=0, colour=colour)
        motion = source.read((64, 64), landmarker=finder)
        real[colour] = np.stack(list(motion.real_frames())).astype(int)
    np.testing.assert_array_equal(real["auto"], real["bt601"])
    assert np.abs(real["auto"] - real["bt709"]).mean() > 0.5


def test_a_template_at_any_rate_and_length():
    poses = Template("nodding", fps=12.0, max_frames=20).read(SIZE, POINTS).poses
    assert (len(poses), poses.fps, poses.width, poses.height) == (20, 12.0, 512, 512)
    assert len(Template("nodding").read(SIZE, POINTS).poses) == 144


def test_a_pair_that_does_not_suit_is_told_before_it_takes_an_hour(caplog):
    on_reference(compose("turning"), POINTS, SIZE, "relative")
    assert not caplog.text
    on_reference(compose("turning"), somebody(turned=(0.7, 0, 0)).points, SIZE, "relative")
    assert "composed: turning suits this reference poorly (0." in caplog.text
    assert "degrees from the camera" in caplog.text


def test_speech_is_spoken_by_the_pipelines_own_model_or_another(tmp_path):
    write_wav(tmp_path / "a.wav", babble(1))
    with pytest.raises(ValueError, match=r"holds no speech model: speech=<run folder"):
        spoken(tmp_path / "a.wav", pipeline=tmp_path)
    talker().save_pretrained(tmp_path / "audio_to_pose")
    own = spoken(tmp_path / "a.wav", pipeline=tmp_path)
    named = spoken(tmp_path / "a.wav", tmp_path / "audio_to_pose", max_frames=10)
    assert len(own) == 24 and len(named) == 10
    np.testing.assert_array_equal(own.points[:10], named.points)


def released_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As the released files name the weight norm."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    renamed = {}
    for name, tensor in state.items():
        for new, named in old.items():
            name = name.replace(new, named)
        renamed[name] = tensor.clone()
    return renamed


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_aniportraits_files_speak_too(tmp_path, suffix):
    write_wav(tmp_path / "a.wav", babble(6.3))
    mesh, head = networks(max_frames=600)
    folder = tmp_path / "pretrained_model"
    (folder / "wav2vec2-base-960h").mkdir(parents=True)
    (folder / "wav2vec2-base-960h" / "config.json").write_text(json.dumps(WAV2VEC2))
    for name, network in (("audio2mesh", mesh), ("audio2pose", head)):
        state = released_names(network.state_dict())
        if suffix == ".pt":
            torch.save(state, folder / f"{name}.pt")
        else:
            save_file(state, folder / f"{name}.safetensors")
    made = spoken(tmp_path / "a.wav", folder, seed=3)
    assert len(made) == round(6.3 * 24) and made.found.all()
    again = spoken(tmp_path / "a.wav", folder, seed=3)
    other = spoken(tmp_path / "a.wav", folder, seed=4)
    np.testing.assert_array_equal(made.points, again.points)
    assert np.abs(made.points - other.points).max() > 1


def test_one_of_the_two_files_alone_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", babble(1))
    save_file(released_names(networks()[0].state_dict()), tmp_path / "audio2mesh.safetensors")
    with pytest.raises(ValueError, match=r"expected AniPortrait's audio2mesh and audio2pose.*no audio2pose"):
        spoken(tmp_path / "a.wav", tmp_path)


@needs_synthesizers
def test_text_is_spoken_and_is_the_sound_of_the_motion(tmp_path):
    talker().save_pretrained(tmp_path / "model")
    motion = Text("Hello there. My name is Bob.", "kal", model=str(tmp_path / "model")).read(SIZE, POINTS)
    sound_N = read_speech(motion.sound.path)
    assert len(motion.poses) == round(len(sound_N) / SPEECH_RATE * 24) > 24
    folder = motion.sound.path.parent
    assert np.abs(sound_N).max() > 0.1 and lip_aperture(motion.poses.points).std() > 0
    del motion
    assert not folder.exists()
    with pytest.raises(ValueError, match="expected 1 to 1000 characters"):
        Text(" ", "kal", model=str(tmp_path / "model")).read(SIZE, POINTS)
