"""The application in this process: login, rates, what is said before the model is there; settings."""

import asyncio
import dataclasses
import logging
from pathlib import Path

import httpx
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from faceanim.app.server import application, read_users
from faceanim.app.settings import AppSettings
from faceanim.cli import CONF_FOLDER
from faceanim.pipelines.request import InferenceOptions
from tests.pipelines.conftest import pipeline_folder  # noqa: F401


def settings_of(pipeline: Path, **limits) -> tuple[AppSettings, dict[str, InferenceOptions]]:
    with initialize_config_dir(str(CONF_FOLDER), version_base="1.3"):
        app = compose("app", [f"pipeline={pipeline}", "devices=[cpu]"])
        given = [f"pipeline={pipeline}", "output=a.mp4", "reference=a.png", "driving=a.mp4"]
        infer = compose("infer", given)
    settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AppSettings), app))
    options = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(InferenceOptions), infer))
    settings = dataclasses.replace(settings, limits=dataclasses.replace(settings.limits, **limits))
    return settings, {"standard": options}


@pytest.fixture
def ask(pipeline_folder, tmp_path, monkeypatch):  # noqa: F811
    """Run a coroutine with a client of an application whose devices are not started."""
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # so that they are put back

    def run(asking, users=None, **limits):
        door, _ = application(*settings_of(pipeline_folder, **limits), tmp_path / "files", users)

        async def one():
            transport = httpx.ASGITransport(door)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await asking(client)

        return asyncio.run(one())

    return run


def test_with_users_only_they_come_in(ask):
    async def asking(client):
        page = await client.get("/")
        config = await client.get("/config")
        upload = await client.post("/gradio_api/upload", files={"files": ("a.png", b"x")})
        wrong = await client.post("/login", data={"username": "ann", "password": "guess"})
        nobody = await client.post("/login", data={"username": "ben", "password": "secret:word"})
        right = await client.post("/login", data={"username": "ann", "password": "secret:word"})
        return page, config, upload, wrong, nobody, right, await client.get("/config")

    page, config, upload, wrong, nobody, right, after = ask(asking, users={"ann": "secret:word"})
    assert page.status_code == 200 and "fa-generate" not in page.text
    assert config.status_code == 401 and upload.status_code == 401
    assert wrong.status_code == 400 and nobody.status_code == 400
    assert right.status_code == 200 and "fa-generate" in after.text


def test_too_many_requests_are_refused_and_what_is_not_there_is_said(ask):
    async def asking(client):
        uploads = [
            await client.post("/gradio_api/upload", files={"files": (f"{k}.png", b"x%d" % k)})
            for k in range(3)
        ]
        calls = [await client.post("/gradio_api/reset", json={"event_id": "x"}) for _ in range(5)]
        return uploads, calls, await client.get("/health"), await client.get("/config")

    uploads, calls, health, config = ask(asking, uploads_a_minute=2, calls_a_minute=4)
    assert [answer.status_code for answer in uploads] == [200, 200, 429]
    assert [answer.status_code for answer in calls] == [200] * 4 + [429]
    assert "wait a minute" in uploads[2].json()["detail"]
    assert health.status_code == 503 and health.json()["state"] == "loading"
    assert "Speech is not available here" in config.text  # this pipeline has no audio_to_pose


def test_a_file_of_users_is_read_and_others_must_not_read_it(tmp_path):
    path = tmp_path / "users"
    path.write_text("ann:secret:word\n\nben:x\n")
    with pytest.raises(ValueError, match="chmod 600"):
        read_users(str(path))
    path.chmod(0o600)
    assert read_users(str(path)) == {"ann": "secret:word", "ben": "x"} and read_users(None) is None
    for wrong in ("ann\n", "ann:\n", ":x\n", "ann:a\nann:b\n"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="lines of name:password"):
            read_users(str(path))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("port=70000", "port: expected 0 to 65535"),
        ("presets=[]", "presets: expected at least one"),
        ("presets=[best]", "best"),
        ("devices=[]", "devices: expected at least one"),
        ("devices=[cpu,cpu]", "devices: expected each once"),
        ("photo=nowhere.png", "photo=nowhere.png: no such file"),
        ("users=nowhere", "users=nowhere: no such file"),
        ("limits.waiting=0", "limits.waiting: expected more than 0, got 0"),
        ("pipeline=nowhere", "not a pipeline folder"),
        ("options=['crop=false']", "expected crop=True on the platform, got False"),
        ("options=['fps=null']", "expected a rate for fps"),
        ("options=['colour=red']", "colour"),
        ("log=/nowhere/at/all", "log=/nowhere/at/all"),
        ("colour=red", "colour"),
    ],
)
def test_wrong_options_are_one_line(command, pipeline_folder, option, expected, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    options = {"pipeline": f"pipeline={pipeline_folder}"} | {option.split("=")[0]: option}
    code, _, err = command("-m", "faceanim.app", *options.values())
    logging.getLogger("faceanim.app.events").handlers.clear()  # it wrote to this test's stderr
    assert code == 2 and len(err.strip().splitlines()) == 1 and expected in err, err
