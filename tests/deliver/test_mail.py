"""Handing mail in at a real SMTP server: encrypted or not at all, never twice, and every refusal named."""

from __future__ import annotations

import email.policy
import socket
import threading
from collections.abc import Callable
from email.message import EmailMessage

import pytest

from auditor.deliver import mail
from auditor.deliver.mail import Delivery, Security, Server, send
from auditor.errors import NotDelivered

from .smtpserver import PASSWORD, USER, Certificates, Faults, serving

WRONG, NOT_ASCII = "hunter2", "gehe\u00efm"
SENDER, OPS, FINANCE = "auditor@example.com", "ops@example.com", "finance@example.com"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))


def message(body: str = "Hello") -> EmailMessage:
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"], made["To"], made["Subject"] = SENDER, OPS, "Report"
    made.set_content(body)
    return made


class Waits(list[float]):
    """Stands for time.sleep, and remembers."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def plain(port: int, **changes: object) -> Server:
    return Server("127.0.0.1", port, Security.PLAIN, timeout_s=2, **changes)  # type: ignore[arg-type]


def signed_in(port: int, *, host: str = "localhost", password: str = PASSWORD, tls: bool = False) -> Server:
    return Server(host, port, Security.TLS if tls else Security.STARTTLS, USER, password, timeout_s=5)


def refusal(attempt: Callable[[], Delivery]) -> NotDelivered:
    with pytest.raises(NotDelivered) as raised:
        attempt()
    return raised.value


# Encryption and signing in


def test_starttls_and_login(certificates: Certificates) -> None:
    with serving(starttls=certificates.good()) as server:
        delivery = send(message(), SENDER, (OPS, FINANCE), signed_in(server.port))
    assert delivery.is_complete
    (received,) = server.received
    assert (received.sender, received.recipients, received.user) == (SENDER, (OPS, FINANCE), USER)
    assert received.is_encrypted


def test_tls_from_the_start(certificates: Certificates) -> None:
    with serving(tls=certificates.good()) as server:
        assert send(message(), SENDER, (OPS,), signed_in(server.port, tls=True)).is_complete
    assert [(item.user, item.is_encrypted) for item in server.received] == [(USER, True)]


def test_a_wrong_password_is_told_without_it_and_not_tried_again(certificates: Certificates) -> None:
    waits = Waits()
    with serving(starttls=certificates.good()) as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), signed_in(server.port, password=WRONG), waits))
    assert "the password of auditor was refused: 535" in error.message
    assert "--smtp-password-file" in error.hint
    assert WRONG not in error.message + error.hint + repr(signed_in(1, password=WRONG))
    assert waits == server.received == []


def test_a_password_that_cannot_be_sent_is_told() -> None:
    with serving_login() as port:
        error = refusal(lambda: send(message(), SENDER, (OPS,), plain(port, user="x", password=NOT_ASCII), Waits()))
    assert "not ASCII" in error.message
    assert "gehe" not in error.message


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize(
    ("kind", "host", "words"),
    [
        ("expired", "localhost", "certificate has expired"),
        ("of_another_host", "localhost", "doesn't match|not valid for|mismatch"),
        ("of_a_stranger", "127.0.0.1", "unable to get local issuer certificate"),
    ],
)
def test_a_bad_certificate_ends_it(certificates: Certificates, kind: str, host: str, words: str, is_tls: bool) -> None:
    context, waits = getattr(certificates, kind)(), Waits()
    with serving(**{"tls" if is_tls else "starttls": context}) as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), signed_in(server.port, host=host, tls=is_tls), waits))
    assert "certificate of" in error.message
    assert any(word in error.message for word in words.split("|")), error.message
    assert "SSL_CERT_FILE" in error.hint
    assert waits == server.received == []


def test_without_starttls_nothing_is_sent_not_even_the_password() -> None:
    with serving() as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), signed_in(server.port), Waits()))
    assert "offers no STARTTLS, and without it nothing is sent" in error.message
    assert server.received == []


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.5", "localhost.example.com", "128.0.0.1", ""])
def test_plain_is_for_this_machine_only(host: str) -> None:
    error = refusal(lambda: send(message(), SENDER, (OPS,), Server(host, 25, Security.PLAIN), Waits()))
    assert "without encryption" in error.message


# Recipients


def test_a_refused_recipient_is_named_and_the_others_get_it() -> None:
    faults = Faults(recipients={FINANCE: ["550 5.1.1 no such user"]})
    with serving(faults=faults) as server:
        delivery = send(message(), SENDER, (OPS, FINANCE), plain(server.port), Waits())
    assert delivery == Delivery((OPS,), {FINANCE: "550 5.1.1 no such user"})
    assert [item.recipients for item in server.received] == [(OPS,)]


def test_all_refused_says_who_and_why() -> None:
    waits = Waits()
    faults = Faults(recipients={OPS: ["550 5.7.1 not you"], FINANCE: ["550 5.1.1 no such user"]})
    with serving(faults=faults) as server:
        error = refusal(lambda: send(message(), SENDER, (OPS, FINANCE), plain(server.port), waits))
    for word in (OPS, FINANCE, "550 5.7.1 not you", "550 5.1.1 no such user"):
        assert word in error.message
    assert waits == server.received == []


def test_a_delayed_recipient_is_tried_again_alone() -> None:
    """Greylisting: who has the mail already must not get it a second time."""
    waits = Waits()
    faults = Faults(recipients={FINANCE: ["451 4.7.1 come back"]})
    with serving(faults=faults) as server:
        delivery = send(message(), SENDER, (OPS, FINANCE), plain(server.port), waits)
    assert delivery.is_complete
    assert [item.recipients for item in server.received] == [(OPS,), (FINANCE,)]
    assert len(waits) == 1


def test_a_recipient_who_is_delayed_for_good_is_named() -> None:
    faults = Faults(recipients={FINANCE: ["451 4.7.1 come back"] * 9})
    with serving(faults=faults) as server:
        delivery = send(message(), SENDER, (OPS, FINANCE), plain(server.port), Waits())
    assert delivery == Delivery((OPS,), {FINANCE: "451 4.7.1 come back"})
    assert len(server.received) == 1


# Faults that pass, and those that do not


@pytest.mark.parametrize(
    "faults",
    [
        Faults(mail=["451 4.3.0 later"]),
        Faults(mail=["abort"]),
        Faults(data=["451 4.3.0 disk full"]),
        Faults(recipients={OPS: ["450 4.2.1 busy", "421 4.3.2 going down"]}),
    ],
)
def test_what_may_pass_is_tried_again_and_arrives_once(faults: Faults) -> None:
    waits = Waits()
    with serving(faults=faults) as server:
        assert send(message(), SENDER, (OPS,), plain(server.port), waits).is_complete
    assert len(server.received) == 1
    assert 1 <= len(waits) <= 2


def test_a_connection_that_breaks_inside_the_message_is_tried_again() -> None:
    with serving(faults=Faults(body=["abort"])) as server:
        large = message("x" * 70 + "\n" + ("y" * 70 + "\n") * 90_000)
        assert send(large, SENDER, (OPS,), plain(server.port), Waits()).is_complete
    assert len(server.received) == 1


@pytest.mark.parametrize("answer", ["550 5.7.1 spam", "554 5.6.0 broken"])
def test_a_message_that_is_refused_is_not_tried_again(answer: str) -> None:
    waits = Waits()
    with serving(faults=Faults(data=[answer])) as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), plain(server.port), waits))
    assert answer in error.message
    assert waits == server.received == []


def test_patience_ends_after_three_attempts() -> None:
    waits = Waits()
    with serving(faults=Faults(mail=["451 4.3.0 later"] * 9)) as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), plain(server.port), waits))
    assert "451 4.3.0 later" in error.message
    assert len(waits) == 2
    assert server.connections == 3


@pytest.mark.parametrize("fault", ["abort", "hang"])
def test_no_answer_after_the_final_dot_is_doubt_and_never_a_second_mail(fault: str) -> None:
    waits = Waits()
    with serving(faults=Faults(data=[fault])) as server:
        delivery = send(message(), SENDER, (OPS, FINANCE), plain(server.port), waits)
    assert delivery.in_doubt == (OPS, FINANCE)
    assert delivery.accepted == ()
    assert delivery.doubt == ("no answer within 2 seconds" if fault == "hang" else "the server closed the connection")
    assert waits == []
    assert server.connections == 1


def test_a_server_that_never_greets_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server("127.0.0.1", silent.getsockname()[1], Security.PLAIN, timeout_s=0.2)
        error = refusal(lambda: send(message(), SENDER, (OPS,), server, Waits()))
    assert "no answer within 0.2 seconds" in error.message


def test_nobody_listening_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = refusal(lambda: send(message(), SENDER, (OPS,), plain(port), Waits()))
    assert "Connection refused" in error.message


def test_a_server_that_says_no_at_once() -> None:
    with answering(b"554 no service\r\n") as port:
        error = refusal(lambda: send(message(), SENDER, (OPS,), plain(port), Waits()))
    assert "the connection was refused: 554 no service" in error.message


def test_tls_where_none_is_spoken_is_an_error() -> None:
    with serving() as server:
        error = refusal(lambda: send(message(), SENDER, (OPS,), signed_in(server.port, tls=True), Waits()))
    assert server.received == []
    assert error.message


# What arrives


@pytest.mark.parametrize("body", [".", "..", "a\n.\nb\n", ".hidden\n..twice\n", "no newline at the end", "über\n"])
def test_dots_and_letters_arrive_as_they_are(body: str) -> None:
    sent = message(body)
    with serving() as server:
        send(sent, SENDER, (OPS,), plain(server.port), Waits())
    assert server.received[0].content == sent.as_bytes()


def test_servers_words_are_one_line_without_control_characters() -> None:
    words = mail._words(550, b"no\r\nX-Evil: \x1b[31m" + b"x" * 1000, plain(1))
    assert "\r" not in words
    assert "\x1b" not in words
    assert len(words) <= 300


# Servers of few words


class answering:  # noqa: N801 - reads as what it does
    """Says the lines to whoever connects, one after each line it hears, and closes."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = lines
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5)
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *error: object) -> None:
        self._thread.join(5)
        self._listener.close()

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as heard:
            connection.settimeout(5)
            for index, line in enumerate(self._lines):
                if index:
                    heard.readline()
                connection.sendall(line)


def serving_login() -> answering:
    return answering(b"220 hello\r\n", b"250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n", b"334 \r\n")
