"""Log lines: one chain of processors for our own lines and for those of libraries.

Law: every line passes ``redact``; lines are JSON for machines or aligned text for people, never both.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from m3voip.telemetry.redaction import redact

_NOISY = ("asyncio", "asyncpg", "panoramisk", "aiohttp.access", "uvicorn.access")


def _chain() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]


def _to_json(value: Any, default: Callable[[Any], Any] = str, **_: object) -> str:
    return orjson.dumps(value, default=default).decode()


def set_up(*, level: str = "info", as_json: bool = True, stream: TextIO | None = None) -> None:
    """Configure structlog and the standard logging of libraries. Call once at start; calling again replaces it.

    ``level`` is a name of the logging module in any case; an unknown one raises ValueError.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log level {level!r} is none of debug, info, warning, error, critical")
    out = stream or sys.stderr
    colours = not as_json and out.isatty()
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_to_json)
        if as_json
        # Plain tracebacks: the rich ones print local variables, which hold numbers and names.
        else structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*_chain(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    _route_libraries(number, out, [*_chain()], renderer)


def _route_libraries(level: int, out: TextIO, chain: Sequence[Processor], renderer: Processor) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *chain],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
