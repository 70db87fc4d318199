"""The process `m3voip agi`: serves what commands/agi.py has wired, and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading

import structlog

from m3voip.config import Settings
from m3voip.providers.asterisk.agi.answers import PostgresAnswers
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.server import AgiServer

_log = structlog.get_logger(__name__)


def serve(settings: Settings, answers: PostgresAnswers, boxes: PhoneBoxes | None) -> None:
    """Answer until told to stop. Raises OSError when the port is taken."""
    try:
        with AgiServer(settings.agi_host, settings.agi_port, answers, boxes) as server:

            def stop(_signal: int, _frame: object) -> None:
                # shutdown waits for serve_forever to return, which runs in the thread that handles signals
                threading.Thread(target=server.shutdown, name="agi stop").start()

            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)
            _log.info("agi.serving", host=settings.agi_host, port=settings.agi_port)
            server.serve_forever(poll_interval=0.2)
    finally:
        answers.close()
    _log.info("agi.stopped")
