"""Ingresses, their backends, NEGs and certificates (ownership.md, sections 3, P7 to P10, and 6)."""

from __future__ import annotations

import json
from dataclasses import replace

from worlds import formulas

from ..builder import API, HERE, PROJECT, Cluster, World, backend_text, ingress_v1, ingress_v2
from ..telling import Expected, Told

IP, OTHER_IP = "203.0.113.10", "203.0.113.11"
REGION, ZONE = f"regions/{HERE}", f"zones/{HERE}-b"
V2 = ["networking.gke.io/ingress-finalizer-V2"]
V1 = ["networking.gke.io/ingress-finalizer"]
PARTS = ("fr", "tp", "um", "be", "hc")


def live_ingress_v2_of_every_class(world: World) -> Expected:
    """P7: "global (gce) or regional (others) rule(s)"; names by finalizer V2."""
    prod = world.cluster("prod")
    expected: dict[str, str] = {}
    for number, kind in enumerate(("gce", "gce-internal", "gce-regional-external")):
        name, ip = kind.replace("gce", "web"), f"203.0.113.{20 + number}"
        places = ingress_v2(world, prod, ip, owner=f"default/{name}", service=name, kind=kind)
        prod.service(f"default/{name}", spec={"type": "ClusterIP"})
        prod.ingress(
            f"default/{name}", name, ips=(ip,), finalizers=V2, annotations={"kubernetes.io/ingress.class": kind}
        )
        expected |= dict.fromkeys(places.values(), "in_use")
    return expected


def redirect_map(world: World) -> Expected:
    """P7: "Redirect map rm only in v2"; section 6, step 9: one load balancer with its redirect map."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    redirect = f"global/urlMaps/{formulas.ingress_v2(prod.kube_system_uid, 'default', 'web', 'rm')}"
    link = world.put(redirect, defaultUrlRedirect={"httpsRedirect": True})
    world.put(places["tp"].replace("-tp-", "-ts-").replace("HttpProxies", "HttpsProxies"), urlMap=link)
    return dict.fromkeys((*places.values(), redirect), "orphaned") | {
        places["tp"].replace("-tp-", "-ts-").replace("HttpProxies", "HttpsProxies"): "orphaned"
    }


def regional_ingress_address_left(world: World) -> Expected:
    """Section 7, still possible, 1: gce-regional-external makes a REGIONAL address k8s2-fr-..., cleanup misses it."""
    prod = world.cluster("prod")
    name = formulas.ingress_v2(prod.kube_system_uid, "default", "web", "fr")
    world.put(f"{REGION}/addresses/{name}", address=IP, addressType="EXTERNAL", status="RESERVED")
    return {f"{REGION}/addresses/{name}": "orphaned"}


def address_of_a_live_regional_ingress_before_its_rule(world: World) -> Expected:
    """x.status: "Controllers create address -> FR -> annotations in that order"; step 6: names of live objects are
    computed. The Ingress lives and this is its name, so the address is in use whatever its age."""
    prod = world.cluster("prod")
    expected: dict[str, str] = {}
    for kind, form in (("gce-regional-external", "EXTERNAL"), ("gce-internal", "INTERNAL")):
        short = kind.replace("gce", "web")
        name = formulas.ingress_v2(prod.kube_system_uid, "default", short, "fr")
        world.put(f"{REGION}/addresses/{name}", address=IP, addressType=form, status="RESERVED")
        prod.service(f"default/{short}", spec={"type": "ClusterIP"})
        prod.ingress(f"default/{short}", short, finalizers=V2, annotations={"kubernetes.io/ingress.class": kind})
        expected[f"{REGION}/addresses/{name}"] = "in_use"
    return expected


def v1_name_without_uid(world: World) -> Expected:
    """Step 4: "Names without --uid of ing1.front and k8s-ig need the description"; step 5: no fingerprint -> "the best
    verdict is orphaned (medium)"."""
    world.cluster("prod")
    places = ingress_v1(world, Cluster("legacy"), IP, uid="")
    return {
        places["fr"]: "orphaned/medium",
        places["tp"]: "orphaned/medium",
        places["um"]: "orphaned",
        places["be"]: "orphaned",
        places["hc"]: "orphaned",
    }


