"""Serve a snapshot until interrupted: `PYTHONPATH=tests python -m googleserver fixtures/demo`.

Prints a JSON object: the environment that a program needs, its --endpoint flags and the names of the tree. Each line
that it reads (a new latency in seconds, or nothing) is answered with a JSON object: what was asked since the line
before, and when by the monotonic clock. It ends with its standard input. For measurements with a server in a process
of its own, and for trying things by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import Exchange, Manners, Quota, World, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="googleserver", description=__doc__)
    parser.add_argument("snapshot", type=Path, help="a snapshot, as a folder or an archive")
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help="added to every answer")
    parser.add_argument("--page-size", type=int, help="an upper bound for every page")
    parser.add_argument("--unchecked", action="store_true", help="believe the `fields` of every request")
    parser.add_argument(
        "--quota", action="append", default=[], metavar="SERVICE=N", help="N requests a minute for each project"
    )
    arguments = parser.parse_args()
    limits = (written.partition("=") for written in arguments.quota)
    manners = Manners(
        page_size=arguments.page_size,
        check_fields=not arguments.unchecked,
        quotas=tuple(Quota(service, int(number)) for service, _, number in limits),
    )
    with serve(arguments.snapshot, latency_s=arguments.latency, manners=manners) as world:
        _say(
            {
                "environment": world.environment(),
                "flags": world.endpoint_flags(),
                "projects": world.scene.projects,
                "organization": world.organization,
                "folders": world.folders,
            }
        )
        for line in sys.stdin:
            _say(_told(world))
            world.forget()
            if line.strip():
                world.latency_s = float(line)
        _say(_told(world))


def _told(world: World) -> Mapping[str, Any]:
    return {
        "requests": [_line(exchange) for exchange in world.exchanges],
        "most_in_flight": world.most_in_flight,
        "strays": world.strays,
    }


def _line(exchange: Exchange) -> Mapping[str, Any]:
    request = exchange.request
    return {
        "at": request.at,
        "service": request.service,
        "cluster": request.cluster.short if request.cluster else "",
        "path": request.path,
        "selector": request.value("labelSelector") or "",
        "status": exchange.status,
        "fault": exchange.fault,
    }


def _say(value: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
