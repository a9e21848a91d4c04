"""At most once: a marker in the store for each (scope, recipients, day) says whether a mail is on its way or sent.

    nothing ──create──► sending ──replace──► sent
                          │ refused by the server: deleted, or stale at once if an earlier run may have sent it
                          │ still there after STALE_AFTER: the run that wrote it has died, and the mail is sent again
                          ▼ under the same Message-ID, so that receivers may fold the two

Only the run whose `create` or `replace` succeeds sends. The marker holds no address and nothing of the report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditor.errors import NotDelivered

from .storage import Store, Stored

STALE_AFTER = timedelta(hours=1)
"""Longer than any run takes to send; the timeout of a Cloud Run job is 30 minutes."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ATTEMPTS = 4
"""Against markers that come and go while they are looked at."""


@dataclass(frozen=True, slots=True)
class Sending:
    """This run may send, and nobody else. Hand it to `confirm` or `withdraw`."""

    name: str
    token: str
    message_id: str
    """To send it under: that of the run that died, if there was one."""
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class NotNow:
    """Somebody else has sent it, or is about to."""

    since: datetime
    is_sent: bool
    """False: a run that began at `since` is sending it, or has died less than `STALE_AFTER` ago."""


@dataclass(frozen=True, slots=True)
class _Marker:
    is_sent: bool
    message_id: str
    token: str
    at: datetime

    def written(self) -> bytes:
        document = {
            "state": "sent" if self.is_sent else "sending",
            "message_id": self.message_id,
            "token": self.token,
            "at": self.at.astimezone(UTC).isoformat(),
        }
        return json.dumps(document, indent=1).encode() + b"\n"


def name_of(scope: str, recipients: Sequence[str], now: datetime) -> str:
    """Where the marker stands: "sent/2026-11-22-<hash>.json"; the same for every order of the recipients."""
    words = "\n".join((scope, *sorted({recipient.lower() for recipient in recipients})))
    digest = hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:24]
    return f"sent/{now.astimezone(UTC).date().isoformat()}-{digest}.json"


def claim(store: Store, name: str, message_id: str, now: datetime, new_token: Callable[[], str]) -> Sending | NotNow:
    """Ask to send. `new_token` gives a text that no other run has.

    Raises NotDelivered where the marker cannot be read or written: without it nothing is sent.
    """
    token = new_token()
    own = _Marker(is_sent=False, message_id=message_id, token=token, at=now)
    for _ in range(_ATTEMPTS):
        if store.create(name, own.written()):
            return Sending(name, token, message_id, is_repeat=False)
        stored = store.read(name)
        if stored is None:  # deleted between the two calls
            continue
        found = _read(name, stored)
        if found.token == token:  # it was created after all, and only the answer was lost
            return Sending(name, token, found.message_id, is_repeat=found.message_id != message_id)
        if found.is_sent or now - found.at < STALE_AFTER:
            return NotNow(found.at, found.is_sent)
        repeat = _Marker(is_sent=False, message_id=found.message_id, token=token, at=now)
        if store.replace(name, repeat.written(), stored.version):
            return Sending(name, token, found.message_id, is_repeat=True)
    raise NotDelivered(f"The marker {name} in {store.location} changes too fast: nothing was sent", _HINT)


def find(store: Store, name: str, message_id: str, now: datetime) -> NotNow | None:
    """What keeps a message from being sent under another name, that of an earlier day: the same message, sent or on its
    way. None for nothing, another message, or one that is stale."""
    stored = store.read(name)
    if stored is None:
        return None
    found = _read(name, stored)
    is_in_the_way = found.message_id == message_id and (found.is_sent or now - found.at < STALE_AFTER)
    return NotNow(found.at, found.is_sent) if is_in_the_way else None


def confirm(store: Store, sending: Sending, now: datetime) -> bool:
    """Note that it was sent, or may have been. False if the marker is another run's by now."""
    stored = _own(store, sending)
    if stored is None:
        return False
    marker = _Marker(is_sent=True, message_id=sending.message_id, token=sending.token, at=now)
    if store.replace(sending.name, marker.written(), stored.version):
        return True
    changed = store.read(sending.name)  # a repeated request finds its own first one done
    return changed is not None and changed.content == marker.written()


def withdraw(store: Store, sending: Sending) -> bool:
    """Nobody got this mail, and the next run may try at once. False if the marker is another run's by now.

    Where a run that died may have sent it before, its Message-ID stays.
    """
    stored = _own(store, sending)
    if stored is None:
        return False
    if not sending.is_repeat:
        return store.delete(sending.name, stored.version)
    stale = _Marker(is_sent=False, message_id=sending.message_id, token=sending.token, at=_LONG_AGO)
    return store.replace(sending.name, stale.written(), stored.version)


def _own(store: Store, sending: Sending) -> Stored | None:
    stored = store.read(sending.name)
    if stored is None or _read(sending.name, stored).token != sending.token:
        return None
    return stored


_HINT = "Look at it, and delete it if the mail is to be sent again."


def _read(name: str, stored: Stored) -> _Marker:
    try:
        document = json.loads(stored.content)
        state = document["state"]
        if state not in ("sending", "sent"):
            raise ValueError(state)
        at = datetime.fromisoformat(document["at"])
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return _Marker(state == "sent", str(document["message_id"]), str(document["token"]), at)
    except (KeyError, TypeError, ValueError) as error:
        raise NotDelivered(f"The marker {name} is none of ours: {error}. Nothing was sent", _HINT) from error
