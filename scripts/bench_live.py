"""Time `gke-auditor audit` live: projects with clusters, served by a loopback server in a process of its own.

The bound is that of a perfect client, and half as much again:

    1.5 x (longest chain of dependent requests + all requests / concurrency) x latency, plus start-up

All requests are counted by the server. The longest chain follows from what must wait for what (collect/live.py): the
token; the clusters of a project; a cluster's API groups; what they serve; no sooner than the last page of the project's
Compute lists, the cluster's own lists, page by page; the EndpointSlices of the Services in them; the clusters again;
the second look. Start-up is measured: the same command on a world that has one of everything (a project, a
cluster, a load balancer left behind), answered at once. It holds the start of Python, the libraries, the sign-in and
the end of the process. Beside it stands what it took until the first request arrived.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import Cluster, World, ip_of

from auditor.collect.directory import write_snapshot
from auditor.collect.live import DEFAULT_CONCURRENCY
from auditor.model.snapshot import Snapshot

REPO = Path(__file__).resolve().parent.parent
FACTOR = 1.5
SERVICES = 12
INGRESSES = 4
_LISTS = {"aggregated", "global"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command against the server."""

    took_s: float
    cpu_s: float
    """Of the command alone, not of the server."""
    to_first_s: float
    """Until the first request arrived at the server."""
    after_last_s: float
    """From the last request's arrival to the end of the command: judging and printing, and the last answer."""
    requests: Sequence[Mapping[str, Any]]
    most_in_flight: int


class Server:
    """The loopback server in a process of its own."""

    def __init__(self, snapshot: Path, *options: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "googleserver", str(snapshot), "--unchecked", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO / "tests")},
        )
        self.described = self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            sys.exit("bench: the loopback server has ended; its error stands above")
        return json.loads(line)

    def tell(self, latency_s: float | None = None) -> Any:
        """What was asked since the last time; the latency from now on."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n" if latency_s is None else f"{latency_s}\n")
            self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        self._process.communicate(timeout=30)


@contextmanager
def served(snapshot: Snapshot, folder: Path) -> Iterator[Server]:
    write_snapshot(snapshot, folder)
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def many(projects: int, services: int = SERVICES, ingresses: int = INGRESSES) -> Snapshot:
    """Projects with one cluster each, its load balancers (every fourth left behind) and a forgotten address."""
    worlds = [_one(index, services, ingresses) for index in range(projects)]
    snapshots = [world.snapshot() for world in worlds]
    first = snapshots[0]
    return Snapshot(
        taken_at=first.taken_at,
        tool=first.tool,
        coverage={scope: coverage for each in snapshots for scope, coverage in each.coverage.items()},
        projects={name: described for each in snapshots for name, described in each.projects.items()},
        compute={key: items for each in snapshots for key, items in each.compute.items()},
        clusters={name: clusters for each in snapshots for name, clusters in each.clusters.items()},
        objects={key: objects for each in snapshots for key, objects in each.objects.items()},
    )


def _one(index: int, services: int, ingresses: int) -> World:
    world = World(project=f"bench-{index:03d}", number=f"9044182{index:05d}")
    cluster = Cluster(world, index)
    first = index * (services + ingresses) + 1
    for place in range(services + ingresses):
        add = cluster.add_service if place < services else cluster.add_ingress
        add(first + place, place % 4 == 0)
    world.add(
        f"regions/{cluster.region}",
        "addresses",
        f"forgotten-{index}",
        address=ip_of((1 << 22) + index),
        addressType="EXTERNAL",
        networkTier="PREMIUM",
        status="RESERVED",
    )
    return world


def longest_chain(requests: Sequence[Mapping[str, Any]]) -> int:
    """How many of these requests, in the order in which they came, must follow one another."""
    begun = _second_look_of(requests)
    first, second = requests[:begun], requests[begun:]
    pages = _pages_of(first)
    projects = {_project_of(each["path"]) for each in first if each["service"] == "container"}
    longest = 0
    for project in projects:
        lists = [
            count
            for (cluster, path, _), count in pages.items()
            if not cluster and _project_of(path) == project and _is_list(path)
        ]
        clusters = {each["cluster"] for each in first if each["cluster"].startswith(f"{project}/")}
        of_clusters = [_chain_in(cluster, pages, max(lists, default=0)) for cluster in clusters]
        longest = max(longest, *of_clusters, 1, *lists)
    return 1 + longest + 1 + _chain_of_second_look(second)  # the token before, the clusters again after it


def _pages_of(requests: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str, str]]:
    return Counter((each["cluster"], each["path"], each["selector"]) for each in requests)


def _second_look_of(requests: Sequence[Mapping[str, Any]]) -> int:
    """Where the second look begins, if there is one: nothing else is outstanding once every project's clusters were
    listed again, and what it asks for comes in any order."""
    seen: Counter[str] = Counter()
    last = 0
    for index, each in enumerate(requests):
        if each["service"] == "container":
            seen[each["path"]] += 1
            if seen[each["path"]] == 2:
                last = index
    has_one = any(_is_look(each["path"]) for each in requests) or any(count > 2 for count in seen.values())
    return last + 1 if has_one else len(requests)


def _chain_of_second_look(requests: Sequence[Mapping[str, Any]]) -> int:
    """All of it is in flight together, but for the pages of a list, and for what discovery finds newly installed."""
    pages = _pages_of(requests)
    asked = {(cluster, path) for cluster, path, _ in pages}
    discovered = [
        1 + any(name == cluster and path.startswith("/apis/") and path.count("/") == 3 for name, path in asked)
        for cluster, root in asked
        if root == "/apis"
    ]
    return max((*pages.values(), *discovered), default=0)


def _chain_in(cluster: str, pages: Mapping[tuple[str, str, str], int], compute: int) -> int:
    """The requests one after the other from the first list of clusters to the last list of this one."""
    own = {(path, selector): count for (name, path, selector), count in pages.items() if name == cluster}
    kinds = any(path.count("/") == 3 and path.startswith("/apis/") for path, _ in own)
    before = max(1 + (("/apis", "") in own) + kinds, compute)
    slices = max((count for (_, selector), count in own.items() if selector), default=0)
    named = max((count for (path, _), count in own.items() if _plural(path) in _NAME_SERVICES), default=0)
    others = max((count for (path, selector), count in own.items() if _plural(path) and not selector), default=0)
    return before + max(named + slices, others)


_NAME_SERVICES = ("services", "ingresses", "httproutes")


def _plural(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[-1] if len(parts) == (3 if parts[0] == "api" else 4) else ""


def _project_of(path: str) -> str:
    parts = path.split("/")
    return parts[parts.index("projects") + 1] if "projects" in parts[:-1] else ""


def _is_list(path: str) -> bool:
    parts = path.strip("/").split("/")
    return path.startswith("/compute/") and len(parts) == 6 and parts[4] in _LISTS


def _is_look(path: str) -> bool:
    return path.startswith("/compute/") and len(path.strip("/").split("/")) >= 7


def time_live(server: Server, latency_s: float, concurrency: int) -> Run:
    """One audit of everything that the server has, as a user starts it."""
    server.tell(latency_s)
    described = server.described
    command = [sys.executable, "-m", "auditor", "audit", "--format", "json", "--concurrency", str(concurrency)]
    command += [word for project in described["projects"] for word in ("--project", project)]
    command += [*described["flags"], "--output", os.devnull]
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    before, began = _cpu_s(), time.monotonic()
    done = subprocess.run(  # noqa: S603
        command, env={**theirs, **described["environment"]}, capture_output=True, text=True, check=False
    )
    ended = time.monotonic()
    if done.returncode != 0:
        sys.exit(f"bench: the audit failed with exit code {done.returncode}: {done.stderr.strip()[-2000:]}")
    told = server.tell()
    wrong = [each for each in told["requests"] if each["status"] >= 400 and "ingress-uid" not in each["path"]]
    if wrong or not told["requests"]:
        sys.exit(f"bench: the run was not clean: {wrong[:3]}")
    times = [each["at"] for each in told["requests"]]
    return Run(
        ended - began,
        _cpu_s() - before,
        min(times) - began,
        ended - max(times),
        told["requests"],
        told["most_in_flight"],
    )


def _cpu_s() -> float:
    """Of the commands that have ended: the server is not among them before it ends."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured of one size."""

    projects: int
    run: Run
    chain: int
    bound_s: float
    ratio: float
    strict: float
    """The ratio where only what passes until the first request counts as start-up."""


