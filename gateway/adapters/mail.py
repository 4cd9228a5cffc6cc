"""Mails to referents: by SMTP, or into the simulator's mailbox when no server is set."""

import json
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import aiosmtplib
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader

from gateway.adapters.icalendar_text import Method, invitation
from gateway.domain.appointment import Appointment, Kind
from gateway.errors import MailLater, MailRefused
from gateway.ports import Clock, Mail

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parents[1] / "mails"),
    autoescape=False,  # noqa: S701 # nosec B701 plain text
)
_PARIS = ZoneInfo("Europe/Paris")
_FULL = 552  # a mailbox gets empty again
_OUR_ACCOUNT = (530, 534, 535, 538)  # a setting is wrong, not the mail


def written(mail: Mail, public: str = "", zone: ZoneInfo = _PARIS) -> tuple[str, str]:
    """(subject, text). The subject names nobody. `public`: where links lead; `zone`: whose hours are written."""
    values = dict(mail.values)
    if mail.template == "appointment":
        about = _appointment(mail)
        start, end = about.starts_at.astimezone(zone), about.ends_at.astimezone(zone)
        values |= {"day": _day(start), "hour": _hour(start), "end": _hour(end)}
    whole = _TEMPLATES.get_template(f"{mail.template}.txt").render(values, public=public)
    subject, _, text = whole.partition("\n")
    return subject[:1].upper() + subject[1:], text.strip()


def invited(
    mail: Mail, sender: str, now: datetime, public: str = "", zone: ZoneInfo = _PARIS
) -> tuple[Method, bytes] | None:
    """(method, what a calendar reads) of a mail about an appointment; None for any other."""
    if mail.template != "appointment":
        return None
    method: Method = "CANCEL" if mail.values["method"] == "CANCEL" else "REQUEST"
    organizer = parseaddr(sender)[1]
    return method, invitation(method, _appointment(mail), now, zone, public, organizer, mail.to)


def _appointment(mail: Mail) -> Appointment:
    values = mail.values
    return Appointment(
        id=int(values["appointment"]),
        referent_id=0,
        conversation_id=0,
        starts_at=datetime.fromisoformat(values["starts_at"]),
        ends_at=datetime.fromisoformat(values["ends_at"]),
        kind=Kind(values["kind"]),
        place=values["place"],
        uid=values["uid"],
        sequence=int(values["sequence"]),
    )


def _day(moment: datetime) -> str:
    return str(format_date(moment, "EEEE d MMMM", "fr")).replace(" 1 ", " 1er ")


def _hour(moment: datetime) -> str:
    return f"{moment.hour} h {moment.minute:02}" if moment.minute else f"{moment.hour} h"


class SmtpMailer:
    """`url`: smtp://user:password@host:port (smtps:// for TLS from the start)."""

    def __init__(
        self, url: str, sender: str, clock: Clock, public: str = "", zone: ZoneInfo = _PARIS
    ) -> None:
        parts = urlsplit(url)
        self._sender, self._clock, self._public, self._zone = sender, clock, public, zone
        self._options = {
            "hostname": parts.hostname or "127.0.0.1",
            "port": parts.port or (465 if parts.scheme == "smtps" else 25),
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "timeout": 15,
        }

    async def send(self, mail: Mail) -> None:
        """Raises MailLater, MailRefused."""
        try:
            await aiosmtplib.send(self._message(mail), **self._options)
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise (MailRefused if _for_good(failure) else MailLater)(type(failure).__name__) from None
        except (ValueError, LookupError) as failure:  # an address that cannot be written
            raise MailRefused(type(failure).__name__) from None

    def _message(self, mail: Mail) -> EmailMessage:
        subject, text = written(mail, self._public, self._zone)
        message = EmailMessage(SMTP)
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, subject
        message["Date"] = format_datetime(self._clock.now())
        # The same id at each try: a mailbox that had it already shows it once.
        message["Message-ID"] = f"<mail-{mail.id}@coup-de-pouce>"
        message.set_content(text)
        if with_it := invited(mail, self._sender, self._clock.now(), self._public, self._zone):
            method, content = with_it
            # Outlook reads the alternative, others the attachment. In base64 no server touches the lines' ends.
            message.add_alternative(
                content.decode(), subtype="calendar", params={"method": method}, cte="base64"
            )
            message.add_attachment(content, "application", "ics", filename="invite.ics")
        return message


def _for_good(failure: Exception) -> bool:
    """Whether the next try would get the same answer: this mail or this address is refused, not ourselves."""
    if isinstance(failure, aiosmtplib.SMTPRecipientsRefused):
        return all(_for_good(one) for one in failure.recipients)
    if isinstance(failure, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPHeloError):
        return False
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return 500 <= failure.code < 600 and failure.code not in (_FULL, *_OUR_ACCOUNT)
    return isinstance(failure, aiosmtplib.SMTPNotSupported)


class SimulatedMailbox:
    """Keeps mails in a file of the demonstration, one JSON object a line."""

    def __init__(
        self,
        file: Path,
        clock: Clock,
        public: str = "",
        sender: str = "coup-de-pouce@example.org",
        zone: ZoneInfo = _PARIS,
    ) -> None:
        self._file, self._clock = file, clock
        self._sender, self._public, self._zone = sender, public, zone

    async def send(self, mail: Mail) -> None:
        if any(m["id"] == mail.id for m in self.mails()):
            return
        subject, text = written(mail, self._public, self._zone)
        row = {
            "id": mail.id,
            "to": mail.to,
            "subject": subject,
            "text": text,
            "at": self._clock.now().isoformat(),
            "attachments": self._attachments(mail),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _attachments(self, mail: Mail) -> list[dict[str, str]]:
        with_it = invited(mail, self._sender, self._clock.now(), self._public, self._zone)
        if with_it is None:
            return []
        method, content = with_it
        kind = f"text/calendar; method={method}; charset=utf-8"
        return [{"filename": "invite.ics", "content_type": kind, "content": content.decode()}]

    def mails(self) -> list[dict[str, object]]:
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8").split("\n")  # a text may hold other ends of lines
        return [json.loads(line) for line in lines if line]
