"""The web server: the page behind the access middleware, and GET /health."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from hmac import compare_digest
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from faceanim.app.access_middleware import AccessMiddleware
from faceanim.app.file_store import FileStore
from faceanim.app.log import event, start_log
from faceanim.app.service import AnimationService
from faceanim.app.settings import AppSettings
from faceanim.pipelines.request import InferenceOptions

_TIDY_SECONDS = 30.0  # longest interval


def serve(settings: AppSettings, presets: dict[str, InferenceOptions]) -> None:
    """Serve until interrupted, then delete the visitors' files."""
    start_log(settings.log)
    users = read_users(settings.users)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # run the clean-up below
    folder = Path(tempfile.mkdtemp(prefix="faceanim-app-", dir=settings.work_folder))
    try:
        app, service = application(settings, presets, folder, users)
        listener = listen(settings.host, settings.port)
        config = uvicorn.Config(
            app,
            log_level="warning",
            forwarded_allow_ips=settings.proxies,
            timeout_graceful_shutdown=3,
        )
        print(f"open http://{settings.host}:{settings.port} in a browser; Ctrl-C ends", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
        service.workers.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; ValueError where it cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ValueError(f"host={host} port={port}: cannot listen there ({error.strerror})") from error


def application(
    settings: AppSettings,
    presets: dict[str, InferenceOptions],
    folder: Path,
    users: dict[str, str] | None = None,
) -> tuple[AccessMiddleware, AnimationService]:
    """Build the ASGI application and the service behind it.

    folder: for visitors' files alone. users: passwords by name; None: everybody may use the platform.
    """
    limits = settings.limits
    files = FileStore(folder, limits.keep_minutes * 60, limits.disk_gigabytes * 1e9)
    service = AnimationService(settings, presets, files)
    os.environ["GRADIO_TEMP_DIR"] = str(files.folder)  # of uploads
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr  # reads both variables when imported

    from faceanim.app import page

    started = time.monotonic()

    @asynccontextmanager
    async def life(app: FastAPI):
        service.workers.start()
        service.analyzer.sandbox.warm()
        tidying = asyncio.create_task(_keep_tidy(files))
        event("started", host=settings.host, port=settings.port, devices=service.workers.names)
        yield
        tidying.cancel()
        await service.analyzer.sandbox.close()
        event("ended")

    app = FastAPI(lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    async def health() -> JSONResponse:
        waiting, running = service.queue.sizes
        state = service.workers.state
        content = {
            "state": state,
            "devices": len(service.workers.pipelines),
            "waiting": waiting,
            "running": running,
            "uptime_seconds": round(time.monotonic() - started),
        }
        return JSONResponse(content, status_code=200 if state == "ready" else 503)

    blocks = page.build(service)
    blocks.queue(default_concurrency_limit=None, api_open=False)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        footer_links=[],
        run_history=False,
        auth=(lambda name, word: _is_password(users, name, word)) if users else None,
        allowed_paths=[],
        show_error=False,
        max_file_size=limits.upload_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        theme=page.theme(),
        css=page.css(),
    )
    return AccessMiddleware(app, files, limits), service


async def _keep_tidy(files: FileStore) -> None:
    while True:
        await asyncio.sleep(min(_TIDY_SECONDS, files.keep_seconds / 4))
        with suppress(OSError):
            if n_files := await asyncio.to_thread(files.tidy):
                event("tidied", files=n_files)


def read_users(path: str | None) -> dict[str, str] | None:
    """Read a file with a line `name:password` per user, which nobody but its owner may read."""
    if path is None:
        return None
    mode = Path(path).stat().st_mode & 0o777
    if mode & 0o077:
        raise ValueError(
            f"users={path}: expected a file that nobody else can read, got mode {mode:o}: chmod 600 {path}"
        )
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    users = dict(line.split(":", 1) for line in lines if ":" in line)
    if len(users) != len(lines) or not all(users) or not all(users.values()):
        raise ValueError(f"users={path}: expected lines of name:password, each name once")
    return users


def _is_password(users: dict[str, str], name: str, word: str) -> bool:
    expected = users.get(name, "")
    return compare_digest(expected.encode(), word.encode()) and bool(expected)
