"""Fail every request of a live run in every way, on several worlds (see scripts/soak)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from googleserver import KINDS, Manners
from rehearsal import (
    EVERY_FAULT,
    NAMED_FAULTS,
    SMALL_AS_OF,
    SMALL_MANNERS,
    Asked,
    Sweep,
    everything_asked,
    one_of_each_shape,
    organization_of,
    rehearse,
    served,
    small_world,
)
from worlds import make_world

from auditor.model.snapshot import Snapshot

WAYS = ("ip", "dns", "gateway")
"""How the cluster of the small world is reached. Only the first time is everything failed: the ways differ in what is
asked of the cluster, all else is the same request to the same server."""
SEEDS = (0, 1, 3, 5, 8)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is swept in one go: one world and some of its requests."""

    way: str = ""
    seed: int = 0
    """Of a generated world; without a way."""
    only_cluster: bool = False
    part: tuple[int, int] = (1, 1)
    """The k-th of n parts of the requests."""

    @property
    def name(self) -> str:
        name = f"the small world, its cluster by {self.way}" if self.way else f"world {self.seed}"
        return name if self.part[1] == 1 else f"{name}, part {self.part[0]}/{self.part[1]}"

    def world(self) -> tuple[Snapshot, datetime, Manners, Mapping[str, str]]:
        """Content, time, how the server behaves and how clusters are reached."""
        if self.way:
            return small_world(), SMALL_AS_OF, SMALL_MANNERS, {"shop": self.way}
        made = make_world(self.seed)
        return made.snapshot, made.as_of, Manners(page_size=4), {}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which requests are failed, and how."""

    faults: tuple[tuple[str, int | None], ...]
    is_one_of_each_shape: bool = False
    matching: str = ""

    def requests(self, sweep: Sweep, setting: Setting) -> tuple[Asked, ...]:
        requests = everything_asked(sweep.world.exchanges)
        if self.is_one_of_each_shape:
            requests = one_of_each_shape(requests)
        wanted = [request for request in requests if self.matching in str(request)]
        wanted = [request for request in wanted if request.cluster is not None or not setting.only_cluster]
        number, parts = setting.part
        return tuple(wanted[number - 1 :: parts])


@contextmanager
def sweep_of(setting: Setting) -> Iterator[Sweep]:
    snapshot, as_of, manners, reach = setting.world()
    with served(snapshot, manners=manners, reach=reach) as world:
        plan = organization_of(world)
        clean = rehearse(world, as_of, **plan)
        if clean.error is not None:
            raise SystemExit(f"{setting.name}: the clean run failed: {clean.error.message}")
        yield Sweep(world, as_of, clean, plan)


def carry_out(setting: Setting, choice: Choice, say: Callable[[str], None]) -> tuple[int, int]:
    """How many runs were made, and how many problems they showed."""
    runs = problems = 0
    with sweep_of(setting) as sweep:
        requests = choice.requests(sweep, setting)
        say(f"{setting.name}: {len(requests)} requests, {len(sweep.clean.waste)} findings of waste")
        for kind, times in choice.faults:
            began = time.monotonic()
            tried = [request for request in requests if request.is_worth_a_run(kind, times)]
            found = [(request, text) for request in tried for text in sweep.problems(request, kind, times)]
            runs += len(tried)
            problems += len(found)
            often = "for ever" if times is None else f"{times} times, then fine"
            took_s = time.monotonic() - began
            say(f"  {kind} {often}: {len(tried)} runs, {len(found)} problems in {took_s:.0f} s")
            for request, text in found:
                say(f"    {request}: {text}")
    return runs, problems


def say_aloud(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def carry_out_apart(setting: Setting, choice: Choice) -> tuple[int, int, list[str]]:
    """The same in a process of its own, which says nothing until it has ended."""
    lines: list[str] = []
    return (*carry_out(setting, choice, lines.append), lines)


def settings_of(arguments: argparse.Namespace) -> Iterator[Setting]:
    is_whole = arguments.how is None and arguments.seeds is None
    for index, way in enumerate(WAYS if is_whole else arguments.how or ()):
        yield Setting(way, only_cluster=index > 0, part=arguments.part)
    for seed in SEEDS if is_whole else arguments.seeds or ():
        yield Setting(seed=seed, part=arguments.part)


def divided(settings: Sequence[Setting], jobs: int) -> Iterator[Setting]:
    """Each setting in as many parts as there are processes."""
    for setting in settings:
        number, parts = setting.part
        for job in range(jobs):
            part = (number + job * parts, parts * jobs)
            yield Setting(setting.way, setting.seed, setting.only_cluster, part)


def part_of(text: str) -> tuple[int, int]:
    number, _, parts = text.partition("/")
    found = int(number), int(parts)
    if not 1 <= found[0] <= found[1]:
        raise ValueError(text)
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="only faults of this kind; repeatable")
    parser.add_argument("--every-kind", action="store_true", help="also the kinds that differ in the text only")
    parser.add_argument("--how", choices=WAYS, action="append", help="only the demo, its cluster so; repeatable")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these generated worlds (and --how)")
    parser.add_argument("--one-of-each-shape", action="store_true", help="not every request: one of each shape")
    parser.add_argument("--matching", default="", help="only requests whose description holds this text")
    parser.add_argument("--part", type=part_of, default=(1, 1), metavar="K/N", help="every N-th request, from the K-th")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    faults = EVERY_FAULT if arguments.every_kind or arguments.kind else NAMED_FAULTS
    faults = tuple(fault for fault in faults if not arguments.kind or fault[0] in arguments.kind)
    choice = Choice(faults, arguments.one_of_each_shape, arguments.matching)
    settings = list(settings_of(arguments))
    began = time.monotonic()
    runs = problems = 0
    if arguments.jobs == 1:
        for setting in settings:
            made, found = carry_out(setting, choice, say_aloud)
            runs, problems = runs + made, problems + found
    else:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            apart = partial(pool.submit, carry_out_apart)
            for done in as_completed([apart(setting, choice) for setting in divided(settings, arguments.jobs)]):
                made, found, lines = done.result()
                runs, problems = runs + made, problems + found
                say_aloud("\n".join(lines))
    say_aloud(f"{runs} runs, {problems} problems in {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
