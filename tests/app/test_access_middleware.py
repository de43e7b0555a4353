"""Requests that have to be refused, against the real server."""

import http.client
from contextlib import ExitStack

import httpx
import pytest
from starlette.requests import Request

from faceanim.app.access_middleware import COOKIE, HEADER, visitor_of
from tests.helpers.platform import secret

API = "/gradio_api"


@pytest.fixture
def visitor(platform):
    """Another browser each time, with its cookie."""
    with ExitStack() as stack:

        def come() -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=platform.url, timeout=60))
            cookie = client.get("/").headers["set-cookie"]
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
            return client

        yield come


def upload(client: httpx.Client, path) -> dict:
    """The file as calls name it."""
    answer = client.post(f"{API}/upload", files={"files": (path.name, path.read_bytes())})
    assert answer.status_code == 200, answer.text
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


def call(client: httpx.Client, photo, session: str = "") -> httpx.Response:
    data = [photo, "template", "smiling", None, None, "standard", 0.1, 0, 1, False, None]
    content = {"data": data, "fn_index": 0, "session_hash": session or secret(), "trigger_id": None}
    return client.post(f"{API}/queue/join", json=content)


def test_a_visitor_is_known_by_a_long_secret_else_by_the_address():
    def known(name: str, value: str) -> str | None:
        headers = [(name.encode(), value.encode())]
        return visitor_of(Request({"type": "http", "headers": headers, "client": ("1.2.3.4", 1)}))

    word = secret()
    assert known("cookie", f"a=b; {COOKIE}={word}") == f"browser:{word}"
    assert known(HEADER, word) == f"program:{word}"
    assert known(HEADER, "short") is None
    for cookie in ("", f"{COOKIE}=short", f"{COOKIE}={word}/../x", "; ;\x00="):
        assert known("cookie", cookie) == "address:1.2.3.4", cookie


def test_a_visitor_reads_their_own_files_and_nobody_elses(visitor, uploads):
    ann, ben = visitor(), visitor()
    photo = upload(ann, uploads.photo)
    place = f"{API}/file={photo['path']}"
    assert ann.get(place).content == uploads.photo.read_bytes()
    for other in (ben, httpx.Client(base_url=ann.base_url)):
        answer = other.get(place)
        assert answer.status_code == 403 and "not one of your files" in answer.json()["detail"]
        assert other.head(place).status_code == 403
        assert call(other, photo).status_code == 403
    spoofed = ben.get(place, headers={"x-faceanim-who": f"browser:{ann.cookies[COOKIE]}"})
    assert spoofed.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "etc/passwd",
        "../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/secret",
        "http:%2f%2f169.254.169.254/latest/meta-data",
        "//etc/passwd",
        "/proc/self/environ",
        "",
    ],
)
def test_no_path_of_a_request_reaches_the_file_system(visitor, platform, path):
    client = visitor()
    answer = client.send(httpx.Request("GET", httpx.URL(f"{platform.url}{API}/file={path}")))
    assert answer.status_code in (403, 404) and b"root:" not in answer.content
    for place in (path, f"{platform.work}/x.png", str(platform.pipeline / "model_index.json")):
        given = {"path": place, "url": None, "meta": {"_type": "gradio.FileData"}}
        assert call(client, given).status_code == 403


def test_a_url_is_never_fetched(visitor, uploads):
    client = visitor()
    own = upload(client, uploads.photo)["path"]
    for given in (
        {"path": "http://127.0.0.1:9/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None, "url": "http://127.0.0.1:9/a.png"},
        {"url": "data:image/png;base64,AAAA"},
        {"path": own + "/../x.png", "url": "http://127.0.0.1:9/a.png"},
        [{"deep": {"url": "file:///etc/passwd"}}],
    ):
        assert call(client, given).status_code == 403, given
    # with a file of one's own a URL is dropped
    assert call(client, {"path": own, "url": "http://127.0.0.1:9/a.png"}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_routes_that_the_page_does_not_need_are_closed(visitor, method):
    closed = {
        "GET": "/monitoring /gradio_api/proxy=http://127.0.0.1:9/ /gradio_api/runs /docs /openapi.json "
        "/gradio_api/vibe-code/ /gradio_api/stream/a/b/1/playlist.m3u8 /gradio_api/deep_link /token "
        "/gradio_api/token /gradio_api/dev/reload /gradio_api/custom_component/1/client/x/y",
        "POST": "/gradio_api/vibe-edit /gradio_api/component_server /gradio_api/process_recording "
        "/gradio_api/run/animate /gradio_api/api/animate /gradio_api/stream/a",
        "DELETE": "/",
    }
    client = visitor()
    for path in closed[method].split():
        assert client.request(method, path).status_code == 404, path


def test_nobody_listens_to_anothers_session(visitor, uploads):
    ann, ben, session = visitor(), visitor(), secret()
    assert call(ann, upload(ann, uploads.photo), session).status_code == 200
    for method, place, content in (
        ("GET", f"/queue/data?session_hash={session}", None),
        ("GET", f"/heartbeat/{session}", None),
        ("POST", "/cancel", {"session_hash": session, "fn_index": 0, "event_id": "x"}),
        ("POST", "/queue/join", {"session_hash": session, "fn_index": 0, "data": []}),
    ):
        answer = ben.request(method, f"{API}{place}", json=content)
        assert answer.status_code == 403 and "somebody else" in answer.json()["detail"], place


def test_uploads_and_calls_that_are_too_large_or_malformed(visitor, platform):
    client = visitor()
    announced = http.client.HTTPConnection(platform.url.removeprefix("http://"), timeout=30)
    announced.putrequest("POST", f"{API}/upload")
    announced.putheader("content-length", str(10**10))
    announced.endheaders()
    answer = announced.getresponse()
    assert answer.status == 413 and b"at most 200 MB" in answer.read()
    announced.close()
    headers = {"content-type": "multipart/form-data"}
    assert client.post(f"{API}/upload", content=iter([b"--x"]), headers=headers).status_code == 411
    for body, status in ((b"x" * 300_000, 413), (b"[" * 150_000, 400), (b"nonsense", 400), (b"[1]", 400)):
        assert client.post(f"{API}/queue/join", content=body).status_code == status, body[:9]
    assert call(client, None, session="s" * 100).status_code == 400
    assert client.get("/", headers={HEADER: "short"}).status_code == 400
    assert platform.health()["state"] == "ready"


def test_the_page_may_load_nothing_from_elsewhere_and_events_are_json(visitor, platform):
    client = visitor()
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    assert client.get(f"{API}/file=/etc/passwd").status_code == 403
    events = platform.events()
    assert {"time", "event"} <= set(events[0]) and "refused" in {event["event"] for event in events}
    assert client.cookies[COOKIE] not in platform.log.read_text()
