"""Mails to referents, to a real SMTP server in a thread."""

import contextlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from gateway.adapters.mail import SimulatedMailbox, SmtpMailer
from gateway.errors import MailLater
from gateway.ports import Mail
from tests.adapters.servers import free_port
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, NOW, FakeClock

MAIL = Mail(
    7, CLAIRE.email, "callback",
    {"first_name": "Amïna", "phone": AMINA_PHONE, "language": "fr", "reason": "appointment"},
)  # fmt: skip


class Mailbox:
    """What the server was given; `answer` other than 250 refuses it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], EmailMessage]] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.received.append((envelope.mail_from, envelope.rcpt_tos, message))
        return self.answer


@contextlib.contextmanager
def serving(mailbox: Mailbox, port: int) -> Iterator[None]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def mailbox(port: int) -> Iterator[Mailbox]:
    box = Mailbox()
    with serving(box, port):
        yield box


@pytest.fixture
def mailer(port: int) -> SmtpMailer:
    return SmtpMailer(f"smtp://127.0.0.1:{port}", "coup-de-pouce@example.org", FakeClock())


async def test_it_sends_a_mail_that_a_referent_can_read(mailer: SmtpMailer, mailbox: Mailbox) -> None:
    await mailer.send(MAIL)
    ((sender, to, message),) = mailbox.received
    assert (sender, to) == ("coup-de-pouce@example.org", [CLAIRE.email])
    assert (message["To"], message["Subject"]) == (CLAIRE.email, "Une personne à rappeler")
    assert message["Date"].datetime == NOW
    text = message.get_content()
    assert "La personne demande un rendez-vous." in text
    assert "Prénom : Amïna" in text
    assert f"Téléphone : {AMINA_PHONE}" in text


async def test_it_gives_a_mail_the_same_name_at_each_try(mailer: SmtpMailer, mailbox: Mailbox) -> None:
    """A mailbox that had it already shows it once."""
    await mailer.send(MAIL)
    await mailer.send(MAIL)
    await mailer.send(Mail(8, MAIL.to, MAIL.template, MAIL.values))
    first, second, other = [message["Message-ID"] for _, _, message in mailbox.received]
    assert first == second
    assert first != other


async def test_it_says_urgent_first(mailer: SmtpMailer, mailbox: Mailbox) -> None:
    await mailer.send(Mail(9, MAIL.to, "callback", {**MAIL.values, "reason": "danger"}))
    assert mailbox.received[0][2]["Subject"].startswith("Urgent")


@pytest.mark.parametrize("template", ["callback", "number"])
async def test_it_writes_every_mail(template: str, mailer: SmtpMailer, mailbox: Mailbox) -> None:
    await mailer.send(Mail(10, MAIL.to, template, MAIL.values))
    message = mailbox.received[0][2]
    assert message["Subject"]
    assert AMINA_PHONE in message.get_content()
    assert AMINA_PHONE not in message["Subject"]


async def test_it_waits_when_the_server_is_away(mailer: SmtpMailer, port: int) -> None:
    with pytest.raises(MailLater):
        await mailer.send(MAIL)
    mailbox = Mailbox()
    with serving(mailbox, port):
        await mailer.send(MAIL)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize("answer", ["451 try later", "421 closing", "552 full", "554 refused"])
async def test_it_waits_when_the_server_refuses(answer: str, mailer: SmtpMailer, mailbox: Mailbox) -> None:
    mailbox.answer = answer
    with pytest.raises(MailLater):
        await mailer.send(MAIL)


async def test_it_tells_nothing_of_the_mail_when_it_fails(mailer: SmtpMailer) -> None:
    with pytest.raises(MailLater) as later:
        await mailer.send(MAIL)
    assert CLAIRE.email not in str(later.value)
    assert later.value.__cause__ is None


# the simulator's mailbox


async def test_it_keeps_mails_in_the_demonstrations_mailbox(tmp_path: Path) -> None:
    mailbox = SimulatedMailbox(tmp_path / "sub" / "mails.jsonl", FakeClock())
    assert mailbox.mails() == []
    await mailbox.send(MAIL)
    await mailbox.send(MAIL)
    await mailbox.send(Mail(8, MAIL.to, "number", MAIL.values))
    shown = mailbox.mails()
    assert [mail["subject"] for mail in shown] == ["Une personne à rappeler", "Un numéro à vérifier"]
    assert {"to", "subject", "text", "at", "attachments"} <= set(shown[0])
    assert shown[0]["at"] == NOW.isoformat()
    assert SimulatedMailbox(tmp_path / "sub" / "mails.jsonl", FakeClock()).mails() == shown
