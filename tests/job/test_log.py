"""Log lines as Cloud Logging and Error Reporting take them, and which console a run gets."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor import audit_run, cli, job
from auditor.console import TerminalConsole, open_console
from auditor.errors import UsageError
from auditor.execution import Execution, as_told, read_execution
from auditor.history_run import KeptHistory
from auditor.log import JsonFormatter, LogConsole, open_log
from auditor.settings import Settings

DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
ON_CLOUD_RUN = {
    "CLOUD_RUN_JOB": "gke-auditor",
    "CLOUD_RUN_EXECUTION": "gke-auditor-x7k2p",
    "CLOUD_RUN_TASK_INDEX": "2",
    "CLOUD_RUN_TASK_COUNT": "8",
    "CLOUD_RUN_TASK_ATTEMPT": "1",
}


def test_an_execution_is_read_from_the_environment() -> None:
    assert read_execution({}) == Execution()
    assert not read_execution({}).is_on_cloud_run
    assert read_execution(ON_CLOUD_RUN) == Execution("gke-auditor", "gke-auditor-x7k2p", 2, 8, 1)


@pytest.mark.parametrize(("name", "value"), [("TASK_INDEX", "8"), ("TASK_COUNT", "-1"), ("TASK_ATTEMPT", "²")])
def test_an_execution_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"CLOUD_RUN_{name}={value}"):
        read_execution({**ON_CLOUD_RUN, f"CLOUD_RUN_{name}": value})


def test_any_scheduler_can_say_which_task_it_is() -> None:
    said = as_told({}, tasks=8, task=2, name="monday")
    assert read_execution(said) == Execution("", "monday", 2, 8)
    assert as_told(ON_CLOUD_RUN, tasks=None, task=None, name=None) == ON_CLOUD_RUN
    assert read_execution(as_told(ON_CLOUD_RUN, tasks=None, task=3, name="other")).task == 3
    assert read_execution(as_told({}, tasks=1, task=0, name=None)) == Execution()


@pytest.mark.parametrize(
    ("environment", "tasks", "task", "name", "message"),
    [
        ({}, 8, 8, "monday", "There is no task 8 where there are 8"),
        ({}, None, 1, "monday", "There is no task 1 where there is one"),
        ({}, 8, None, "monday", "nothing says which of them this is"),
        ({}, 8, 0, None, "no name by which they find each other's parts"),
        ({"CLOUD_RUN_TASK_COUNT": "8"}, None, None, "monday", "nothing says which of them this is"),
        ({"CLOUD_RUN_TASK_COUNT": "8", "CLOUD_RUN_TASK_INDEX": "0"}, None, None, None, "no name by which"),
        ({**ON_CLOUD_RUN}, 2, None, None, "There is no task 2 where there are 2"),
    ],
)
def test_tasks_that_would_not_find_each_other(
    environment: dict[str, str], tasks: int | None, task: int | None, name: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        as_told(environment, tasks=tasks, task=task, name=name)


@pytest.mark.parametrize(
    ("environment", "log_format", "is_json"),
    [
        ({}, "auto", False),
        ({}, "json", True),
        (ON_CLOUD_RUN, "auto", True),
        (ON_CLOUD_RUN, "text", False),
        (ON_CLOUD_RUN, "what?", True),
    ],
)
def test_the_environment_or_the_setting_decides(environment: dict[str, str], log_format: str, is_json: bool) -> None:
    assert isinstance(open_console(environment, log_format), LogConsole if is_json else TerminalConsole)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    open_log({"execution": "x"}).error("forbidden: 100% of \x1b[31mred\ud800", "gcloud do this\nand that")
    (line,) = lines(capsys)
    assert line["severity"] == "ERROR"
    assert line["message"] == "forbidden: 100% of �[31mred�\ngcloud do this\nand that"
    assert line["logging.googleapis.com/labels"] == {"execution": "x"}
    where = line["logging.googleapis.com/sourceLocation"]
    assert isinstance(where, dict)
    assert where["function"] == "test_a_line"
    assert where["file"].endswith("tests/job/test_log.py")
    time = datetime.fromisoformat(str(line["time"]))
    assert time.utcoffset() is not None


def test_a_quiet_log_has_errors_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    log = open_log({})
    log.quiet = True
    log.say("said")
    log.warning("warned")
    log.detail("told")
    log.error("failed")
    log.finish("audit not finished", {"gaps": 1}, is_good=False)
    assert [(line["severity"], line["message"]) for line in lines(capsys)] == [
        ("ERROR", "failed"),
        ("ERROR", "audit not finished"),
    ]


def test_a_bug_is_logged_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ON_CLOUD_RUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "write_stdout", lambda content: 1 / 0)
    assert cli.run(["version"]) == 1
    (line,) = lines(capsys)
    assert line["severity"] == "CRITICAL"
    message = str(line["message"])
    assert message.startswith("This is a bug in gke-auditor")
    assert "\nTraceback (most recent call last):\n" in message
    assert message.endswith("ZeroDivisionError: division by zero")


def test_a_bug_in_a_job_is_followed_by_the_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**ON_CLOUD_RUN, "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(audit_run, "build", lambda snapshot: 1 / 0)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGTSTP)]
    assert cli.run(["job", "--snapshot", str(DEMO), "--history", str(tmp_path / "kept")]) == 1
    assert [line["severity"] for line in lines(capsys)] == ["CRITICAL", "ERROR"]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGTSTP)] == handlers


def test_a_bug_in_one_step_keeps_no_other_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**ON_CLOUD_RUN, "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(KeptHistory, "keep", lambda self, report: 1 / 0)
    assert cli.run(["job", "--snapshot", str(DEMO), "--history", str(tmp_path / "kept")]) == 1
    told = lines(capsys)
    assert [line["severity"] for line in told if line["severity"] in ("CRITICAL", "ERROR")] == ["CRITICAL", "ERROR"]
    assert told[-1]["message"] == "audit not finished"
    assert (tmp_path / "kept" / "reports" / "gke-auditor-x7k2p-attempt-1" / "report.json").is_file()


def test_sigterm_while_a_failure_is_told_ends_with_the_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = open_log({})
    said: list[str] = []

    def killed(self: LogConsole, message: str, hint: str = "") -> None:
        said.append(message)
        if len(said) == 1:
            raise SystemExit(143)

    monkeypatch.setattr(LogConsole, "error", killed)
    execution = Execution("job", "job-x7k2p")
    code = job.run(Settings(), console, execution, {}, now=lambda: datetime.now(UTC), clock=lambda: 0.0)
    assert code == 143
    assert "no place for its runs" in said[0]
    assert [line["message"] for line in lines(capsys)] == ["audit not finished"]


def test_whatever_python_says_of_itself_is_a_line(tmp_path: Path) -> None:
    """What a destructor raises is told by nobody else, and what reaches the top ends the program."""
    program = """
