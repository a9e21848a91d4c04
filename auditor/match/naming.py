"""The names that GKE's controllers give, computed forward from live objects (ownership.md, section 2).

Parsing such names back loses information (fields are cut, namespace and name are joined by "-"), so the auditor
computes what every live object must be called and compares. Each formula names its source.
"""

from __future__ import annotations

import hashlib

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def content_hash36(text: str, length: int) -> str:
    """SHA-256 with each byte modulo 36 written as 0-9a-z (kubernetes/ingress-gce:pkg/utils/common/common.go)."""
    return "".join(_DIGITS[byte % 36] for byte in hashlib.sha256(text.encode()).digest()[:length])


def hex_hash(text: str, length: int) -> str:
    """The first characters of the hexadecimal SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fit(limit: int, *parts: str) -> tuple[str, ...]:
    """The parts shortened evenly to `limit` characters in all (kubernetes/ingress-gce:pkg/utils/namer/utils.go)."""
    total = sum(map(len, parts))
    if total <= limit:
        return parts
    excess = total - limit
    lengths = [len(part) - len(part) * excess // total - 1 for part in parts]
    for index in range(limit - sum(lengths)):
        lengths[index] += 1
    return tuple(part[:length] for part, length in zip(parts, lengths, strict=True))


def cut62(text: str) -> str:
    """At most 62 characters, and a 0 where it was cut (kubernetes/ingress-gce:pkg/utils/namer/namer.go)."""
    return text if len(text) <= 62 else text[:62] + "0"


def with_suffix(name: str, suffix: str) -> str:
    """The suffix on a name cut to 63 characters in all (kubernetes/ingress-gce:pkg/utils/namer/l4_namer.go)."""
    return name[: 63 - len(suffix)] + suffix


def cluster_code(kube_system_uid: str) -> str:
    """c8, the mark of a cluster in every k8s2- name: a hash of the UID of Namespace kube-system."""
    return content_hash36(kube_system_uid, 8)


# Services of type LoadBalancer


def service_load_balancer(service_uid: str) -> str:
    """a<31 hex digits of the Service's UID> (kubernetes/cloud-provider:cloud.go)."""
    return ("a" + service_uid.replace("-", ""))[:32]


def l4_hash(code: str, namespace: str, name: str) -> str:
    return content_hash36(f"{code};{namespace};{name}", 8)


def l4_backend(code: str, namespace: str, name: str) -> str:
    """Backend service, NEG, health check and firewall (kubernetes/ingress-gce:pkg/utils/namer/l4_namer.go)."""
    return "-".join(("k8s2", code, *fit(39, namespace, name), l4_hash(code, namespace, name)))


def l4_endpoint_group_in_subnet(code: str, namespace: str, name: str, subnet: str) -> str:
    fitted = fit(32, namespace, name)
    return "-".join(("k8s2", code, *fitted, hex_hash(subnet, 6), l4_hash(code, namespace, name)))


def l4_rule(code: str, namespace: str, name: str, protocol: str) -> str:
    """Forwarding rule and temporary address; `protocol` is tcp, udp or l3."""
    fitted = fit(38 - len(protocol), namespace, name)
    return "-".join(("k8s2", protocol, code, *fitted, l4_hash(code, namespace, name)))


def l4_rule_ipv6(code: str, namespace: str, name: str, protocol: str) -> str:
    return with_suffix(l4_rule(code, namespace, name, protocol), "-ipv6")


def l4_firewall_deny(code: str, namespace: str, name: str, suffix: str) -> str:
    """`suffix` is deny or deny-ipv6."""
    fitted = fit(38 - len(suffix), namespace, name)
    return "-".join(("k8s2", code, *fitted, l4_hash(code, namespace, name), suffix))


def l4_firewall_other(code: str, namespace: str, name: str, suffix: str) -> str:
    """`suffix` is ipv6, fw or fw-ipv6; a long name loses its hash, and two Services can share one."""
    return with_suffix(l4_backend(code, namespace, name), "-" + suffix)


# Ingresses


