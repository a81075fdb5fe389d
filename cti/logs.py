"""Log lines: for people on a terminal, JSON for everything else; ids only, never a person."""

from __future__ import annotations

import contextlib
from typing import Any

import structlog


class SafeLogger(structlog.PrintLogger):
    """Prints lines; one that can't be printed (the log's own disk is full) must not stop who wrote it."""

    def msg(self, message: str) -> None:
        """Print, if possible."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def configure_logging(level: str, *, is_terminal: bool) -> None:
    """Log lines for people on a terminal, JSON for everything else; ids only, never a person."""
    # Plain tracebacks: the pretty ones print local variables, and with them a caller's digits.
    renderer: Any = structlog.processors.JSONRenderer()
    if is_terminal:
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if is_terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: SafeLogger(),
        cache_logger_on_first_use=False,
    )
