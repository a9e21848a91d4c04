"""Error answers, in the shapes of the real services.

Compute answers in the old form (`errors` with domain and reason), the newer services in that of google.rpc.Status,
a kube-apiserver with a Status object. The texts of the kube-apiserver are recorded ones (fixtures/kube-apiserver has
the same), those of Google restate recorded shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .exchange import Answer, Request, answer

RPC_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
CALLER = "auditor@example-tools.iam.gserviceaccount.com"
TITLES = {
    "compute": "Compute Engine API",
    "container": "Kubernetes Engine API",
    "cloudresourcemanager": "Cloud Resource Manager API",
    "cloudasset": "Cloud Asset API",
    "serviceusage": "Service Usage API",
    "gkehub": "GKE Hub API",
    "connectgateway": "Connect Gateway API",
}


def refused(
    request: Request,
    code: int,
    message: str,
    reason: str,
    *,
    domain: str = "global",
    details: tuple[Mapping[str, Any], ...] = (),
) -> Answer:
    """An error of a Google API; `reason` is that of the old form (forbidden, notFound, ...)."""
    body: dict[str, Any] = {"code": code, "message": message}
    if request.service in ("compute", "container"):
        body["errors"] = [{"message": message, "domain": domain, "reason": reason}]
    if request.service != "compute":
        body["status"] = RPC_STATUS[code]
    if details:
        body["status"] = RPC_STATUS[code]
        body["details"] = list(details)
    return answer({"error": body}, code)


def error_info(reason: str, domain: str, **metadata: str) -> Mapping[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": domain, "metadata": metadata}


def forbidden(request: Request, permission: str, resource: str) -> Answer:
    """403 for want of one permission, each service in its own words."""
    if request.service == "compute":
        message = f"Required '{permission}' permission for '{resource}'"
    elif request.service == "container":
        message = f'Required "{permission}" permission(s) for "{resource}".'
    else:
        message = "The caller does not have permission"
    return refused(request, 403, message, "forbidden")


def not_found(request: Request, resource: str) -> Answer:
    if request.service == "compute":
        return refused(request, 404, f"The resource '{resource}' was not found", "notFound")
    return refused(request, 404, f"Not found: {resource}.", "notFound")


def invalid(request: Request, message: str, location: str | None = None) -> Answer:
    """400 for a parameter that the API does not take."""
    made = refused(request, 400, message, "invalid")
    if location is None:
        return made
    value = made.value
    value["error"].setdefault("errors", [{"message": message, "domain": "global", "reason": "invalidParameter"}])
    value["error"]["errors"][0] |= {"reason": "invalidParameter", "location": location, "locationType": "parameter"}
    return answer(value, 400)


def unauthenticated(request: Request) -> Answer:
    """401 for a missing, unknown or expired token."""
    if request.cluster is not None:
        return status(401, "Unauthorized", "Unauthorized")
    message = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    body: dict[str, Any] = {"code": 401, "message": message}
    if request.service in ("compute", "container"):
        short = "Invalid Credentials"
        where = {"location": "Authorization", "locationType": "header"}
        body["errors"] = [{"message": short, "domain": "global", "reason": "authError", **where}]
    body["status"] = "UNAUTHENTICATED"
    body["details"] = [
        error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", service=f"{request.service}.googleapis.com")
    ]
    realm = (("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"'),)
    return answer({"error": body}, 401, realm)


def api_disabled(request: Request, number: str, *, old_form: bool) -> Answer:
    """403 SERVICE_DISABLED with ErrorInfo, or the old form with reason accessNotConfigured."""
    service = f"{request.service}.googleapis.com"
    page = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    message = (
        f"{TITLES.get(request.service, service)} has not been used in project {number} before or it is disabled. "
        f"Enable it by visiting {page} then retry. If you enabled this API recently, wait a few minutes for the "
        "action to propagate to our systems and retry."
    )
    links = {
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{"description": "Google developers console API activation", "url": page}],
    }
    if old_form:
        body = {
            "errors": [
                {
                    "domain": "usageLimits",
                    "reason": "accessNotConfigured",
                    "message": message,
                    "extendedHelp": page.rpartition("/")[0],
                }
            ],
            "code": 403,
            "message": message,
        }
        return answer({"error": body}, 403)
    found = error_info("SERVICE_DISABLED", "googleapis.com", service=service, consumer=f"projects/{number}")
    return refused(request, 403, message, "accessNotConfigured", domain="usageLimits", details=(links, found))


def billing_disabled(request: Request, number: str) -> Answer:
    page = f"https://console.developers.google.com/billing/enable?project={number}"
    message = (
        f"This API method requires billing to be enabled. Please enable billing on project #{number} by visiting "
        f"{page} then retry. If you enabled billing for this project recently, wait a few minutes for the action to "
        "propagate to our systems and retry."
    )
    found = error_info(
        "BILLING_DISABLED",
        "googleapis.com",
        service=f"{request.service}.googleapis.com",
        consumer=f"projects/{number}",
    )
    return refused(request, 403, message, "forbidden", details=(found,))


def quota_exceeded(request: Request, number: str) -> Answer:
    """403 rateLimitExceeded without ErrorInfo, as Compute answers when a minute's quota is used up."""
    if request.cluster is not None:
        return too_many_requests(request)
    service = f"{request.service}.googleapis.com"
    message = (
        f"Quota exceeded for quota metric 'List requests' and limit 'List requests per minute' of service '{service}' "
        f"for consumer 'project_number:{number}'."
    )
    item = {"message": message, "domain": "usageLimits", "reason": "rateLimitExceeded"}
    return answer({"error": {"code": 403, "message": message, "errors": [item]}}, 403)


