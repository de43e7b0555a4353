"""What stands between the network and the page: which requests pass, whose files they may name, how many there may be.

Of the web framework's own routes only those are open that the page and its API need.
"""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from faceanim.app.file_store import COOKIE, FileStore, new_word, visitor_of
from faceanim.app.log import event
from faceanim.app.rate_limit import RateLimit
from faceanim.app.settings import Limits

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

VISITOR = (
    "x-faceanim-who"  # the header that tells what is behind the door who asks; from outside it is dropped
)
_API = "/gradio_api"
_FILE = f"{_API}/file="
_UPLOAD = f"{_API}/upload"
_READ = re.compile(
    r"/(|config/?|theme\.css|robots\.txt|favicon\.ico|manifest\.json|health|logout|(assets|static|svelte)/.+)"
    rf"|{_API}/(info/?|app_id/?|startup-events|theme\.css|user/?|login_check/?|upload_progress|queue/data)"
    rf"|{_API}/(heartbeat|call)/[\w/-]+"
)
_WRITE = re.compile(rf"/login/?|{_API}/(queue/join|cancel|reset/?|call/\w+)")
_SESSION = re.compile(r"[\w-]{1,64}")
_MOST_BODY = 200_000  # bytes of a call; files come by upload
_MARGIN = 10_000  # bytes that an upload's envelope takes
_SECURITY = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Refused(Exception):
    """(status, what the visitor reads)."""


class AccessMiddleware:
    """An ASGI application around another one."""

    def __init__(self, app: Callable, files: FileStore, limits: Limits) -> None:
        self.app, self.files, self.limits = app, files, limits
        self._uploads, self._calls = RateLimit(limits.uploads_a_minute), RateLimit(limits.calls_a_minute)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        address = scope["client"][0] if scope.get("client") else "unknown"
        visitor = visitor_of(headers, address)
        cookie = None
        if scope["path"] == "/" and visitor is not None and visitor.startswith("address:"):
            cookie = new_word()
            visitor = f"browser:{cookie}"
        try:
            if visitor is None:
                raise Refused(400, "The visitor's word is to be 22 to 128 letters, digits, - or _.")
            receive = await self._checked(scope, headers, address, visitor, receive)
        except Refused as refused:
            status, words = refused.args
            event("refused", visitor or address, status=status, path=scope["path"][:100], why=words)
            await _answer(send, status, words)
            return
        kept = [(name, value) for name, value in scope["headers"] if name != VISITOR.encode()]
        scope = {**scope, "headers": [*kept, (VISITOR.encode(), visitor.encode())]}
        send = _with_headers(send, cookie, secure=scope.get("scheme") == "https")
        if scope["path"] == _UPLOAD:
            send = _Owning(send, self.files, visitor)
        await self.app(scope, receive, send)

    async def _checked(
        self, scope: Message, headers: dict[str, str], address: str, visitor: str, receive: Receive
    ) -> Receive:
        """What the application may read of the request's body. Raises Refused."""
        path, method = scope["path"], scope["method"]
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if method in ("GET", "HEAD"):
            if path.startswith(_FILE):
                if not self.files.owned(path.removeprefix(_FILE), visitor):
                    raise Refused(403, "This is not one of your files, or it has been deleted.")
            elif not _READ.fullmatch(path):
                raise Refused(404, "There is nothing here.")
            sessions = query.get("session_hash", [])
            if path.startswith(f"{_API}/heartbeat/"):
                sessions = [path.rsplit("/", 1)[1]]
            self._check_sessions(sessions, visitor)
            return receive
        if method != "POST" or not (path == _UPLOAD or _WRITE.fullmatch(path)):
            raise Refused(404, "There is nothing here.")
        length = headers.get("content-length", "")
        if path == _UPLOAD:
            self._check_upload(length, address, visitor)
            return receive
        if not self._calls.allows(address):
            raise Refused(429, "Too many requests: wait a minute, then try again.")
        if path.startswith("/login"):
            return _given(await _body(receive), receive)
        return await self._checked_call(receive, visitor)

    def _check_upload(self, length: str, address: str, visitor: str) -> None:
        if not self._uploads.allows(address):
            raise Refused(429, "Too many uploads: wait a minute, then try again.")
        if not length.isdecimal():
            raise Refused(411, "The upload has to say how long it is.")
        if int(length) > self.limits.upload_bytes + _MARGIN:
            most = self.limits.upload_bytes / 1e6
            raise Refused(
                413, f"This file is too large: {int(length) / 1e6:.1f} MB, at most {most:g} MB are taken."
            )
        if self.files.full:
            event("disk_full", visitor)
            raise Refused(507, "The platform's disk is full at the moment. Try again later.")

    async def _checked_call(self, receive: Receive, visitor: str) -> Receive:
        try:
            content = json.loads(await _body(receive))
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The request is not JSON.") from error
        if not isinstance(content, dict):
            raise Refused(400, "The request is not a JSON object.")
        sessions = [content["session_hash"]] if content.get("session_hash") is not None else []
        self._check_sessions(sessions, visitor)
        self._check_files(content.get("data"), visitor)
        return _given(json.dumps(content).encode(), receive)

    def _check_sessions(self, sessions: list[Any], visitor: str) -> None:
        for session in sessions:
            if not isinstance(session, str) or not _SESSION.fullmatch(session):
                raise Refused(400, "This is no session.")
            if not self.files.session_is_of(session, visitor):
                raise Refused(403, "This session belongs to somebody else. Load the page again.")

    def _check_files(self, value: Any, visitor: str) -> None:
        """Every file that a call names is one that this visitor uploaded; addresses are never followed."""
        if isinstance(value, list):
            for item in value:
                self._check_files(item, visitor)
        elif isinstance(value, dict):
            if {"path", "url", "stream_url"} & value.keys():
                path = value.get("path")
                if not isinstance(path, str) or not self.files.owned(path, visitor):
                    raise Refused(
                        403, "Only files that you uploaded here can be used, no addresses or paths."
                    )
                value["url"] = None
            for item in value.values():
                self._check_files(item, visitor)


class _Owning:
    """Passes an upload's answer on after noting whose the files are that it names."""

    def __init__(self, send: Send, files: FileStore, visitor: str) -> None:
        self.send, self.files, self.visitor = send, files, visitor
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        if self.start["status"] == HTTPStatus.OK:
            for path in json.loads(self.body):
                self.files.own(path, self.visitor)
        await self.send(self.start)
        await self.send({**message, "body": self.body})


def _with_headers(send: Send, cookie: str | None, secure: bool) -> Send:
    added = [(name.encode(), value.encode()) for name, value in _SECURITY.items()]
    if cookie is not None:
        words = f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict{'; Secure' * secure}"
        added.append((b"set-cookie", words.encode()))

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return wrapped


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The request ended early.")
        body += message.get("body", b"")
        if len(body) > _MOST_BODY:
            raise Refused(413, "The request is too long; files come by upload.")
        more = message.get("more_body", False)
    return body


def _given(body: bytes, after: Receive) -> Receive:
    """A receiver of this body, and then of what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else await after()

    return receive


async def _answer(send: Send, status: int, words: str) -> None:
    body = json.dumps({"detail": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
