"""Google's APIs: who asks (credentials), whom (endpoints), and how: JSON over one AuthorizedSession for all threads."""

from __future__ import annotations

import re
import ssl
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from auditor.errors import NothingRead, UsageError
from auditor.model.names import is_loopback
from auditor.model.snapshot import JSON, Category

from .failures import RequestFailed, failure_of, hint_for_start, invalid
from .patience import Patience
from .quotas import counted_as

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from requests import Response, Session

    from .bounded import TrustedContext

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",  # Kubernetes RBAC knows people by their e-mail address
)
SERVICES = (
    "compute",
    "container",
    "cloudresourcemanager",
    "cloudasset",
    "serviceusage",
    "gkehub",
    "connectgateway",
    "cloudbilling",
    "logging",
    "monitoring",
    "dns",
    "storage",
    "bigquery",
    "iamcredentials",
)
DEFAULT_UNIVERSE = "googleapis.com"
Parameters = Mapping[str, str | int | Sequence[str]]
"""What is asked for in a URL's query."""
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
CONNECT_S = 5.0
"""The longest that a connection may take."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\Z", re.ASCII)


# --- whom ---


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where each service answers: its public host in a universe, or what --endpoint SERVICE=URL says."""

    universe_domain: str = DEFAULT_UNIVERSE
    overrides: Mapping[str, str] = field(default_factory=dict)

    def root(self, service: str) -> str:
        """Scheme and host of a service, without a path."""
        return self.overrides.get(service) or f"https://{service}.{self.universe_domain}"

    def gateway(self, location: str) -> str:
        """Scheme and host of Connect Gateway for memberships of one location; global ones have the bare host."""
        prefix = "" if location == "global" else f"{location}-"
        return self.overrides.get("connectgateway") or f"https://{prefix}connectgateway.{self.universe_domain}"


def parse_endpoint(text: str) -> tuple[str, str]:
    """SERVICE=URL, as --endpoint takes it: the service, and scheme and host of the URL.

    Raises ValueError with a sentence for the reader. gcloud's form of the Compute endpoint, which ends in
    /compute/v1/, is understood; any other path is refused. Plain http is for loopback addresses only.
    """
    service, equals, url = text.strip().partition("=")
    if not equals or service not in SERVICES:
        raise ValueError(f"{text!r} is not SERVICE=URL with SERVICE one of {', '.join(SERVICES)}")
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url!r} is no URL like https://{service}-psc.p.googleapis.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{url!r}: plain http:// is accepted for loopback addresses only")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{url!r}: only scheme, host and port can be set")
    if parts.path.rstrip("/") not in ("", "/compute/v1" if service == "compute" else ""):
        raise ValueError(f"{url!r}: leave the path {parts.path} out")
    return service, f"{parts.scheme}://{parts.netloc}"


def parse_universe(text: str) -> str:
    """A universe domain, as --universe-domain takes it. Raises ValueError."""
    domain = text.strip().lower()
    if not _HOST.match(domain) or "." not in domain:
        raise ValueError(f"{text!r} is no domain like {DEFAULT_UNIVERSE}")
    return domain


# --- who ---


@dataclass(frozen=True, slots=True)
class Network:
    """Proxies and a company's CA bundle, out of the environment."""

    ca_bundle: str | None = None
    """A file or folder of authorities to trust in place of the well-known ones."""
    proxy: str | None = None
    no_proxy: str | None = None

    _context: list[TrustedContext] = field(default_factory=list, repr=False, compare=False)

    def context(self) -> TrustedContext:
        """What servers with public names are verified by, loaded once. Raises UsageError for a bundle that is none."""
        if not self._context:
            self._context.append(_trusting(self.ca_bundle))
        return self._context[0]


def _trusting(bundle: str | None) -> TrustedContext:
    import certifi  # noqa: PLC0415 - a part of requests

    from .bounded import trusting  # noqa: PLC0415 - requests takes a while, and --help needs none of it

    try:
        return trusting(bundle or certifi.where())
    except OSError as error:
        raise UsageError(
            f"The CA bundle {bundle} cannot be used: {error.strerror or error}",
            f"Set {', '.join(_CA_VARIABLES)} to a file of certificates, or unset them.",
        ) from error


