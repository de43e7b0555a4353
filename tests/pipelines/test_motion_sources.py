"""What the user hands over becomes one person's motion."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from faceanim.data.demo_clip import demo_clip_path
from faceanim.media.image import write_image
from faceanim.media.sound import write_wav
from faceanim.media.video import read_video, write_video
from faceanim.pipelines.motion_sources import DrivingVideo, SavedPoses, Speech, Template, on_reference
from faceanim.pipelines.reference import find_reference
from faceanim.pose.composed import compose
from faceanim.pose.landmarkers import landmarker
from faceanim.pose.openness import lip_aperture
from faceanim.pose.sequence import PoseSequence
from tests.helpers.heads import somebody
from tests.helpers.odd_videos import write_untagged
from tests.helpers.speech_models import WAV2VEC2, babble, networks, talker

SIZE = (512, 512)
POINTS = somebody(turned=(0, 0, 0)).points


def spoken(*given, **options) -> PoseSequence:
    return Speech(*given, **options).read(SIZE, POINTS).poses


def test_a_face_elsewhere_for_a_moment_does_not_drive(tmp_path, caplog):
    frames = read_video(demo_clip_path()).frames_THWC[:12, :, :192]
    height, width = frames.shape[1:3]
    pictures = np.full((12, height, 2 * width, 3), 127, np.uint8)
    pictures[:, :, :width] = frames
    for t in (4, 5):
        pictures[t] = np.roll(pictures[t], width, axis=1)
    write_video(tmp_path / "two.mp4", pictures, 12)
    motion = DrivingVideo(tmp_path / "two.mp4").read((64, 64), landmarker=landmarker("dlib"))
    assert "2 of 12 frames have no face" in caplog.text
    assert np.flatnonzero(motion.poses.confidence == 0).tolist() == [4, 5]
    steps = np.linalg.norm(np.diff(motion.poses.points.mean(1), axis=0), axis=1)
    assert steps.max() < 8  # of 64 pixels: nobody jumps to the other side


def test_a_driver_who_is_away_for_too_long_is_an_error_that_says_when_it_was(tmp_path):
    frames = read_video(demo_clip_path()).frames_THWC[:24, :, :192]
    pictures = np.full((24, 144, 480, 3), 127, np.uint8)
    pictures[:8, :, :192], pictures[-4:, :, -192:] = frames[:8], frames[-4:]
    write_video(tmp_path / "away.mp4", pictures, 8)
    with pytest.raises(ValueError, match=r"not seen from 1\.00 to 2\.50 s; expected no gap of more than 1 s"):
        DrivingVideo(tmp_path / "away.mp4").read((64, 64), landmarker=landmarker("dlib"))
    source = DrivingVideo(tmp_path / "away.mp4", longest_gap=1.5)
    motion = source.read((64, 64), landmarker=landmarker("dlib"))
    assert len(motion.poses) == 24 and motion.poses.found.all()


@pytest.mark.parametrize("kind", ["path", "name", "PIL", "RGBA", "palette", "turned", "grey", "rgba array"])
def test_a_reference_is_a_path_a_picture_of_pil_s_or_an_array(kind, tmp_path):
    frame = read_video(demo_clip_path()).frames_THWC[40, :, :192]
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
    frame = read_video(demo_clip_path()).frames_THWC[40, :, :192]
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
    frame = read_video(demo_clip_path()).frames_THWC[40, :, :192]
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
    inside[max(0, framing.y) : framing.y + framing.height, max(0, framing.x) : framing.x + framing.width] = (
        True
    )
    np.testing.assert_array_equal(pasted[~inside], picture[~inside])
    assert pasted.shape == picture.shape and (pasted[inside] != picture[inside]).any()


def test_motion_without_any_face_or_in_a_frame_that_is_not_square_is_refused(tmp_path):
    write_video(tmp_path / "grey.mp4", np.full((3, 96, 96, 3), 128, np.uint8), 24.0)
    with pytest.raises(ValueError, match="no face found in any of 3 frames of the video"):
        DrivingVideo(tmp_path / "grey.mp4").read((64, 64), landmarker=landmarker("dlib"))
    points = np.random.default_rng(0).uniform(0, 50, (2, 68, 2)).astype(np.float32)
    PoseSequence(points, np.ones(2, np.float32), 24.0, 64, 48).save(tmp_path / "wide.npz")
    with pytest.raises(ValueError, match=r"wide\.npz: expected a square image with crop=false, got 64x48"):
        SavedPoses(tmp_path / "wide.npz").read((64, 64))
    PoseSequence(points * np.nan, np.ones(2, np.float32), 24.0, 64, 64).save(tmp_path / "empty.npz")
    with pytest.raises(ValueError, match="no face in any of 2 frames of the poses"):
        SavedPoses(tmp_path / "empty.npz").read((64, 64))


def test_smoothing_takes_the_head_s_jitter_and_leaves_the_lips(tmp_path):
    write_video(tmp_path / "clip.mp4", read_video(demo_clip_path()).frames_THWC[:24, :, :192], 24)
    sources = (DrivingVideo(tmp_path / "clip.mp4", smoothing=seconds) for seconds in (0, 0.3))
    plain, smoothed = (source.read((512, 512), landmarker=landmarker("dlib")).poses for source in sources)
    roughness = [np.abs(np.diff(poses.points[:, 17:36], 3, axis=0)).mean() for poses in (plain, smoothed)]
    assert roughness[1] < 0.6 * roughness[0]
    assert np.corrcoef(lip_aperture(plain.points), lip_aperture(smoothed.points))[0, 1] > 0.99


def test_the_colour_option_decides_for_a_driving_video_without_tags(tmp_path):
    frames = read_video(demo_clip_path()).frames_THWC[:4, :, :192]
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
