"""Serve a snapshot until interrupted: `PYTHONPATH=tests python -m googleserver fixtures/demo`.

Prints a JSON object: the environment that a program needs, its --endpoint flags and the names of the tree; then waits
for its standard input to end. For measurements with a server in a process of its own, and for trying things by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import Manners, serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="googleserver", description=__doc__)
    parser.add_argument("snapshot", type=Path, help="a snapshot, as a folder or an archive")
    parser.add_argument("--latency", type=float, default=0, metavar="SECONDS", help="added to every answer")
    parser.add_argument("--page-size", type=int, help="an upper bound for every page")
    arguments = parser.parse_args()
    manners = Manners(page_size=arguments.page_size)
    with serve(arguments.snapshot, latency_s=arguments.latency, manners=manners) as world:
        described = {
            "environment": world.environment(),
            "flags": world.endpoint_flags(),
            "projects": world.scene.projects,
            "organization": world.organization,
            "folders": world.folders,
        }
        sys.stdout.write(json.dumps(described) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        counted = {"requests": len(world.requests), "most_in_flight": world.most_in_flight, "strays": world.strays}
        sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    main()
