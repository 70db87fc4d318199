"""Ends a process whose event loop no longer turns. A service that hangs while connected is worse than one that is dead:
Asterisk hands it callers and they hear silence, whereas the dialplan serves them itself when the service is gone.

Law: the check runs in a thread, because the loop cannot judge itself; it ends the process at once (SIGABRT, so that the
stack of the hanging code is printed), and whoever supervises starts the next one, which adopts the calls.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import threading
import time

BEAT_S = 1.0
LIMIT_S = 15.0
"""Far above any pause that garbage collection or a busy machine makes."""


class Watchdog:
    """``run`` beats on the loop; a daemon thread listens. A stopped machine (suspend, SIGSTOP) is not a hang: the thread
    was stopped as well and gives the loop a full limit after it wakes."""

    def __init__(self, limit_s: float = LIMIT_S, beat_s: float = BEAT_S) -> None:
        self._limit_s = limit_s
        self._beat_s = beat_s
        self._last = time.monotonic()
        self._over = threading.Event()

    async def run(self) -> None:
        """Until cancelled."""
        faulthandler.enable()
        self._last = time.monotonic()
        thread = threading.Thread(target=self._listen, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                self._last = time.monotonic()
                await asyncio.sleep(self._beat_s)
        finally:
            self._over.set()

    def _listen(self) -> None:
        looked = time.monotonic()
        while not self._over.wait(self._beat_s):
            now = time.monotonic()
            if now - looked > 3 * self._beat_s:
                self._last = now  # we were stopped, too
            looked = now
            if now - self._last > self._limit_s:
                os.abort()
