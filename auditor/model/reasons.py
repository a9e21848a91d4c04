"""The stable reason codes: what each looks for, known false positives, how to confirm it by hand.

The README's table and `explain` are made from here; match never says a code that does not stand here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .finding import Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code and what a reader should know about it."""

    code: str
    verdict: Verdict
    looks_for: str
    false_positives: str
    confirm: str


_RULE = "gcloud compute forwarding-rules describe NAME --region REGION --project PROJECT"
_ADDRESS = "gcloud compute addresses describe NAME --region REGION --project PROJECT"
_CLUSTERS = "gcloud container clusters list --project PROJECT"
_OBJECTS = "kubectl get services,ingresses -A -o wide"

ALL: tuple[Reason, ...] = (
    # orphaned
    Reason(
        "cluster-deleted",
        Verdict.ORPHANED,
        "A mark of the cluster that made it (node tag, name hash, description) belongs to no living cluster.",
        "A cluster of a project that was not audited; such a mark then lowers the verdict to unknown.",
        f"{_CLUSTERS}; compare the first 8 characters of each cluster's id with the firewall's target tag",
    ),
    Reason(
        "owner-deleted",
        Verdict.ORPHANED,
        "The cluster that made it lives and was read in full; no object of that name or UID is in it.",
        "An object restored from a backup under another UID that still uses the old IP by hand-made DNS.",
        _OBJECTS,
    ),
    Reason(
        "owner-moved-on",
        Verdict.ORPHANED,
        "An object of that name lives, but its UID, type, class, scheme or IP says that it has moved on.",
        "DNS records that still point at the old IP.",
        f"{_OBJECTS}; compare UID, type, class and IP",
    ),
    Reason(
        "no-owner",
        Verdict.ORPHANED,
        "Made by a Kubernetes controller, without a mark of its cluster; no cluster that could own it does.",
        "A cluster outside the audited projects, or one that is not a GKE cluster: confidence is medium.",
        f"{_CLUSTERS}; {_OBJECTS}",
    ),
    Reason(
        "part-of-orphan",
        Verdict.ORPHANED,
        "A part that Kubernetes made and that serves nothing but orphaned things.",
        "A user's own load balancer that names it in a project that was not audited.",
        "gcloud compute forwarding-rules list --project PROJECT, and follow target, URL map and backend service",
    ),
    Reason(
        "temporary-address-left",
        Verdict.ORPHANED,
        "An address that a controller reserved by itself, for the seconds of a sync or for an Ingress or Gateway, "
        "still there, on no load balancer in use.",
        "None known; a controller that is syncing right now is covered by --min-age.",
        _ADDRESS,
    ),
    Reason(
        "reserved-address-on-orphan",
        Verdict.ORPHANED,
        "A person reserved this address, only orphaned rules use it, and no live object names it.",
        "Somebody keeps the IP for DNS or an allow list. It starts to cost when only the rule goes.",
        _ADDRESS,
    ),
    Reason(
        "controller-retired",
        Verdict.ORPHANED,
        "Made by kubemci, whose controller no longer exists, for clusters of which none lives.",
        "Backends that a person attached later.",
        "gcloud compute backend-services get-health NAME --global --project PROJECT",
    ),
    # unused
    Reason(
        "address-unused",
        Verdict.UNUSED,
        "Reserved by a person or another tool, used by nothing, named by no live object.",
        "Kept on purpose: disaster recovery, a DNS record, an allow list. Put it into the ignore file.",
        _ADDRESS,
    ),
    # idle
    Reason(
        "no-ready-endpoints",
        Verdict.IDLE,
        "Its owner lives, but no Service behind it has a ready endpoint.",
        "Scaled to zero on purpose; a Service whose endpoints are managed outside the cluster.",
        "kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE",
    ),
    Reason(
        "deletion-stuck",
        Verdict.IDLE,
        "Its owner has been being deleted for more than a day.",
        "A clean-up of very many load balancers that is really still running.",
        "kubectl describe KIND NAME -n NAMESPACE, and read its events and finalizers",
    ),
    Reason(
        "finalizer-without-wish",
        Verdict.IDLE,
        "Its owner no longer asks for a load balancer, and the finalizer that should have removed this is still set.",
        "A controller that is slow, or switched off while the add-on is upgraded.",
        "kubectl get KIND NAME -n NAMESPACE -o yaml",
    ),
    # unknown
    Reason(
        "owner-not-read",
        Verdict.UNKNOWN,
        "Something that could own it was not read in full.",
        "-",
        "read the gap named in the evidence, then audit again",
    ),
    Reason(
        "referrer-not-read",
        Verdict.UNKNOWN,
        "Something that points at it, or a list of things that could, was not read in full.",
        "-",
        "read the gap named in the evidence, then audit again",
    ),
    Reason(
        "contradictory-evidence",
        Verdict.UNKNOWN,
        "Facts disagree: no object owns it, yet one serves its IP, or its name and description point at two clusters.",
        "-",
        _OBJECTS,
    ),
    Reason(
        "shared-vpc-owner-unknown",
        Verdict.UNKNOWN,
        "It stands in a project that is, or may be, a Shared VPC host; its owner may live in a project not audited.",
        "-",
        "gcloud compute shared-vpc list-associated-resources PROJECT, then audit those projects too",
    ),
    Reason(
        "needed-by-route",
        Verdict.UNKNOWN,
        "No object owns it, but a route sends traffic to it.",
        "-",
        'gcloud compute routes list --project PROJECT --filter="nextHopIlb:*"',
    ),
    Reason(
        "needed-by-consumer",
        Verdict.UNKNOWN,
        "No object owns it, but a service attachment publishes it or has connected consumers.",
        "-",
        "gcloud compute service-attachments describe NAME --region REGION --project PROJECT",
    ),
    Reason(
        "part-of-unknown",
        Verdict.UNKNOWN,
        "A part of a load balancer whose own verdict is unknown.",
        "-",
        "gke-auditor explain LOAD_BALANCER",
    ),
    Reason(
        "unreadable",
        Verdict.UNKNOWN,
        "The API's answer for it is not of the expected shape.",
        "-",
        _RULE,
    ),
    Reason(
        "age-unknown",
        Verdict.UNKNOWN,
        "It would be waste, but nothing says how old it is.",
        "-",
        _RULE,
    ),
    Reason(
        "second-look-failed",
        Verdict.UNKNOWN,
        "It would be waste, but the second look that confirms it failed.",
        "-",
        "audit again",
    ),
    # pending
    Reason("too-young", Verdict.PENDING, "It would be waste, but is younger than --min-age.", "-", "look again later"),
    Reason(
        "owner-changing",
        Verdict.PENDING,
        "Its owner is being deleted, or has just stopped asking for it.",
        "-",
        "look again later",
    ),
    Reason(
        "cluster-changing",
        Verdict.PENDING,
        "The cluster that it belongs to, or may belong to, is being created or deleted.",
        "-",
        _CLUSTERS,
    ),
    Reason(
        "resource-changing",
        Verdict.PENDING,
        "It is itself being created or deleted right now.",
        "-",
        _ADDRESS,
    ),
    Reason(
        "part-of-pending",
        Verdict.PENDING,
        "A part of a load balancer that is pending.",
        "-",
        "gke-auditor explain LOAD_BALANCER",
    ),
    Reason(
        "changed-meanwhile",
        Verdict.PENDING,
        "The second look found it changed or gone.",
        "-",
        "audit again",
    ),
    # in use
    Reason("owned", Verdict.IN_USE, "A live object owns it.", "-", _OBJECTS),
    Reason("named-by-object", Verdict.IN_USE, "A live object names this address or its IP.", "-", _OBJECTS),
    Reason(
        "cluster-shared",
        Verdict.IN_USE,
        "A part that a living cluster shares among its load balancers; kept, and free of charge.",
        "-",
        _CLUSTERS,
    ),
    Reason(
        "needed-by-live",
        Verdict.IN_USE,
        "Something that is in use needs it.",
        "-",
        "gke-auditor explain NAME",
    ),
    Reason(
        "held-by-resource",
        Verdict.IN_USE,
        "A VM, a router or another resource holds this address.",
        "-",
        _ADDRESS,
    ),
    Reason(
        "used-by-user-load-balancer",
        Verdict.IN_USE,
        "A load balancer that Kubernetes did not make uses this part.",
        "-",
        "gcloud compute backend-services list --project PROJECT",
    ),
    # foreign
    Reason("not-kubernetes", Verdict.FOREIGN, "No name, description or back-reference of a controller.", "-", _RULE),
    Reason("vpn", Verdict.FOREIGN, "A rule of a classic VPN gateway.", "-", _RULE),
    Reason("private-service-connect", Verdict.FOREIGN, "A Private Service Connect endpoint.", "-", _RULE),
    Reason("service-mesh", Verdict.FOREIGN, "Made for a service mesh or multi-cluster Services.", "-", _RULE),
    Reason("protocol-forwarding", Verdict.FOREIGN, "A rule that forwards to one target instance.", "-", _RULE),
    Reason("packet-mirroring", Verdict.FOREIGN, "The collector of Packet Mirroring.", "-", _RULE),
    Reason(
        "declared-elsewhere",
        Verdict.FOREIGN,
        "Labelled as managed by Terraform or Config Connector.",
        "-",
        _RULE,
    ),
    Reason("cluster-level", Verdict.FOREIGN, "Belongs to a cluster itself, not to a load balancer.", "-", _CLUSTERS),
    Reason(
        "network-range",
        Verdict.FOREIGN,
        "An address for peering, Cloud NAT, DNS, Interconnect, a range, or one's own prefix.",
        "-",
        _ADDRESS,
    ),
    Reason("not-a-gke-cluster", Verdict.FOREIGN, "Made by a Kubernetes cluster that is no GKE cluster.", "-", _RULE),
    Reason(
        "user-load-balancer",
        Verdict.FOREIGN,
        "A load balancer that a person or another tool made, maybe on backends of GKE.",
        "-",
        _RULE,
    ),
    Reason("held-by-foreign", Verdict.FOREIGN, "Only foreign rules hold this address.", "-", _ADDRESS),
)

BY_CODE = {reason.code: reason for reason in ALL}
