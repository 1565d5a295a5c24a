"""Sets up a daemon's log: standard error, one line per event."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logging(level: int = logging.INFO) -> None:
    """structlog and the standard library's logging, one format: time, level, event, fields."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s [%(levelname)s] %(name)s %(message)s")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
