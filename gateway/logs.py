"""Logs: events and ids, as JSON lines. Never a text, a name or a number.

A last scrubber stands behind that rule, for what libraries write.
"""

import logging
import re
import sys
from typing import Any

import structlog

_NUMBERS = re.compile(r"\+?\d[\d .-]{7,}\d")
_MAILS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_SECRET_KEYS = {"body", "text", "phone", "to", "from", "address", "name", "email", "to_", "from_"}
_QUIET = ("httpx2", "httpcore2", "twilio", "aiohttp", "asyncio", "taskiq", "uvicorn.access", "alembic", "rasa_sdk", "aiosqlite")  # fmt: skip


def scrub(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Masks what looks like a number or an address, and drops fields that should never be there."""
    for key, value in list(event.items()):
        if key in _SECRET_KEYS:
            event[key] = "•"
        elif isinstance(value, str) and key not in ("timestamp", "sid"):
            event[key] = _MAILS.sub("•", _NUMBERS.sub("•", value))
    return event


def _traceback_without_values(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Where an exception happened and of what kind; its message may hold what she wrote."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple) and info[0]:
        frames, trace = [], info[2]
        while trace:
            frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["exception"] = f"{info[0].__name__} at {' > '.join(frames[-6:])}"
    return event


def set_up(level: str = "INFO", stream: Any = None) -> None:
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _traceback_without_values,
        scrub,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.raiseExceptions = False  # a log that cannot be written (full disk) stops nobody and says nothing
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