from auditor.log import adopt_libraries, open_log

class Broken:
    def __del__(self):
        raise ValueError("in a destructor")

adopt_libraries(open_log({"execution": "x"}))
del (broken := [Broken()])[0]
raise KeyError("at the top")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    told = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["severity"] for line in told] == ["CRITICAL", "CRITICAL"]
    assert "ValueError: in a destructor\nTraceback" in told[0]["message"]
    assert "KeyError: 'at the top'" in told[1]["message"]
    assert (ended.returncode, ended.stdout) == (1, "")


def test_sigterm_while_it_begins_ends_with_the_summary(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        raise SystemExit(143)

    for name, value in ON_CLOUD_RUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cli, "read_execution", killed)
    with pytest.raises(SystemExit, match="143"):
        cli.run(["job", "--history", "kept"])
    (line,) = lines(capsys)
    assert (line["severity"], line["message"], line["summary"]) == ("ERROR", "audit not finished", {})


def test_on_a_terminal_the_end_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.run(["job", "--snapshot", str(DEMO), "--history", str(tmp_path / "kept"), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("audit finished: projects 2 · clusters 2 · gaps ")
    assert err.count("\n") == 1


def test_what_libraries_log_has_the_same_form() -> None:
    record = logging.LogRecord("urllib3", logging.WARNING, "/usr/lib/x.py", 7, "Retrying %s", ("a",), None, "retry")
    line = json.loads(JsonFormatter({"task": "0"}).format(record))
    assert (line["severity"], line["message"]) == ("WARNING", "Retrying a")
    assert line["logging.googleapis.com/sourceLocation"] == {"file": "/usr/lib/x.py", "line": "7", "function": "retry"}
