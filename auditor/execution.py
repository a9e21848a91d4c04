"""Which execution of a job this is, which of its tasks, and which attempt: the one place that reads it.

Cloud Run says so in the environment (https://cloud.google.com/run/docs/container-contract#jobs-env-vars); of any other
scheduler options say it in the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import UsageError

_JOB, _NAME = "CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION"
_TASK, _TASKS, _ATTEMPT = "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_TASK_ATTEMPT"
MOST_TASKS = 10_000
"""As many as Cloud Run can start."""
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


def as_told(
    environment: Mapping[str, str], *, tasks: int | None, task: int | None, name: str | None
) -> Mapping[str, str]:
    """The environment of a job, with what --tasks, --task and --execution say in place of what Cloud Run does.

    Raises UsageError where there are several tasks, and it is not told which of them this is, or of which execution.
    """
    told = {_TASKS: tasks, _TASK: task, _NAME: name}
    said = {**environment, **{variable: str(value) for variable, value in told.items() if value is not None}}
    index, count = _number(said, _TASK, 0), _number(said, _TASKS, 1)
    if (tasks, task) != (None, None) and index >= count:
        raise UsageError(
            f"There is no task {index} where there {'is one' if count == 1 else f'are {count}'}",
            f"Tasks count from 0, so that the last one is {count - 1}: --task says which this is, --tasks how many.",
        )
    execution = read_execution(said)
    if execution.tasks > 1 and not said.get(_TASK):
        raise UsageError(
            f"There are {execution.tasks} tasks, and nothing says which of them this is",
            f"Give each its number: --task 0 to --task {execution.tasks - 1}.",
        )
    if execution.tasks > 1 and not execution.name:
        raise UsageError(
            f"There are {execution.tasks} tasks, and no name by which they find each other's parts",
            "Name it: --execution NAME, the same for every task of one run, and another one for the next run.",
        )
    return said


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