def network_of(environment: Mapping[str, str]) -> Network:
    """The environment's network settings. requests reads the same variables by itself, other clients are told."""

    def first(*names: str) -> str | None:
        return next((value for name in names if (value := environment.get(name))), None)

    return Network(
        ca_bundle=first(*_CA_VARIABLES),
        proxy=first("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
        no_proxy=first("NO_PROXY", "no_proxy"),
    )


class Tokens:
    """The credentials of a run, renewed under a lock: many threads need a new token in the same moment."""

    def __init__(self, credentials: Credentials, patience: Patience, network: Network) -> None:
        from google.auth.transport.requests import Request  # noqa: PLC0415 - --help needs no Google library
        from requests import Session  # noqa: PLC0415

        self.credentials = credentials
        self._patience = patience
        self._lock = threading.Lock()
        self._session = Session()
        widen(self._session, 1, network, patience.clock)
        self._request = Request(self._session)

    def current(self) -> str:
        """A token that is valid now. Raises RequestFailed: `unauthenticated`, or why none could be had."""
        if not self.credentials.valid:
            with self._lock:
                if not self.credentials.valid:
                    self._patience.ask(self._renew)
        return str(self.credentials.token)

    def replace(self, refused: str) -> str:
        """A token in place of one that the API has refused; the one that another thread has had meanwhile will do."""
        with self._lock:
            if self.credentials.token == refused:
                self._patience.ask(self._renew)
        return str(self.credentials.token)

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    @property
    def account(self) -> str:
        """The e-mail address of a service account; "" where the credentials do not say it."""
        for name in ("service_account_email", "signer_email"):
            value = getattr(self.credentials, name, None)
            if isinstance(value, str) and "@" in value:
                return value
        return ""

    def _renew(self, timeout_s: float) -> None:
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415

        answers: list[Any] = []

        def request(*arguments: Any, **options: Any) -> Any:
            answers.append(self._request(*arguments, **{**options, "timeout": timeout_s}))
            return answers[-1]

        try:
            self.credentials.refresh(request)  # type: ignore[no-untyped-call, unused-ignore]
        except TransportError as error:
            failure = connection_failure(error, timeout_s) or RequestFailed(Category.UNREACHABLE, str(error))
            raise RequestFailed(
                failure.category, f"no access token: {failure.detail}", is_transient=failure.is_transient
            ) from error
        except GoogleAuthError as error:
            raise _without_token(error, answers[-1] if answers else None) from error
        except (KeyError, TypeError, ValueError) as error:  # what a log-in page does to google-auth
            raise invalid(f"no access token: the answer cannot be read ({type(error).__name__}: {error})") from error


_MENDED_ELSEWHERE = (Category.API_DISABLED, Category.BILLING_DISABLED, Category.QUOTA)


def _without_token(error: BaseException, answer: Any) -> RequestFailed:
    """What google-auth's refusal to give a token means. It drops what an impersonation was answered, also that the
    service was busy; `answer` is the last one that it had, if it had any."""
    said = str(error.args[0] if error.args else error)
    is_transient = bool(getattr(error, "retryable", False))
    category = Category.UNAUTHENTICATED
    if answer is not None and not 200 <= answer.status < 300:
        told = failure_of(answer.status, answer.data, answer.headers)
        is_transient = is_transient or told.is_transient
        if told.is_transient or told.category in _MENDED_ELSEWHERE:
            category = told.category
        if told.detail.partition(": ")[2] not in said:
            said = f"{said}: {told.detail}"
    return RequestFailed(category, f"no access token: {said}", is_transient=is_transient)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks: the tokens, and the project that the credentials name, if any."""

    tokens: Tokens
    project: str | None


def sign_in(
    patience: Patience,
    network: Network,
    endpoints: Endpoints,
    *,
    impersonate: str = "",
    quota_project: str = "",
) -> Account:
    """Application Default Credentials, as a service account where `impersonate` names one; the first token is had.

    `impersonate` may be a chain of delegates, the account last, as gcloud takes it. Raises NothingRead: without
    credentials nothing can be read at all.
    """
    import google.auth  # noqa: PLC0415 - --help needs no Google library
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    quota = quota_project or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about quota projects: a choice of the user, and there is an option for it
            credentials, project = google.auth.default(scopes=SCOPES, quota_project_id=quota)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise NothingRead(
            f"There are no usable Google credentials: {error}",
            "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a credentials file",
        ) from error
    if impersonate:
        credentials = _impersonated(credentials, impersonate, quota, endpoints)
    tokens = Tokens(credentials, patience, network)
    try:
        tokens.current()
    except RequestFailed as failure:
        if failure.category is Category.NOT_COLLECTED:
            raise
        who = f"as {impersonate}" if impersonate else "with the credentials of this machine"
        hint = hint_for_start(failure)
        if impersonate and failure.category is Category.UNAUTHENTICATED:
            hint = (
                f"gcloud iam service-accounts add-iam-policy-binding {impersonate.rpartition(',')[2]} "
                "--member user:YOUR_ACCOUNT --role roles/iam.serviceAccountTokenCreator"
            )
        if impersonate and failure.category is Category.API_DISABLED:
            hint = f"gcloud services enable iamcredentials.googleapis.com --project {project or 'PROJECT'}"
        raise NothingRead(f"Cannot sign in {who}: {failure.detail}", hint) from failure
    return Account(tokens, project)


def _impersonated(source: Any, chain: str, quota_project: str | None, endpoints: Endpoints) -> Any:
    from google.auth import impersonated_credentials  # noqa: PLC0415

    *delegates, target = [name.strip() for name in chain.split(",")]
    override = None
    if "iamcredentials" in endpoints.overrides:
        path = f"/v1/projects/-/serviceAccounts/{quote(target, safe='@')}:generateAccessToken"
        override = endpoints.root("iamcredentials") + path
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call, unused-ignore]
        source_credentials=source,
        target_principal=target,
        target_scopes=list(SCOPES),
        delegates=delegates,
        quota_project_id=quota_project,
        iam_endpoint_override=override,
    )


# --- how ---


class GoogleApi:
    """JSON requests to Google's APIs: retried, timed out, and every wrong answer a RequestFailed.

    One for a whole run, used by many threads.
    """

    def __init__(
        self, tokens: Tokens, endpoints: Endpoints, patience: Patience, network: Network, *, connections: int
    ) -> None:
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415 - --help needs no Google library

        self.tokens = tokens
        self.endpoints = endpoints
        self.patience = patience
        # Tokens are renewed by Tokens, under its lock, before the session looks at them.
        self._session: Session = AuthorizedSession(  # type: ignore[no-untyped-call, unused-ignore]
            tokens.credentials, refresh_status_codes=()
        )
        widen(self._session, connections, network, patience.clock)

    def close(self) -> None:
        """Close the kept connections, also those to the token endpoint; no thread may be at work any more."""
        self._session.close()
        self.tokens.close()

    def get(self, service: str, path: str, parameters: Parameters | None = None) -> JSON:
        """GET a JSON object; asked again while that may help. Raises RequestFailed."""
        return self._ask("GET", service, path, {"params": _query(parameters or {})})

    def post(self, service: str, path: str, body: JSON) -> JSON:
        """POST a question (no request of the auditor changes anything) and return the JSON object of its answer."""
        return self._ask("POST", service, path, {"json": dict(body)})

    def _ask(self, method: str, service: str, path: str, content: Mapping[str, Any]) -> JSON:
        url = self.endpoints.root(service) + path
        quota = self.patience.quotas.of(*counted_as(service, path))
        return self.patience.ask(lambda timeout_s: self._attempt(method, url, content, timeout_s), quota)

    def _attempt(self, method: str, url: str, content: Mapping[str, Any], timeout_s: float) -> JSON:
        until = self.patience.clock() + timeout_s
        token = self.tokens.current()
        answer = self._exchange(method, url, content, until)
        if answer.status_code == 401:  # refused before its time: it was revoked, or the clocks disagree
            self.tokens.replace(token)
            answer = self._exchange(method, url, content, until)
        if not 200 <= answer.status_code < 300:
            raise failure_of(answer.status_code, answer.content, answer.headers)
        return json_object(answer.content, answer.headers.get("Content-Type", ""))

    def _exchange(self, method: str, url: str, content: Mapping[str, Any], until: float) -> Response:
        """One answer, whatever its status. Raises RequestFailed for a connection that brings none."""
        left = max(until - self.patience.clock(), 0.002)
        try:
            return self._session.request(method, url, timeout=timeouts(left), allow_redirects=False, **content)
        except Exception as error:
            failure = connection_failure(error, left)
            if failure is None:
                raise
            raise failure from error


def _query(parameters: Parameters) -> str:
    """A URL's query. `fields` stays readable: every character that is encoded costs time in three libraries."""
    return urlencode(parameters, doseq=True, safe="(),*/")


def timeouts(total_s: float) -> tuple[float, float]:
    """Seconds to connect and seconds to read. An address that is not routed stays silent: connecting gets less."""
    return min(CONNECT_S, total_s), total_s


def widen(session: Session, connections: int, network: Network, clock: Callable[[], float]) -> None:
    """Fit a session for many threads and hostile networks: as many kept connections as there are threads (ten is the
    default), the CA bundle, and answers that must end in time."""
    from .bounded import BoundedAdapter  # noqa: PLC0415 - requests takes a while, and --help needs none of it

    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(connections, clock, network.context()))


