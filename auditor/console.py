"""What goes to stderr: warnings, the summary, errors, and a line that shows that something is going on.

`Console` is what the wiring speaks to; `TerminalConsole` writes for people, `LogConsole` (log.py) for Cloud Logging.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import IO, TYPE_CHECKING, Protocol

from .execution import is_on_cloud_run, labels_of
from .report import text

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from .collect.harvest import Progress

LONGEST = 4000
LOG_FORMATS = ("auto", "text", "json")
NOT_FINISHED = "audit not finished"
"""The last line of a scheduled run that was not done, or not in full."""


def may_use_color(stream: IO[str], wish: str, environment: Mapping[str, str]) -> bool:
    """Whether a stream gets colour: --color, else NO_COLOR, FORCE_COLOR, TERM=dumb, else whether it is a terminal."""
    if wish != "auto":
        return wish == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return environment.get("TERM") != "dumb" and stream.isatty()


def _progress_line(progress: Progress) -> str:
    """Reading projects 14/61 · clusters 3/5 · 210 requests · 2 gaps."""
    parts = [f"projects {progress.projects_done}/{progress.projects}"]
    parts.append(f"clusters {progress.clusters_done}/{progress.clusters}")
    parts.append(text.plural(progress.requests, "request"))
    parts.append(text.plural(progress.gaps, "gap"))
    return "Reading " + " · ".join(parts)


class Console(Protocol):
    """Stderr of one run. Its settings are known only once the options are read, so they are set later."""

    quiet: bool
    """Errors, bugs and the end are said, and nothing else."""
    verbose: int
    color: str

    def error(self, message: str, hint: str = "") -> None:
        """What failed, and what to do about it; never held back."""

    def bug(self, error: BaseException, message: str, hint: str) -> None:
        """An error that nobody foresaw; never held back."""

    def warning(self, message: str) -> None: ...

    def say(self, message: str) -> None: ...

    def detail(self, message: str) -> None:
        """Said with -v only."""

    def finish(self, message: str, summary: Mapping[str, str | float], *, is_good: bool) -> None:
        """How it ended, in a form for programs; never held back."""

    def progress(self, what: str) -> AbstractContextManager[None]:
        """Something that takes its time is going on."""

    def following(self) -> AbstractContextManager[Callable[[Progress], None]]:
        """Follow a live run, from many threads."""


@dataclass(slots=True)
class TerminalConsole:
    """Lines for people, coloured where that is wanted."""

    environment: Mapping[str, str]
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"

    def error(self, message: str, hint: str = "") -> None:
        """What failed, line by line; never held back."""
        for index, line in enumerate(message.splitlines() or [""]):
            self._print(f"Error: {line}" if index == 0 else f"       {line}", "bold red" if index == 0 else "")
        for line in hint.splitlines():
            self._print(f"       {line}")

    def bug(self, error: BaseException, message: str, hint: str) -> None:
        """One line, not a traceback, unless -vv asks for it."""
        if self.verbose >= 2:
            import traceback  # noqa: PLC0415 - only when something went wrong

            for line in "".join(traceback.format_exception(error)).splitlines():
                self._print(line, "dim")
        self.error(message, hint)

    def warning(self, message: str) -> None:
        if not self.quiet:
            self._print(f"Warning: {message}", "yellow")

    def say(self, message: str) -> None:
        if not self.quiet:
            self._print(message)

    def detail(self, message: str) -> None:
        """Said with -v only."""
        if self.verbose:
            self._print(message, "dim")

    def finish(self, message: str, summary: Mapping[str, str | float], *, is_good: bool) -> None:
        told = " · ".join(f"{name} {value}" for name, value in summary.items())
        self._print(f"{message}: {told}", "" if is_good else "bold red")

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        """A line that goes away again, on a coloured terminal only."""
        if self.quiet or self.verbose or not self._has_color() or not sys.stderr.isatty():
            self.detail(what)
            yield
            return
        with self._rich().status(text.clean(what)):
            yield

    @contextmanager
    def following(self) -> Iterator[Callable[[Progress], None]]:
        """Follow a live run, from many threads: one line that changes on a coloured terminal, else one line for each
        project; nothing when quiet."""
        lock = Lock()
        if self.quiet:
            yield lambda progress: None
        elif not self._has_color() or not sys.stderr.isatty():

            def print_event(progress: Progress) -> None:
                if progress.event:
                    with lock:
                        self._print(progress.event)

            yield print_event
        else:
            with self._rich().status("Reading") as status:

                def show(progress: Progress) -> None:
                    with lock:
                        status.update(_progress_line(progress))

                yield show

    def _print(self, line: str, style: str = "") -> None:
        shown = text.clean(line, LONGEST)
        if self._has_color():
            self._rich().print(shown, style=style or None, markup=False, highlight=False, soft_wrap=True)
        else:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            print(shown.encode(encoding, "replace").decode(encoding), file=sys.stderr)  # noqa: T201

    def _has_color(self) -> bool:
        return may_use_color(sys.stderr, self.color, self.environment)

    def _rich(self) -> RichConsole:
        from rich.console import Console as RichConsole  # noqa: PLC0415 - slow, and --help needs none of it

        return RichConsole(stderr=True, force_terminal=True, color_system="standard")


def open_console(environment: Mapping[str, str], log_format: str) -> Console:
    """The console of one run: for people, or, with the log format `json` and on Cloud Run, JSON lines."""
    if log_format == "json" or (log_format != "text" and is_on_cloud_run(environment)):
        from .log import open_log  # noqa: PLC0415 - nobody else needs logging

        return open_log(labels_of(environment))
    return TerminalConsole(environment)
