"""Logs: one line per event, JSON where nobody watches, readable in a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def set_up(*, verbose: bool = False) -> None:
    """Configures structlog and the standard library's logging to write to stderr.

    At INFO no token, address or payload is logged.
    """
    level = logging.DEBUG if verbose else logging.INFO
    tty = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not tty:
        shared.append(structlog.processors.format_exc_info)
    renderer: Any = structlog.processors.JSONRenderer()
    if tty:
        # its own tracebacks would show variables, and with them tokens and people's data
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=plain)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    # what goes wrong in a handler is logged by the gateway itself, with a reference; the rest is
    # bad HTTP of which it would quote headers
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # it tells each refused or late ring as a warning; for us these are everyday
    logging.getLogger("dramatiq").setLevel(logging.ERROR)
