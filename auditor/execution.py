"""Which execution of a Cloud Run job this is, which of its tasks, and which attempt: the one place that reads it.

https://cloud.google.com/run/docs/container-contract#jobs-env-vars
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import UsageError

_JOB, _NAME = "CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION"
_TASK, _TASKS, _ATTEMPT = "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_TASK_ATTEMPT"
_LABELS = {"execution": _NAME, "task": _TASK, "attempt": _ATTEMPT}


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt of one task of one execution. The default is a program that nobody schedules."""

    job: str = ""
    """Empty: not on Cloud Run."""
    name: str = ""
    """The same for every task and every attempt; empty where nothing gives one."""
    task: int = 0
    tasks: int = 1
    attempt: int = 0
    """Above 0: an earlier attempt has ended without success, and nothing of it runs any more."""

    @property
    def is_on_cloud_run(self) -> bool:
        return bool(self.job)


def read_execution(environment: Mapping[str, str]) -> Execution:
    """The execution of an environment. Raises UsageError for numbers that are none."""
    execution = Execution(
        job=environment.get(_JOB, ""),
        name=environment.get(_NAME, ""),
        task=_number(environment, _TASK, 0),
        tasks=_number(environment, _TASKS, 1),
        attempt=_number(environment, _ATTEMPT, 0),
    )
    if not execution.task < execution.tasks:
        raise UsageError(f"{_TASK}={execution.task} must be less than {_TASKS}={execution.tasks}")
    return execution


def is_on_cloud_run(environment: Mapping[str, str]) -> bool:
    """Whether it is a job there that this environment was made for; raises nothing, so that errors can be logged."""
    return bool(environment.get(_JOB))


def labels_of(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What tells the log lines of executions, tasks and attempts apart, as it is written there."""
    return {label: environment[name] for label, name in _LABELS.items() if environment.get(name)}


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    written = environment.get(name, "") or str(default)
    if not (written.isascii() and written.isdigit()):
        raise UsageError(f"{name}={written} is no number", "Cloud Run sets it; unset it everywhere else.")
    return int(written)
