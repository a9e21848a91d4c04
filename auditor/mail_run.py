"""From settings and a report to mails and chat messages: whether to send, to whom, and what became of it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path

from .console import Console
from .deliver import chat as chat_delivery
from .deliver import mail, marker
from .deliver.chat import Webhook
from .deliver.envelope import Envelope, compressed, fitting, message_of
from .deliver.mail import Security, Server
from .deliver.storage import Store
from .errors import AuditorError, NotDelivered, UsageError
from .execution import Execution
from .files import STDOUT, write_stdout
from .model.finding import WASTE
from .model.history import ReportHistory
from .model.letter import Attachment, ChatService, Picture
from .model.names import is_loopback
from .model.report import Report
from .report import charts, chat, csv, email, html, json
from .report.digest import unseen_waste
from .report.selection import Selection, unmatched
from .report.text import plural
from .report_files import read_report_file
from .settings import Settings

KeepUnsent = Callable[[EmailMessage], str]
"""Keeps a message that could not be sent; the sentence that says where."""
_PLACEHOLDER = "gke-auditor@localhost"
"""Sender and recipient of a dry run that names none."""
_LARGE_JSON = 1_000_000
_LONGEST_SECRET = 10_000


class SendWhen(StrEnum):
    """Which reports are worth a mail."""

    ALWAYS = "always"
    """Every one, so that silence means that something is broken."""
    FINDINGS = "findings"
    """Those with something orphaned or unused that is not suppressed, or with a gap, which may hide such a thing."""
    NEW = "new"
    """Those with something orphaned or unused that is not suppressed and that no earlier run has seen, and the first
    with gaps after one without: new things may hide in them from now on, and nothing else would say so."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent and how; everything in it was checked, and nothing was contacted."""

    send_when: SendWhen
    sender: str
    recipients: tuple[str, ...]
    server: Server | None
    webhook: Webhook | None
    dry_run: Path | None
    timeout_s: float
    scope: tuple[str, ...]
    """The projects that are named for a live run; it may find more, and not the same ones each time."""
    open_markers: Callable[[], Store] | None
    """Where it is noted what was sent; None = it is not noted."""
    keep_unsent: KeepUnsent


def plan_of(chosen: Settings, dry_run: Path | None, environment: Mapping[str, str]) -> Plan:
    """What the settings ask for. Raises UsageError for what is missing or does not go together."""
    _check_source(chosen)
    server = None
    if chosen.mail_to and dry_run is None:
        server = _server(chosen)
    if not chosen.mail_to and chosen.chat_webhook_file is None and dry_run is None:
        raise UsageError("Nobody to send to", "Name --to ADDRESS, --chat-webhook-file FILE, or --dry-run FILE.eml.")
    if str(dry_run) == STDOUT and chosen.chat_webhook_file is not None:
        raise UsageError("--dry-run - has no place for the chat message", "Name a file: it is written beside it.")
    recipients = chosen.mail_to or ((_PLACEHOLDER,) if dry_run else ())
    return Plan(
        send_when=SendWhen(chosen.send_when),
        sender=chosen.mail_from or _PLACEHOLDER,
        recipients=tuple(dict.fromkeys(recipients)),
        server=server,
        webhook=_webhook(chosen),
        dry_run=dry_run,
        timeout_s=chosen.timeout.total_seconds(),
        scope=chosen.project if chosen.is_live else (),
        open_markers=_markers(chosen, environment),
        keep_unsent=_keep_in_folder,
    )


def _markers(chosen: Settings, environment: Mapping[str, str]) -> Callable[[], Store] | None:
    """Markers stand beside the runs of --history."""
    location = chosen.history
    if location is None:
        return None
    from .store_run import store_at  # noqa: PLC0415 - loads the clients of Google

    return lambda: store_at(location, chosen, environment)


def _check_source(chosen: Settings) -> None:
    if chosen.report is not None and (chosen.snapshot or chosen.folder or chosen.organization or chosen.baseline):
        raise UsageError(
            "--report is a report already: --snapshot, --folder, --organization and --baseline do not go with it"
        )
    has_history = chosen.report is not None or chosen.history is not None or chosen.baseline is not None
    if chosen.send_when == SendWhen.NEW and not has_history:
        raise _nothing_to_compare_with()


def _nothing_to_compare_with() -> UsageError:
    return UsageError(
        "--send-when new needs earlier runs to compare with",
        "Keep them with --history PLACE, name one with --baseline FILE, or use --send-when findings.",
    )


