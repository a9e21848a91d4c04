"""Which Services stand behind a load balancer, and what is said of their EndpointSlices."""

from __future__ import annotations

from typing import Any

from auditor.collect.compute import Listed
from auditor.collect.slices import SERVICE_LABEL, joined, selectors, services_behind
from auditor.model.names import ClusterKey
from auditor.model.snapshot import Category, Coverage, Status

KEY = ClusterKey("acme", "r1", "prod")
SCOPE = f"{KEY.folder}/endpointslices"


def obj(namespace: str, name: str, spec: Any, **annotations: str) -> dict[str, Any]:
    named = {key.replace("__", "/").replace("_", "."): value for key, value in annotations.items()}
    return {"metadata": {"namespace": namespace, "name": name, "annotations": named}, "spec": spec}


def behind(**objects: Any) -> tuple[str, ...]:
    return services_behind(objects)


def ingress(spec: Any, **annotations: str) -> dict[str, Any]:
    return obj("shop", "ing", spec, **annotations)


PATHS = {
    "defaultBackend": {"service": {"name": "front", "port": {"number": 80}}},
    "rules": [{"http": {"paths": [{"backend": {"service": {"name": "api"}}}, {"backend": {"resource": {}}}]}}],
}


def test_services_of_type_load_balancer() -> None:
    services = [
        obj("shop", "web", {"type": "LoadBalancer"}),
        obj("shop", "db", {"type": "ClusterIP"}),
        obj("a", "b", {}),
    ]
    assert behind(services=services) == ("shop/web",)


def test_services_of_ingresses_in_both_forms() -> None:
    old = {"backend": {"serviceName": "old"}, "rules": [{"http": {"paths": [{"backend": {"serviceName": "x"}}]}}]}
    assert behind(ingresses=[ingress(PATHS)]) == ("shop/api", "shop/front")
    assert behind(ingresses=[ingress(old)]) == ("shop/old", "shop/x")


def test_ingresses_of_another_controller_have_no_load_balancer_of_googles() -> None:
    assert behind(ingresses=[ingress(PATHS, kubernetes_io__ingress_class="nginx")]) == ()
    assert behind(ingresses=[ingress({**PATHS, "ingressClassName": "nginx"})]) == ()
    gce = ingress({**PATHS, "ingressClassName": "nginx"}, kubernetes_io__ingress_class="gce-internal")
    assert behind(ingresses=[gce]) == ("shop/api", "shop/front")


def test_services_of_routes() -> None:
    refs = [{"name": "web"}, {"name": "x", "namespace": "other"}, {"kind": "Bucket", "name": "b"}]
    assert behind(httproutes=[obj("shop", "r", {"rules": [{"backendRefs": refs}]})]) == ("other/x", "shop/web")


def test_odd_objects_name_nothing_and_break_nothing() -> None:
    odd = [
        {},
        {"spec": []},
        {"spec": {"rules": [1, {"http": 2}]}},
        {"metadata": None, "spec": {"type": "LoadBalancer"}},
    ]
    assert behind(services=odd, ingresses=odd, httproutes=odd) == ()


def test_selectors_fit_into_a_url_and_find_every_service() -> None:
    services = [f"ns{number % 3}/service-{number:04}" for number in range(500)]
    made = list(selectors(services))
    assert len(made) > 1
    assert all(len(selector) < 1700 and selector.startswith(f"{SERVICE_LABEL} in (") for selector in made)
    names = [name for selector in made for name in selector.partition("(")[2].rstrip(")").split(",")]
    assert sorted(names) == sorted({service.partition("/")[2] for service in services})
    assert list(selectors(())) == []


def piece(namespace: str, service: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": f"{service}-x", "labels": {SERVICE_LABEL: service}}}


def test_the_coverage_names_the_services_and_namesakes_are_left_out() -> None:
    whole = Listed(Coverage(SCOPE, Status.COMPLETE, count=2), (piece("shop", "web"), piece("other", "web")))
    found = joined(KEY, ("shop/web", "shop/none"), [whole])
    assert found.items == (piece("shop", "web"),)
    assert found.coverage == Coverage(SCOPE, Status.COMPLETE, count=1, services=("shop/none", "shop/web"))


def test_no_services_need_no_slices() -> None:
    assert joined(KEY, (), []) == Listed(Coverage(SCOPE, Status.COMPLETE, count=0, services=()))


def test_one_part_that_failed_makes_the_whole_a_gap() -> None:
    good = Listed(Coverage(SCOPE, Status.COMPLETE, count=1), (piece("shop", "web"),))
    bad = Listed(Coverage(SCOPE, Status.FAILED, Category.TIMEOUT, detail="slow"))
    assert joined(KEY, ("shop/web",), [good, bad]).coverage.status is Status.PARTIAL
    alone = joined(KEY, ("shop/web",), [bad]).coverage
    assert (alone.status, alone.category, alone.count) == (Status.FAILED, Category.TIMEOUT, None)
