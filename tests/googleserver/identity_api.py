"""Who is asking: the token endpoint, the metadata server, impersonation, and which tokens are good."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from . import refusals
from .certificates import private_text, service_account_key
from .exchange import Answer, Request, UnsupportedError, answer

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FLAVOR = (("Metadata-Flavor", "Google"),)


@dataclass(slots=True)
class Tokens:
    """The access tokens given out so far; safe to use from many threads."""

    life_s: float = 3600
    _good: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def give(self) -> tuple[str, int]:
        """A new token and its life in seconds, as the answer names it."""
        token = f"ya29.{secrets.token_urlsafe(24)}"
        with self._lock:
            self._good[token] = time.monotonic() + self.life_s
        return token, int(self.life_s)

    def expire_all(self) -> None:
        with self._lock:
            self._good.clear()

    def accepts(self, header: str | None) -> bool:
        """Whether an Authorization header carries a token that was given out, or a JWT signed by the account's key."""
        kind, _, token = (header or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return False
        with self._lock:
            good_until = self._good.get(token)
        if good_until is not None:
            return time.monotonic() < good_until
        return _claims_of(token) is not None


def key_file(email: str, project: str, token_url: str) -> dict[str, Any]:
    """A service account key whose tokens come from loopback."""
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": private_text(service_account_key()),
        "client_email": email,
        "client_id": "100000000000000000001",
        "auth_uri": token_url,
        "token_uri": token_url,
        "universe_domain": "googleapis.com",
    }


def serve_identity(tokens: Tokens, request: Request, project: str, number: str) -> Answer:
    """POST /token, the metadata server below /computeMetadata/v1, and :generateAccessToken."""
    if request.path == "/token" and request.method == "POST":
        return _token(tokens, request)
    if request.path == "/" or request.path.startswith("/computeMetadata/v1/"):
        return _metadata(tokens, request, project, number)
    if request.path.endswith(":generateAccessToken") and request.method == "POST":
        return _impersonated(tokens, request)
    raise UnsupportedError(f"{request.method} {request.path}")


def _token(tokens: Tokens, request: Request) -> Answer:
    form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
    match form.get("grant_type"):
        case grant if grant == JWT_GRANT:
            claims = _claims_of(form.get("assertion", ""))
            if claims is None or not claims.get("scope"):
                return answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        case "refresh_token":
            pass
        case other:
            return answer({"error": "unsupported_grant_type", "error_description": f"Invalid grant_type: {other}"}, 400)
    token, life_s = tokens.give()
    return answer({"access_token": token, "expires_in": life_s, "token_type": "Bearer"})


def _claims_of(token: str) -> Mapping[str, Any] | None:
    """The claims of a JWT that is signed by the service account's key and not yet expired."""
    try:
        head, claims, signature = token.split(".")
        public = service_account_key().public_key()
        signed = f"{head}.{claims}".encode()
        public.verify(_unpadded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        found = json.loads(_unpadded(claims))
    except (ValueError, InvalidSignature):
        return None
    return found if isinstance(found, dict) and float(found.get("exp", 0)) > time.time() else None


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _metadata(tokens: Tokens, request: Request, project: str, number: str) -> Answer:
    if request.path != "/" and request.headers.get("metadata-flavor") != "Google":
        return Answer(403, b"Missing Metadata-Flavor:Google header", "text/html; charset=UTF-8", FLAVOR)
    account = {
        "aliases": ["default"],
        "email": refusals.CALLER,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }
    path = request.path.removeprefix("/computeMetadata/v1/").rstrip("/")
    texts = {
        "": "computeMetadata/",
        "/": "computeMetadata/",
        "project/project-id": project,
        "project/numeric-project-id": number,
        "universe/universe-domain": "googleapis.com",
        "instance/service-accounts/default/email": refusals.CALLER,
    }
    if path in texts:
        return Answer(200, texts[path].encode(), "application/text", FLAVOR)
    if path.startswith("instance/service-accounts/") and path.endswith("/token"):
        token, life_s = tokens.give()
        return answer({"access_token": token, "expires_in": life_s, "token_type": "Bearer"}, 200, FLAVOR)
    if path.startswith("instance/service-accounts/"):
        return answer(account, 200, FLAVOR)
    return Answer(404, b"not found", "text/html; charset=UTF-8", FLAVOR)


def _impersonated(tokens: Tokens, request: Request) -> Answer:
    if not tokens.accepts(request.headers.get("authorization")):
        return refusals.unauthenticated(request)
    if not (request.json() or {}).get("scope"):
        return refusals.invalid(request, "Request contains an invalid argument.")
    token, life_s = tokens.give()
    until = datetime.now(UTC) + timedelta(seconds=life_s)
    return answer({"accessToken": token, "expireTime": until.strftime("%Y-%m-%dT%H:%M:%SZ")})
