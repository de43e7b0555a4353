"""Token-bucket rate limit per client."""

import threading
import time
from collections import OrderedDict

_MAX_CLIENTS = 10_000  # buckets kept at a time


class RateLimit:
    """A bucket per client that holds `per_minute` tokens and is refilled at that rate; each request takes one."""

    def __init__(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # (tokens, time of the last request)

    def allows(self, client: str, now: float | None = None) -> bool:
        now = time.monotonic() if now is None else now
        with self._lock:
            tokens, before = self._buckets.pop(client, (self.per_minute, now))
            tokens = min(self.per_minute, tokens + (now - before) * self.per_minute / 60)
            allowed = tokens >= 1
            self._buckets[client] = (tokens - 1 if allowed else tokens, now)
            while len(self._buckets) > _MAX_CLIENTS:
                self._buckets.popitem(last=False)
        return allowed
