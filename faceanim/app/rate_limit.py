"""How often somebody may ask."""

import threading
import time
from collections import OrderedDict

_MOST_KEPT = 10_000  # names remembered at a time


class RateLimit:
    """At most `a_minute` in one go, and as many again every minute (a token bucket for each name)."""

    def __init__(self, a_minute: float) -> None:
        self.a_minute = a_minute
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when

    def allows(self, name: str, now: float | None = None) -> bool:
        now = time.monotonic() if now is None else now
        with self._lock:
            tokens, before = self._left.pop(name, (self.a_minute, now))
            tokens = min(self.a_minute, tokens + (now - before) * self.a_minute / 60)
            allowed = tokens >= 1
            self._left[name] = (tokens - 1 if allowed else tokens, now)
            while len(self._left) > _MOST_KEPT:
                self._left.popitem(last=False)
        return allowed
