"""The process `m3voip agi`: wires settings, answers and server, and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading

import structlog

from m3voip.config import Settings
from m3voip.providers.asterisk.agi.answers import PostgresAnswers
from m3voip.providers.asterisk.agi.server import AgiServer

_log = structlog.get_logger(__name__)


def serve(settings: Settings) -> None:
    """Answer until told to stop. Raises OSError when the port is taken."""
    answers = PostgresAnswers(settings.engine_dsn.get_secret_value(), settings.tenant_id)
    try:
        with AgiServer(settings.agi_host, settings.agi_port, answers) as server:

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
