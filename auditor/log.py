"""The console where Cloud Logging reads it: one JSON object a line.

The fields are those that Cloud Logging takes out of a line, and Error Reporting finds a traceback in `message`:
https://cloud.google.com/logging/docs/structured-logging, https://cloud.google.com/error-reporting/docs/formatting-error-messages
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .console import LONGEST, Console
from .report import text

if TYPE_CHECKING:
    from .collect.harvest import Progress

_ROOT = Path(__file__).resolve().parents[1]
_CALLER = 2
"""The line that a log line is from is the one that called the console."""


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__()
        self._labels = dict(labels)

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        path = Path(record.pathname)
        file = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": message.encode("utf-8", "replace").decode(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "logging.googleapis.com/labels": self._labels,
            "logging.googleapis.com/sourceLocation": {
                "file": str(file),
                "line": str(record.lineno),
                "function": record.funcName,
            },
            **getattr(record, "fields", {}),
        }
        return json.dumps(entry)


@dataclass(slots=True)
class LogConsole:
    """What is said in a run, as lines of a log."""

    logger: logging.Logger
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"

    def error(self, message: str, hint: str = "") -> None:
        self.logger.error(_cleaned(message, hint), stacklevel=_CALLER)

    def bug(self, error: BaseException, message: str, hint: str) -> None:
        self.logger.critical(_cleaned(message, hint), exc_info=error, stacklevel=_CALLER)

    def warning(self, message: str) -> None:
        if not self.quiet:
            self.logger.warning(_cleaned(message), stacklevel=_CALLER)

    def say(self, message: str) -> None:
        if not self.quiet:
            self.logger.info(_cleaned(message), stacklevel=_CALLER)

    def detail(self, message: str) -> None:
        if self.verbose:
            self.logger.debug(_cleaned(message), stacklevel=_CALLER)

    def finish(self, message: str, summary: Mapping[str, str | float], *, is_good: bool) -> None:
        level = logging.INFO if is_good else logging.ERROR
        self.logger.log(level, message, extra={"fields": {"summary": dict(summary)}}, stacklevel=_CALLER)

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        self.detail(what)
        yield

    @contextmanager
    def following(self) -> Iterator[Callable[[Progress], None]]:
        """A line for each project, and for what else is worth one."""

        def log_event(progress: Progress) -> None:
            if progress.event:
                self.say(progress.event)

        yield log_event


def _cleaned(message: str, hint: str = "") -> str:
    lines = (*message.splitlines(), *hint.splitlines())
    return "\n".join(text.clean(line, LONGEST) for line in lines)


def open_log(labels: Mapping[str, str]) -> LogConsole:
    """A console that writes JSON lines with these labels to stderr."""
    logger = logging.Logger("gke-auditor", logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(labels))
    logger.addHandler(handler)
    return LogConsole(logger)


def adopt_libraries(console: Console) -> None:
    """Let what libraries, dying threads and Python itself say be lines of the same log. It holds for the whole
    program."""
    if not isinstance(console, LogConsole):
        return
    logging.basicConfig(handlers=console.logger.handlers, level=logging.WARNING)
    logging.captureWarnings(True)

    def log_death(death: threading.ExceptHookArgs) -> None:
        error = death.exc_value or RuntimeError(str(death.exc_type))
        console.bug(error, f"A thread died: {type(error).__name__}: {error}", "")

    def log_unraised(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value or RuntimeError(str(unraisable.exc_type))
        what = unraisable.err_msg or "Exception ignored"
        console.bug(error, f"{what}: {type(error).__name__}: {error}", "")

    def log_end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        console.bug(error, f"{kind.__name__}: {error}", "")

    threading.excepthook = log_death
    sys.unraisablehook = log_unraised
    sys.excepthook = log_end
