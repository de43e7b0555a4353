"""The page behind its door, on a port."""

import asyncio
import os
import shutil
import signal
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
from faceanim.models.weights import read_json
from faceanim.pipelines.pretrained import INDEX
from faceanim.pipelines.request import InferenceOptions

_TIDY_EVERY = 30.0  # seconds, at most
_OWN = "faceanim-app-"


def serve(settings: AppSettings, presets: dict[str, InferenceOptions]) -> None:
    """Serves until it is interrupted; visitors' files are gone afterwards."""
    start_log(settings.log)
    users = read_users(settings.users)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what follows is tidied up after
    folder = Path(tempfile.mkdtemp(prefix=_OWN, dir=settings.work_folder))
    try:
        door, service = application(settings, presets, folder, users)
        config = uvicorn.Config(
            door,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            forwarded_allow_ips=settings.proxies,
            timeout_graceful_shutdown=3,
        )
        print(f"open http://{settings.host}:{settings.port} in a browser; Ctrl-C ends", flush=True)
        uvicorn.Server(config).run()
        service.workers.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def application(
    settings: AppSettings,
    presets: dict[str, InferenceOptions],
    folder: Path,
    users: dict[str, str] | None = None,
) -> tuple[AccessMiddleware, AnimationService]:
    """The ASGI application and what works behind it. folder: for visitors' files, and nothing else."""
    limits = settings.limits
    files = FileStore(folder, limits.keep_minutes * 60, limits.disk_gigabytes * 1e9)
    service = AnimationService(settings, presets, files)
    os.environ["GRADIO_TEMP_DIR"] = str(files.folder)  # where uploads go
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr  # reads the two when it is imported

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
        waiting, running = service.queue.lengths
        state = service.workers.state
        content = {
            "state": state,
            "devices": len(service.workers.pipelines),
            "waiting": waiting,
            "running": running,
            "uptime_seconds": round(time.monotonic() - started),
        }
        return JSONResponse(content, status_code=200 if state == "ready" else 503)

    trained = read_json(Path(settings.pipeline) / INDEX)
    blocks = page.build(service, trained.get("mask") or {}, trained.get("drawing", "full"))
    blocks.queue(default_concurrency_limit=None, api_open=False)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        footer_links=[],
        run_history=False,
        auth=(lambda name, word: _knows(users, name, word)) if users else None,
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
        await asyncio.sleep(min(_TIDY_EVERY, files.keep_seconds / 4))
        with suppress(OSError):
            gone = await asyncio.to_thread(files.tidy)
            if gone:
                event("tidied", files=gone)


def read_users(path: str | None) -> dict[str, str] | None:
    """Names and passwords of a file with a line `name:password` for each; others than its owner may not read it."""
    if path is None:
        return None
    if Path(path).stat().st_mode & 0o077:
        raise ValueError(
            f"users={path}: expected a file that nobody else can read, got mode "
            f"{Path(path).stat().st_mode & 0o777:o}: chmod 600 {path}"
        )
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    users = dict(line.split(":", 1) for line in lines if ":" in line)
    if len(users) != len(lines) or not all(users) or not all(users.values()):
        raise ValueError(f"users={path}: expected lines of name:password, each name once")
    return users


def _knows(users: dict[str, str], name: str, word: str) -> bool:
    expected = users.get(name, "")
    return compare_digest(expected.encode(), word.encode()) and bool(expected)
