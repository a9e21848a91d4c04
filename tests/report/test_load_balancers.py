import pytest

from auditor.model.compute import ForwardingRule
from auditor.model.names import ResourceName
from auditor.report.load_balancers import load_balancer_type


def rule(scheme: str, target: str = "", backend: str = "", *, psc: bool = False) -> ForwardingRule:
    link = f"https://www.googleapis.com/compute/v1/projects/p/global/{target}/x" if target else ""
    backend_link = f"https://www.googleapis.com/compute/v1/projects/p/regions/r/backendServices/{backend}"
    return ForwardingRule(None, "", scheme, "TCP", link, backend_link if backend else "", "", "", "", psc, False)


REGIONAL, GLOBAL = "regions/us-central1", "global"


@pytest.mark.parametrize(
    ("scope", "body", "expected"),
    [
        (GLOBAL, rule("EXTERNAL_MANAGED", "targetHttpProxies"), "Global external Application Load Balancer"),
        (GLOBAL, rule("EXTERNAL", "targetHttpsProxies"), "Classic Application Load Balancer"),
        (REGIONAL, rule("EXTERNAL_MANAGED", "targetHttpsProxies"), "Regional external Application Load Balancer"),
        (REGIONAL, rule("INTERNAL_MANAGED", "targetHttpProxies"), "Regional internal Application Load Balancer"),
        (GLOBAL, rule("INTERNAL_MANAGED", "targetHttpProxies"), "Cross-region internal Application Load Balancer"),
        (GLOBAL, rule("EXTERNAL_MANAGED", "targetSslProxies"), "Global external proxy Network Load Balancer"),
        (GLOBAL, rule("EXTERNAL", "targetTcpProxies"), "Classic proxy Network Load Balancer"),
        (REGIONAL, rule("INTERNAL_MANAGED", "targetTcpProxies"), "Regional internal proxy Network Load Balancer"),
        (REGIONAL, rule("EXTERNAL", "targetPools"), "Target pool-based external passthrough Network Load Balancer"),
        (REGIONAL, rule("EXTERNAL", "", "b"), "Backend service-based external passthrough Network Load Balancer"),
        (REGIONAL, rule("INTERNAL", "", "b"), "Internal passthrough Network Load Balancer"),
        (REGIONAL, rule("EXTERNAL", "targetVpnGateways"), "Classic VPN gateway"),
        (REGIONAL, rule("EXTERNAL", "targetInstances"), "Protocol forwarding"),
        (REGIONAL, rule("", "serviceAttachments", psc=True), "Private Service Connect endpoint"),
        (GLOBAL, rule("INTERNAL_SELF_MANAGED", "targetGrpcProxies"), "Cloud Service Mesh"),
        (GLOBAL, rule("", "somethingNew"), ""),
    ],
)
def test_google_s_own_names(scope: str, body: ForwardingRule, expected: str) -> None:
    assert load_balancer_type(ResourceName("p", scope, "forwardingRules", "r"), body) == expected
