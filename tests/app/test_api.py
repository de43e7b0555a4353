"""Programs: gradio_client against the real server."""

import shlex
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from faceanim.media.sound import has_sound
from faceanim.media.video import read_video
from faceanim.media.video_writer import AI_GENERATED
from tests.app.conftest import word


@pytest.fixture
def client(platform):
    return lambda: Client(platform.url, headers={"x-faceanim-visitor": word()}, verbose=False)


def test_a_driving_video_gives_the_video_that_the_printed_command_gives(
    client, platform, uploads, command, tmp_path, monkeypatch
):
    video, columns, line, words, _ = client().predict(
        photo=handle_file(uploads.photo),
        source="video",
        video=handle_file(uploads.video),
        preset="fast",
        seconds=0.4,
        seed=7,
        label=True,
        api_name="/animate",
    )
    assert words.startswith("Done: 10 frames, 0.4 s of video")
    made = read_video(video)
    assert made.frames_THWC.shape == (10, 64, 64, 3) and made.fps == 24
    assert read_video(columns).frames_THWC.shape == (10, 64, 192, 3)
    assert AI_GENERATED.encode() in Path(video).read_bytes()

    python, script, *options = shlex.split(line)
    assert (python, script) == ("python", "infer.py")
    beside = tmp_path / "beside"
    beside.mkdir()
    for path in (uploads.photo, uploads.video):
        # the upload's name is the file's, as far as a file system of any kind takes it
        name = (
            next(option for option in options if path.stem.split()[-1] in option)
            .split("=", 1)[1]
            .strip("'\"")
        )
        (beside / name).write_bytes(path.read_bytes())
    monkeypatch.chdir(beside)
    code, _, err = command("infer.py", *options, "device=cpu")
    assert code == 0, err
    assert (beside / "animation.mp4").read_bytes() == Path(video).read_bytes()


def test_a_template_and_speech_give_videos_of_the_right_length_and_sound(client, uploads):
    api = client()
    video, *_ = api.predict(
        photo=handle_file(uploads.photo), template="nodding", seconds=0.5, api_name="/animate"
    )
    assert len(read_video(video).frames_THWC) == 12 and not has_sound(video)
    video, *_ = api.predict(
        photo=handle_file(uploads.photo),
        source="speech",
        speech=handle_file(uploads.speech),
        api_name="/animate",
    )
    assert len(read_video(video).frames_THWC) == 24 and has_sound(video)


def test_steps_that_the_model_takes_unevenly_are_told_with_those_that_are_better(client, uploads):
    asked = {
        "photo": handle_file(uploads.photo),
        "template": "nodding",
        "seconds": 0.05,
        "api_name": "/animate",
    }
    *_, words, _ = client().predict(**asked, steps=30)
    assert words.startswith("Done: 1 frames") and words.endswith(
        "30 steps do not divide this model's schedule evenly, which costs quality: 25 or 40 are better."
    )
    *_, words, _ = client().predict(**asked, steps=25)
    assert words.startswith("Done: 1 frames") and "schedule" not in words
    with pytest.raises(AppError, match=r"This model cannot take 61 steps\. Choose another number."):
        client().predict(**asked, steps=61)


def test_what_cannot_be_made_is_told_in_plain_words_and_the_server_goes_on(
    client, platform, uploads, tmp_path
):
    api, before = client(), len(platform.files())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "text.mp4").write_text("not a video")
    photo, broken = handle_file(uploads.photo), handle_file(tmp_path / "broken.png")
    cases = [
        ({"photo": None}, "Choose a photo first"),
        ({"photo": broken}, "This file is broken, or no photo at all"),
        ({"photo": photo, "source": "video"}, "Choose a video first"),
        (
            {"photo": photo, "source": "video", "video": handle_file(tmp_path / "text.mp4")},
            "or no video at all",
        ),
        ({"photo": photo, "template": "dancing"}, "Choose one of the motions"),
        ({"photo": photo, "preset": "best"}, "Choose one of the qualities"),
        ({"photo": photo, "seed": -1}, "The seed is from 0 to"),
        ({"photo": photo, "seconds": "long"}, "The length in seconds is a number"),
        ({"photo": photo, "source": ["video"]}, "The motion comes from one of"),
    ]
    for arguments, expected in cases:
        with pytest.raises(AppError, match=expected) as raised:
            api.predict(**arguments, api_name="/animate")
        assert "Traceback" not in str(raised.value) and "/" not in str(raised.value)
    assert len(platform.files()) <= before + 1  # the good photo, which may have been there
    assert platform.health()["state"] == "ready"


