"""The money a second time, straight from the contract's text (docs/report.md, Money) and pricing.md.

Raw API JSON in, amounts out: nothing of auditor.cost, of the views or of the inventory is used, so that a mistake
there cannot hide here. Made for snapshots that were read in full; notes are not its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from auditor.model.snapshot import Snapshot

HOURS = 730


def monthly_by_verdict(
    snapshot: Snapshot, verdicts: Mapping[str, str], prices: Mapping[str, Any]
) -> dict[str, Decimal | None]:
    """What each forwarding rule and address costs a month, by full resource name; None = no price is known.

    `verdicts`: full resource name -> verdict, for every judged rule and address. `prices`: auditor/data/prices.json
    as it stands in the file.
    """
    everything = {name: (kind, obj) for name, kind, obj in named_objects(snapshot)}
    rules = {name: obj for name, (kind, obj) in everything.items() if kind == "forwardingRules" and name in verdicts}
    addresses = {name: obj for name, (kind, obj) in everything.items() if kind == "addresses" and name in verdicts}
    amounts = rules_monthly(rules, verdicts, prices)
    amounts.update({name: address_monthly(name, obj, everything, prices) for name, obj in addresses.items()})
    return amounts


def rules_monthly(rules, verdicts, prices):
    amounts, pools = {}, {}
    for name, rule in rules.items():
        pool = pool_or_price(name, rule, prices)
        if isinstance(pool, tuple):
            pools.setdefault(pool, []).append(name)
        else:
            amounts[name] = pool
    for (kind, _project, location, *_network), members in pools.items():
        members.sort()
        leftovers = [name for name in members if verdicts[name] in ("orphaned", "unused")]
        others = [name for name in members if verdicts[name] not in ("orphaned", "unused")]
        before = pool_cost(kind, location, len(members), prices)
        after = pool_cost(kind, location, len(others), prices)
        if before is None or after is None:
            amounts.update(dict.fromkeys(members))
            continue
        saving = cents(before - after)
        amounts.update(cut(saving, leftovers))
        amounts.update(cut(cents(before) - saving, others))
    return amounts


def pool_or_price(name, rule, prices):
    """A pool as a tuple (kind, project, location, ...), or what the rule costs by itself."""
    project, location = name.split("/")[4], place(name)
    scheme, target = rule.get("loadBalancingScheme") or "", rule.get("target") or ""
    is_http = any(f"/{proxy}/" in target for proxy in ("targetHttpProxies", "targetHttpsProxies", "targetGrpcProxies"))
    is_proxy = is_http or "/targetTcpProxies/" in target or "/targetSslProxies/" in target
    if "/serviceAttachments/" in target or target in ("all-apis", "vpc-sc") or rule.get("pscConnectionId"):
        return cents(hourly(prices, "psc.endpoint") * HOURS)
    if "/targetVpnGateways/" in target or scheme == "INTERNAL_SELF_MANAGED":
        return Decimal("0.00")
    if scheme in ("INTERNAL_MANAGED", "EXTERNAL_MANAGED") and not is_proxy:
        return None
    if scheme == "INTERNAL_MANAGED" and is_http:
        return ("proxies", project, location, tail(rule.get("network") or ""))
    if location == "global":
        return ("global", project, location)
    if scheme == "EXTERNAL_MANAGED" and is_http:
        return ("regional external alb", project, location)
    return ("regional", project, location)


def pool_cost(kind, location, count, prices):
    """Not rounded; None where no price is known."""
    if count == 0:
        return Decimal(0)
    if kind == "proxies":
        proxy = item(prices, "lb.internal_alb.proxy_instance")
        return Decimal(proxy["hourly_usd"]) * 3 * HOURS if proxy["region"] == location else None
    family = "global" if kind == "global" else "regional"
    minimum = hourly(prices, f"lb.forwarding_rule.{family}.minimum", location)
    additional = hourly(prices, f"lb.forwarding_rule.{family}.additional", location)
    if minimum is None or (count > 5 and additional is None):
        return None
    return (minimum + (additional * (count - 5) if count > 5 else 0)) * HOURS


def address_monthly(name, address, everything, prices):
    ip = address.get("address") or ""
    users = list(address.get("users") or [])
    is_range = address.get("prefixLength") and ":" not in ip
    if address.get("addressType") == "INTERNAL" or address.get("purpose") == "VPC_PEERING" or is_range:
        return Decimal("0.00")
    if ":" in ip or address.get("ipVersion") == "IPV6":
        return Decimal("0.00")
    if address.get("ipCollection") or address.get("publicDelegatedPrefix"):
        return Decimal("0.00")
    if any("/forwardingRules/" in user or "/targetVpnGateways/" in user for user in users):
        return Decimal("0.00")
    if any(kind == "forwardingRules" and obj.get("IPAddress") == ip for kind, obj in everything.values()):
        return Decimal("0.00")
    if (
        address.get("purpose") == "NAT_AUTO"
        or any("/routers/" in user for user in users)
        or any(
            tail(link) == tail(name)
            for kind, obj in everything.values()
            if kind == "routers"
            for nat in obj.get("nats") or []
            for link in [*(nat.get("natIps") or []), *(nat.get("drainNatIps") or [])]
        )
    ):
        return cents(hourly(prices, "ip.external.cloud_nat") * HOURS)
    machines = [everything[full(user)][1] for user in users if "/instances/" in user and full(user) in everything]
    machines += [obj for kind, obj in everything.values() if kind == "instances" and ip in nat_ips(obj)]
    if machines or any("/instances/" in user for user in users):
        is_spot = any((machine.get("scheduling") or {}).get("provisioningModel") == "SPOT" for machine in machines)
        is_spot = is_spot or any((machine.get("scheduling") or {}).get("preemptible") for machine in machines)
        return cents(hourly(prices, "ip.external.spot_vm" if is_spot else "ip.external.standard_vm") * HOURS)
    if users or address.get("status") == "IN_USE":
        return None
    idle = hourly(prices, "ip.static.unused", place(name))
    return None if idle is None else cents(idle * HOURS)


def nat_ips(machine):
    interfaces = machine.get("networkInterfaces") or []
    return {config.get("natIP") for interface in interfaces for config in interface.get("accessConfigs") or []}


def named_objects(snapshot):
    for (project, collection), objects in snapshot.compute.items():
        for obj in objects:
            if obj.get("selfLink"):
                yield full(obj["selfLink"]), collection, obj
                continue
            scope = "global"
            for key, folder in (("region", "regions"), ("zone", "zones")):
                if obj.get(key):
                    scope = f"{folder}/{obj[key].split('/')[-1]}"
            yield f"//compute.googleapis.com/projects/{project}/{scope}/{collection}/{obj['name']}", collection, obj


def full(link):
    return "//compute.googleapis.com/" + tail(link)


def tail(link):
    """The link from "projects/" on, whatever stands before it."""
    return link[link.index("projects/") :] if "projects/" in link else link


def place(name):
    """ "global" or the region of a full name."""
    parts = name.split("/")
    return "global" if parts[5] == "global" else parts[6]


def item(prices, key):
    [found] = [candidate for candidate in prices["items"] if candidate["key"] == key]
    return found


def hourly(prices, key, location=None):
    """A price with a date, or an assumed one; None for everything else."""
    entry = item(prices, key)
    if "regions" in entry:
        entry = entry["regions"].get(location, {})
    if entry.get("hourly_usd") is None or not (entry.get("as_of") or entry.get("assumed")):
        return None
    return Decimal(entry["hourly_usd"])


def cents(amount):
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def cut(amount, names):
    """Even shares in cents, the odd cents for the first names."""
    if not names:
        return {}
    whole = int(amount * 100)
    return {
        name: Decimal(whole // len(names) + (1 if place < whole % len(names) else 0)) / 100
        for place, name in enumerate(names)
    }