def _server(chosen: Settings) -> Server:
    if chosen.mail_from is None:
        raise UsageError("Nobody sends the mail", "Name --from ADDRESS, a role address that may send by this server.")
    if chosen.smtp_host is None:
        raise UsageError("No server to send by", "Name --smtp-host HOST, or look at the mail with --dry-run FILE.eml.")
    if (chosen.smtp_user is None) != (chosen.smtp_password_file is None):
        raise UsageError("--smtp-user and --smtp-password-file go together")
    port = chosen.smtp_port
    if chosen.smtp_security == "auto":
        security = Security.TLS if port == mail.TLS_PORT else Security.STARTTLS
    else:
        security = Security(chosen.smtp_security)
    if security is Security.PLAIN and not is_loopback(chosen.smtp_host):
        raise UsageError(
            f"--smtp-security plain is for a server on this machine, and {chosen.smtp_host} is none",
            "Use starttls (port 587) or tls (port 465).",
        )
    return Server(
        host=chosen.smtp_host,
        port=port or (mail.TLS_PORT if security is Security.TLS else mail.SUBMISSION_PORT),
        security=security,
        user=chosen.smtp_user or "",
        password=_secret(chosen.smtp_password_file, "password") if chosen.smtp_password_file else "",
        timeout_s=chosen.timeout.total_seconds(),
    )


def _webhook(chosen: Settings) -> Webhook | None:
    if chosen.chat_webhook_file is None:
        return None
    service = None if chosen.chat_kind == "auto" else ChatService(chosen.chat_kind)
    return chat_delivery.webhook_of(_secret(chosen.chat_webhook_file, "chat webhook"), service)


def _secret(path: Path, what: str) -> str:
    """The text of a file without the newline at its end. Raises UsageError, never with anything of the text, nor of an
    address that was given in the place of its file."""
    try:
        written = path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"The file of the {what}, {path}, is not UTF-8") from None
    except OSError as error:
        if ":/" in str(path):
            raise UsageError(
                f"The {what} itself was given in the place of a file that holds it",
                "Put it into a file, such as a mounted secret, and name that; make a new one if it was logged before.",
            ) from None
        raise UsageError(f"Cannot read the {what} from {path}: {error.strerror}") from error
    if not written or len(written) > _LONGEST_SECRET or any(ord(letter) < 32 for letter in written):
        raise UsageError(f"The file of the {what}, {path}, must hold it alone, on one line")
    return written


def read_report(path: Path) -> Report:
    """The report of a file. Raises UsageError for one whose filters hide what is orphaned or unused: a mail on it would
    say that there is nothing, or less than there is."""
    report = read_report_file(str(path))
    listed = sum(finding.verdict in WASTE for finding in (*report.findings, *report.suppressed))
    hidden = sum(report.counts.get(verdict, 0) for verdict in WASTE) - listed
    if hidden > 0:
        raise UsageError(
            f"{path} was written with filters that hide {plural(hidden, 'resource')} of what is orphaned or unused",
            "Write it without filters: gke-auditor audit --format json --output FILE",
        )
    return report


# Sending


def is_wanted(report: Report, send_when: SendWhen) -> bool:
    """Whether a report is worth a mail. Raises UsageError for `new` without earlier runs to compare with."""
    if send_when is SendWhen.ALWAYS:
        return True
    if send_when is SendWhen.FINDINGS:
        return bool(report.gaps) or any(finding.verdict in WASTE for finding in report.findings)
    if report.history is None:
        raise _nothing_to_compare_with()
    return bool(unseen_waste(report)) or (bool(report.gaps) and not _was_partial(report.history))


def _was_partial(history: ReportHistory) -> bool:
    """Whether something was not read in full in the run that this one is compared with, too."""
    until = history.previous
    before = [point for point in history.trend if until is not None and point.at <= until]
    return bool(before) and before[-1].is_partial


def deliver(
    report: Report,
    selection: Selection,
    plan: Plan,
    console: Console,
    *,
    now: datetime,
    execution: Execution,
    began: datetime | None = None,
    attachments: tuple[Attachment, ...] | None = None,
    note_told: Callable[[Report], None] = lambda report: None,
) -> None:
    """Send the report as the plan says; where that is noted, at most once a day for each scope and recipients.

    The day is that on which the run `began`, which is the same every day, however long reading takes; None: now.
    `attachments` are what `attachments_of` gives, where it is at hand. `note_told` is called once somebody has got the
    report, or there is nothing in it to send. A mail that fails does not keep the chat message back. Raises
    NotDelivered for the first that failed.
    """
    notes = _Notes(None, began or now, now, execution.attempt > 0, lambda: note_told(report))
    if not is_wanted(report, plan.send_when):
        console.say(f"Nothing sent: there is nothing that --send-when {plan.send_when.value} asks for.")
        if plan.dry_run is None:
            _note_told(notes, console)
        return
    for warning in unmatched(report, selection):
        console.warning(warning)
    scope = "\n".join(report.parents or plan.scope or report.projects)
    occasion = execution.name or report.generated_at.astimezone(UTC).isoformat()
    envelope = Envelope(plan.sender, plan.recipients, scope, occasion, now)
    post = None if plan.webhook is None else chat.render(report, selection, plan.webhook.service)
    if plan.dry_run is not None:
        message = _message(report, selection, envelope, console, attachments)
        _write_dry_run(plan.dry_run, message, post, console)
        return
    if plan.open_markers is not None:
        notes = replace(notes, store=plan.open_markers())
    tasks: list[Callable[[], None]] = []
    if plan.server is not None:
        server = plan.server
        message = _message(report, selection, envelope, console, attachments)
        tasks.append(lambda: _send_mail(message, envelope, server, plan.keep_unsent, console, notes))
    if plan.webhook is not None and post is not None:
        webhook = plan.webhook
        to_webhook = replace(envelope, recipients=(webhook.url,))
        tasks.append(lambda: _post(post, to_webhook, webhook, plan.timeout_s, console, notes))
    _try_all(tasks, console)


