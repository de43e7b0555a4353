"""Workers that are processes of this machine. Few imports: each of them imports this file."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from threading import Lock
from types import SimpleNamespace
from typing import Any

from faceanim.parallel.worker import READY, Task, Worker, WorkerDied


class ProcessWorker(Worker):
    """A spawned process, which inherits no lock and no decoder, and ends with this one. Its logs are handled here."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (task, theirs, os.getpid(), logging.getLogger().level)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        theirs.close()  # so that its death closes the pipe

    @staticmethod
    def wait(workers: Sequence["ProcessWorker"], timeout: float | None) -> list["ProcessWorker"]:
        ready = multiprocessing.connection.wait([worker._connection for worker in workers], timeout)
        return [worker for worker in workers if worker._connection in ready]

    def give(self, job: Any) -> None:
        with suppress(OSError):  # it died: `wait` notices
            self._connection.send(job)

    def outcome(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return WorkerDied(f"exit code {self.stop()}")

    def stop(self) -> int | None:
        """Its exit code; a process that ended on its own keeps its own."""
        self._process.kill()
        self._process.join()
        self._connection.close()
        return self._process.exitcode


def _work(task: Task, connection: Connection, parent: int, log_level: int) -> None:
    """The life of a process: it ends with the pipe, so also when the parent is killed."""
    lock = Lock()  # logs come from any thread

    def send(message: Any) -> None:
        with suppress(OSError), lock:  # nobody waits for it any more
            connection.send(message)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which stops its workers
    to_parent = QueueHandler(SimpleNamespace(put_nowait=send))
    logging.basicConfig(handlers=[to_parent], format="%(message)s", level=log_level, force=True)
    send(READY)
    while os.getppid() == parent:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = task(job)
        except Exception as error:
            error.add_note(traceback.format_exc())
            result = error
        send(result)
