"""The application in this process: login, rates, what is said before the model is there; settings."""

import logging

import httpx
import pytest
from starlette.testclient import TestClient

from faceanim.app.server import application, read_users
from tests.helpers.platform import settings_of


@pytest.fixture
def client_of(pipeline_folder, tmp_path, monkeypatch):
    """A client of an application whose devices are not started: client_of(users, **limits)."""
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # so that they are put back

    def make(users=None, **limits) -> TestClient:
        app, _ = application(*settings_of(pipeline_folder, **limits), tmp_path / "files", users)
        return TestClient(app)

    return make


def upload(client: TestClient, content: bytes = b"x") -> httpx.Response:
    return client.post("/gradio_api/upload", files={"files": ("a.png", content)})


def test_with_users_only_they_come_in(client_of):
    client = client_of(users={"ann": "secret:word"})
    page = client.get("/")
    assert page.status_code == 200 and "fa-generate" not in page.text
    assert client.get("/config").status_code == 401 and upload(client).status_code == 401
    for name, word, status in (
        ("ann", "guess", 400),
        ("ben", "secret:word", 400),
        ("ann", "secret:word", 200),
    ):
        answer = client.post("/login", data={"username": name, "password": word})
        assert answer.status_code == status, (name, word)
    assert "fa-generate" in client.get("/config").text


def test_too_many_requests_are_refused_and_what_is_missing_is_said(client_of):
    client = client_of(uploads_a_minute=2, calls_a_minute=4)
    uploads = [upload(client, b"x%d" % k) for k in range(3)]
    calls = [client.post("/gradio_api/reset", json={"event_id": "x"}) for _ in range(5)]
    assert [answer.status_code for answer in uploads] == [200, 200, 429]
    assert [answer.status_code for answer in calls] == [200] * 4 + [429]
    assert "wait a minute" in uploads[2].json()["detail"]
    health = client.get("/health")
    assert health.status_code == 503 and health.json()["state"] == "loading"
    # this pipeline has no audio_to_pose
    assert "Speech is not available here" in client.get("/config").text


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
        ("presets=[best]", "preset: expected one of fast, preview, quality, got best"),
        ("options=['step=4']", "unknown option step: did you mean steps?"),
        ("options=['steps=few']", "steps: Value 'few' of type 'str' could not be converted to Integer"),
        ("host=192.0.2.1", "host=192.0.2.1 port=7860: cannot listen there"),
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
def test_wrong_options_are_one_line(error_of, pipeline_folder, option, expected, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    options = {"pipeline": f"pipeline={pipeline_folder}"} | {option.split("=")[0]: option}
    err = error_of("-m", "faceanim.app", *options.values())
    logging.getLogger("faceanim.app.events").handlers.clear()  # it wrote to this test's stderr
    assert expected in err