def too_many_requests(request: Request) -> Answer:
    if request.cluster is not None:
        made = status(429, "TooManyRequests", "too many requests, please try again later")
        return Answer(429, made.body, made.content_type, (*made.headers, ("Retry-After", "1")))
    message = "Resource has been exhausted (e.g. check quota)."
    return refused(request, 429, message, "rateLimitExceeded", domain="usageLimits")


def server_error(request: Request, code: int) -> Answer:
    if request.cluster is not None:
        if code == 503:
            return status(503, "ServiceUnavailable", "apiserver not ready")
        return status(500, "InternalError", "Internal error occurred: etcdserver: request timed out")
    words = {500: "Internal error encountered.", 503: "The service is currently unavailable."}
    return refused(request, code, words[code], {500: "internalError", 503: "backendError"}[code])


# --- a kube-apiserver's ---

KUBE_HEADERS = (("Cache-Control", "no-cache, private"), ("X-Content-Type-Options", "nosniff"))
EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
NOT_ACCEPTABLE = (
    "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)


def kube_answer(value: Any, code: int = 200) -> Answer:
    """JSON as a kube-apiserver writes it: indented, no charset."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return Answer(code, body, "application/json", KUBE_HEADERS)


def status(
    code: int,
    reason: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Answer:
    """A Status object."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}, "status": "Failure"}
    body |= {"message": message, "reason": reason}
    if details is not None:
        body["details"] = details
    return kube_answer({**body, "code": code}, code)


def kube_forbidden(user: str, verb: str, group: str, plural: str, namespace: str, name: str = "") -> Answer:
    """403 as recorded; a name appears with `get` only."""
    place = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    kind = f"{plural}.{group}" if group else plural
    quoted = f' "{name}"' if name else ""
    message = (
        f'{kind}{quoted} is forbidden: User "{user}" cannot {verb} resource "{plural}" in API group "{group}" {place}'
    )
    details = {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}
    return status(403, "Forbidden", message, details=details)


def kube_not_found(group: str, plural: str, name: str) -> Answer:
    kind = f"{plural}.{group}" if group else plural
    details = {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}
    return status(404, "NotFound", f'{kind} "{name}" not found', details=details)


def no_such_page() -> Answer:
    """What a kube-apiserver answers for an API group that is not installed, to those who may read everything."""
    headers = (("Cache-Control", "no-cache, private"), ("X-Content-Type-Options", "nosniff"))
    return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8", headers)