def test_a_job_that_a_program_cancels_frees_the_device(client, platform, uploads):
    job = client().submit(
        photo=handle_file(uploads.photo), template="listening", steps=100, api_name="/animate"
    )
    platform.until(lambda health: health["running"] == 1)
    job.cancel()
    platform.until(lambda health: health["running"] == 0, seconds=10)


def _crowd(platform, uploads, n: int) -> list[tuple[float, str]]:
    """So many visitors who ask at once, each for a video of its own length: (when it was there, the file)."""
    outcomes: list[tuple[float, str] | Exception] = [RuntimeError("did not end")] * n

    def visit(number: int) -> None:
        try:
            api = Client(platform.url, headers={"x-faceanim-visitor": word()}, verbose=False)
            video, *_ = api.predict(
                photo=handle_file(uploads.photo),
                template="smiling",
                seconds=(number % 4 + 1) / 24 + 0.001,
                seed=number,
                api_name="/animate",
            )
            outcomes[number] = (time.monotonic(), video)
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert not failures, failures
    return outcomes


def _check_crowd(platform, uploads, n: int) -> None:
    before = len(platform.events())
    outcomes = _crowd(platform, uploads, n)
    events = platform.events()[before:]
    came, served = (
        [event["visitor"] for event in events if event["event"] == name] for name in ("joined", "job")
    )
    assert len(came) == n and came == served  # first come, first served
    for number, (_, video) in enumerate(outcomes):
        assert len(read_video(video).frames_THWC) == number % 4 + 1, number
    assert len({Path(video).read_bytes() for _, video in outcomes}) == n
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


def _bad_files(folder: Path, n: int) -> list[tuple[str, Path]]:
    """Each another one, of five kinds."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(n):
        noise = rng.bytes(2000)
        kind, suffix, start = [
            ("photo", "jpg", b"\xff\xd8\xff\xe0"),
            ("video", "webm", b"\x1aE\xdf\xa3"),
            ("speech", "wav", b"RIFF\x00\x00\x00\x00WAVEfmt "),
            ("photo", "png", b"\x89PNG\r\n\x1a\n"),
            ("video", "mp4", b"\x00\x00\x00\x18ftypisom"),
        ][number % 5]
        path = folder / f"bad_{number}.{suffix}"
        path.write_bytes(start + noise)
        made.append((kind, path))
    return made


def _check_bad(platform, uploads, folder: Path, n: int) -> None:
    api = Client(platform.url, headers={"x-faceanim-visitor": word()}, verbose=False)
    good, before = handle_file(uploads.photo), len(platform.files())
    for kind, path in _bad_files(folder, n):
        given = {"photo": good, "source": kind, kind: handle_file(path)} if kind != "photo" else {}
        with pytest.raises(AppError, match=r"Choose|Use a|broken"):
            api.predict(**({"photo": handle_file(path)} | given), api_name="/animate")
    left = platform.files()
    assert len(left) <= before + 1, left  # the good photo
    assert platform.process.poll() is None and platform.health()["state"] == "ready"


def test_bad_uploads_leave_nothing(platform, uploads, tmp_path):
    _check_bad(platform, uploads, tmp_path, 3)


@pytest.mark.slow
def test_two_hundred_bad_uploads_leave_nothing(platform, uploads, tmp_path):
    before = platform.memory()
    _check_bad(platform, uploads, tmp_path, 200)
    print(f"memory {before / 1e6:.0f} MB, then {platform.memory() / 1e6:.0f} MB")
    assert platform.memory() < before + 150e6
