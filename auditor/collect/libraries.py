"""The libraries that take long to import: imported late, by one thread at a time, and no more of them than is used.

Modules of the kubernetes client import one another in circles. Where two threads enter such a circle at different
places, Python breaks the deadlock of its import locks by an exception in one of them.
"""

from __future__ import annotations

import re
import sys
import threading
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

_COMPUTE = "google.cloud.compute_v1"
_KUBERNETES = threading.Lock()
_CLIENTS = threading.Lock()
"""As Python's own import locks: of the process, as the imported modules are."""


def load_kubernetes() -> None:
    """Import of the kubernetes client what is used of it: it imports most of itself on demand. Raises ImportError."""
    with _KUBERNETES:
        for name in ("config", "client.api_client", "client.configuration", "client.exceptions"):
            import_module(f"kubernetes.{name}")


def compute_client(name: str) -> Any:
    """A client class of google-cloud-compute. Raises ImportError or AttributeError.

    The package imports all of its hundred services: a second of work, half of it for services that nobody asks for. So
    the one service is imported before its package; whoever imports the package itself later gets it as it always is.
    """
    with _CLIENTS:
        if _COMPUTE not in sys.modules:
            try:
                return getattr(_service_of(name), name)
            except (ImportError, AttributeError):
                pass  # the package has another layout than all its versions so far
        return getattr(import_module(_COMPUTE), name)


def _service_of(client: str) -> Any:
    spec = find_spec(_COMPUTE)
    if spec is None:
        raise ImportError(_COMPUTE)
    service = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", client.removesuffix("Client")).lower()
    sys.modules[_COMPUTE] = module_from_spec(spec)
    try:
        return import_module(f"{_COMPUTE}.services.{service}")
    finally:
        del sys.modules[_COMPUTE]
