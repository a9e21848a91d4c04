"""What stands in a project beside GKE, and the addresses that people reserve (ownership.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auditor.model.names import ResourceName

from .cloud import Claim, Fields
from .clusters import meta
from .groups import users_balancer
from .life import Life, Owner, service_object
from .services import GONE, LIVE, legacy_external


def _rule(life: Life, scope: str, name: str, fields: Fields, *, of: str) -> ResourceName:
    body = {"IPAddress": life.cloud.external_ip(), "IPProtocol": "TCP"} | fields
    return life.put(scope, "forwardingRules", name, body, life.fixed("foreign", of=of, state=LIVE))


def _name(life: Life, word: str) -> str:
    return f"{word}-{life.cloud.letters(5)}"


def vpn(life: Life) -> None:
    name, ip = _name(life, "vpn"), life.cloud.external_ip()
    gateway = life.cloud.put(life.project, life.regional, "targetVpnGateways", name, {"network": life.cluster.network})
    rules = []
    for word, protocol, ports in (("esp", "ESP", None), ("udp500", "UDP", "500-500"), ("udp4500", "UDP", "4500-4500")):
        fields = {
            "IPAddress": ip,
            "IPProtocol": protocol,
            "portRange": ports,
            "target": life.cloud.link(gateway),
            "loadBalancingScheme": "EXTERNAL",
            "networkTier": "PREMIUM",
        }
        rules.append(_rule(life, life.regional, f"{name}-{word}", fields, of="classic VPN"))
    claim = life.fixed("in_use", "foreign", of="address of a VPN", state=LIVE)
    life.address(life.regional, name, ip, claim, users=rules)


def psc_endpoint(life: Life) -> None:
    """A consumer endpoint: no load-balancing scheme."""
    name, ip = _name(life, "sql-psc"), life.cloud.internal_ip()
    target = f"projects/x1y2z3-tp/{life.regional}/serviceAttachments/a-psc-sa"
    fields: Fields = {
        "IPAddress": ip,
        "IPProtocol": None,
        "target": "https://www.googleapis.com/compute/v1/" + target,
        "pscConnectionId": "101874532345",
        "pscConnectionStatus": "ACCEPTED",
        "network": life.cluster.network,
    }
    rule = _rule(life, life.regional, name, fields, of="PSC endpoint")
    claim = life.fixed("in_use", "foreign", of="address of a PSC endpoint", state=LIVE)
    life.address(life.regional, name, ip, claim, users=[rule])


def psc_for_google_apis(life: Life) -> None:
    name, ip = _name(life, "apis").replace("-", ""), life.cloud.internal_ip()
    target = life.cloud.dice.choice(("all-apis", "vpc-sc"))
    fields: Fields = {"IPAddress": ip, "IPProtocol": None, "target": target, "network": life.cluster.network}
    rule = _rule(life, "global", name, fields, of="PSC for Google APIs")
    claim = life.fixed("in_use", "foreign", of="address of PSC for Google APIs", state=LIVE)
    body = {"purpose": "PRIVATE_SERVICE_CONNECT", "network": life.cluster.network, "subnetwork": None}
    life.address("global", name, ip, claim, users=[rule], **body)


def control_plane_endpoint(life: Life) -> None:
    cluster, ip = life.cluster, life.cloud.internal_ip()
    name = f"gke-{cluster.name}-{cluster.h8c}-{life.cloud.hexadecimal(8)}-pe"
    fields: Fields = {
        "IPAddress": ip,
        "IPProtocol": None,
        "target": f"https://www.googleapis.com/compute/v1/projects/tenant-tp/{life.regional}/serviceAttachments/gke-sa",
        "pscConnectionId": "77123",
        "network": cluster.network,
    }
    rule = _rule(life, life.regional, name, fields, of="control-plane endpoint")
    claim = life.fixed("in_use", "foreign", of="address of a control-plane endpoint", state=LIVE)
    life.address(life.regional, name, ip, claim, users=[rule])


def cloud_run(life: Life) -> None:
    """A serverless NEG behind a load balancer of Terraform."""
    claim = life.fixed("foreign", of="serverless NEG", state=LIVE)
    fields = {"networkEndpointType": "SERVERLESS", "cloudRun": {"service": "shop"}}
    group = life.put(life.regional, "networkEndpointGroups", _name(life, "run-neg"), fields, claim)
    labels = {"goog-terraform-provisioned": "true"} if life.cloud.chance(0.5) else None
    users_balancer(life, _name(life, "run"), [group], labels=labels)


def user_instance_group(life: Life) -> None:
    """A person's load balancer on a managed instance group of their own."""
    claim = life.fixed("foreign", of="a person's instance group", state=LIVE)
    zone = f"zones/{life.region}-b"
    group = life.put(zone, "instanceGroups", _name(life, "vms"), {"size": 2, "network": life.cluster.network}, claim)
    users_balancer(life, _name(life, "vm-lb"), [group])


