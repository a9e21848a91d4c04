"""Commands that a reader types by hand: how gcloud calls each Compute collection, quoted for the shell.

Nothing here is ever run by the auditor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from shlex import quote

from .names import ClusterKey, ResourceName
from .snapshot import API_GROUPS

GCLOUD_GROUPS: Mapping[str, str] = {
    "forwardingRules": "forwarding-rules",
    "addresses": "addresses",
    "backendServices": "backend-services",
    "targetPools": "target-pools",
    "targetHttpProxies": "target-http-proxies",
    "targetHttpsProxies": "target-https-proxies",
    "targetTcpProxies": "target-tcp-proxies",
    "targetSslProxies": "target-ssl-proxies",
    "targetGrpcProxies": "target-grpc-proxies",
    "targetInstances": "target-instances",
    "targetVpnGateways": "target-vpn-gateways",
    "urlMaps": "url-maps",
    "networkEndpointGroups": "network-endpoint-groups",
    "instanceGroups": "instance-groups",
    "instances": "instances",
    "healthChecks": "health-checks",
    "httpHealthChecks": "http-health-checks",
    "httpsHealthChecks": "https-health-checks",
    "firewalls": "firewall-rules",
    "sslCertificates": "ssl-certificates",
    "serviceAttachments": "service-attachments",
    "routers": "routers",
    "routes": "routes",
    "subnetworks": "networks subnets",
    "disks": "disks",
}
_WITHOUT_SCOPE_FLAG = frozenset({"httpHealthChecks", "httpsHealthChecks", "firewalls", "targetGrpcProxies"})
"""Kinds that are always global: their gcloud commands know no --global."""
_DISABLED = re.compile(r"/apis/api/([a-z][a-z0-9.-]{0,99})/overview\?project=([a-z0-9][a-z0-9:.-]{0,99})", re.ASCII)


def list_compute(project: str, collection: str) -> str:
    """The command that lists one Compute collection of a project as a snapshot holds it."""
    group = GCLOUD_GROUPS.get(collection, collection)
    return f"gcloud compute {group} list --project {quote(project)} --format=json"


def describe(resource: ResourceName) -> str:
    """The command that shows one resource as it is now."""
    group = GCLOUD_GROUPS.get(resource.collection, resource.collection)
    flags = [f"--project {quote(resource.project)}"]
    if resource.scope.startswith("zones/"):
        flags.insert(0, f"--zone {quote(resource.location)}")
    elif resource.scope.startswith("regions/"):
        flags.insert(0, f"--region {quote(resource.location)}")
    elif resource.collection not in _WITHOUT_SCOPE_FLAG:
        flags.insert(0, "--global")
    return f"gcloud compute {group} describe {quote(resource.name)} {' '.join(flags)}"


def list_objects(plural: str) -> str:
    """The command that lists one kind of Kubernetes object, its API group in full (docs/snapshot.md)."""
    group = next((name for name, plurals in API_GROUPS.items() if plural in plurals), "")
    return f"kubectl get {quote(f'{plural}.{group}' if group else plural)} -A -o json"


def cluster_flags(cluster: ClusterKey) -> str:
    """A GKE cluster as the arguments of `gcloud container clusters`."""
    return f"{quote(cluster.name)} --location {quote(cluster.location)} --project {quote(cluster.project)}"


def enable_api(service: str, project: str, said: str, id_of: Callable[[str], str]) -> str:
    """The command that enables an API. What Google's refusal says (`said`) outranks the rest: it names the project that
    asks, which is the quota project where there is one, and sometimes another API than the one that was called.
    `id_of` turns a project's number into its id, or gives it back."""
    told = _DISABLED.search(said)
    if told is not None:
        service, project = told[1], id_of(told[2])
    return f"gcloud services enable {service}{f' --project {quote(project)}' if project else ''}"
