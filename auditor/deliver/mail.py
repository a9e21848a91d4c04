"""Carry a message to an SMTP server: encrypted, never twice, and never lost in silence.

Port 587 speaks STARTTLS, which is demanded and never done without; 465 is TLS from the start. The server's certificate
is checked against the system's authorities (SSL_CERT_FILE names others). Once a server may have taken a message it is
not sent again, whatever happens to the connection (RFC 5321, 4.5.4.1 and RFC 1047: a lost answer makes duplicates).
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

from auditor.errors import NotDelivered
from auditor.model.names import is_loopback

SUBMISSION_PORT, TLS_PORT = 587, 465
_WAITS_S = (2.0, 8.0)
"""Before the second and the third attempt."""
_LONGEST_WORDS = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Security(StrEnum):
    """How the connection is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"
    """Not at all: only to this machine."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and as whom."""

    host: str
    port: int = SUBMISSION_PORT
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 30.0
    """The longest that connecting, or one answer, may take."""

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message that at least one recipient has got, or may have got."""

    accepted: tuple[str, ...]
    refused: Mapping[str, str]
    """The server's words by recipient."""
    in_doubt: tuple[str, ...] = ()
    """For these the message was handed over in full, and no answer came: they may have got it."""
    doubt: str = ""

    @property
    def is_complete(self) -> bool:
        return not self.refused and not self.in_doubt


@dataclass(slots=True)
class Progress:
    """How far a sending has come, for whoever is interrupted in it."""

    may_have_arrived: bool = False
    """The whole message was handed over, and not refused."""


def send(
    message: EmailMessage,
    sender: str,
    recipients: Sequence[str],
    server: Server,
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress | None = None,
) -> Delivery:
    """Hand the message in for all recipients. Raises NotDelivered if it is certain that nobody gets it; where something
    else is raised, `progress` tells.

    What a server calls temporary (4xx), and a connection that fails before the message was handed over, is tried up to
    three times; recipients who have it already are left out then.
    """
    if server.security is Security.PLAIN and not is_loopback(server.host):
        raise NotDelivered(f"{server.host} is another machine: mail is not sent there without encryption")
    content = _on_the_wire(message)
    progress = progress or Progress()
    attempt = _Attempt(pending=tuple(recipients))
    for wait_s in (*_WAITS_S, None):
        attempt = _attempt(attempt, content, sender, server, progress)
        if not attempt.pending or wait_s is None:
            break
        sleep(wait_s)
    return _outcome(attempt, server)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How things stand after some attempts."""

    pending: tuple[str, ...]
    """Who may be tried again."""
    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    """For good."""
    in_doubt: tuple[str, ...] = ()
    words: str = ""
    """Why `pending` have not got it yet, or what went wrong after the message was handed over."""


class _Temporary(Exception):
    """Nobody has the message, and trying again may help."""


class _Final(Exception):
    """Nobody has the message, and trying again would not help."""


def _outcome(attempt: _Attempt, server: Server) -> Delivery:
    refused = {**attempt.refused, **dict.fromkeys(attempt.pending, attempt.words)}
    if attempt.accepted or attempt.in_doubt:
        return Delivery(attempt.accepted, refused, attempt.in_doubt, attempt.words if attempt.in_doubt else "")
    reasons = "; ".join(dict.fromkeys(refused.values())) or attempt.words
    raise NotDelivered(f"{server.place} did not take the mail for {', '.join(refused)}: {reasons}", _advice(reasons))


def _attempt(before: _Attempt, content: bytes, sender: str, server: Server, progress: Progress) -> _Attempt:
    """One connection for all who are pending."""
    refused, delayed, words = dict(before.refused), [], before.words
    try:
        with contextlib.closing(_connect(server, sender)) as smtp:
            _expect(smtp.mail(sender), "the sender", server)
            taken = []
            for recipient in before.pending:
                code, answer = smtp.rcpt(recipient)
                if 200 <= code < 300:
                    taken.append(recipient)
                elif 400 <= code < 500:
                    delayed.append(recipient)
                    words = _words(code, answer, server)
                else:
                    refused[recipient] = _words(code, answer, server)
            if not taken:
                return _Attempt(tuple(delayed), before.accepted, refused, words=words)
            _expect(smtp.docmd("DATA"), "the message", server, wanted=3)
            smtp.send(content)
            progress.may_have_arrived = True
            doubt = _hand_over(smtp, server)
    except _Temporary as error:
        progress.may_have_arrived = bool(before.accepted)
        return _Attempt(before.pending, before.accepted, before.refused, words=str(error))
    except _Final as error:
        gone = dict.fromkeys(before.pending, str(error))
        return _Attempt((), before.accepted, {**before.refused, **gone}, words=str(error))
    except (smtplib.SMTPException, OSError) as error:
        return _Attempt(before.pending, before.accepted, before.refused, words=_said(error, server))
    if doubt:  # the connection is not worth another attempt: who was delayed stays refused
        refused |= dict.fromkeys(delayed, words)
        return _Attempt((), before.accepted, refused, tuple(taken), doubt)
    return _Attempt(tuple(delayed), (*before.accepted, *taken), refused, words=words)


def _hand_over(smtp: smtplib.SMTP, server: Server) -> str:
    """Send the final dot. From here on the server may have the message: "" if it says so, else why nobody knows."""
    try:
        smtp.send(b".\r\n")
        code, answer = smtp.getreply()
    except (smtplib.SMTPException, OSError) as error:
        return _said(error, server)
    _expect((code, answer), "the message", server)
    with contextlib.suppress(smtplib.SMTPException, OSError):
        smtp.quit()
    return ""


def _connect(server: Server, sender: str) -> smtplib.SMTP:
    """A connection that is encrypted, checked and signed in. It greets with the sender's domain, as relays demand."""
    context = ssl.create_default_context()
    own_name = sender.rpartition("@")[2]
    try:
        if server.security is Security.TLS:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, own_name, timeout=server.timeout_s, context=context
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, own_name, timeout=server.timeout_s)
    except smtplib.SMTPConnectError as error:
        raise _refusal("the connection", error.smtp_code, error.smtp_error, server) from None
    except ssl.SSLCertVerificationError as error:
        raise _bad_certificate(error, server) from None
    try:
        _greet(smtp, context, server)
        if server.user:
            _sign_in(smtp, server)
    except ssl.SSLCertVerificationError as error:
        smtp.close()
        raise _bad_certificate(error, server) from None
    except BaseException:
        smtp.close()
        raise
    return smtp