def config_connector(life: Life) -> None:
    users_balancer(life, _name(life, "cnrm"), [], labels={"managed-by-cnrm": "true"})


def protocol_forwarding(life: Life) -> None:
    name = _name(life, "fwd")
    target = life.cloud.put(life.project, f"zones/{life.region}-b", "targetInstances", name, {})
    fields = {"target": life.cloud.link(target), "loadBalancingScheme": "EXTERNAL", "networkTier": "PREMIUM"}
    _rule(life, life.regional, name, fields, of="protocol forwarding")


def proxy_network_balancer(life: Life) -> None:
    """A TCP proxy: neither Services nor Ingresses make those."""
    name = _name(life, "tcp")
    claim = life.fixed("foreign", of="proxy network load balancer", state=LIVE)
    fields: Fields = {"loadBalancingScheme": "EXTERNAL", "protocol": "TCP", "healthChecks": []}
    backend = life.put("global", "backendServices", name, fields, claim)
    proxy = life.put("global", "targetTcpProxies", name, {"service": life.cloud.link(backend)}, claim)
    rule_fields = {"target": life.cloud.link(proxy), "loadBalancingScheme": "EXTERNAL", "networkTier": "PREMIUM"}
    _rule(life, "global", name, rule_fields, of="proxy network load balancer")


def mesh(life: Life) -> None:
    """Traffic Director: no load balancer at all."""
    name = f"gsmrsvd-{life.cloud.letters(8)}"
    _mesh_balancer(life, name, "0.0.0.0")  # noqa: S104 - an address of a mesh, nothing binds to it


def multi_cluster_services(life: Life) -> None:
    _mesh_balancer(life, f"gkemcs-{life.project.id}-main-{life.cloud.letters(4)}", "127.0.0.1")


def _mesh_balancer(life: Life, name: str, ip: str) -> None:
    claim = life.fixed("foreign", of="service mesh", state=LIVE)
    fields: Fields = {"loadBalancingScheme": "INTERNAL_SELF_MANAGED", "protocol": "HTTP2"}
    backend = life.put("global", "backendServices", name, fields, claim)
    url_map = life.put("global", "urlMaps", name, {"defaultService": life.cloud.link(backend)}, claim)
    proxy = life.put("global", "targetHttpProxies", name, {"urlMap": life.cloud.link(url_map)}, claim)
    rule_fields = {
        "IPAddress": ip,
        "target": life.cloud.link(proxy),
        "loadBalancingScheme": "INTERNAL_SELF_MANAGED",
        "network": life.cluster.network,
    }
    _rule(life, "global", name, rule_fields, of="service mesh")


def mirroring(life: Life) -> None:
    name = _name(life, "collector")
    claim = life.fixed("foreign", of="packet mirroring", state=LIVE)
    fields: Fields = {"loadBalancingScheme": "INTERNAL", "protocol": "TCP"}
    backend = life.put(life.regional, "backendServices", name, fields, claim)
    rule_fields = {
        "IPAddress": life.cloud.internal_ip(),
        "backendService": life.cloud.link(backend),
        "loadBalancingScheme": "INTERNAL",
        "isMirroringCollector": True,
        "network": life.cluster.network,
        "subnetwork": life.cluster.subnetwork,
    }
    _rule(life, life.regional, name, rule_fields, of="packet mirroring")


