"""Sandbox: reads visitors' files in processes of limited means, see sandbox_worker.py."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

import faceanim
from faceanim.app.settings import Limits
from faceanim.app.upload_errors import from_json

_ROOT = Path(faceanim.__file__).resolve().parents[1]
_ENVIRONMENT = ("PATH", "LANG", "HOME", "FACEANIM_WEIGHTS", "LD_LIBRARY_PATH")  # variables that are passed on
_MAX_ANSWER = 100_000  # bytes


class Sandbox:
    """Runs a process for each file. One spare process is kept ready, so that nobody waits for its imports."""

    def __init__(self, landmarks: str, limits: Limits, folder: Path) -> None:
        self.landmarks, self.limits, self.folder = landmarks, limits, folder
        self._free = asyncio.Semaphore(limits.parallel_analyses)
        self._spare: asyncio.Task[Process] | None = None

    def warm(self) -> None:
        """Start the spare process."""
        if self._spare is None:
            self._spare = asyncio.ensure_future(self._start())

    async def run(self, kind: str, path: Path, out: str, task: dict[str, Any]) -> dict[str, Any]:
        """Let a process analyze the file and write arrays into `out`; return its answer.

        kind: photo, video or speech. task: further arguments of the function for it in sandbox_worker.py. Raises
        ValueError, of a type in `UPLOAD_ERRORS` if possible, for an unusable file; RuntimeError if the process died or
        took too long.
        """
        seconds = self.limits.analysis_seconds
        limits = {"gigabytes": self.limits.analysis_gigabytes, "cpu_seconds": seconds}
        line = json.dumps({"kind": kind, "path": str(path), "out": out, **task, **limits}) + "\n"
        async with self._free:
            self.warm()
            spare, self._spare = self._spare, None  # no await before this line: nobody else may take it
            process = await spare
            try:
                answer, _ = await asyncio.wait_for(process.communicate(line.encode()), seconds)
            except TimeoutError as error:
                raise RuntimeError(f"took longer than {seconds:g} s") from error
            finally:
                await _end(process)
                self.warm()
        if len(answer) > _MAX_ANSWER or not answer.endswith(b"\n"):
            raise RuntimeError(f"the process ended with code {process.returncode}")
        result = json.loads(answer)
        if "error" in result:
            raise from_json(result, str(path))
        return result

    async def _start(self) -> Process:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
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