def _greet(smtp: smtplib.SMTP, context: ssl.SSLContext, server: Server) -> None:
    _expect(smtp.ehlo(), "the greeting", server)
    if server.security is not Security.STARTTLS:
        return
    if not smtp.has_extn("starttls"):
        raise _Final(f"{server.place} offers no STARTTLS, and without it nothing is sent")
    _expect(smtp.starttls(context=context), "STARTTLS", server)
    _expect(smtp.ehlo(), "the greeting", server)


def _bad_certificate(error: ssl.SSLCertVerificationError, server: Server) -> _Final:
    return _Final(f"the certificate of {server.place} is not good: {error.verify_message}")


def _sign_in(smtp: smtplib.SMTP, server: Server) -> None:
    try:
        smtp.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as error:
        raise _refusal(f"the password of {server.user}", error.smtp_code, error.smtp_error, server) from None
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException:
        raise _Final(f"{server.place} offers no way to sign in that can be used") from None
    except UnicodeError:
        raise _Final("the password holds letters that are not ASCII, which cannot be sent") from None


def _expect(reply: tuple[int, bytes | str], what: str, server: Server, wanted: int = 2) -> None:
    code, answer = reply
    if code // 100 != wanted:
        raise _refusal(what, code, answer, server)


def _refusal(what: str, code: int, answer: bytes | str, server: Server) -> _Temporary | _Final:
    """4xx may pass; -1 is smtplib's for an answer that is none."""
    words = f"{what} was refused: {_words(code, answer, server)}"
    return _Temporary(words) if code // 100 == 4 or code == -1 else _Final(words)


def _words(code: int, answer: bytes | str, server: Server) -> str:
    """A server's answer on one line; a server that repeats the password is not repeated."""
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    if server.password:
        said = said.replace(server.password, "***")
    return f"{code} {_CONTROL.sub(' ', said)}"[:_LONGEST_WORDS].strip()


def _said(error: Exception, server: Server) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {server.timeout_s:g} seconds"
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error, server)
    if isinstance(error, smtplib.SMTPServerDisconnected) and "timed out" in str(error):
        return f"no answer within {server.timeout_s:g} seconds"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server closed the connection"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _CONTROL.sub(" ", f"{said or type(error).__name__}")[:_LONGEST_WORDS]


def _advice(reasons: str) -> str:
    if "certificate" in reasons:
        return "Name the host that the certificate is for; SSL_CERT_FILE names further authorities to trust."
    if "password" in reasons or "sign in" in reasons:
        return "Check --smtp-user and the file of --smtp-password-file."
    if "STARTTLS" in reasons:
        return "Use port 587 of a server with STARTTLS, or port 465 with TLS."
    return ""


def _on_the_wire(message: EmailMessage) -> bytes:
    """The message as DATA takes it, without the final dot: lines end with CR LF, a dot in front is doubled."""
    content = re.sub(rb"\r\n|\r|\n", b"\r\n", message.as_bytes())
    content = re.sub(rb"(?m)^\.", b"..", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"
