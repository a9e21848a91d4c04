"""What can go wrong, as text for the person who reads it.

AuditorError
├── UsageError          exit 2: flags, settings file, environment; nothing was contacted
├── NothingRead         exit 1: no credentials, nothing readable, not a snapshot
├── NotDelivered        exit 1: a file, a bucket or a mail could not be written
└── NotFound            exit 1: explain: nothing of that name
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """docs/report.md, Exit codes; the README's table is checked against this."""

    OK = 0
    NOT_DONE = 1
    USAGE = 2
    FOUND = 3
    INCOMPLETE = 4
    INTERRUPTED = 130
    TERMINATED = 143


class AuditorError(Exception):
    """`message` says what failed, where and why; `hint` what to do about it."""

    exit_code = ExitCode.NOT_DONE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AuditorError):
    exit_code = ExitCode.USAGE


class NothingRead(AuditorError):
    pass


class NotDelivered(AuditorError):
    pass


class NotFound(AuditorError):
    pass