def unmanaged_parts(life: Life) -> None:
    """A person's certificate, firewall rule and health check that nothing uses: not ours to judge."""
    claim = life.fixed("foreign", of="a person's part", state=LIVE)
    life.put("global", "sslCertificates", _name(life, "wildcard"), {"type": "SELF_MANAGED"}, claim)
    life.put("global", "healthChecks", _name(life, "check"), {"type": "TCP"}, claim)
    fields = {"network": life.cluster.network, "sourceRanges": ["10.0.0.0/8"], "targetTags": ["web"]}
    life.put("global", "firewalls", _name(life, "allow"), fields, claim)


FOREIGN_FATES: dict[str, Callable[[Life], None]] = {
    "vpn": vpn,
    "psc-endpoint": psc_endpoint,
    "psc-for-google-apis": psc_for_google_apis,
    "control-plane-endpoint": control_plane_endpoint,
    "cloud-run": cloud_run,
    "instance-group": user_instance_group,
    "config-connector": config_connector,
    "protocol-forwarding": protocol_forwarding,
    "proxy-network-balancer": proxy_network_balancer,
    "mesh": mesh,
    "multi-cluster-services": multi_cluster_services,
    "packet-mirroring": mirroring,
    "unmanaged-parts": unmanaged_parts,
}


# Addresses


def _forgotten(life: Life, scope: str, *, of: str) -> Claim:
    claim = life.claim(GONE, of=of, region=life.region if scope != "global" else None)
    return replace(claim, is_user_address=True, is_young=life.is_young)


def unused(life: Life) -> None:
    scope = life.cloud.dice.choice(("global", life.regional))
    labels = {"goog-terraform-provisioned": "true"} if life.cloud.chance(0.2) else None
    claim = _forgotten(life, scope, of="forgotten address")
    life.address(scope, _name(life, "old-ip"), life.cloud.external_ip(), claim, labels=labels)


def unused_internal(life: Life) -> None:
    claim = _forgotten(life, life.regional, of="forgotten internal address")
    life.address(life.regional, _name(life, "old-vip"), life.cloud.internal_ip(), claim)


def unused_in_a_host(life: Life) -> None:
    """An address of a shared subnetwork: a service project that was not audited may use it."""
    claim = life.fixed("unknown", of="address in a Shared VPC host", state=LIVE)
    fields: Fields = {
        "address": life.cloud.internal_ip(),
        "addressType": "INTERNAL",
        "status": "RESERVED",
        "purpose": "GCE_ENDPOINT",
        "subnetwork": life.cluster.subnetwork,
    }
    life.cloud.put(life.cluster.network_project, life.regional, "addresses", _name(life, "shared-ip"), fields, claim)


def namesake_in_another_scope(life: Life) -> None:
    """An Ingress names the global one; the regional one of the same name is forgotten (T44)."""
    name, owner = _name(life, "web-ip"), life.owner()
    named = life.claim(LIVE, of="named by an Ingress", plural="ingresses")
    life.address("global", name, life.cloud.external_ip(), named)
    life.address(life.regional, name, life.cloud.external_ip(), _forgotten(life, life.regional, of="namesake"))
    obj = meta("networking.k8s.io/v1", "Ingress", owner.name, owner.namespace, uid=owner.uid)
    obj["metadata"]["annotations"] = {"kubernetes.io/ingress.global-static-ip-name": name}
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    life.add("ingresses", obj | {"spec": {"defaultBackend": backend}, "status": {"loadBalancer": {}}})


def named_by_external_ips(life: Life) -> None:
    ip, owner = life.cloud.external_ip(), life.owner()
    claim = life.claim(LIVE, of="named by externalIPs", region=life.region)
    life.address(life.regional, _name(life, "vip"), ip, claim)
    life.add("services", service_object(life, owner, externalIPs=[ip]))
    life.slices(owner, is_ready=True)


def named_by_a_waiting_service(life: Life) -> None:
    """spec.loadBalancerIP or an annotation of a Service that has no load balancer yet."""
    ip, owner, name = life.cloud.external_ip(), life.owner(), _name(life, "ip")
    life.address(life.regional, name, ip, life.claim(LIVE, of="named by a Service", region=life.region))
    wish: dict[str, Any] = {"loadBalancerIP": ip}
    if life.cloud.chance(0.5):
        wish = {"annotations": {"networking.gke.io/load-balancer-ip-addresses": f"{name},other"}}
    life.add("services", service_object(life, owner, type_="LoadBalancer", **wish))
    life.slices(owner, is_ready=True)