def measure(projects: int, start_up_s: float, latency_s: float, concurrency: int, repeat: int, folder: Path) -> Line:
    """The best of so many runs: others use the machine, too."""
    with served(many(projects), folder) as server:
        runs = [time_live(server, latency_s, concurrency) for _ in range(repeat)]
    run = min(runs, key=lambda each: each.took_s)
    chain = longest_chain(run.requests)
    share = FACTOR * (chain + math.ceil(len(run.requests) / concurrency)) * latency_s
    return Line(
        projects,
        run,
        chain,
        share + start_up_s,
        run.took_s / (share + start_up_s),
        run.took_s / (share + run.to_first_s),
    )


def bench(sizes: Sequence[int], latency_s: float, concurrency: int, repeat: int, folder: Path) -> int:
    """Print the table; 1 where the bound is broken."""
    with served(many(1, services=1, ingresses=0), folder / "start-up") as server:
        start = min((time_live(server, 0.0, concurrency) for _ in range(repeat + 1)), key=lambda each: each.took_s)
    say(f"start-up: {start.took_s:.2f} s ({start.cpu_s:.2f} s of CPU), to the first request {start.to_first_s:.2f} s")
    say("projects requests chain in flight    CPU  seconds  bound  ratio strict")
    worst = 0.0
    for size in sizes:
        line = measure(size, start.took_s, latency_s, concurrency, repeat, folder / str(size))
        worst = max(worst, line.ratio)
        run = line.run
        say(
            f"{line.projects:>8} {len(run.requests):>8} {line.chain:>5} {run.most_in_flight:>9} {run.cpu_s:>6.2f} "
            f"{run.took_s:>8.2f} {line.bound_s:>6.2f} {line.ratio:>6.2f} {line.strict:>6.2f}"
        )
    say(f"ratio: seconds / bound, best of {repeat}; strict: only what passes before the first request is start-up")
    if worst > 1:
        say(f"Too slow: {worst:.2f} x ({FACTOR} x (chain + requests / {concurrency}) x {latency_s:g} s + start-up)")
        return 1
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=[1, 10, 50], metavar="PROJECTS")
    parser.add_argument("--repeat", type=int, default=3, help="take the best of so many runs (default 3)")
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS", help="of every answer (default 0.05)")
    parser.add_argument("--concurrency", type=int, default=DEFAULT_CONCURRENCY, help="as of the command (default 32)")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        return bench(args.sizes, args.latency, args.concurrency, max(1, args.repeat), Path(temporary))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