def v1_name_without_uid_nor_description(world: World) -> Expected:
    """ing1.front: "any user may call a rule k8s-fw-...": without a second witness it is nobody's."""
    world.cluster("prod")
    proxy = world.put("global/targetHttpProxies/mine", urlMap=f"{API}projects/{PROJECT}/global/urlMaps/mine")
    world.put("global/urlMaps/mine")
    world.put("global/forwardingRules/k8s-fw-web", IPAddress=IP, loadBalancingScheme="EXTERNAL", target=proxy)
    return {"global/forwardingRules/k8s-fw-web": "foreign"}


def v1_name_without_uid_of_a_living_old_cluster(world: World) -> Expected:
    """Section 2.2: "very old clusters have an empty uid: names without --uid"."""
    old = world.cluster("old", ingress_uid="x" * 16)
    old.ingress_uid = ""
    old.objects["configmaps"][0]["data"] = {"uid": "", "provider-uid": ""}
    places = ingress_v1(world, old, IP, uid="")
    old.service("default/web", spec={"type": "NodePort"})
    old.ingress("default/web", "web", ips=(IP,), finalizers=V1)
    return {places["fr"]: "in_use", places["tp"]: "in_use", places["um"]: "in_use", places["be"]: "in_use"}


def class_multi_cluster(world: World) -> Expected:
    """P7: gce-multi-cluster makes instance groups only: a v1 rule of that name has no owner."""
    prod = world.cluster("prod")
    places = ingress_v1(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress(
        "default/web", "web", ips=(OTHER_IP,), annotations={"kubernetes.io/ingress.class": "gce-multi-cluster"}
    )
    return {places[part]: "orphaned" for part in PARTS} | {places["neg"]: "in_use"}


def finalizer_left_on_an_ingress_of_the_multi_cluster_class(world: World) -> Expected:
    """P7 and fine point 7: gce-multi-cluster asks for instance groups alone; the finalizer still holds the rest."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress("default/web", "web", finalizers=V2, annotations={"kubernetes.io/ingress.class": "gce-multi-cluster"})
    return {places["fr"]: "idle", places["tp"]: "idle|in_use", places["um"]: "idle|in_use"}


def class_switched_from_global_to_internal(world: World) -> Expected:
    """Section 1, 8: "class changed, scheme changed": the names are the same, the scope is not."""
    prod = world.cluster("prod")
    old = ingress_v2(world, prod, IP)
    new = ingress_v2(world, prod, "10.0.0.9", kind="gce-internal")
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress(
        "default/web",
        "web",
        ips=("10.0.0.9",),
        finalizers=V2,
        annotations={"kubernetes.io/ingress.class": "gce-internal"},
    )
    return dict.fromkeys(new.values(), "in_use") | {old[part]: "orphaned" for part in PARTS}


def internal_ingress_of_a_deleted_cluster_beside_a_gap_elsewhere(world: World) -> Expected:
    """Step 5: "Region narrows": the parts of an internal Ingress stand in its cluster's region, all of them; the
    cluster that was not read is in another. The global firewall rule of the cluster is another matter."""
    dead = Cluster("legacy")
    far = world.cluster("far", location="us-central1")
    for plural in ("namespaces", "services", "configmaps", "ingresses"):
        world.gap(far.scope(plural))
    places = ingress_v2(world, dead, "10.0.0.9", kind="gce-internal")
    return dict.fromkeys(places.values(), "orphaned")


def neg_in_another_subnetwork(world: World) -> Expected:
    """Section 2.3: "other subnet: [...] -HEX(subnet,6) before the hash"."""
    prod = world.cluster("prod")
    expected: dict[str, str] = {}
    for service, verdict in (("web", "in_use"), ("gone", "orphaned")):
        name = formulas.endpoint_group_in_subnet(prod.ingress_uid, "default", service, "80", "second")
        words = {"cluster-uid": prod.kube_system_uid, "namespace": "default", "service-name": service, "port": "80"}
        world.put(f"{ZONE}/networkEndpointGroups/{name}", description=json.dumps(words))
        expected[f"{ZONE}/networkEndpointGroups/{name}"] = verdict
    prod.service("default/web", spec={"type": "ClusterIP"})
    return expected


def services_forbidden(world: World) -> Expected:
    """Fine point 1 and step 6: without the Services no name of a NEG or of a backend on a node port can be computed;
    the Ingress itself was read and is gone."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    world.gap(prod.scope("services"))
    return {places["fr"]: "orphaned", places["be"]: "unknown|orphaned", places["neg"]: "unknown"} | dict.fromkeys(
        (places["tp"], places["um"], places["hc"]), "orphaned|unknown"
    )


def old_api_version(world: World) -> Expected:
    """extensions/v1beta1 writes serviceName and servicePort."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    backend = {"serviceName": "web", "servicePort": "http"}
    prod.ingress("default/web", ips=(IP,), finalizers=V2, spec={"rules": [{"http": {"paths": [{"backend": backend}]}}]})
    return dict.fromkeys(places.values(), "in_use")


def finalizer_left_on_an_ingress_of_another_class(world: World) -> Expected:
    """Fine point 7: "A finalizer without a wish -> idle: [...] an Ingress that is no GCE Ingress any more, with the
    finalizer of the path that made this resource"."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress("default/web", "web", finalizers=V2, spec={"ingressClassName": "nginx"})
    return {places["fr"]: "idle", places["tp"]: "idle|in_use", places["um"]: "idle|in_use"}


def annotation_copied_by_a_backup(world: World) -> Expected:
    """Section 1, 5: "A Kubernetes annotation that names the resource is a claim (backup/restore copies it): it can
    prove in_use only together with (a), (b) or (c)". The cluster that made all this is deleted."""
    restored = world.cluster("restored")
    dead = Cluster("legacy")
    places = ingress_v2(world, dead, IP)
    group = places["neg"].rpartition("/")[2]
    world.put(
        f"{ZONE}/networkEndpointGroups/own-name",
        description=json.dumps(
            {"cluster-uid": dead.kube_system_uid, "namespace": "default", "service-name": "web", "port": "80"}
        ),
    )
    status = {"network_endpoint_groups": {"80": group, "81": "own-name"}, "zones": [f"{HERE}-b"]}
    restored.service(
        "default/web",
        spec={"type": "ClusterIP"},
        annotations={"cloud.google.com/neg-status": json.dumps(status), "cloud.google.com/neg": '{"ingress":true}'},
    )
    restored.ingress(
        "default/web",
        "web",
        ips=(OTHER_IP,),
        finalizers=V2,
        annotations={
            "ingress.kubernetes.io/forwarding-rule": places["fr"].rpartition("/")[2],
            "ingress.kubernetes.io/url-map": places["um"].rpartition("/")[2],
        },
    )
    return dict.fromkeys(places.values(), "orphaned") | {f"{ZONE}/networkEndpointGroups/own-name": "orphaned"}


def two_clusters_share_an_ingress_uid(world: World) -> Expected:
    """Section 2.2, provider-uid: "own value in old federations (then uid is the SAME in several clusters)"."""
    one = world.cluster("one")
    two = world.cluster("two", ingress_uid=one.ingress_uid, provider_uid="f" * 16)
    world.put(f"global/firewalls/k8s-fw-l7--{one.ingress_uid}", targetTags=[one.tag])
    world.put(f"global/firewalls/k8s-fw-l7--{'f' * 16}", targetTags=[two.tag])
    living = ingress_v1(world, two, IP)
    gone = ingress_v1(world, one, OTHER_IP, owner="default/gone", service="gone")
    two.service("default/web", spec={"type": "ClusterIP"})
    two.ingress("default/web", "web", ips=(IP,), finalizers=V1)
    return dict.fromkeys(living.values(), "in_use") | dict.fromkeys(gone.values(), "orphaned")


def uid_shared_with_a_cluster_that_was_not_read(world: World) -> Expected:
    """Contract: "A gap can only make verdicts more careful". Both clusters bear the uid (section 2.2); of one nothing
    was read, and the Ingress lives there. The firewall rules do not tell: they bear the `provider-uid`, which the first
    cluster of a federation has in common with the uid of all."""
    one = world.cluster("one")
    two = world.cluster("two", ingress_uid=one.ingress_uid, provider_uid="f" * 16)
    world.put(f"global/firewalls/k8s-fw-l7--{one.ingress_uid}", targetTags=[one.tag])
    world.put(f"global/firewalls/k8s-fw-l7--{'f' * 16}", targetTags=[two.tag])
    places = ingress_v1(world, two, IP)
    for plural in ("namespaces", "services", "configmaps", "ingresses"):
        world.gap(two.scope(plural))
    return {places["fr"]: "unknown", places["tp"]: "unknown", places["um"]: "unknown"}


def uid_shared_with_a_cluster_of_another_project(world: World) -> Expected:
    """Section 1, 2: a rule stands "always in the cluster's own project", so a cluster of another project cannot own it;
    that of its own project was not read."""
    world.projects["acme-other"] = {"projectId": "acme-other", "projectNumber": "7"}
    prod = world.cluster("prod")
    world.cluster("far", project="acme-other", ingress_uid=prod.ingress_uid)
    places = ingress_v1(world, prod, IP)
    for plural in ("namespaces", "services", "configmaps", "ingresses"):
        world.gap(prod.scope(plural))
    return {places["fr"]: "unknown", places["tp"]: "unknown", places["um"]: "unknown"}


def live_neg_in_a_terraform_load_balancer(world: World) -> Expected:
    """x.user_bs_with_gke_neg: "the LB is the user's; a live Service may stand behind it"."""
    prod = world.cluster("prod")
    name = formulas.endpoint_group(prod.ingress_uid, "default", "web", "80")
    group = world.put(
        f"{ZONE}/networkEndpointGroups/{name}",
        description=json.dumps(
            {"cluster-uid": prod.kube_system_uid, "namespace": "default", "service-name": "web", "port": "80"}
        ),
    )
    prod.service(
        "default/web", spec={"type": "ClusterIP"}, annotations={"cloud.google.com/neg": '{"exposed_ports":{"80":{}}}'}
    )
    return _users_balancer(world, group) | {f"{ZONE}/networkEndpointGroups/{name}": "in_use"}


def custom_named_neg(world: World) -> Expected:
    """neg.custom: "Identify by description JSON with cluster-uid+namespace+service-name+port"."""
    prod, dead = world.cluster("prod"), Cluster("legacy")
    expected: dict[str, str] = {}
    for name, cluster, service, verdict in (
        ("checkout-live", prod, "web", "in_use"),
        ("checkout-gone", prod, "gone", "orphaned"),
        ("checkout-dead", dead, "web", "orphaned"),
    ):
        where = f"{ZONE}/networkEndpointGroups/{name}"
        words = {"cluster-uid": cluster.kube_system_uid, "namespace": "default", "service-name": service, "port": "80"}
        world.put(where, description=json.dumps(words))
        expected[where] = verdict
    exposed = json.dumps({"exposed_ports": {"80": {"name": "checkout-live"}}})
    prod.service("default/web", spec={"type": "ClusterIP"}, annotations={"cloud.google.com/neg": exposed})
    return expected


def bound_neg(world: World) -> Expected:
    """neg.bound: "NEG is made by the USER, GKE only fills it: never an orphan of GKE"."""
    world.cluster("prod")
    words = {"cluster-name": "legacy", "namespace": "default", "backend-ref": "web"}
    world.put(f"{ZONE}/networkEndpointGroups/mine", description=json.dumps(words))
    return {f"{ZONE}/networkEndpointGroups/mine": "foreign"}


def tenant_neg(world: World) -> Expected:
    """Section 1, 2: multi-project tenants (gk3-mt1-): the owner may stand in another project."""
    world.cluster("prod")
    words = {"cluster-uid": "0" * 36, "namespace": "default", "service-name": "web", "port": "80"}
    where = f"{ZONE}/networkEndpointGroups/gk3-mt1-tenant-a-default-web-80-0a1b2c3d"
    world.put(where, description=json.dumps(words))
    return {where: "unknown"}


def neg_whose_uid_was_made_anew(world: World) -> Expected:
    """Fine point 5: "a uid8 of no cluster beside the cluster-uid of a living one = the uid was made anew"."""
    prod = world.cluster("prod")
    words = {"cluster-uid": prod.kube_system_uid, "namespace": "default", "service-name": "gone", "port": "80"}
    name = formulas.endpoint_group("9999888877776666", "default", "gone", "80")
    world.put(f"{ZONE}/networkEndpointGroups/{name}", description=json.dumps(words))
    return {f"{ZONE}/networkEndpointGroups/{name}": "orphaned"}


def neg_of_two_clusters_marks(world: World) -> Expected:
    """Fine point 5: "Name says cluster A, description B: unknown if both marks are of, or could be of, different
    clusters"."""
    prod, other = world.cluster("prod"), world.cluster("other")
    words = {"cluster-uid": other.kube_system_uid, "namespace": "default", "service-name": "gone", "port": "80"}
    name = formulas.endpoint_group(prod.ingress_uid, "default", "gone", "80")
    world.put(f"{ZONE}/networkEndpointGroups/{name}", description=json.dumps(words))
    return {f"{ZONE}/networkEndpointGroups/{name}": "unknown"}


def backend_of_a_live_service_without_ingress(world: World) -> Expected:
    """Fine point 1: "a live Service alone does not make it in_use"; its NEG stays in use."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    return {places[part]: "orphaned" for part in PARTS} | {places["neg"]: "in_use"}


def node_port_used_again(world: World) -> Expected:
    """ing.be_nodeport: "Node ports are reused by later Services: check description service-name too"."""
    prod = world.cluster("prod")
    name = f"k8s-be-30080--{prod.ingress_uid}"
    world.put(f"global/backendServices/{name}", description=backend_text("default/old"), loadBalancingScheme="EXTERNAL")
    prod.service("default/web", spec={"type": "NodePort"})
    prod.ingress("default/web", "web", ips=(IP,), finalizers=V1)
    return {f"global/backendServices/{name}": "orphaned"}


def certificates(world: World) -> Expected:
    """P10 and fine point 11: "User parts (certificates, health checks) behind a GKE load balancer: in_use while it is
    in use or a live Ingress names them; else foreign, never orphaned"."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress("default/web", "web", ips=(IP,), finalizers=V2)
    orphan = ingress_v2(world, prod, OTHER_IP, owner="default/gone", service="gone")
    own = formulas.ingress_v2_certificate(prod.kube_system_uid, "default", "web", "0" * 16)
    gone = formulas.ingress_v2_certificate(prod.kube_system_uid, "default", "gone", "0" * 16)
    old = formulas.ingress_v1_certificate(prod.ingress_uid, "default", "gone", "0" * 16)
    managed, forgotten = (f"mcrt-{digit * 8}-1111-4111-8111-{digit * 12}" for digit in "12")
    for name in (own, gone, old, managed, forgotten, "bought", "bought-too", "mine"):
        world.put(f"global/sslCertificates/{name}", type="SELF_MANAGED")
    world.put(
        "global/targetHttpsProxies/" + places["tp"].rpartition("/")[2].replace("-tp-", "-ts-"),
        urlMap=f"{API}projects/{PROJECT}/{places['um']}",
        sslCertificates=[f"{API}projects/{PROJECT}/global/sslCertificates/{name}" for name in (own, "bought")],
    )
    world.put(
        "global/targetHttpsProxies/" + orphan["tp"].rpartition("/")[2].replace("-tp-", "-ts-"),
        urlMap=f"{API}projects/{PROJECT}/{orphan['um']}",
        sslCertificates=[f"{API}projects/{PROJECT}/global/sslCertificates/{name}" for name in (gone, "bought-too")],
    )
    prod.add("managedcertificates", "default/web", status={"certificateName": managed})
    where = "global/sslCertificates/"
    return {
        where + own: "in_use",
        where + gone: "orphaned",
        where + old: "orphaned",
        where + managed: "in_use",
        where + forgotten: "orphaned",
        where + "bought": "in_use",
        where + "bought-too": "foreign",
        where + "mine": "foreign",
        "global/targetHttpsProxies/" + orphan["tp"].rpartition("/")[2].replace("-tp-", "-ts-"): "orphaned",
    } | dict.fromkeys(orphan.values(), "orphaned")


def users_health_check_behind_a_live_ingress(world: World) -> Expected:
    """Fine point 11, for health checks."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    mine = world.put("global/healthChecks/mine")
    next(item for item in world.resources[PROJECT, "backendServices"])["healthChecks"].append(mine)
    prod.service("default/web", spec={"type": "ClusterIP"})
    prod.ingress("default/web", "web", ips=(IP,), finalizers=V2)
    return {"global/healthChecks/mine": "in_use", places["be"]: "in_use"}


def external_name_behind_an_ingress_is_not_idle(world: World) -> Expected:
    """Contract, idle: "every Service behind the load balancer has no ready endpoint in slices that were read"; an
    ExternalName Service has none in the cluster at all, and says nothing."""
    prod = world.cluster("prod")
    places = ingress_v2(world, prod, IP)
    prod.add("services", "default/web", spec={"type": "ExternalName", "externalName": "example.com"})
    prod.ingress("default/web", "web", ips=(IP,), finalizers=V2)
    return {places["fr"]: "in_use"}


def idle_only_when_every_service_is(world: World) -> Expected:
    """Contract, idle: "every Service behind the load balancer has no ready endpoint"."""
    prod = world.cluster("prod")
    half = ingress_v2(world, prod, IP)
    none = ingress_v2(world, prod, OTHER_IP, owner="default/none", service="none")
    prod.service("default/web", spec={"type": "ClusterIP"}, ready=False)
    prod.service("default/api", spec={"type": "ClusterIP"})
    prod.service("default/none", spec={"type": "ClusterIP"}, ready=False)
    prod.ingress("default/web", "web", "api", ips=(IP,), finalizers=V2)
    prod.ingress("default/none", "none", ips=(OTHER_IP,), finalizers=V2)
    return {half["fr"]: "in_use", none["fr"]: "idle", none["um"]: "idle|in_use"}


def slices_of_some_services_only(world: World) -> Expected:
    """Contract, snapshot: "the list is complete for those Services and says nothing about others"."""
    prod = world.cluster("prod")
    asked = ingress_v2(world, prod, IP)
    other = ingress_v2(world, prod, OTHER_IP, owner="default/other", service="other")
    for name, ip in (("web", IP), ("other", OTHER_IP)):
        prod.service(f"default/{name}", spec={"type": "ClusterIP"}, ready=False)
        prod.ingress(f"default/{name}", name, ips=(ip,), finalizers=V2)
    known = prod.scope("endpointslices")
    world.cover(replace(world.snapshot().coverage[known], services=("default/web",)))
    return {asked["fr"]: "idle", other["fr"]: "in_use"}


def v2_ingress_in_another_cluster_with_the_same_name(world: World) -> Expected:
    """Section 1, 6: "ns/name alone never proves anything (namesakes in other clusters, re-created objects)"."""
    prod, other = world.cluster("prod"), world.cluster("other")
    places = ingress_v2(world, prod, IP)
    other.service("default/web", spec={"type": "ClusterIP"})
    other.ingress("default/web", "web", ips=(OTHER_IP,), finalizers=V2)
    return dict.fromkeys(places.values(), "orphaned")


def _users_balancer(world: World, group: str) -> dict[str, str]:
    backend = world.put("global/backendServices/tf", loadBalancingScheme="EXTERNAL", backends=[{"group": group}])
    url_map = world.put("global/urlMaps/tf", defaultService=backend)
    proxy = world.put("global/targetHttpProxies/tf", urlMap=url_map)
    world.put("global/forwardingRules/tf", IPAddress=IP, loadBalancingScheme="EXTERNAL", target=proxy)
    places = ("backendServices", "urlMaps", "targetHttpProxies", "forwardingRules")
    return {f"global/{collection}/tf": "foreign" for collection in places}


TOLD: tuple[Told, ...] = (
    live_ingress_v2_of_every_class,
    redirect_map,
    regional_ingress_address_left,
    address_of_a_live_regional_ingress_before_its_rule,
    v1_name_without_uid,
    v1_name_without_uid_nor_description,
    v1_name_without_uid_of_a_living_old_cluster,
    class_multi_cluster,
    finalizer_left_on_an_ingress_of_the_multi_cluster_class,
    class_switched_from_global_to_internal,
    internal_ingress_of_a_deleted_cluster_beside_a_gap_elsewhere,
    neg_in_another_subnetwork,
    services_forbidden,
    old_api_version,
    finalizer_left_on_an_ingress_of_another_class,
    annotation_copied_by_a_backup,
    two_clusters_share_an_ingress_uid,
    uid_shared_with_a_cluster_that_was_not_read,
    uid_shared_with_a_cluster_of_another_project,
    live_neg_in_a_terraform_load_balancer,
    custom_named_neg,
    bound_neg,
    tenant_neg,
    neg_whose_uid_was_made_anew,
    neg_of_two_clusters_marks,
    backend_of_a_live_service_without_ingress,
    node_port_used_again,
    certificates,
    users_health_check_behind_a_live_ingress,
    external_name_behind_an_ingress_is_not_idle,
    idle_only_when_every_service_is,
    slices_of_some_services_only,
    v2_ingress_in_another_cluster_with_the_same_name,
)
