"""The names that the controllers compute, written down a second time from ownership.md, section 2.3.

It shares no line with the auditor's own formulas: the worlds must not be able to agree with a mistake there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LONGEST_NAME = 63


def base36(text: str, length: int) -> str:
    """Each of the first bytes of the SHA-256 modulo 36, as a digit."""
    return "".join(DIGITS[byte % 36] for byte in hashlib.sha256(text.encode()).digest()[:length])


def hexadecimal(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fitted(limit: int, *fields: str) -> str:
    """The fields joined by "-", each cut in proportion where their total length is above the limit."""
    total = sum(map(len, fields))
    if total <= limit:
        return "-".join(fields)
    excess = total - limit
    lengths = [len(field) - len(field) * excess // total - 1 for field in fields]
    for position in range(limit - sum(lengths)):
        lengths[position] += 1
    return "-".join(field[:length] for field, length in zip(fields, lengths, strict=True))


def cut62(text: str) -> str:
    return text if len(text) <= 62 else text[:62] + "0"


def with_suffix(name: str, suffix: str) -> str:
    return name[: LONGEST_NAME - len(suffix)] + suffix


def c8_of(kube_system_uid: str) -> str:
    return base36(kube_system_uid, 8)


def service_name(service_uid: str) -> str:
    """What the Service controller calls a load balancer: one hexadecimal digit of the UID is lost."""
    return ("a" + service_uid.replace("-", ""))[:32]


def l4_backend(c8: str, namespace: str, name: str) -> str:
    return f"k8s2-{c8}-{fitted(39, namespace, name)}-{_l4_hash(c8, namespace, name)}"


def l4_group_in_subnet(c8: str, namespace: str, name: str, subnet: str) -> str:
    return f"k8s2-{c8}-{fitted(32, namespace, name)}-{hexadecimal(subnet, 6)}-{_l4_hash(c8, namespace, name)}"


def l4_rule(c8: str, namespace: str, name: str, protocol: str) -> str:
    body = fitted(39 - len(protocol) - 1, namespace, name)
    return f"k8s2-{protocol}-{c8}-{body}-{_l4_hash(c8, namespace, name)}"


def l4_rule_ipv6(c8: str, namespace: str, name: str, protocol: str) -> str:
    return with_suffix(l4_rule(c8, namespace, name, protocol), "-ipv6")


def l4_firewall_deny(c8: str, namespace: str, name: str, suffix: str) -> str:
    body = fitted(38 - len(suffix), namespace, name)
    return f"k8s2-{c8}-{body}-{_l4_hash(c8, namespace, name)}-{suffix}"


def l4_firewall(c8: str, namespace: str, name: str, suffix: str) -> str:
    return with_suffix(l4_backend(c8, namespace, name), f"-{suffix}")


def _l4_hash(c8: str, namespace: str, name: str) -> str:
    return base36(f"{c8};{namespace};{name}", 8)


def ingress_v2(kube_system_uid: str, namespace: str, name: str, part: str) -> str:
    return f"k8s2-{part}-{_ingress_v2_balancer(kube_system_uid, namespace, name)}"


def ingress_v2_certificate(kube_system_uid: str, namespace: str, name: str, certificate_hash: str) -> str:
    balancer = base36(_ingress_v2_balancer(kube_system_uid, namespace, name), 16)
    return f"k8s2-cr-{c8_of(kube_system_uid)}-{balancer}-{certificate_hash}"


def _ingress_v2_balancer(kube_system_uid: str, namespace: str, name: str) -> str:
    hashed = base36(f"{kube_system_uid};{namespace};{name}", 8)
    return f"{c8_of(kube_system_uid)}-{fitted(36, namespace, name)}-{hashed}"


def ingress_v1_balancer(ingress_uid: str, namespace: str, name: str) -> str:
    return cut62(f"{namespace}-{name}--{ingress_uid}")


def ingress_v1(ingress_uid: str, namespace: str, name: str, part: str) -> str:
    return cut62(f"k8s-{part}-{ingress_v1_balancer(ingress_uid, namespace, name)}")


def ingress_v1_certificate(ingress_uid: str, namespace: str, name: str, certificate_hash: str) -> str:
    balancer = hexadecimal(ingress_v1_balancer(ingress_uid, namespace, name), 16)
    return cut62(f"k8s-ssl-{balancer}-{certificate_hash}--{ingress_uid}")


def endpoint_group(ingress_uid: str, namespace: str, name: str, port: str) -> str:
    uid8 = ingress_uid[:8]
    return f"k8s1-{uid8}-{fitted(38, namespace, name, port)}-{hexadecimal(f'{uid8};{namespace};{name};{port}', 8)}"


def endpoint_group_in_subnet(ingress_uid: str, namespace: str, name: str, port: str, subnet: str) -> str:
    uid8 = ingress_uid[:8]
    hashed = hexadecimal(f"{uid8};{namespace};{name};{port}", 8)
    return f"k8s1-{uid8}-{fitted(31, namespace, name, port)}-{hexadecimal(subnet, 6)}-{hashed}"


def regional_external_backend(ingress_uid: str, namespace: str, name: str, port: str) -> str:
    uid8 = ingress_uid[:8]
    return f"k8s1-{uid8}-e-{fitted(36, namespace, name, port)}-{hexadecimal(f'{uid8};{namespace};{name};{port}', 8)}"


def service_attachment(kube_system_uid: str, namespace: str, name: str, attachment_uid: str) -> str:
    hashed = base36(f"{kube_system_uid};{namespace};{name};{attachment_uid}", 8)
    return f"k8s1-sa-{c8_of(kube_system_uid)}-{fitted(36, namespace, name)}-{hashed}"


def compute(formula: str, inputs: Mapping[str, str]) -> str:
    """The name that a formula of fixtures/names.json gives for these inputs. Raises KeyError for another formula."""
    kube_system_uid = inputs.get("kube_system_uid", "")
    c8 = c8_of(kube_system_uid)
    object_name = (inputs.get("namespace", ""), inputs.get("name", ""))
    v1 = (inputs.get("ingress_uid", ""), *object_name)
    v2 = (kube_system_uid, *object_name)
    port, subnet, suffix = inputs.get("port", ""), inputs.get("subnet", ""), inputs.get("suffix", "")
    protocol, part = inputs.get("protocol", ""), inputs.get("part", "")
    certificate_hash = inputs.get("cert_hash", "")
    names = {
        "service.legacy": lambda: service_name(inputs["service_uid"]),
        "service.legacy_ipv6": lambda: service_name(inputs["service_uid"]) + "-ipv6",
        "service.legacy_firewall": lambda: "k8s-fw-" + service_name(inputs["service_uid"]),
        "l4.backend": lambda: l4_backend(c8, *object_name),
        "l4.neg_other_subnet": lambda: l4_group_in_subnet(c8, *object_name, subnet),
        "l4.rule": lambda: l4_rule(c8, *object_name, protocol),
        "l4.rule_ipv6": lambda: l4_rule_ipv6(c8, *object_name, protocol),
        "l4.firewall": lambda: l4_backend(c8, *object_name),
        "l4.firewall_deny": lambda: l4_firewall_deny(c8, *object_name, suffix),
        "l4.firewall_other": lambda: l4_firewall(c8, *object_name, suffix),
        "ingress.v2": lambda: ingress_v2(*v2, part),
        "ingress.v2_certificate": lambda: ingress_v2_certificate(*v2, certificate_hash),
        "ingress.v1": lambda: ingress_v1(*v1, part),
        "ingress.v1_certificate": lambda: ingress_v1_certificate(*v1, certificate_hash),
        "neg": lambda: endpoint_group(*v1, port),
        "neg.other_subnet": lambda: endpoint_group_in_subnet(*v1, port, subnet),
        "ingress.regional_external_backend": lambda: regional_external_backend(*v1, port),
        "service_attachment": lambda: service_attachment(*v2, inputs["attachment_uid"]),
    }
    return names[formula]()
