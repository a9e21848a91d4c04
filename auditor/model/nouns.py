"""What people call one resource of a Compute collection, and several of anything."""

from __future__ import annotations

from collections.abc import Mapping

_NOUNS: Mapping[str, str] = {
    "forwardingRules": "forwarding rule",
    "addresses": "address",
    "backendServices": "backend service",
    "targetPools": "target pool",
    "targetHttpProxies": "target HTTP proxy",
    "targetHttpsProxies": "target HTTPS proxy",
    "targetTcpProxies": "target TCP proxy",
    "targetSslProxies": "target SSL proxy",
    "targetGrpcProxies": "target gRPC proxy",
    "urlMaps": "URL map",
    "networkEndpointGroups": "network endpoint group",
    "instanceGroups": "instance group",
    "healthChecks": "health check",
    "httpHealthChecks": "legacy HTTP health check",
    "httpsHealthChecks": "legacy HTTPS health check",
    "firewalls": "firewall rule",
    "sslCertificates": "SSL certificate",
    "serviceAttachments": "service attachment",
    "instances": "VM",
    "routers": "Cloud Router",
    "routes": "route",
}


def noun(collection: str) -> str:
    """ "backend service" for "backendServices"; a collection that is not known keeps its own name."""
    return _NOUNS.get(collection, collection)


def counted(count: int, word: str, words: str | None = None) -> str:
    """ "1 gap", "2 gaps", "0 gaps"."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"
