"""ASGI middleware that decides which requests pass, which files they may name, and how many there may be.

Of Gradio's routes, which are not public API, only those are open that the page and its API need.
"""

import json
import re
import secrets
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faceanim.app.file_store import FileStore
from faceanim.app.log import event
from faceanim.app.rate_limit import RateLimit
from faceanim.app.settings import Limits

COOKIE = "faceanim_visitor"
HEADER = "x-faceanim-visitor"  # for programs, which keep no cookies
VISITOR = "x-faceanim-who"  # tells the application who asks; dropped from what comes from outside
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,128}")  # 128 random bits and more
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
_MAX_BODY = 200_000  # bytes of a call; files are uploaded
_MARGIN = 10_000  # bytes that an upload's multipart envelope takes
_SECURITY = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Refused(Exception):
    """(status, message for the visitor)."""


def visitor_of(request: Request) -> str | None:
    """Return the visitor behind a request, None for a malformed secret in HEADER.

    A browser keeps a secret in a cookie, a program sends one of its own in HEADER; all others are distinguished by
    address alone.
    """
    if (secret := request.headers.get(HEADER)) is not None:
        return f"program:{secret}" if _SECRET.fullmatch(secret) else None
    cookie = request.cookies.get(COOKIE, "")
    return f"browser:{cookie}" if _SECRET.fullmatch(cookie) else f"address:{_address(request)}"


class AccessMiddleware:
    def __init__(self, app: ASGIApp, files: FileStore, limits: Limits) -> None:
        self.app, self.files, self.limits = app, files, limits
        self._uploads, self._calls = RateLimit(limits.uploads_a_minute), RateLimit(limits.calls_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        path, visitor, cookie = request.scope["path"], visitor_of(request), None
        if path == "/" and visitor is not None and visitor.startswith("address:"):
            cookie = secrets.token_urlsafe(32)
            visitor = f"browser:{cookie}"
        try:
            if visitor is None:
                raise Refused(400, f"{HEADER}: expected 22 to 128 letters, digits, - or _.")
            receive = await self._checked(request, visitor)
        except Refused as refused:
            status, words = refused.args
            event("refused", visitor or _address(request), status=status, path=path[:100], why=words)
            await JSONResponse({"detail": words}, status)(scope, receive, send)
            return
        kept = [(name, value) for name, value in scope["headers"] if name != VISITOR.encode()]
        scope = {**scope, "headers": [*kept, (VISITOR.encode(), visitor.encode())]}
        send = _with_headers(send, cookie, secure=scope.get("scheme") == "https")
        if path == _UPLOAD:
            send = self._owning(send, visitor)
        await self.app(scope, receive, send)

    async def _checked(self, request: Request, visitor: str) -> Receive:
        """Return a receiver of what the application may read of the request's body. Raises Refused."""
        path, method = request.scope["path"], request.method
        if method in ("GET", "HEAD"):
            if path.startswith(_FILE):
                if not self.files.owned(path.removeprefix(_FILE), visitor):
                    raise Refused(403, "This is not one of your files, or it has been deleted.")
            elif not _READ.fullmatch(path):
                raise Refused(404, "There is nothing here.")
            sessions = request.query_params.getlist("session_hash")
            if path.startswith(f"{_API}/heartbeat/"):
                sessions = [path.rsplit("/", 1)[1]]
            self._check_sessions(sessions, visitor)
            return request.receive
        if method != "POST" or not (path == _UPLOAD or _WRITE.fullmatch(path)):
            raise Refused(404, "There is nothing here.")
        if path == _UPLOAD:
            self._check_upload(request, visitor)
            return request.receive
        if not self._calls.allows(_address(request)):
            raise Refused(429, "Too many requests: wait a minute, then try again.")
        body = await _body(request)
        return _replay(body if path.startswith("/login") else self._checked_call(body, visitor), request)

    def _check_upload(self, request: Request, visitor: str) -> None:
        if not self._uploads.allows(_address(request)):
            raise Refused(429, "Too many uploads: wait a minute, then try again.")
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            raise Refused(411, "The upload needs a content-length.")
        if int(length) > self.limits.upload_bytes + _MARGIN:
            most = self.limits.upload_bytes / 1e6
            raise Refused(
                413, f"This file is too large: {int(length) / 1e6:.1f} MB, at most {most:g} MB are taken."
            )
        if self.files.full:
            event("disk_full", visitor)
            raise Refused(507, "The platform's disk is full at the moment. Try again later.")

    def _checked_call(self, body: bytes, visitor: str) -> bytes:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "The request is not JSON.") from error
        if not isinstance(content, dict):
            raise Refused(400, "The request is not a JSON object.")
        if content.get("session_hash") is not None:
            self._check_sessions([content["session_hash"]], visitor)
        self._check_files(content.get("data"), visitor)
        return json.dumps(content).encode()

    def _check_sessions(self, sessions: list[Any], visitor: str) -> None:
        for session in sessions:
            if not isinstance(session, str) or not _SESSION.fullmatch(session):
                raise Refused(400, "This is no session.")
            if not self.files.session_is_of(session, visitor):
                raise Refused(403, "This session belongs to somebody else. Load the page again.")

    def _check_files(self, value: Any, visitor: str) -> None:
        """Refuse every file but the visitor's own uploads; remove URLs, so that none is ever fetched."""
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

    def _owning(self, send: Send, visitor: str) -> Send:
        """Pass the answer to an upload on after recording the visitor as owner of the files that it names."""
        start: Message = {}
        body = b""

        async def wrapped(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if start["status"] == HTTPStatus.OK:
                for path in json.loads(body):
                    self.files.own(path, visitor)
            await send(start)
            await send({**message, "body": body})

        return wrapped


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


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                raise Refused(413, "The request is too long; files are uploaded apart.")
    except ClientDisconnect as error:
        raise Refused(400, "The request ended early.") from error
    return body


def _replay(body: bytes, request: Request) -> Receive:
    """Return a receiver of this body, and then of what follows the request's own."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else await request.receive()

    return receive


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
