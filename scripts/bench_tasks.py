"""Audit an organization with one task and with many, against a loopback server that enforces Google's quotas.

Each task is a process of its own, as on Cloud Run: `collect --part I/N`. Then `merge --second-look`, then `audit`. It
fails where the report is not byte for byte that of one task, where anything was refused for a quota, or where the loss
of any one part changes a verdict to anything but `unknown`. What it prints stands in docs/scale.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
from bench_live import Server
from organization import make_organization

from auditor.collect.directory import write_snapshot
from auditor.collect.quotas import PER_MINUTE

EXECUTION = "bench"
_MEASURING = (
    "import resource, sys; from auditor import cli; code = cli.run(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


class Commands:
    """`gke-auditor` in processes of their own, with the server's environment."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "CLOUDSDK_"))}
        self._environment = {**theirs, **described["environment"]}
        number = described["organization"].partition("/")[2]
        # A server that shares its two cores with all tasks, and perhaps with others, may answer late.
        self.live = ["--organization", number, *described["flags"], "--timeout", "5m", "--quiet"]

    def run(self, *arguments: str) -> tuple[float, float]:
        """Seconds and the most MiB in memory."""
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _MEASURING, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"bench: {' '.join(arguments[:4])} failed: {done.stderr.strip()[-2000:]}")
        return time.monotonic() - began, int(done.stderr.split()[-1]) / 1024


def verdicts(report: Path) -> dict[str, str]:
    return {found["resource"]: found["verdict"] for found in orjson.loads(report.read_bytes())["findings"]}


def bench(projects: int, clusters: int, tasks: int, folder: Path) -> int:
    organization = make_organization(projects, clusters)
    write_snapshot(organization.snapshot, folder / "world")
    limits = [word for service, number in PER_MINUTE.items() for word in ("--quota", f"{service}={number}")]
    server = Server(folder / "world", *limits)
    try:
        return _compare(Commands(server.described), server, organization.as_of.isoformat(), tasks, folder)
    finally:
        server.close()


def _compare(commands: Commands, server: Server, as_of: str, tasks: int, folder: Path) -> int:
    audit = ["--as-of", as_of, "--format", "json", "--verdict", "all", "--quiet"]
    say("                   seconds  MiB  requests refused")
    server.tell(0.0)
    alone = folder / "alone.json"
    took = commands.run("audit", *commands.live, *audit, "--output", str(alone))
    refused = _line("one task", took, server.tell())
    parts = [folder / f"{index}.tar.gz" for index in range(tasks)]
    with ThreadPoolExecutor(tasks) as pool:
        runs = list(pool.map(lambda item: _collect(commands, item[0], tasks, item[1]), enumerate(parts)))
    longest = (max(took_s for took_s, _ in runs), max(mebibytes for _, mebibytes in runs))
    refused += _line(f"{tasks} parts, at once", longest, server.tell())
    size = sum(path.stat().st_size for path in parts) / 1024
    whole, together = folder / "whole.tar.gz", folder / "together.json"
    merging = ["merge", *map(str, parts), "--output", str(whole), "--second-look", "--concurrency", "32"]
    took = commands.run(*merging, *commands.live)
    refused += _line("merge, second look", took, server.tell())
    took = commands.run("audit", "--snapshot", str(whole), *audit, "--output", str(together))
    _line("audit", took, server.tell())
    say(f"the parts are {size:.0f} KiB together; {len(verdicts(alone))} findings")
    problems = [] if alone.read_bytes() == together.read_bytes() else ["the reports differ"]
    problems += [f"{refused} requests were refused for a quota"] if refused else []
    problems += _without_each(commands, parts, audit, verdicts(alone), folder)
    for problem in problems:
        say(f"Wrong: {problem}")
    return 1 if problems else 0


def _collect(commands: Commands, index: int, tasks: int, path: Path) -> tuple[float, float]:
    part = ["--part", f"{index}/{tasks}", "--execution", EXECUTION]
    return commands.run("collect", *part, "--output", str(path), *commands.live)


def _without_each(
    commands: Commands, parts: Sequence[Path], audit: Sequence[str], right: Mapping[str, str], folder: Path
) -> list[str]:
    problems = []
    for lost in parts:
        torn, report = folder / f"without-{lost.name}", folder / "torn.json"
        commands.run("merge", *(str(path) for path in parts if path != lost), "--output", str(torn), "--quiet")
        commands.run("audit", "--snapshot", str(torn), *audit, "--output", str(report))
        found = verdicts(report)
        wrong = [name for name, verdict in found.items() if verdict not in (right.get(name), "unknown")]
        problems += [f"without part {lost.name}: {wrong[:3]}"] if wrong else []
        changed = Counter(right[name] for name, verdict in found.items() if verdict != right[name])
        say(f"without {lost.name}: {len(found)} findings, now unknown: {dict(sorted(changed.items()))}")
    return problems


def _line(what: str, took: tuple[float, float], told: Any) -> int:
    requests = told["requests"]
    refused = sum(each["fault"] == "quota" for each in requests)
    say(f"{what:<18} {took[0]:>7.1f} {took[1]:>4.0f} {len(requests):>9} {refused:>7}")
    return refused


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --tasks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--projects", type=int, default=300)
    parser.add_argument("--clusters", type=int, default=120)
    parser.add_argument("--tasks", type=int, default=8)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        return bench(args.projects, args.clusters, args.tasks, Path(temporary))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
