"""A person is asked for: noted once, and somebody is told."""

import pytest

from gateway.adapters.mail import written
from gateway.domain.conversation import Channel, Conversation
from gateway.usecases.handover import acknowledgement, ask_for_a_person, tell_number_failed
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, NOW, TEAM, FakeStore, conversation

KNOWN = conversation(beneficiary=AMINA, referent=CLAIRE)
REASONS = ("asked", "appointment", "language", "unanswered", "danger")


async def asked(store: FakeStore, who: Conversation, message: int, reason: str = "asked") -> list[int]:
    return await ask_for_a_person(store, who, message, reason, TEAM, NOW)  # type: ignore[arg-type]


async def test_it_writes_to_her_referent(store: FakeStore) -> None:
    rings = await asked(store, KNOWN, 7)
    (mail,) = store.mails.values()
    assert (mail.to, mail.template) == (CLAIRE.email, "callback")
    assert mail.values == {"first_name": "Amina", "phone": AMINA_PHONE, "language": "fr", "reason": "asked"}
    assert store.jobs == [("mail", 1, NOW)]
    assert rings == [1]


async def test_it_writes_to_the_team_when_no_referent_is_known(store: FakeStore) -> None:
    await asked(store, conversation(language=""), 7)
    (mail,) = store.mails.values()
    assert mail.to == TEAM
    assert (mail.values["first_name"], mail.values["language"]) == ("", "fr")


@pytest.mark.parametrize("reason", REASONS)
async def test_it_notes_somebody_on_the_page_and_calls_nobody(store: FakeStore, reason: str) -> None:
    """There is no number to call: the answer says which one to text."""
    assert await asked(store, conversation(channel=Channel.WEB, address="session"), 7, reason) == []
    assert store.mails == {}
    assert [c.reason for c in store.callbacks] == [reason]


@pytest.mark.parametrize("reason", REASONS)
async def test_it_asks_once_a_message(store: FakeStore, reason: str) -> None:
    assert await asked(store, KNOWN, 7, reason)
    assert await asked(store, KNOWN, 7, reason) == []
    assert len(store.callbacks) == len(store.mails) == len(store.jobs) == 1


@pytest.mark.parametrize(
    ("reason", "mails"), [("asked", 0), ("appointment", 0), ("language", 0), ("unanswered", 0), ("danger", 1)]
)
async def test_it_writes_no_second_mail_within_a_day_but_for_a_danger(
    store: FakeStore, reason: str, mails: int
) -> None:
    await asked(store, conversation(callback_open=True), 8, reason)
    assert len(store.mails) == len(store.jobs) == mails
    assert [c.reason for c in store.callbacks] == [reason]  # noted all the same


async def test_it_tells_once_that_her_number_fails(store: FakeStore) -> None:
    first = await tell_number_failed(store, KNOWN, TEAM, NOW)  # type: ignore[arg-type]
    second = await tell_number_failed(store, KNOWN, TEAM, NOW)  # type: ignore[arg-type]
    assert (len(first), second) == (1, [])
    assert [(mail.to, mail.template) for mail in store.mails.values()] == [(CLAIRE.email, "number")]


async def test_it_names_nobody_in_a_subject(store: FakeStore) -> None:
    for message, reason in enumerate(REASONS):
        await asked(store, KNOWN, message, reason)
    await tell_number_failed(store, KNOWN, TEAM, NOW)  # type: ignore[arg-type]
    subjects = [written(mail)[0] for mail in store.mails.values()]
    assert subjects == [
        *["Une personne à rappeler"] * 4, "Urgent : une personne à rappeler", "Un numéro à vérifier",
    ]  # fmt: skip


async def test_it_says_who_to_call_and_why(store: FakeStore) -> None:
    await asked(store, KNOWN, 7, "appointment")
    (mail,) = store.mails.values()
    assert written(mail)[1].splitlines() == [
        "La personne demande un rendez-vous.", "",
        "Prénom : Amina", f"Téléphone : {AMINA_PHONE}", "Langue : fr",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "reason", "response"),
    [
        pytest.param(conversation(), "asked", "utter_talk_to_human", id="nobody known"),
        pytest.param(conversation(), "appointment", "utter_book_appointment", id="an appointment, nobody known"),
        pytest.param(KNOWN, "asked", "utter_talk_to_human_referent", id="her referent"),
        pytest.param(KNOWN, "appointment", "utter_book_appointment_referent", id="an appointment with her referent"),
        pytest.param(conversation(callback_open=True), "appointment", "utter_talk_to_human_again", id="already noted"),
    ],
)  # fmt: skip
def test_it_says_what_happens_next(who: Conversation, reason: str, response: str) -> None:
    assert acknowledgement(who, reason).response == response


def test_it_gives_the_first_name_of_her_referent_alone() -> None:
    assert acknowledgement(KNOWN, "asked").values == {"referent": "Claire"}
