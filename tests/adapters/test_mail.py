"""Mails to referents, to a real SMTP server in a thread."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from icalendar import Calendar

from gateway.adapters.mail import SimulatedMailbox, SmtpMailer
from gateway.errors import MailLater, MailRefused
from gateway.ports import Mail
from tests.adapters.servers import free_port
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, NOW, FakeClock

MAIL = Mail(
    7, CLAIRE.email, "callback",
    {"first_name": "Amïna", "phone": AMINA_PHONE, "language": "fr", "reason": "appointment"},
)  # fmt: skip


class Mailbox:
    """What the server was given; an answer other than 250 refuses it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], EmailMessage]] = []
        self.answer = self.to_sender = self.to_recipient = "250 OK"

    async def handle_MAIL(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        envelope.mail_from = address
        return self.to_sender

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.to_recipient

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


@pytest.mark.parametrize("asked", ["answer", "to_sender", "to_recipient"])
@pytest.mark.parametrize("answer", ["451 try later", "421 closing", "452 full", "552 full", "530 sign in"])
async def test_it_waits_when_the_server_may_change_its_mind(
    answer: str, asked: str, mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    setattr(mailbox, asked, answer)
    with pytest.raises(MailLater):
        await mailer.send(MAIL)


@pytest.mark.parametrize("asked", ["answer", "to_sender", "to_recipient"])
@pytest.mark.parametrize("answer", ["550 nobody", "553 not an address", "554 refused"])
async def test_it_gives_up_what_the_server_refuses_for_good(
    answer: str, asked: str, mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    setattr(mailbox, asked, answer)
    with pytest.raises(MailRefused) as refused:
        await mailer.send(MAIL)
    assert CLAIRE.email not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("to", ["", "kim@", "kim@example.org\nBcc: x@example.org"])
async def test_it_gives_up_an_address_that_cannot_be_written(
    to: str, mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    with pytest.raises(MailRefused):
        await mailer.send(Mail(11, to, MAIL.template, MAIL.values))
    assert mailbox.received == []


async def test_it_tells_nothing_of_the_mail_when_it_fails(mailer: SmtpMailer) -> None:
    with pytest.raises(MailLater) as later:
        await mailer.send(MAIL)
    assert CLAIRE.email not in str(later.value)
    assert later.value.__cause__ is None


# appointments: an invitation, its updates, its end

APPOINTMENT = {
    "method": "REQUEST", "uid": "0123abcd@coup-de-pouce", "sequence": "0", "change": "new", "appointment": "12",
    "starts_at": "2026-11-24T08:00:00+00:00", "ends_at": "2026-11-24T08:30:00+00:00", "kind": "in_person",
    "place": "Antenne de Niort, 2 rue Haute", "first_name": "Amïna", "phone": AMINA_PHONE,
}  # fmt: skip


def about(mail_id: int = 20, **changes: str) -> Mail:
    return Mail(mail_id, CLAIRE.email, "appointment", {**APPOINTMENT, **changes})


def calendars_in(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_content_subtype() in ("calendar", "ics")]  # type: ignore[misc]


def event_in(message: EmailMessage) -> Any:
    (event,) = Calendar.from_ical(calendars_in(message)[0].get_payload(decode=True)).walk("VEVENT")
    return event


def words_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content())


async def test_it_sends_an_invitation_as_outlook_and_thunderbird_want_it(
    mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    await mailer.send(about())
    message = mailbox.received[0][2]
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/calendar", "application/ics",
    ]  # fmt: skip
    inside, attached = calendars_in(message)
    assert (inside.get_param("method"), inside.get_content_charset()) == ("REQUEST", "utf-8")
    assert (attached.get_filename(), attached.get_content_disposition()) == ("invite.ics", "attachment")
    content = inside.get_payload(decode=True)
    assert content == attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.count(b"\r\n") == content.count(b"\n") > 20


STEPS = [
    ({}, "REQUEST", "CONFIRMED", "Un nouveau rendez-vous : mardi 24 novembre à 9 h"),
    (
        {
            "sequence": "1", "change": "moved",
            "starts_at": "2027-04-01T12:30:00+00:00", "ends_at": "2027-04-01T13:00:00+00:00",
        },
        "REQUEST", "CONFIRMED", "Un rendez-vous déplacé : jeudi 1er avril à 14 h 30",
    ),
    (
        {"sequence": "2", "method": "CANCEL", "change": "cancelled"},
        "CANCEL", "CANCELLED", "Un rendez-vous annulé : mardi 24 novembre à 9 h",
    ),
    (
        {"sequence": "2", "method": "CANCEL", "change": "cancelled_by_service"},
        "CANCEL", "CANCELLED", "Un rendez-vous annulé : mardi 24 novembre à 9 h",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "method", "status", "subject"), STEPS)
async def test_it_tells_each_change_to_her_calendar(
    changes: dict[str, str], method: str, status: str, subject: str, mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    mail = about(**changes)
    await mailer.send(mail)
    message = mailbox.received[0][2]
    event = event_in(message)
    assert message["Subject"] == subject
    assert calendars_in(message)[0].get_param("method") == method
    assert (event["STATUS"], event["UID"]) == (status, APPOINTMENT["uid"])
    assert event["SEQUENCE"] == int(mail.values["sequence"])
    assert event.start.isoformat() != mail.values["starts_at"]  # on the wall clock in Paris
    assert (event.start, event.end) == tuple(
        datetime.fromisoformat(mail.values[k]) for k in ("starts_at", "ends_at")
    )
    assert event["ORGANIZER"] == "mailto:coup-de-pouce@example.org"
    assert event["ATTENDEE"] == f"mailto:{CLAIRE.email}"
    assert event["DTSTAMP"].dt == NOW


async def test_it_updates_the_same_event_with_a_rising_sequence(mailer: SmtpMailer, mailbox: Mailbox) -> None:
    for number, (changes, *_) in enumerate(STEPS[:3]):
        await mailer.send(about(30 + number, **changes))
    events = [event_in(message) for _, _, message in mailbox.received]
    assert {str(event["UID"]) for event in events} == {APPOINTMENT["uid"]}
    assert [event["SEQUENCE"] for event in events] == [0, 1, 2]
    assert len({message["Message-ID"] for _, _, message in mailbox.received}) == 3


async def test_it_names_nobody_where_others_look(mailer: SmtpMailer, mailbox: Mailbox) -> None:
    """The title and the subject are seen by colleagues; the text is hers."""
    await mailer.send(about())
    message = mailbox.received[0][2]
    seen = message["Subject"] + calendars_in(message)[0].get_content()
    assert "Am" not in seen.replace("AM", "")
    assert AMINA_PHONE not in seen
    for told in (
        "mardi 24 novembre",
        "de 9 h à 9 h 30",
        "Lieu : Antenne de Niort, 2 rue Haute",
        "Prénom : Amïna",
    ):
        assert told in words_of(message)


KINDS = [
    ("phone", "", "Au téléphone. C'est vous qui appelez.", "Rendez-vous au téléphone"),
    ("video", "", "En vidéo.", "Rendez-vous en vidéo"),
]


@pytest.mark.parametrize(("kind", "place", "sentence", "title"), KINDS)
async def test_it_says_how_they_meet(
    kind: str, place: str, sentence: str, title: str, mailer: SmtpMailer, mailbox: Mailbox
) -> None:
    await mailer.send(about(kind=kind, place=place))
    message = mailbox.received[0][2]
    assert sentence in words_of(message)
    assert "Lieu" not in words_of(message)
    assert event_in(message)["SUMMARY"] == title


async def test_it_organizes_with_the_bare_address_of_a_named_sender(port: int, mailbox: Mailbox) -> None:
    named = SmtpMailer(
        f"smtp://127.0.0.1:{port}",
        "Coup de pouce <aide@example.org>",
        FakeClock(),
        "https://aide.example.org",
    )
    await named.send(about())
    message = mailbox.received[0][2]
    assert event_in(message)["ORGANIZER"] == "mailto:aide@example.org"
    assert event_in(message)["DESCRIPTION"] == "https://aide.example.org/workspace/appointments/12"
    assert "https://aide.example.org/workspace/appointments/12" in words_of(message)


async def test_it_keeps_an_invitation_for_later_when_the_server_is_away(
    mailer: SmtpMailer, port: int
) -> None:
    with pytest.raises(MailLater):
        await mailer.send(about())
    mailbox = Mailbox()
    with serving(mailbox, port):
        await mailer.send(about())
    assert event_in(mailbox.received[0][2])["UID"] == APPOINTMENT["uid"]


async def test_it_gives_a_referent_her_addresses_in_her_first_mail(port: int, mailbox: Mailbox) -> None:
    mailer = SmtpMailer(
        f"smtp://127.0.0.1:{port}", "coup-de-pouce@example.org", FakeClock(), "https://aide.example.org"
    )
    await mailer.send(
        Mail(40, CLAIRE.email, "referent", {"first_name": "Claire", "secret": "a-Secret_of-hers"})
    )
    message = mailbox.received[0][2]
    text = message.get_content()
    assert message["Subject"] == "Votre espace et votre agenda"
    assert "https://aide.example.org/calendar/a-Secret_of-hers.ics\n" in text.replace("\r", "")
    assert "https://aide.example.org/workspace\n" in text.replace("\r", "")
    assert text.startswith("Bonjour Claire,")


SILENT = {
    "invitation": "Amïna n'a pas répondu à votre invitation, malgré nos messages.",
    "invitation_again": "Amïna n'a pas répondu à votre invitation, malgré nos messages.",
    "noshow": "Amïna n'a pas répondu à nos propositions de rendez-vous, après une absence, malgré nos messages.",
    "contract": "Amïna n'a pas répondu au sujet du contrat d'engagement à signer, malgré nos messages.",
    "obstacle": "Amïna n'a pas répondu au sujet d'une difficulté partagée avec vous, malgré nos messages.",
    "another": "Amïna n'a pas répondu, malgré nos messages.",
}


@pytest.mark.parametrize(("kind", "sentence"), SILENT.items(), ids=list(SILENT))
async def test_it_tells_who_follows_her_that_she_does_not_answer(
    kind: str, sentence: str, port: int, mailbox: Mailbox
) -> None:
    sender, public = "coup-de-pouce@example.org", "https://aide.example.org"
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", sender, FakeClock(), public)
    values = {"first_name": "Amïna", "kind": kind, "person": "abcd"}
    await mailer.send(Mail(50, CLAIRE.email, "silent", values))
    await mailer.send(Mail(51, CLAIRE.email, "silent", {**values, "first_name": ""}))
    named, nameless = [message for _, _, message in mailbox.received]
    assert named["Subject"] == nameless["Subject"] == "Une personne qui n'a pas répondu"
    assert named.get_content().replace("\r", "") == (
        f"{sentence}\n"
        "Nous ne lui écrivons plus à ce sujet. Vous pouvez l'appeler ou lui envoyer une lettre.\n\n"
        "Son numéro est sur sa page : https://aide.example.org/workspace/people/abcd\n"
    )
    assert nameless.get_content().startswith("Une personne que vous suivez n'a pas répondu")


async def test_it_tells_who_follows_her_that_no_place_was_free(port: int, mailbox: Mailbox) -> None:
    mailer = SmtpMailer(
        f"smtp://127.0.0.1:{port}", "coup-de-pouce@example.org", FakeClock(), "https://aide.example.org"
    )
    values = {"first_name": "Amïna", "kind": "nothing_free", "person": "abcd"}
    await mailer.send(Mail(52, CLAIRE.email, "silent", values))
    [(_, _, told)] = mailbox.received
    assert told["Subject"] == "Une invitation qui ne part pas"
    assert told.get_content().replace("\r", "") == (
        "L'invitation de Amïna attend depuis une semaine : aucune place n'est libre.\n"
        "Elle n'est pas partie. Ouvrez du temps, puis invitez de nouveau : https://aide.example.org/workspace/openings\n\n"
        "Son numéro est sur sa page : https://aide.example.org/workspace/people/abcd\n"
    )


# the simulator's mailbox


async def test_it_shows_an_invitation_in_the_demonstrations_mailbox(tmp_path: Path) -> None:
    mailbox = SimulatedMailbox(tmp_path / "mails.jsonl", FakeClock(), "https://aide.example.org")
    await mailbox.send(about())
    await mailbox.send(about(21, method="CANCEL", change="cancelled", sequence="1"))
    await mailbox.send(MAIL)
    shown: list[Any] = mailbox.mails()
    assert [len(mail["attachments"]) for mail in shown] == [1, 1, 0]
    (invited,), (cancelled,) = shown[0]["attachments"], shown[1]["attachments"]
    assert set(invited) == {"filename", "content_type", "content"}
    assert invited["filename"] == "invite.ics"
    assert invited["content_type"] == "text/calendar; method=REQUEST; charset=utf-8"
    assert Calendar.from_ical(invited["content"])["METHOD"] == "REQUEST"
    assert Calendar.from_ical(cancelled["content"])["METHOD"] == "CANCEL"


async def test_it_shows_a_place_with_odd_ends_of_lines(tmp_path: Path) -> None:
    mailbox = SimulatedMailbox(tmp_path / "mails.jsonl", FakeClock())
    await mailbox.send(about(place="Antenne\u2028de\x85Niort\nbâtiment B"))
    await mailbox.send(MAIL)
    assert len(mailbox.mails()) == 2


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
