"""Calling the command as a user does, in this process. The fixtures around it are in conftest.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditor import cli

Run = Callable[..., tuple[int, str, str]]
"""A command line, word by word; exit code, stdout and stderr."""


def caller(capsys: pytest.CaptureFixture[str], *first: str) -> Run:
    """Calls the command with these words, and those of each call behind them."""

    def call(*args: str) -> tuple[int, str, str]:
        code = cli.run((*first, *args))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
