"""Programs: gradio_client against the real server."""

import shlex
import threading
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from faceanim.media.sound import has_sound
from faceanim.media.video import read_video
from faceanim.media.video_writer import AI_GENERATED
from tests.helpers.platform import secret, uploaded


@pytest.fixture
def animate(platform):
    return platform.client()


def test_a_driving_video_gives_what_the_printed_command_gives(
    animate, uploads, output_of, tmp_path, monkeypatch
):
    video, columns, line, words, _ = animate(
        photo=uploads.photo,
        source="video",
        video=uploads.video,
        preset="fast",
        seconds=0.4,
        seed=7,
        label=True,
    )
    assert words.startswith("Done: 10 frames, 0.4 s of video")
    made = read_video(video)
    assert made.frames_THWC.shape == (10, 64, 64, 3) and made.fps == 24
    assert read_video(columns).frames_THWC.shape == (10, 64, 192, 3)
    assert AI_GENERATED.encode() in Path(video).read_bytes()

    python, script, *options = shlex.split(line)
    assert (python, script) == ("python", "infer.py")
    for path in (uploads.photo, uploads.video):
        # the upload's name is the file's, as far as a file system of any kind takes it
        option = next(option for option in options if path.stem.split()[-1] in option)
        (tmp_path / option.split("=", 1)[1].strip("'\"")).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    output_of("infer.py", *options, "device=cpu")
    assert (tmp_path / "animation.mp4").read_bytes() == Path(video).read_bytes()


def test_a_template_and_speech_give_videos_of_the_right_length_and_sound(animate, uploads):
    video, *_ = animate(photo=uploads.photo, template="nodding", seconds=0.5)
    assert len(read_video(video).frames_THWC) == 12 and not has_sound(video)
    video, *_ = animate(photo=uploads.photo, source="speech", speech=uploads.speech)
    assert len(read_video(video).frames_THWC) == 24 and has_sound(video)


def test_steps_that_the_model_takes_unevenly_are_reported_with_better_numbers(animate, uploads):
    values = {"photo": uploads.photo, "template": "nodding", "seconds": 0.05}
    *_, words, _ = animate(**values, steps=30)
    assert words.startswith("Done: 1 frames") and words.endswith(
        "30 steps do not divide this model's schedule evenly, which costs quality: 25 or 40 are better."
    )
    *_, words, _ = animate(**values, steps=25)
    assert words.startswith("Done: 1 frames") and "schedule" not in words
    with pytest.raises(AppError, match=r"This model cannot take 61 steps\. Choose another number."):
        animate(**values, steps=61)


def test_what_cannot_be_made_is_explained_and_the_server_continues(animate, platform, uploads, tmp_path):
    before = len(platform.files())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "text.mp4").write_text("not a video")
    cases = [
        ({"photo": None}, "Choose a photo first"),
        ({"photo": tmp_path / "broken.png"}, "This file is broken, or no photo at all"),
        ({"source": "video"}, "Choose a video first"),
        ({"source": "video", "video": tmp_path / "text.mp4"}, "or no video at all"),
        ({"template": "dancing"}, "Choose one of the motions"),
        ({"preset": "best"}, "Choose one of the qualities"),
        ({"seed": -1}, "The seed is from 0 to"),
        ({"seconds": "long"}, "The length in seconds is a number"),
        ({"source": ["video"]}, "The motion comes from one of"),
    ]
    for values, expected in cases:
        with pytest.raises(AppError, match=expected) as raised:
            animate(**{"photo": uploads.photo} | values)
        assert "Traceback" not in str(raised.value) and "/" not in str(raised.value)
    assert len(platform.files()) <= before + 1  # the good photo, which may have been there
    assert platform.health()["state"] == "ready"


def test_a_job_that_a_program_cancels_frees_the_device(platform, uploads):
    client = Client(platform.url, headers={"x-faceanim-visitor": secret()}, verbose=False)
    values = uploaded({"photo": uploads.photo, "template": "listening", "steps": 100})
    job = client.submit(**values, api_name="/animate")
    platform.until(lambda health: health["running"] == 1)
    job.cancel()
    platform.until(lambda health: health["running"] == 0, seconds=10)


def _check_crowd(platform, uploads, n: int) -> None:
    """Each of `n` visitors at once gets a video of its own length, in the order in which they came."""
    before = len(platform.events())
    videos: list[str | Exception] = [RuntimeError("did not end")] * n

    def visit(number: int) -> None:
        try:
            seconds = (number % 4 + 1) / 24 + 0.001
            video, *_ = platform.client()(
                photo=uploads.photo, template="smiling", seconds=seconds, seed=number
            )
            videos[number] = video
        except Exception as error:
            videos[number] = error

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(video, str) for video in videos), videos
    events = platform.events()[before:]
    came, served = (
        [event["visitor"] for event in events if event["event"] == name] for name in ("joined", "job")
    )
    assert len(came) == n and came == served
    for number, video in enumerate(videos):
        assert len(read_video(video).frames_THWC) == number % 4 + 1, number
    assert len({Path(video).read_bytes() for video in videos}) == n
    assert platform.health()["waiting"] == platform.health()["running"] == 0


def test_three_visitors_at_once_all_get_their_own_video(platform, uploads):
    _check_crowd(platform, uploads, 3)


@pytest.mark.slow
def test_twenty_visitors_at_once_lose_nothing_and_take_no_more_memory_the_second_time(platform, uploads):
    _check_crowd(platform, uploads, 20)
    first = platform.memory()
    _check_crowd(platform, uploads, 20)
    print(f"memory {first / 1e6:.0f} MB, then {platform.memory() / 1e6:.0f} MB")
    assert platform.memory() < first + 150e6
