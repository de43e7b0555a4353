"""On PYTHONPATH, or imported: this Python can connect to nothing but the machine that it runs on."""

import ipaddress
import socket

_connect = socket.socket.connect


def _guarded(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
        raise OSError(f"no network in tests: refused to connect to {address}")
    return _connect(self, address)


def _no_lookup(host, *args, **kwargs):
    if host not in (None, "localhost", socket.gethostname()) and not _is_address(host):
        raise OSError(f"no network in tests: refused to look up {host}")
    return _getaddrinfo(host, *args, **kwargs)


def _is_address(host) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


_getaddrinfo = socket.getaddrinfo


def cut_off() -> None:
    socket.socket.connect = _guarded
    socket.getaddrinfo = _no_lookup


cut_off()
