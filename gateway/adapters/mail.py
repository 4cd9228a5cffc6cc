"""Mails to referents: by SMTP, or into the simulator's mailbox when no server is set."""

import json
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader

from gateway.errors import MailLater
from gateway.ports import Clock, Mail

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parents[1] / "mails"),
    autoescape=False,  # noqa: S701 plain text
)


def written(mail: Mail, public: str = "") -> tuple[str, str]:
    """(subject, text). The subject names nobody. `public`: where links lead."""
    whole = _TEMPLATES.get_template(f"{mail.template}.txt").render(mail.values, public=public)
    subject, _, text = whole.partition("\n")
    return subject[:1].upper() + subject[1:], text.strip()


class SmtpMailer:
    """`url`: smtp://user:password@host:port (smtps:// for TLS from the start)."""

    def __init__(self, url: str, sender: str, clock: Clock, public: str = "") -> None:
        parts = urlsplit(url)
        self._sender, self._clock, self._public = sender, clock, public
        self._options = {
            "hostname": parts.hostname or "127.0.0.1",
            "port": parts.port or (465 if parts.scheme == "smtps" else 25),
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "use_tls": parts.scheme == "smtps",
            "timeout": 15,
        }

    async def send(self, mail: Mail) -> None:
        subject, text = written(mail, self._public)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, subject
        message["Date"] = format_datetime(self._clock.now())
        # The same id at each try: a mailbox that had it already shows it once.
        message["Message-ID"] = f"<mail-{mail.id}@coup-de-pouce>"
        message.set_content(text)
        try:
            await aiosmtplib.send(message, **self._options)
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise MailLater(type(failure).__name__) from None


class SimulatedMailbox:
    """Keeps mails in a file of the demonstration, one JSON object a line."""

    def __init__(self, file: Path, clock: Clock, public: str = "") -> None:
        self._file, self._clock, self._public = file, clock, public

    async def send(self, mail: Mail) -> None:
        if any(m["id"] == mail.id for m in self.mails()):
            return
        subject, text = written(mail, self._public)
        at: datetime = self._clock.now()
        row = {
            "id": mail.id,
            "to": mail.to,
            "subject": subject,
            "text": text,
            "at": at.isoformat(),
            "attachments": [],
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def mails(self) -> list[dict[str, object]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