@dataclass(frozen=True, slots=True)
class _Notes:
    """Where it is noted what was sent, and what this run has to know to read it."""

    store: Store | None
    day: datetime
    """When the run began: its markers are of that day."""
    now: datetime
    is_further_attempt: bool
    note_told: Callable[[], None]


def _try_all(tasks: Sequence[Callable[[], None]], console: Console) -> None:
    failures = []
    for task in tasks:
        try:
            task()
        except AuditorError as error:
            failures.append(error)
    for failure in failures[1:]:
        console.error(failure.message, failure.hint)
    if failures:
        raise failures[0]


def _message(
    report: Report,
    selection: Selection,
    envelope: Envelope,
    console: Console,
    attachments: tuple[Attachment, ...] | None,
) -> EmailMessage:
    attachments = tuple(map(_made_small, attachments or attachments_of(report, selection)))
    kept = fitting(attachments)
    left_out = tuple(item.name for item in attachments if item not in kept)
    if left_out:
        console.warning(f"Too large for a mail and left out: {', '.join(left_out)}")
    trend = _trend(report, console)
    letter = email.compose(
        report, selection, attached=tuple(item.name for item in kept), left_out=left_out, trend=trend
    )
    return message_of(letter, envelope, kept)


def attachments_of(report: Report, selection: Selection) -> tuple[Attachment, ...]:
    """The whole report in the forms that readers dig in."""
    document = Attachment("report.json", "application/json", _bytes(json.render(report, selection)))
    findings = Attachment("findings.csv", "text/csv", _bytes(csv.render(report, selection)))
    unread = Attachment("findings.csv.gaps.csv", "text/csv", _bytes(csv.render_gaps(report)))
    page = Attachment("report.html", "text/html", _bytes(html.render(report, selection)))
    return (findings, *((unread,) if report.gaps else ()), page, document)


def _made_small(attachment: Attachment) -> Attachment:
    is_large = attachment.media_type == "application/json" and len(attachment.content) > _LARGE_JSON
    return compressed(attachment) if is_large else attachment


def _trend(report: Report, console: Console) -> Picture | None:
    """The chart of the runs so far; None where there are none. A mail does not fail for want of a picture."""
    for chart in charts.charts(report):
        if chart.key == "trend":
            try:
                return Picture("trend", charts.png(chart), chart.alternative.partition("\n")[0])
            except OSError as error:
                console.warning(f"The mail goes without its chart: {error.strerror or error}")
    return None


def _bytes(content: str) -> bytes:
    return content.encode("utf-8", "replace")


def _send_mail(
    message: EmailMessage,
    envelope: Envelope,
    server: Server,
    keep_unsent: KeepUnsent,
    console: Console,
    notes: _Notes,
) -> None:
    sending = None
    if notes.store is not None:
        try:
            sending = _claim(notes.store, envelope, "mail", console, notes)
        except AuditorError as error:
            raise NotDelivered(error.message, _joined(error.hint, keep_unsent(message))) from error
        if sending is None:
            return
        if sending.is_repeat:
            console.warning("A run that has died may have sent this mail already: it is sent under the same Message-ID")
            message.replace_header("Message-ID", sending.message_id)
    progress = mail.Progress()
    try:
        delivery = mail.send(message, envelope.sender, envelope.recipients, server, progress=progress)
    except NotDelivered as error:
        _withdraw(notes.store, sending, console)
        raise NotDelivered(error.message, _joined(error.hint, keep_unsent(message))) from error
    except (KeyboardInterrupt, SystemExit):
        if not progress.may_have_arrived:  # so that the next attempt may send it at once
            _withdraw(notes.store, sending, console)
        raise
    _confirm(notes, sending, "mail", console)
    if delivery.is_complete:
        console.say(f"Sent the report to {plural(len(delivery.accepted), 'recipient')}.")
        return
    problems = [f"{recipient} was refused: {words}" for recipient, words in delivery.refused.items()]
    if delivery.in_doubt:
        problems.append(
            f"the mail to {', '.join(delivery.in_doubt)} may have been sent: {delivery.doubt} after it was handed over"
        )
    told = f"Sent the report to {plural(len(delivery.accepted), 'recipient')}; " if delivery.accepted else ""
    raise NotDelivered(told + "; ".join(problems), _joined("It is not sent again.", keep_unsent(message)))


