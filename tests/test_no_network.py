"""The tests' own guard: if it did not hold, no test would prove that we work offline."""

import socket

import pytest

from tests.helpers.commands import run


def test_this_process_cannot_connect():
    with pytest.raises(OSError, match="no network in tests"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="no network in tests"):
        socket.create_connection(("example.com", 80), timeout=1)


def test_the_commands_that_tests_start_cannot_either():
    done = run("-c", "import urllib.request as r; r.urlopen('http://192.0.2.1', timeout=1)")
    assert done.returncode and "no network in tests" in done.stderr
