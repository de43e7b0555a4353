"""Looking at visitors' files in processes that cannot do harm; see sandbox_worker.py."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faceanim
from faceanim.app.settings import Limits
from faceanim.app.upload_errors import from_json

_ROOT = Path(faceanim.__file__).resolve().parents[1]
_KEPT = ("PATH", "LANG", "HOME", "FACEANIM_WEIGHTS", "LD_LIBRARY_PATH")
_LONGEST_ANSWER = 100_000  # bytes


class Sandbox:
    """Starts a process for each file. One is always kept ready, so that nobody waits for its imports."""

    def __init__(self, landmarks: str, limits: Limits, folder: Path) -> None:
        self.landmarks, self.limits, self.folder = landmarks, limits, folder
        self._free = asyncio.Semaphore(limits.looks_at_once)
        self._spare: asyncio.Task[Process] | None = None

    def warm(self) -> None:
        """Starts the spare process."""
        if self._spare is None:
            self._spare = asyncio.ensure_future(self._start())

    @asynccontextmanager
    async def look(self, look: str, path: Path, **task: Any) -> AsyncIterator[tuple[dict[str, Any], Path]]:
        """Yields (what was found, the folder with the arrays), which is gone afterwards.

        Raises ValueError for what is wrong with the file, for people who know this program; RuntimeError where the
        process died or took too long.
        """
        out = Path(tempfile.mkdtemp(prefix="look-", dir=self.folder))
        try:
            async with self._free:
                answer = await self._ask({"look": look, "path": str(path), "out": str(out), **task})
            yield answer, out
        finally:
            shutil.rmtree(out, ignore_errors=True)

    async def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        self.warm()
        spare, self._spare = self._spare, None  # before anybody else gets a turn
        process = await spare
        limits = {
            "gigabytes": self.limits.look_gigabytes,
            "seconds_of_work": self.limits.look_seconds,
        }
        line = json.dumps(task | limits) + "\n"
        try:
            answer, _ = await asyncio.wait_for(process.communicate(line.encode()), self.limits.look_seconds)
        except TimeoutError as error:
            raise RuntimeError(f"took longer than {self.limits.look_seconds:g} s") from error
        finally:
            await _end(process)
            self.warm()
        if len(answer) > _LONGEST_ANSWER or not answer.endswith(b"\n"):
            raise RuntimeError(f"the process ended with code {process.returncode}")
        result = json.loads(answer)
        if "mistake" in result:
            raise from_json(result, task["path"])
        return {**result["ok"], "notes": result["notes"]}

    async def _start(self) -> Process:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "faceanim.app.sandbox_worker", self.landmarks),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            cwd=self.folder,
            start_new_session=True,
        )

    async def close(self) -> None:
        if self._spare is not None:
            await _end(await self._spare)
            self._spare = None


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