def connection_failure(error: BaseException, timeout_s: float) -> RequestFailed | None:
    """What a broken connection means, whichever library noticed it; None for an error that is none.

    Only a connection that was made and then dropped is worth another try: one that is refused, that cannot be
    verified or that stays silent will be so again.
    """
    import requests  # noqa: PLC0415
    import urllib3.exceptions as low  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415

    causes = _causes(error)
    kinds = tuple(type(cause) for cause in causes)
    said = str(causes[-1]) or type(causes[-1]).__name__

    def is_a(*classes: type[BaseException]) -> bool:
        return any(issubclass(kind, classes) for kind in kinds)

    told = next((cause for cause in causes if isinstance(cause, RequestFailed)), None)
    if told is not None:
        return told
    if is_a(requests.exceptions.Timeout, low.TimeoutError, TimeoutError) and not is_a(low.NewConnectionError):
        return RequestFailed(Category.TIMEOUT, f"no answer within {round(timeout_s, 1):g} s")
    if is_a(requests.exceptions.SSLError, low.SSLError) and not is_a(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return RequestFailed(Category.UNREACHABLE, f"the connection is not trusted: {said}")
    if is_a(requests.exceptions.ProxyError, low.ProxyError):
        return RequestFailed(Category.UNREACHABLE, f"the proxy failed: {said}")
    if is_a(low.NewConnectionError, low.LocationValueError, requests.exceptions.InvalidURL):
        return RequestFailed(Category.UNREACHABLE, f"no connection: {said}")
    if is_a(low.DecodeError, requests.exceptions.ContentDecodingError):
        return invalid(f"the answer is damaged: {said}")
    if is_a(requests.exceptions.RequestException, low.HTTPError, TransportError, ConnectionError):
        return RequestFailed(Category.UNREACHABLE, f"the connection was dropped: {said}", is_transient=True)
    if is_a(GoogleAuthError):
        return RequestFailed(Category.UNAUTHENTICATED, said)
    return None


def _causes(error: BaseException) -> list[BaseException]:
    """An exception and what it wraps, outermost first; each library hides the true error in a way of its own."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        item = todo.pop(0)
        if not isinstance(item, BaseException) or item in found:
            continue
        found.append(item)
        todo += [*item.args, getattr(item, "reason", None), item.__cause__]
    return found


def json_object(body: bytes, content_type: str) -> JSON:
    """A body as a JSON object. Raises RequestFailed of category `invalid`: cut off, a log-in page, a list, ..."""
    try:
        parsed = orjson.loads(body)
    except ValueError as error:
        if body.lstrip()[:1] == b"<":
            raise invalid(f"the answer is a web page, not JSON ({content_type or 'no content type'})") from error
        raise invalid(f"the answer is not valid JSON ({len(body)} bytes): {error}") from error
    if not isinstance(parsed, dict):
        raise invalid(f"the answer is JSON, but {type(parsed).__name__} in place of an object")
    return parsed


def part(name: str) -> str:
    """A project, folder or location as one part of a URL's path."""
    return quote(name, safe=":")