def ingress_v2_stem(kube_system_uid: str, namespace: str, name: str) -> str:
    """What follows "k8s2-<part>-" (kubernetes/ingress-gce:pkg/utils/namer/frontendnamer.go)."""
    tail = content_hash36(f"{kube_system_uid};{namespace};{name}", 8)
    return "-".join((cluster_code(kube_system_uid), *fit(36, namespace, name), tail))


def ingress_v2(kube_system_uid: str, namespace: str, name: str, part: str) -> str:
    """`part` is fr, fs (rules), tp, ts (proxies), um or rm (URL maps)."""
    return f"k8s2-{part}-{ingress_v2_stem(kube_system_uid, namespace, name)}"


def ingress_v2_certificate_stem(kube_system_uid: str, namespace: str, name: str) -> str:
    """The certificate's name up to the hash of its content."""
    stem = ingress_v2_stem(kube_system_uid, namespace, name)
    return f"k8s2-cr-{cluster_code(kube_system_uid)}-{content_hash36(stem, 16)}"


def ingress_v1_load_balancer(ingress_uid: str, namespace: str, name: str) -> str:
    """namespace-name--uid, or without --uid in very old clusters."""
    joined = f"{namespace}-{name}"
    return cut62(f"{joined}--{ingress_uid}") if ingress_uid else joined


def ingress_v1(ingress_uid: str, namespace: str, name: str, part: str) -> str:
    """`part` is fw, fws (rules), tp, tps (proxies) or um (kubernetes/ingress-gce:pkg/utils/namer/namer.go)."""
    return cut62(f"k8s-{part}-{ingress_v1_load_balancer(ingress_uid, namespace, name)}")


def ingress_v1_certificate_stem(ingress_uid: str, namespace: str, name: str) -> str:
    """The certificate's name up to the hash of its content."""
    return "k8s-ssl-" + hex_hash(ingress_v1_load_balancer(ingress_uid, namespace, name), 16)


def node_port_backend(ingress_uid: str, node_port: int) -> str:
    return cut62(f"k8s-be-{node_port}--{ingress_uid}") if ingress_uid else f"k8s-be-{node_port}"


# Network endpoint groups, and the backend services and health checks on them


def endpoint_group(ingress_uid: str, namespace: str, service: str, port: str) -> str:
    """NEG, and the backend service and health check of the same name (.../namer/namer.go, NEG)."""
    code = ingress_uid[:8]
    tail = hex_hash(f"{code};{namespace};{service};{port}", 8)
    return "-".join(("k8s1", code, *fit(38, namespace, service, port), tail))


def endpoint_group_in_subnet(ingress_uid: str, namespace: str, service: str, port: str, subnet: str) -> str:
    code = ingress_uid[:8]
    tail = hex_hash(f"{code};{namespace};{service};{port}", 8)
    return "-".join(("k8s1", code, *fit(31, namespace, service, port), hex_hash(subnet, 6), tail))


def regional_external_backend(ingress_uid: str, namespace: str, service: str, port: str) -> str:
    """Backend service and health check of class gce-regional-external (.../namer/namer.go, RXLBBackendName)."""
    code = ingress_uid[:8]
    tail = hex_hash(f"{code};{namespace};{service};{port}", 8)
    return "-".join(("k8s1", code, "e", *fit(36, namespace, service, port), tail))


# Private Service Connect and Gateways


def service_attachment(kube_system_uid: str, namespace: str, name: str, attachment_uid: str) -> str:
    """kubernetes/ingress-gce:pkg/utils/namer/serviceattachmentnamer.go."""
    tail = content_hash36(f"{kube_system_uid};{namespace};{name};{attachment_uid}", 8)
    return "-".join(("k8s1-sa", cluster_code(kube_system_uid), *fit(36, namespace, name), tail))


def gateway_hashes(namespace: str, name: str, ports: tuple[int, ...]) -> frozenset[str]:
    """The endings that a Gateway's URL maps, proxies and address can have.

    Seen in public samples only, the controller's source is closed (ownership.md, section 2.3).
    """
    addresses = (f"{namespace};{name};;443", f"{namespace};{name};443")
    fronts = (f"{namespace};{name};{port}" for port in ports)
    return frozenset(content_hash36(text, 12) for text in (*addresses, *fronts))