def of_a_machine(life: Life) -> None:
    """A static address on a virtual machine."""
    ip, name = life.cloud.external_ip(), _name(life, "vm")
    zone = f"zones/{life.region}-b"
    configs = [{"name": "External NAT", "type": "ONE_TO_ONE_NAT", "natIP": ip}]
    interface = {"network": life.cluster.network, "networkIP": life.cloud.internal_ip(), "accessConfigs": configs}
    machine = life.cloud.put(
        life.project, zone, "instances", name, {"status": "RUNNING", "networkInterfaces": [interface]}
    )
    claim = life.fixed("in_use", of="address of a virtual machine", state=LIVE)
    life.address(life.regional, f"{name}-ip", ip, claim, users=[machine])


def of_cloud_nat(life: Life) -> None:
    name = _name(life, "nat")
    claim = life.fixed("in_use", "foreign", of="address of Cloud NAT", state=LIVE)
    router = ResourceName(life.project.id, life.regional, "routers", f"{name}-router")
    address = life.address(life.regional, name, life.cloud.external_ip(), claim, users=[router])
    nat = {"name": "nat", "natIpAllocateOption": "MANUAL_ONLY", "natIps": [life.cloud.link(address)]}
    fields = {"network": life.cluster.network, "nats": [nat]}
    life.cloud.put(life.project, life.regional, "routers", router.name, fields)


PURPOSES: dict[str, tuple[str, Fields]] = {
    "peering-range": ("global", {"purpose": "VPC_PEERING", "prefixLength": 20, "addressType": "INTERNAL"}),
    "nat-auto": ("region", {"purpose": "NAT_AUTO"}),
    "dns-resolver": ("region", {"purpose": "DNS_RESOLVER", "addressType": "INTERNAL"}),
    "interconnect": ("region", {"purpose": "IPSEC_INTERCONNECT", "prefixLength": 29, "addressType": "INTERNAL"}),
    "own-prefix": ("region", {"ipCollection": "https://www.googleapis.com/compute/v1/projects/p/regions/r/x"}),
}


def of_a_purpose(life: Life) -> None:
    place, fields = PURPOSES[life.fate]
    is_internal = fields.get("addressType") == "INTERNAL"
    ip = life.cloud.internal_ip() if is_internal else life.cloud.external_ip()
    claim = life.fixed("foreign", of=life.fate, state=LIVE)
    scope = "global" if place == "global" else life.regional
    name = f"nat-auto-ip-{life.cloud.count('name')}-1-1" if life.fate == "nat-auto" else _name(life, life.fate)
    network: Fields = {"network": life.cluster.network, "subnetwork": None} if life.fate == "peering-range" else {}
    life.address(scope, name, ip, claim, **fields, **network)


ADDRESS_FATES: dict[str, Callable[[Life], None]] = {
    "unused": unused,
    "unused-young": unused,
    "unused-internal": unused_internal,
    "unused-in-host": unused_in_a_host,
    "namesake-in-another-scope": namesake_in_another_scope,
    "named-by-external-ips": named_by_external_ips,
    "named-by-a-waiting-service": named_by_a_waiting_service,
    "of-a-machine": of_a_machine,
    "of-cloud-nat": of_cloud_nat,
    **dict.fromkeys(PURPOSES, of_a_purpose),
}
ADDRESS_GAP_FATES: dict[str, Callable[[Life], None]] = {"unused-beside-a-gap": unused}


# Clusters that are not GKE clusters


def kops_service(life: Life) -> None:
    """The same controller, another distribution; the cluster is given in the snapshot or is not."""
    owner = Owner("kube-system", f"ingress-{life.cloud.count('name')}", life.cloud.uid())
    made = legacy_external(life, owner, LIVE)
    if life.cluster.objects:
        life.add("services", service_object(life, owner, type_="LoadBalancer", ips=made.ips))
        life.slices(owner, is_ready=True)


KOPS_FATES: dict[str, Callable[[Life], None]] = {"not-in-the-snapshot": kops_service, "in-the-snapshot": kops_service}
