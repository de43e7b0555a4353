"""Requests that have to be refused, against the real server."""

import http.client
from contextlib import ExitStack

import httpx
import pytest

from faceanim.media.image import read_image
from tests.app.conftest import word

API = "/gradio_api"


@pytest.fixture
def visitor(platform):
    """Another browser each time, with its cookie."""
    with ExitStack() as stack:

        def come() -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=platform.url, timeout=60))
            page = client.get("/")
            assert (
                "HttpOnly" in page.headers["set-cookie"] and "SameSite=Strict" in page.headers["set-cookie"]
            )
            return client

        yield come


def upload(client: httpx.Client, path) -> str:
    answer = client.post(f"{API}/upload", files={"files": (path.name, path.read_bytes())})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def call(client: httpx.Client, photo, session: str = "") -> httpx.Response:
    data = [photo, "template", "smiling", None, None, "standard", 0.1, 0, 1, False, None]
    content = {"data": data, "fn_index": 0, "session_hash": session or word(), "trigger_id": None}
    return client.post(f"{API}/queue/join", json=content)


def test_a_visitor_reads_their_own_files_and_nobody_elses(visitor, uploads):
    ann, ben = visitor(), visitor()
    path = upload(ann, uploads.photo)
    assert ann.get(f"{API}/file={path}").content == uploads.photo.read_bytes()
    for other in (ben, httpx.Client(base_url=ann.base_url)):
        answer = other.get(f"{API}/file={path}")
        assert answer.status_code == 403 and "not one of your files" in answer.json()["detail"]
        assert other.head(f"{API}/file={path}").status_code == 403
        assert call(other, {"path": path, "meta": {"_type": "gradio.FileData"}}).status_code == 403
    spoofed = ben.get(
        f"{API}/file={path}", headers={"x-faceanim-who": f"browser:{ann.cookies['faceanim_visitor']}"}
    )
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
    raw = httpx.Request("GET", httpx.URL(f"{platform.url}{API}/file={path}"))
    answer = client.send(raw)
    assert answer.status_code in (403, 404) and b"root:" not in answer.content
    for place in (path, f"{platform.work}/x.png", str(platform.pipeline / "model_index.json")):
        given = {"path": place, "url": None, "meta": {"_type": "gradio.FileData"}}
        assert call(client, given).status_code == 403


def test_an_address_is_never_fetched(visitor, platform, uploads):
    client = visitor()
    own = upload(client, uploads.photo)
    for given in (
        {"path": "http://127.0.0.1:9/a.png", "meta": {"_type": "gradio.FileData"}},
        {"path": None, "url": "http://127.0.0.1:9/a.png"},
        {"url": "data:image/png;base64,AAAA"},
        {"path": own + "/../x.png", "url": "http://127.0.0.1:9/a.png"},
        [{"deep": {"url": "file:///etc/passwd"}}],
    ):
        assert call(client, given).status_code == 403, given
    # beside a file of one's own an address is dropped
    assert call(client, {"path": own, "url": "http://127.0.0.1:9/a.png"}).status_code == 200


def test_routes_that_the_page_does_not_need_are_closed(visitor):
    client = visitor()
    for path in (
        *(
            "/monitoring",
            "/gradio_api/proxy=http://127.0.0.1:9/",
            "/gradio_api/runs",
            "/docs",
            "/openapi.json",
        ),
        *(
            "/gradio_api/vibe-code/",
            "/gradio_api/stream/a/b/1/playlist.m3u8",
            "/gradio_api/deep_link",
            "/token",
        ),
        *("/gradio_api/token", "/gradio_api/dev/reload", "/gradio_api/custom_component/1/client/x/y"),
    ):
        assert client.get(path).status_code == 404, path
    for path in (
        "vibe-edit",
        "component_server",
        "process_recording",
        "run/animate",
        "api/animate",
        "stream/a",
    ):
        assert client.post(f"{API}/{path}", json={}).status_code == 404, path
    assert client.delete("/").status_code == 404


def test_nobody_listens_to_anothers_session(visitor, uploads):
    ann, ben, session = visitor(), visitor(), word()
    path = upload(ann, uploads.photo)
    assert call(ann, {"path": path, "meta": {"_type": "gradio.FileData"}}, session).status_code == 200
    for method, place, content in (
        ("GET", f"/queue/data?session_hash={session}", None),
        ("GET", f"/heartbeat/{session}", None),
        ("POST", "/cancel", {"session_hash": session, "fn_index": 0, "event_id": "x"}),
        ("POST", "/queue/join", {"session_hash": session, "fn_index": 0, "data": []}),
    ):
        answer = ben.request(method, f"{API}{place}", json=content)
        assert answer.status_code == 403 and "somebody else" in answer.json()["detail"], place


def test_uploads_and_calls_that_are_too_large_or_no_calls_at_all(visitor, platform):
    client = visitor()
    announced = http.client.HTTPConnection(platform.url.removeprefix("http://"), timeout=30)
    announced.putrequest("POST", f"{API}/upload")
    announced.putheader("content-length", str(10**10))
    announced.endheaders()
    answer = announced.getresponse()
    assert answer.status == 413 and b"at most 200 MB" in answer.read()
    announced.close()
    stream = client.post(
        f"{API}/upload", content=iter([b"--x"]), headers={"content-type": "multipart/form-data"}
    )
    assert stream.status_code == 411
    assert client.post(f"{API}/queue/join", content=b"x" * 300_000).status_code == 413
    assert client.post(f"{API}/queue/join", content=b"[" * 150_000).status_code == 400
    assert client.post(f"{API}/queue/join", content=b"nonsense").status_code == 400
    assert call(client, None, session="s" * 100).status_code == 400
    assert client.post(f"{API}/queue/join", json=[1]).status_code == 400
    assert client.get("/", headers={"x-faceanim-visitor": "short"}).status_code == 400
    assert platform.health()["state"] == "ready"


def test_the_page_may_load_nothing_from_elsewhere_and_events_are_json(visitor, platform, uploads):
    client = visitor()
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    cookie = client.cookies["faceanim_visitor"]
    assert client.get(f"{API}/file=/etc/passwd").status_code == 403
    assert read_image(uploads.photo).shape[2] == 3
    events = platform.events()
    assert {"time", "event"} <= set(events[0]) and "refused" in {event["event"] for event in events}
    assert cookie not in platform.log.read_text()
