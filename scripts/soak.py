"""Fail every request of a live run in every way, on several worlds (see scripts/soak)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from googleserver import KINDS, Manners
from rehearsal import (
    SMALL_AS_OF,
    SMALL_MANNERS,
    Sweep,
    everything_asked,
    faults_of_a_sweep,
    one_of_each_shape,
    organization_of,
    rehearse,
    served,
    small_world,
)
from worlds import make_world

from auditor.model.snapshot import Snapshot


def worlds(ways: list[str], seeds: list[int]) -> Iterator[tuple[str, Snapshot, datetime, Manners, Mapping[str, str]]]:
    """Name, content, time, how the server behaves and how clusters are reached."""
    for how in ways:
        yield f"the small world, its cluster by {how}", small_world(), SMALL_AS_OF, SMALL_MANNERS, {"shop": how}
    for seed in seeds:
        made = make_world(seed)
        yield f"world {seed}", made.snapshot, made.as_of, Manners(page_size=4), {}


@contextmanager
def sweep_of(name: str, snapshot: Snapshot, as_of: datetime, manners: Manners, reach: Mapping[str, str]) -> Any:
    with served(snapshot, manners=manners, reach=reach) as world:
        plan = organization_of(world)
        clean = rehearse(world, as_of, **plan)
        if clean.error is not None:
            raise SystemExit(f"{name}: the clean run failed: {clean.error.message}")
        yield Sweep(world, as_of, clean, plan)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--kind", action="append", choices=sorted(KINDS), help="only faults of this kind; repeatable")
    parser.add_argument("--how", choices=("ip", "dns", "gateway"), action="append", help="the demo, reached this way")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 3, 5, 8], help="generated worlds to sweep")
    parser.add_argument("--one-of-each-shape", action="store_true", help="not every request: one of each shape")
    parser.add_argument("--matching", default="", help="only requests whose description holds this text")
    arguments = parser.parse_args()
    problems = 0
    runs = 0
    for world in worlds(arguments.how or ["ip", "dns", "gateway"], arguments.seeds):
        with sweep_of(*world) as sweep:
            requests = everything_asked(sweep.world.exchanges)
            if arguments.one_of_each_shape:
                requests = one_of_each_shape(requests)
            requests = tuple(request for request in requests if arguments.matching in str(request))
            say(f"{world[0]}: {len(requests)} requests, {len(sweep.clean.waste)} findings of waste")
            for kind, times in faults_of_a_sweep():
                if arguments.kind and kind not in arguments.kind:
                    continue
                began = time.monotonic()
                found = [(request, text) for request in requests for text in sweep.problems(request, kind, times)]
                runs += len(requests)
                problems += len(found)
                often = "for ever" if times is None else f"{times} times, then fine"
                took_s = time.monotonic() - began
                say(f"  {kind} {often}: {len(found)} problems in {took_s:.0f} s")
                for request, text in found:
                    say(f"    {request}: {text}")
    say(f"{runs} runs, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
