"""`python -m auditor job` as Cloud Run starts it: its environment, its signals, its attempts."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deliver.conftest import storage_server
from deliver.smtpserver import Server, serving

from auditor.deliver.storage import BucketAccess, Store, open_store

from .gate import Gate, gate_before

DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
SEVERITIES = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
SUMMARY = {"projects", "clusters", "gaps", "orphans", "monthly", "currency", "duration_s"}
TIMEOUT_S = 90
_NUMBERS = itertools.count()
__all__ = ["storage_server"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt ended."""

    code: int
    lines: list[dict[str, Any]]
    took_s: float

    @property
    def summary(self) -> Mapping[str, Any]:
        return dict(self.lines[-1]["summary"])

    def said(self, words: str) -> list[str]:
        """The messages with these words."""
        return [line["message"] for line in self.lines if words in line["message"]]


@dataclass(slots=True)
class Attempt:
    """One attempt that was started."""

    process: subprocess.Popen[str]
    environment: Mapping[str, str]
    began: float = field(default_factory=time.monotonic)

    def end(self, *, is_killed: bool = False) -> Ended:
        """Wait for its end: stdout is empty, stderr nothing but lines of JSON, and the last one is the summary."""
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        lines = [json.loads(line) for line in err.splitlines()]
        labels = {
            name: self.environment[f"CLOUD_RUN_{variable}"]
            for name, variable in (("execution", "EXECUTION"), ("task", "TASK_INDEX"), ("attempt", "TASK_ATTEMPT"))
        }
        assert out == ""
        for line in lines:
            assert line["severity"] in SEVERITIES
            assert line["logging.googleapis.com/labels"] == labels
        if not is_killed:
            assert "summary" in lines[-1]
            assert sum("summary" in line for line in lines) == 1
        return Ended(self.process.returncode, lines, time.monotonic() - self.began)

    def kill(self) -> None:
        """As the kernel does when there is no memory left."""
        self.process.kill()
        self.end(is_killed=True)


@dataclass(slots=True)
class Job:
    """A deployed job, and what it speaks to."""

    mail: Server
    gate: Gate
    store: Store
    folder: Path
    settings: dict[str, str]
    surroundings: dict[str, str] = field(default_factory=dict)
    cloud_run: dict[str, str] = field(default_factory=dict)
    """What Cloud Run says otherwise than it does of a job with one task."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, execution: str = "gke-auditor-w47", attempt: int = 0, **settings: str) -> Attempt:
        """Start an attempt. A setting that is "" is not set."""
        ours = ("GOOGLE_", "CLOUDSDK_", "GKE_AUDITOR_", "CLOUD_RUN_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment |= self.surroundings
        environment |= {
            "CLOUD_RUN_JOB": "gke-auditor",
            "CLOUD_RUN_EXECUTION": execution,
            "CLOUD_RUN_TASK_INDEX": "0",
            "CLOUD_RUN_TASK_COUNT": "1",
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
            "STORAGE_EMULATOR_HOST": self.gate.endpoint,
            **self.cloud_run,
        }
        wanted = {**self.settings, **settings}
        environment |= {f"GKE_AUDITOR_{name.upper()}": value for name, value in wanted.items() if value}
        process = subprocess.Popen(
            [sys.executable, "-m", "auditor", "job"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return Attempt(process, environment)

    def run(self, execution: str = "gke-auditor-w47", attempt: int = 0, **settings: str) -> Ended:
        return self.start(execution, attempt, **settings).end()

    def names(self, prefix: str) -> list[str]:
        return list(self.store.names(prefix))

    def read(self, name: str) -> bytes:
        stored = self.store.read(name)
        assert stored is not None, name
        return stored.content

    def markers(self) -> list[str]:
        return [json.loads(self.read(name))["state"] for name in self.names("sent/")]


def reports_of(execution: str, attempt: int = 0) -> list[str]:
    files = ("findings.csv", "findings.csv.gaps.csv", "report.html", "report.json")
    folder = f"{execution}-attempt-{attempt}" if attempt else execution
    return [f"reports/{folder}/{file}" for file in files]


@pytest.fixture
def job(storage_server: str, tmp_path: Path) -> Iterator[Job]:
    """A job that audits a snapshot, with a place in a bucket and a mail server that are its own."""
    place = f"gs://audits/job/{tmp_path.name}/{next(_NUMBERS)}"
    store = open_store(place, BucketAccess(endpoint=storage_server, timeout_s=10, deadline_s=20))
    with serving() as mail, gate_before(storage_server) as gate:
        settings = {
            "history": place,
            "snapshot": str(DEMO),
            "mail_to": "ops@example.com",
            "mail_from": "auditor@example.com",
            "smtp_host": "127.0.0.1",
            "smtp_port": str(mail.port),
            "smtp_security": "plain",
        }
        started: list[subprocess.Popen[str]] = []
        yield Job(mail, gate, store, tmp_path, settings, started=started)
        for process in started:
            process.kill()
            process.communicate()


def wait_for(is_so: Callable[[], object]) -> None:
    for _ in range(TIMEOUT_S * 50):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")
