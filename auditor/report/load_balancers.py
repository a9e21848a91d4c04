"""Google's official names of load balancer types, told from a forwarding rule's scope, scheme and target."""

from __future__ import annotations

from auditor.model.compute import ForwardingRule
from auditor.model.names import ResourceName

_APPLICATION = frozenset({"targetHttpProxies", "targetHttpsProxies", "targetGrpcProxies"})
_PROXY = frozenset({"targetTcpProxies", "targetSslProxies"})
_TYPES = {
    # (scheme, is global, layer): cloud.google.com/load-balancing/docs/load-balancing-overview
    ("EXTERNAL_MANAGED", True, "application"): "Global external Application Load Balancer",
    ("EXTERNAL", True, "application"): "Classic Application Load Balancer",
    ("EXTERNAL", False, "application"): "Classic Application Load Balancer (Standard Tier)",
    ("EXTERNAL_MANAGED", False, "application"): "Regional external Application Load Balancer",
    ("INTERNAL_MANAGED", False, "application"): "Regional internal Application Load Balancer",
    ("INTERNAL_MANAGED", True, "application"): "Cross-region internal Application Load Balancer",
    ("EXTERNAL_MANAGED", True, "proxy"): "Global external proxy Network Load Balancer",
    ("EXTERNAL", True, "proxy"): "Classic proxy Network Load Balancer",
    ("EXTERNAL", False, "proxy"): "Classic proxy Network Load Balancer (Standard Tier)",
    ("EXTERNAL_MANAGED", False, "proxy"): "Regional external proxy Network Load Balancer",
    ("INTERNAL_MANAGED", False, "proxy"): "Regional internal proxy Network Load Balancer",
    ("INTERNAL_MANAGED", True, "proxy"): "Cross-region internal proxy Network Load Balancer",
    ("EXTERNAL", False, "targetPools"): "Target pool-based external passthrough Network Load Balancer",
    ("EXTERNAL", False, "backendServices"): "Backend service-based external passthrough Network Load Balancer",
    ("INTERNAL", False, "backendServices"): "Internal passthrough Network Load Balancer",
}


def load_balancer_type(name: ResourceName, rule: ForwardingRule) -> str:
    """The type of load balancer that a rule is the front of; "" where its fields fit none.

    The API writes no scheme for what is no load balancer; those uses have names of their own.
    """
    if rule.is_psc_consumer:
        return "Private Service Connect endpoint"
    if rule.is_mirroring_collector:
        return "Packet Mirroring collector"
    if rule.scheme == "INTERNAL_SELF_MANAGED":
        return "Cloud Service Mesh"
    target = _collection(rule.target)
    if target == "targetVpnGateways":
        return "Classic VPN gateway"
    if target == "targetInstances":
        return "Protocol forwarding"
    if target in _APPLICATION:
        layer = "application"
    elif target in _PROXY:
        layer = "proxy"
    else:
        layer = target or ("backendServices" if rule.backend_service else "")
    return _TYPES.get((rule.scheme, name.scope == "global", layer), "")


def _collection(link: str) -> str:
    parts = link.split("/")
    return parts[-2] if len(parts) >= 2 else ""