def _post(post: str, envelope: Envelope, webhook: Webhook, timeout_s: float, console: Console, notes: _Notes) -> None:
    sending = None
    if notes.store is not None:
        sending = _claim(notes.store, envelope, "chat message", console, notes)
        if sending is None:
            return
    try:
        chat_delivery.post(webhook, post, timeout_s)
    except chat_delivery.PerhapsPosted:
        _confirm(notes, sending, "chat message", console)
        raise
    except NotDelivered:
        _withdraw(notes.store, sending, console)
        raise
    _confirm(notes, sending, "chat message", console)
    console.say(f"Posted the report to {webhook.host}.")


def _claim(store: Store, envelope: Envelope, what: str, console: Console, notes: _Notes) -> marker.Sending | None:
    """The right to send; None where it was sent today, or by an earlier attempt before midnight. Raises NotDelivered
    where that is not known yet."""
    name = marker.name_of(envelope.scope, envelope.recipients, notes.day)
    answer: marker.Sending | marker.NotNow | None = None
    if notes.is_further_attempt:
        yesterday = marker.name_of(envelope.scope, envelope.recipients, notes.day - timedelta(days=1))
        answer = marker.find(store, yesterday, envelope.message_id, notes.now)
    if answer is None:
        answer = marker.claim(store, name, envelope.message_id, notes.now, lambda: secrets.token_hex(8))
    if isinstance(answer, marker.Sending):
        return answer
    if answer.is_sent:
        console.say(f"Not sent again: this {what} was sent at {answer.since:%Y-%m-%d %H:%M} UTC.")
        return None
    again = answer.since + marker.STALE_AFTER
    raise NotDelivered(
        f"Another run is sending this {what} since {answer.since:%Y-%m-%d %H:%M} UTC, or has died over it",
        f"Nothing was sent. After {again:%H:%M} UTC a run sends it if the other did not (marker {name}).",
    )


def _confirm(notes: _Notes, sending: marker.Sending | None, what: str, console: Console) -> None:
    """The mail is gone: a marker that cannot be written now is worth a warning, not a failure."""
    if notes.store is not None and sending is not None and not _is_noted(notes.store, sending, notes.now, console):
        console.warning(f"The {what} was sent, but that could not be noted in {sending.name}: it may be sent once more")
    _note_told(notes, console)


def _is_noted(store: Store, sending: marker.Sending, now: datetime, console: Console) -> bool:
    try:
        return marker.confirm(store, sending, now)
    except AuditorError as error:
        console.warning(error.message)
        return False


def _note_told(notes: _Notes, console: Console) -> None:
    try:
        notes.note_told()
    except AuditorError as error:
        console.warning(f"{error.message}. What is new in this report may be called new once more")


def _withdraw(store: Store | None, sending: marker.Sending | None, console: Console) -> None:
    """Nobody got it, which is what is to be told: a marker that stays is only worth a warning."""
    if store is None or sending is None:
        return
    try:
        marker.withdraw(store, sending)
    except AuditorError as error:
        console.warning(f"{error.message}. The marker {sending.name} stays: for an hour no run tries again")


def _keep_in_folder(message: EmailMessage) -> str:
    """Keep what could not be sent, here or in the folder for temporary files; the sentence that says where."""
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            with tempfile.NamedTemporaryFile(
                prefix="gke-auditor-unsent-", suffix=".eml", dir=folder, delete=False
            ) as file:
                file.write(message.as_bytes())
        except OSError:
            continue
        return f"The mail is kept in {file.name}"
    return "The mail could not be kept: neither this folder nor that for temporary files can be written to"


def _joined(*sentences: str) -> str:
    return "\n".join(sentence for sentence in sentences if sentence)


def _write_dry_run(path: Path, message: EmailMessage, post: str | None, console: Console) -> None:
    if str(path) == STDOUT:
        write_stdout(message.as_bytes().decode("ascii", "replace"))
        console.say("Nothing was sent.")
        return
    written = [path]
    try:
        path.write_bytes(message.as_bytes())
        if post is not None:
            written.append(path.with_suffix(".chat.json"))
            written[-1].write_bytes(post.encode())
    except OSError as error:
        raise NotDelivered(f"Cannot write {written[-1]}: {error.strerror or error}") from error
    console.say(f"Nothing was sent. Wrote {' and '.join(str(item) for item in written)}.")
