"""Received once, answered once, everything stored together."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.conversation import IDLE, Channel, Outcome, Reply, State
from gateway.usecases.conversation import TurnToTake, next_turn, receive, record_turn
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW, TEAM, FakeStore, conversation


async def received(store: FakeStore, sid: str, text: str = "bonjour", address: str = AMINA_PHONE) -> bool:
    got = await receive(store, channel=Channel.SMS, address=address, sid=sid, text=text, now=NOW)  # type: ignore[arg-type]
    return got.new


async def taken(store: FakeStore) -> TurnToTake:
    turn = await next_turn(store, 1, NOW)  # type: ignore[arg-type]
    assert turn is not None
    return turn


async def test_it_stores_a_message_and_its_work_together(store: FakeStore) -> None:
    assert await received(store, "SM1", " bonjour\x00 ")
    assert [(c, m.sid, m.text) for c, m in store.inbound] == [(1, "SM1", "bonjour")]
    assert store.jobs == [("converse", 1, NOW)]


async def test_it_ignores_a_repeat(store: FakeStore) -> None:
    assert await received(store, "SM1")
    assert not await received(store, "SM1", "bonjour bis")
    assert len(store.inbound) == 1
    assert len(store.jobs) == 1


async def test_it_keeps_each_person_in_her_conversation(store: FakeStore) -> None:
    await received(store, "SM1")
    await received(store, "SM2", address=KARIM_PHONE)
    await received(store, "SM3")
    assert [c for c, _ in store.inbound] == [1, 2, 1]


async def test_it_takes_turns_in_order(store: FakeStore) -> None:
    await received(store, "SM1", "un")
    await received(store, "SM2", "deux")
    first = await taken(store)
    assert first.inbound.text == "un"
    await record_turn(store, first, Outcome(), TEAM, NOW)  # type: ignore[arg-type]
    assert (await taken(store)).inbound.text == "deux"
    await record_turn(store, await taken(store), Outcome(), TEAM, NOW)  # type: ignore[arg-type]
    assert await next_turn(store, 1, NOW) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("waiting", "previous"), [(True, "un"), (False, "")])
async def test_it_recalls_her_question_only_while_her_language_is_asked(
    store: FakeStore, waiting: bool, previous: str
) -> None:
    await received(store, "SM1", "un")
    await received(store, "SM2", "deux")
    await store.close_inbound(1, NOW)
    store.conversations[1] = replace(store.conversations[1], state=State(waiting=waiting))
    assert (await taken(store)).previous_text == previous


async def test_it_stores_an_answer_and_its_sending_together(store: FakeStore) -> None:
    await received(store, "SM1")
    store.jobs.clear()
    replies = (Reply("utter_welcome"), Reply("utter_menu/main"))
    rings = await record_turn(store, await taken(store), Outcome(replies, "fr", text="Bonjour"), TEAM, NOW)  # type: ignore[arg-type]
    assert store.outbound[0]["text"] == "Bonjour"
    assert store.outbound[0]["responses"] == ["utter_welcome", "utter_menu/main"]
    assert store.jobs == [("deliver", 1, NOW)]
    assert list(rings) == [1]


async def test_it_sends_nothing_where_nothing_is_to_be_said(store: FakeStore) -> None:
    await received(store, "SM1")
    assert not await record_turn(store, await taken(store), Outcome(), TEAM, NOW)  # type: ignore[arg-type]
    assert store.outbound == []


async def test_it_stores_one_answer_however_many_workers_have_one(store: FakeStore) -> None:
    await received(store, "SM1")
    turn = await taken(store)
    for text in ("la première", "la seconde"):
        await record_turn(store, turn, Outcome(text=text, callback="asked"), TEAM, NOW)  # type: ignore[arg-type]
    assert [row["text"] for row in store.outbound] == ["la première"]
    assert len(store.callbacks) == len(store.mails) == len(store.turns) == 1


async def test_it_hands_no_sms_to_the_carrier_for_the_web(store: FakeStore) -> None:
    await receive(store, channel=Channel.WEB, address="s1", sid="web1", text="a", now=NOW)  # type: ignore[arg-type]
    store.jobs.clear()
    await record_turn(store, await taken(store), Outcome(text="Bonjour"), TEAM, NOW)  # type: ignore[arg-type]
    assert len(store.outbound) == 1
    assert store.jobs == []


@pytest.mark.parametrize(("carrier_stop", "source"), [("", "message"), ("STOP", "carrier")])
async def test_it_notes_where_a_stop_came_from(store: FakeStore, carrier_stop: str, source: str) -> None:
    await receive(
        store, channel=Channel.SMS, address=AMINA_PHONE, sid="SM1", text="STOP", now=NOW, carrier_stop=carrier_stop
    )  # type: ignore[arg-type]  # fmt: skip
    await record_turn(store, await taken(store), Outcome(stop=True), TEAM, NOW)  # type: ignore[arg-type]
    assert store.stopped == [(1, source)]


async def test_it_lets_nothing_that_waits_leave_after_a_stop(store: FakeStore) -> None:
    await received(store, "SM1")
    await record_turn(store, await taken(store), Outcome(text="Bonjour"), TEAM, NOW)  # type: ignore[arg-type]
    await received(store, "SM2", "STOP")
    await record_turn(store, await taken(store), Outcome(text="C'est fait.", stop=True), TEAM, NOW)  # type: ignore[arg-type]
    assert [(row["text"], row["status"]) for row in store.outbound] == [
        ("Bonjour", "cancelled"), ("C'est fait.", "queued"),
    ]  # fmt: skip


async def test_it_notes_a_start(store: FakeStore) -> None:
    await received(store, "SM1")
    await record_turn(store, await taken(store), Outcome(start=True), TEAM, NOW)  # type: ignore[arg-type]
    assert store.started == [1]


async def test_it_lets_the_assistant_forget_after_a_while(store: FakeStore) -> None:
    await received(store, "SM1")
    store.jobs.clear()
    await record_turn(store, await taken(store), Outcome(asked_rasa=True), TEAM, NOW)  # type: ignore[arg-type]
    assert store.jobs == [("forget", 1, NOW + IDLE + timedelta(seconds=1))]


async def test_it_goes_on_with_the_conversation_she_has() -> None:
    known = conversation(id=4)
    store = FakeStore(conversations={4: known})
    await received(store, "SM1")
    assert list(store.conversations) == [4]
