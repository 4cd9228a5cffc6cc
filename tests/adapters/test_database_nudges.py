"""Nudges in the database: planned once, taken by one wave, said once, and what they brought. On both databases."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.jobs import LEASE
from gateway.adapters.database.nudges import CLOCK_MOVED
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, Conversation, Outcome, State
from gateway.domain.menu import Choice
from gateway.domain.nudge import A_WEEK, ACTS_WITHIN, ANSWERS_WITHIN, Planned
from gateway.domain.people import CallbackRequest
from gateway.domain.verdict import AFTER_DANGER, APART, Person
from gateway.ports import DueNudge, SaidNudge, SentNudge
from tests.adapters.conftest import LeaseClock
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def amina(store: DatabaseStore) -> int:
    async with store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(AMINA, CLAIRE.email)
        return await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)


@pytest.fixture
async def karim(store: DatabaseStore) -> int:
    async with store.transaction() as tx:
        return await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)


def one(who: int, kind: str = "contract", matter: int = 6, **about: Any) -> Planned:
    known: dict[str, Any] = {"version": 1, "step": 1, "due_at": NOW, "about": "contract", **about}
    return Planned(
        kind, known["about"], matter, known["version"], who, None, known["step"], known["due_at"]
    )  # fmt: skip


async def plan(store: DatabaseStore, *new: Planned, capped: bool = True) -> list[int]:
    async with store.transaction() as tx:
        await tx.plan_nudges([(planned, capped) for planned in new])
    keys = {row["key"]: row["id"] for row in await store.rows(t.nudge)}
    return [keys[planned.key] for planned in new]


async def row(store: DatabaseStore, nudge_id: int) -> Any:
    return next(found for found in await store.rows(t.nudge) if found["id"] == nudge_id)


async def take(
    store: DatabaseStore, ids: Sequence[int], now: datetime = NOW
) -> list[tuple[DueNudge, Person]]:
    async with store.transaction() as tx:
        return list(await tx.take_nudges(ids, now))


async def person(store: DatabaseStore, who: int, now: datetime = NOW) -> Person:
    """As a wave would see her now."""
    (id_,) = await plan(store, one(who, "look", 999))
    ((_, her),) = await take(store, [id_], now)
    async with store.transaction() as tx:
        await tx.forget_planned("contract", 999)
    return her


async def said(
    store: DatabaseStore, nudge_id: int, who: int, now: datetime = NOW, text: str = "Bonjour", **about: Any
) -> SentNudge:
    async with store.transaction() as tx:
        her = await tx.conversation(who, now)
        state = about.pop("state", replace(her.state, welcomed=True, nudged=(nudge_id, "contract", False)))
        (sent,) = await tx.say_nudges([SaidNudge(nudge_id, her, text, state, **about)], now, "wave")
    return sent


async def gone(store: DatabaseStore, sent: SentNudge, sid: str = "SM1", now: datetime = NOW) -> None:
    """The carrier has it."""
    async with store.transaction() as tx:
        await tx.mark_all_sent([(sent.message_id, sid)], now)
        if sent.lease:
            await tx.finish_deliveries([sent.lease], "wave")


# planning


async def test_it_is_planned_once_whoever_plans_it(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    assert await plan(store, one(amina, due_at=NOW + DAY)) == [id_]
    found = await row(store, id_)
    assert (found["due_at"], found["planned_at"], found["state"], found["capped"]) == (
        NOW,
        NOW,
        "planned",
        True,
    )
    others = [one(amina, step=2), one(amina, version=2), one(amina, "morning"), one(amina, matter=7)]
    assert len({id_, *await plan(store, *others, capped=False)}) == 5
    await plan(store)  # nothing


async def test_what_was_said_is_not_planned_again(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    await said(store, id_, amina)
    await plan(store, one(amina))
    assert (await row(store, id_))["state"] == "said"
    async with store.transaction() as tx:
        assert await tx.due_nudges(NOW + DAY, 9) == []


@pytest.mark.parametrize(
    ("but", "left"),
    [
        pytest.param(None, {"other matter", "other about", "said"}, id="it is over"),
        pytest.param(1, {"second", "other matter", "other about", "said"}, id="it is planned anew"),
        pytest.param(2, {"moved", "other matter", "other about", "said"}, id="it has moved"),
    ],
)
async def test_what_is_void_is_forgotten(
    store: DatabaseStore, amina: int, but: int | None, left: set[str]
) -> None:
    ids = dict(
        zip(
            ("first", "second", "moved", "other matter", "other about", "said"),
            await plan(
                store, one(amina), one(amina, step=2), one(amina, version=2, step=2), one(amina, matter=7),
                one(amina, "morning", about="appointment"), one(amina, "again"),
            ),
            strict=True,
        )
    )  # fmt: skip
    await said(store, ids["said"], amina)
    async with store.transaction() as tx:
        await tx.forget_planned("contract", 6, but)
    here = {found["id"] for found in await store.rows(t.nudge)}
    assert {name for name, id_ in ids.items() if id_ in here} == left


async def test_it_tells_what_is_to_come_of_a_matter(store: DatabaseStore, amina: int) -> None:
    first, second, other = await plan(store, one(amina), one(amina, step=2), one(amina, matter=7))
    await said(store, first, amina)
    async with store.transaction() as tx:
        assert [found.id for found in await tx.planned_nudges("contract", 6)] == [second]
        assert [found.id for found in await tx.planned_nudges("contract", 7)] == [other]
        assert await tx.planned_nudges("appointment", 6) == []


async def test_her_hour_is_kept(store: DatabaseStore, amina: int, karim: int) -> None:
    async with store.transaction() as tx:
        await tx.save_nudge_hour(amina, 18)
        assert [await tx.nudge_hour(amina), await tx.nudge_hour(karim)] == [18, None]
    assert [(await person(store, who)).hour for who in (amina, karim)] == [18, None]


# what is due


async def test_the_oldest_are_due_first(store: DatabaseStore, amina: int) -> None:
    late, later, to_come, over = await plan(
        store, one(amina), one(amina, matter=7, due_at=NOW - HOUR), one(amina, matter=8, due_at=NOW + MINUTE),
        one(amina, matter=9),
    )  # fmt: skip
    async with store.transaction() as tx:
        await tx.end_nudges([(over, "ended", "stopped")], NOW)
        assert [due.id for due in await tx.due_nudges(NOW, 9)] == [later, late]
        assert [due.id for due in await tx.due_nudges(NOW, 1)] == [later]
        assert to_come in [due.id for due in await tx.due_nudges(NOW + MINUTE, 9)]


async def test_a_reminder_of_her_appointment_waits_behind_no_campaign(
    store: DatabaseStore, amina: int
) -> None:
    """Two campaigns at once are more than SEND_RATE: what is due waits for hours, and an appointment does not."""
    await plan(store, *(one(amina, "campaign", matter, due_at=NOW - HOUR) for matter in (1, 2, 3)))
    (reminder,) = await plan(store, one(amina, "morning", 5, about="appointment"), capped=False)
    async with store.transaction() as tx:
        assert [due.id for due in await tx.due_nudges(NOW, 1)] == [reminder]
        assert len(await tx.due_nudges(NOW, 9)) == 4


async def test_what_is_put_off_keeps_its_first_hour(store: DatabaseStore, amina: int) -> None:
    """After a week it is let go, counted from then."""
    (id_,) = await plan(store, one(amina))
    async with store.transaction() as tx:
        await tx.postpone_nudges([(id_, NOW + DAY)])
        assert await tx.due_nudges(NOW + HOUR, 9) == []
        (due,) = await tx.due_nudges(NOW + DAY, 9)
    assert due.planned == one(amina)


async def test_who_says_that_it_is_not_her_is_reminded_of_nothing(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    """What was booked from a number that nobody had bound names nobody: it would leave all the same."""
    reminder, campaign = await plan(
        store, one(amina, "morning", 5, about="appointment"), one(amina, "campaign")
    )
    (his,) = await plan(store, one(karim))
    async with store.transaction() as tx:
        await tx.end_all_planned(amina, "not_hers", NOW)
        assert [due.id for due in await tx.due_nudges(NOW, 9)] == [his]
    for ended in (reminder, campaign):
        assert (await row(store, ended))["state"] == "ended"
        assert (await row(store, ended))["why"] == "not_hers"
    assert await plan(store, one(amina, "morning", 5, about="appointment")) == [reminder]
    assert (await row(store, reminder))["state"] == "ended"  # planned anew it stays so


async def test_what_was_said_is_neither_put_off_nor_ended(store: DatabaseStore, amina: int) -> None:
    """Another wave was faster."""
    (id_,) = await plan(store, one(amina))
    await said(store, id_, amina)
    async with store.transaction() as tx:
        await tx.postpone_nudges([(id_, NOW + DAY)])
        await tx.end_nudges([(id_, "ended", "too_late")], NOW + DAY)
    found = await row(store, id_)
    assert (found["state"], found["why"], found["due_at"], found["said_at"]) == ("said", "", NOW, NOW)


# whom it is for


async def test_a_person_is_taken_as_she_is_now(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    ((due, her),) = await take(store, [id_])
    assert (due.id, due.planned) == (id_, one(amina))
    assert her == Person(her.who, said=[])
    assert (her.who.id, her.who.address, her.who.opted_out, her.who.number_failed) == (
        amina,
        AMINA_PHONE,
        False,
        False,
    )
    assert her.who.beneficiary is not None
    assert her.who.beneficiary.first_name == "Amina"


async def test_only_what_is_still_planned_is_taken(store: DatabaseStore, amina: int) -> None:
    ids = await plan(store, one(amina), one(amina, matter=7, due_at=NOW - HOUR), one(amina, matter=8))
    await said(store, ids[2], amina)
    assert [due.id for due, _ in await take(store, [*ids, 404])] == [ids[1], ids[0]]
    assert await take(store, []) == []


async def test_stop_and_a_dead_number_are_known(store: DatabaseStore, amina: int, karim: int) -> None:
    async with store.transaction() as tx:
        await tx.opt_out(amina, "message", NOW)
        await tx.opt_out(karim, "message", NOW, "reminder")
        await tx.opt_out(karim, "message", NOW, "news")
        await tx.opt_in(karim, "message", NOW, "news")
        await tx.number_failed(karim, 30005)
    hers, his = await person(store, amina), await person(store, karim)
    assert (hers.who.opted_out, hers.topics_off, hers.who.number_failed) == (True, frozenset(), False)
    assert (his.who.opted_out, his.topics_off, his.who.number_failed) == (
        False,
        frozenset({"reminder"}),
        True,
    )


async def test_a_number_that_is_not_hers_any_more_is_nobodys(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        await tx.unbind(amina)
    assert (await person(store, amina)).who.beneficiary is None


async def test_what_was_said_to_her_this_week_is_known(store: DatabaseStore, amina: int, karim: int) -> None:
    """A reminder does not count towards two a week, but is an unasked text."""
    old, first, second = await plan(store, one(amina), one(amina, matter=7), one(amina, matter=8))
    (reminder,) = await plan(store, one(amina, matter=9), capped=False)
    (his,) = await plan(store, one(karim))
    for id_, ago in ((old, A_WEEK), (second, DAY), (first, 2 * DAY), (reminder, HOUR)):
        await gone(store, await said(store, id_, amina, NOW - ago), f"SM{id_}", NOW - ago)
    await gone(store, await said(store, his, karim, NOW - MINUTE), "SM", NOW - MINUTE)
    her = await person(store, amina)
    assert list(her.said) == [NOW - 2 * DAY, NOW - DAY]
    assert {matter: at for (_, matter, _), at in her.told.items()} == {
        7: NOW - 2 * DAY, 8: NOW - DAY, 9: NOW - HOUR,
    }  # fmt: skip
    assert her.last_unasked == NOW - HOUR


async def test_what_was_held_back_does_not_count(store: DatabaseStore, amina: int) -> None:
    ids = await plan(store, one(amina), one(amina, matter=7))
    async with store.transaction() as tx:
        await tx.end_nudges([(ids[0], "control", "control"), (ids[1], "told", "")], NOW - HOUR)
    her = await person(store, amina)
    assert (list(her.said), her.last_unasked) == ([], None)


async def test_a_notice_is_an_unasked_text_too(store: DatabaseStore, amina: int) -> None:
    """It has numbers to answer by; it counts from when it left. An answer to what she wrote is another matter."""
    async with store.transaction() as tx:
        her = await tx.conversation(amina, NOW)
        notice = await tx.add_outbound(her, None, "Votre rendez-vous a changé.", [], NOW - 9 * HOUR)
        inbound = await tx.add_inbound(amina, "SM-in", "ok", 0, "", NOW - MINUTE)
        answer = await tx.add_outbound(her, inbound, "Merci", [], NOW - MINUTE)
        await tx.mark_all_sent([(notice, "SM1")], NOW - HOUR)
        await tx.mark_all_sent([(answer, "SM2")], NOW)
    assert (await person(store, amina)).last_unasked == NOW - HOUR
    assert (await person(store, amina, NOW - HOUR + APART)).last_unasked is None


async def test_a_danger_that_she_told_is_known_for_a_day(
    store: DatabaseStore, amina: int, karim: int
) -> None:
    async with store.transaction() as tx:
        for who, reason, at in (
            (amina, "danger", NOW - 3 * HOUR), (amina, "danger", NOW - HOUR), (amina, "asked", NOW),
            (karim, "asked", NOW),
        ):  # fmt: skip
            inbound = await tx.add_inbound(who, f"SM-{who}-{reason}-{at:%H%M}", "…", 0, "", at)
            assert inbound
            assert await tx.add_callback(CallbackRequest(who, inbound, reason, at))
    assert (await person(store, amina)).feared_at == NOW - HOUR
    assert (await person(store, amina, NOW - HOUR + AFTER_DANGER)).feared_at is None
    assert (await person(store, karim)).feared_at is None


async def test_it_knows_that_she_is_being_answered(store: DatabaseStore, amina: int, karim: int) -> None:
    assert not (await person(store, amina)).talks
    async with store.transaction() as tx:
        job = await tx.arm("converse", amina, NOW)
    assert (await person(store, amina)).talks  # her message waits
    async with store.transaction() as tx:
        claimed = await tx.claim(job, NOW, "a worker")
        assert claimed
    assert (await person(store, amina)).talks  # it is being answered
    assert not (await person(store, karim)).talks
    async with store.transaction() as tx:
        assert await tx.finish(claimed, "a worker")
    assert not (await person(store, amina)).talks


async def test_it_knows_that_a_text_to_her_has_not_left(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        her = await tx.conversation(amina, NOW)
        message = await tx.add_outbound(her, None, "Bonjour", [], NOW - DAY)
    assert (await person(store, amina)).talks
    async with store.transaction() as tx:
        await tx.mark_sent(message, "SM1", NOW)
    assert not (await person(store, amina)).talks


# said


async def test_what_is_said_is_stored_as_maybe_sent(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    menu = (Choice("1", "Oui", f"NUDGED {id_} contract 6 done"),)
    state = State(welcomed=True, menu=menu, nudged=(id_, "contract", False))
    sent = await said(
        store, id_, amina, text="Avez-vous signé ?", state=state, responses=["utter_nudge/contract"]
    )
    assert (sent.address, sent.text, sent.conversation_id) == (AMINA_PHONE, "Avez-vous signé ?", amina)
    (message,) = await store.rows(t.message)
    assert (message["status"], message["unsure"], message["attempts"]) == ("queued", True, 1)
    assert (message["segments"], message["encoding"]) == (1, "GSM-7")
    assert (message["responses"], message["personal"]) == (["utter_nudge/contract"], False)
    found = await row(store, id_)
    assert (found["state"], found["said_at"], found["message_id"]) == ("said", NOW, sent.message_id)
    async with store.transaction() as tx:
        assert (await tx.conversation(amina, NOW)).state == state
        assert await tx.say_nudges([], NOW, "wave") == ()


async def test_a_sensitive_one_leaves_no_name_of_what_was_said(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    await said(store, id_, amina, responses=["utter_nudge/obstacle.discreet"], personal=True)
    (message,) = await store.rows(t.message)
    assert (message["responses"], message["personal"]) == ([], True)


async def test_the_right_to_send_it_is_the_waves(
    store: DatabaseStore, amina: int, lease_clock: LeaseClock
) -> None:
    (id_,) = await plan(store, one(amina))
    sent = await said(store, id_, amina)
    assert sent.lease
    async with store.transaction() as tx:
        assert await tx.claim(sent.lease.id, NOW, "another") is None
        assert await tx.due(NOW, 9) == []
    lease_clock.seconds += LEASE + 1  # the wave died
    async with store.transaction() as tx:
        assert await tx.due(NOW, 9) == [sent.lease.id]
        assert await tx.claim(sent.lease.id, NOW, "another")
        message = await tx.next_outbound(amina)
        assert message
        assert (message.unsure, message.text) == (True, "Bonjour")


async def test_who_is_sending_to_her_already_finds_it_too(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        job = await tx.arm("deliver", amina, NOW)
        claimed = await tx.claim(job, NOW, "a worker")
        assert claimed
    (id_,) = await plan(store, one(amina))
    assert (await said(store, id_, amina)).lease is None
    async with store.transaction() as tx:
        assert not await tx.finish(claimed, "a worker")  # once more: something was added
        assert await tx.due(NOW, 9) == [job]


async def test_what_was_added_while_it_was_sent_is_sent_after(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    sent = await said(store, id_, amina)
    async with store.transaction() as tx:
        await tx.arm("deliver", amina, NOW)  # her answer
    await gone(store, sent)
    async with store.transaction() as tx:
        assert len(await tx.due(NOW, 9)) == 1


async def test_many_are_said_at_once_each_with_its_own_text(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        people = [await tx.conversation_at(Channel.SMS, f"+3363998{n:04}", NOW) for n in range(1000, 1060)]
        who = await tx.conversations(people, NOW)
    ids = await plan(store, *(one(her) for her in people))
    new = [
        SaidNudge(id_, who[her], f"Bonjour {her}", State(welcomed=True, nudged=(id_, "contract", False)))
        for id_, her in zip(ids, people, strict=True)
    ]
    async with store.transaction() as tx:
        sent = await tx.say_nudges(new, NOW, "wave")
    assert [one.text for one in sent] == [f"Bonjour {one.conversation_id}" for one in sent]
    messages = {found["id"]: found for found in await store.rows(t.message)}
    for found in await store.rows(t.nudge):
        assert messages[found["message_id"]]["conversation_id"] == found["conversation_id"]
    assert len({one.lease.id for one in sent if one.lease}) == 60


# not said after all


async def test_what_the_carrier_refused_is_planned_again_and_counts_for_nothing(
    store: DatabaseStore, amina: int
) -> None:
    (id_,) = await plan(store, one(amina))
    menu = (Choice("1", "Oui", f"NUDGED {id_} contract 6 done"),)
    state = State(welcomed=True, menu=menu, nudged=(id_, "contract", False), commune="79191")
    sent = await said(store, id_, amina, state=state)
    async with store.transaction() as tx:
        assert await tx.nudge_unsaid(sent.message_id, NOW + MINUTE)
        assert not await tx.nudge_unsaid(sent.message_id, NOW + MINUTE)
        assert await tx.next_outbound(amina) is None
        if sent.lease:
            await tx.finish_deliveries([sent.lease], "wave")
    found = await row(store, id_)
    assert (found["state"], found["said_at"], found["message_id"]) == ("planned", None, None)
    assert (found["due_at"], found["planned_at"]) == (NOW + MINUTE, NOW)
    assert [message["status"] for message in await store.rows(t.message)] == ["cancelled"]
    her = await person(store, amina)
    assert (list(her.said), her.last_unasked, her.talks) == ([], None, False)
    assert her.who.state == State(welcomed=True, commune="79191")  # its lines are not on her screen


async def test_a_welcome_that_did_not_leave_is_said_the_next_time(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    sent = await said(store, id_, amina, responses=["utter_welcome", "utter_nudge/contract"])
    async with store.transaction() as tx:
        await tx.nudge_unsaid(sent.message_id, NOW)
        assert not (await tx.conversation(amina, NOW)).state.welcomed


async def test_what_she_did_meanwhile_is_kept(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    sent = await said(store, id_, amina)
    menu = (Choice("1", "RSA", "/menu/rsa"),)
    since = State(welcomed=True, menu=menu, nudged=(id_, "contract", True))
    async with store.transaction() as tx:
        await tx.save_state(amina, since)
        await tx.nudge_unsaid(sent.message_id, NOW)
        assert (await tx.conversation(amina, NOW)).state == since


async def test_an_answer_is_no_nudge(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        her = await tx.conversation(amina, NOW)
        message = await tx.add_outbound(her, None, "Bonjour", [], NOW)
        assert not await tx.nudge_unsaid(message, NOW)
        assert await tx.next_outbound(amina)


# what it brought


async def test_her_answer_is_noted_once_and_soon_enough(store: DatabaseStore, amina: int) -> None:
    first, second = await plan(store, one(amina), one(amina, matter=7))
    for id_ in (first, second):
        await said(store, id_, amina)
    async with store.transaction() as tx:
        await tx.nudge_answered(first, NOW + HOUR)
        await tx.nudge_answered(first, NOW + 2 * HOUR)
        await tx.nudge_answered(second, NOW + ANSWERS_WITHIN)
        assert await tx.was_answered("contract", 6, 1)
        assert not await tx.was_answered("contract", 6, 2)
        assert not await tx.was_answered("contract", 7, 1)
        assert not await tx.was_answered("obstacle", 6, 1)
    assert (await row(store, first))["answered_at"] == NOW + HOUR
    assert (await row(store, second))["answered_at"] is None


async def test_an_act_counts_with_each_nudge_of_the_week_said_or_held_back(
    store: DatabaseStore, amina: int
) -> None:
    old, lately, control, let_go, other = await plan(
        store, one(amina), one(amina, step=2), one(amina, step=3), one(amina, step=4), one(amina, matter=7)
    )
    await said(store, old, amina, NOW - ACTS_WITHIN)
    await said(store, lately, amina, NOW - DAY)
    await said(store, other, amina, NOW - DAY)
    async with store.transaction() as tx:
        await tx.end_nudges([(control, "control", "control"), (let_go, "ended", "too_late")], NOW - DAY)
        await tx.nudges_acted("contract", 6, NOW)
        await tx.nudges_acted("contract", 6, NOW + DAY)
    acted = {found["id"]: found["acted_at"] for found in await store.rows(t.nudge)}
    assert acted == {old: None, lately: NOW, control: NOW, let_go: None, other: None}


async def test_a_stop_is_counted_with_the_last_one_that_she_read(store: DatabaseStore, amina: int) -> None:
    before, last, old = await plan(store, one(amina), one(amina, matter=7), one(amina, matter=8))
    await said(store, before, amina, NOW - DAY)
    await said(store, last, amina, NOW - HOUR)
    await said(store, old, amina, NOW - 5 * DAY)
    async with store.transaction() as tx:
        await tx.nudges_stopped(amina, NOW)
    stopped = {found["id"]: found["stopped_at"] for found in await store.rows(t.nudge)}
    assert stopped == {before: None, last: NOW, old: None}


async def test_a_stop_long_after_is_counted_with_none(store: DatabaseStore, amina: int) -> None:
    (id_,) = await plan(store, one(amina))
    await said(store, id_, amina, NOW - ANSWERS_WITHIN)
    async with store.transaction() as tx:
        await tx.nudges_stopped(amina, NOW)
    assert (await row(store, id_))["stopped_at"] is None


async def test_it_finds_a_nudge_of_hers_alone(store: DatabaseStore, amina: int, karim: int) -> None:
    (id_,) = await plan(store, one(amina))
    async with store.transaction() as tx:
        assert (await tx.nudge_of(id_, amina)) == DueNudge(id_, one(amina))
        assert await tx.nudge_of(id_, karim) is None
        assert await tx.nudge_of(404, amina) is None


# the pace


async def reserved(store: DatabaseStore, rate: float, wanted: int, real: float, sender: str = "us") -> int:
    async with store.transaction() as tx:
        return await tx.reserve(sender, rate, wanted, real)


async def test_so_many_a_second_and_no_more(store: DatabaseStore) -> None:
    assert await reserved(store, 10, 48, 1000.0) == 10  # a second's worth at once
    assert await reserved(store, 10, 48, 1000.0) == 0
    assert await reserved(store, 10, 48, 1000.05) == 0
    assert await reserved(store, 10, 48, 1000.5) == 5
    assert await reserved(store, 10, 3, 1001.5) == 3  # no more than it wants
    assert await reserved(store, 10, 48, 1001.5) == 7
    assert await reserved(store, 10, 48, 2000.0) == 10  # idle time is not saved up


@pytest.mark.parametrize(("rate", "seconds"), [(1.0, 1.0), (0.1, 10.0)])
async def test_a_slow_sender_waits_for_its_turn(store: DatabaseStore, rate: float, seconds: float) -> None:
    assert await reserved(store, rate, 48, 1000.0) == 1
    assert await reserved(store, rate, 48, 1000.0 + seconds * 0.9) == 0
    assert await reserved(store, rate, 48, 1000.0 + seconds) == 1


async def test_each_sender_has_its_own_pace(store: DatabaseStore) -> None:
    assert await reserved(store, 1, 1, 1000.0, "one") == 1
    assert await reserved(store, 1, 1, 1000.0, "two") == 1


async def test_what_was_not_used_is_given_back(store: DatabaseStore) -> None:
    assert await reserved(store, 10, 10, 1000.0) == 10
    async with store.transaction() as tx:
        await tx.give_back_pace("us", 10, 4)
    assert await reserved(store, 10, 48, 1000.0) == 4


async def test_a_clock_that_is_set_back_stops_nobody(store: DatabaseStore) -> None:
    """An hour back: nothing would leave for an hour. A little back, two machines do not agree: that one waits."""
    assert await reserved(store, 10, 48, 5000.0) == 10
    assert await reserved(store, 10, 48, 5000.0 - CLOCK_MOVED + 1) == 0
    assert await reserved(store, 10, 48, 5000.0 - 3600) == 10
    assert await reserved(store, 10, 48, 5000.0 - 3600) == 0


# two at the same time: PostgreSQL alone has more than one connection


async def started(store: DatabaseStore, phone: str = AMINA_PHONE) -> int:
    async with store.transaction() as tx:
        return await tx.conversation_at(Channel.SMS, phone, NOW)


async def test_two_waves_take_different_people(postgresql_store: DatabaseStore) -> None:
    store = postgresql_store
    amina, karim = await started(store), await started(store, KARIM_PHONE)
    ids = await plan(store, one(amina), one(amina, matter=7), one(karim))
    async with store.transaction() as first, store.transaction() as second:
        assert [due.id for due, _ in await first.take_nudges(ids[:1], NOW)] == ids[:1]
        # Another nudge of hers too: it must know of the first.
        assert [due.id for due, _ in await second.take_nudges(ids, NOW)] == ids[2:]


async def test_a_wave_passes_over_whom_a_turn_is_being_stored_of(postgresql_store: DatabaseStore) -> None:
    store = postgresql_store
    amina = await started(store)
    (id_,) = await plan(store, one(amina))
    async with store.transaction() as turn, store.transaction() as wave:
        before: Conversation = await turn.conversation(amina, NOW)
        await turn.save_turn(before, Outcome(state=State(welcomed=True)), NOW)
        assert await wave.take_nudges([id_], NOW) == []


@pytest.mark.parametrize("wrote_before", [True, False])
async def test_a_turn_begins_when_the_wave_is_done_and_knows_what_it_said(
    postgresql_store: DatabaseStore, wrote_before: bool
) -> None:
    """Her message comes while she is being written to; the first one of her life too."""
    store = postgresql_store
    amina = await started(store)
    (id_,) = await plan(store, one(amina))
    if wrote_before:
        async with store.transaction() as tx:
            claimed = await tx.claim(await tx.arm("converse", amina, NOW), NOW, "before")
            assert claimed
            await tx.finish(claimed, "before")

    async def writes() -> State:
        async with store.transaction() as tx:
            job = await tx.arm("converse", amina, NOW)
        async with store.transaction() as tx:
            assert await tx.claim(job, NOW, "a worker")
            return (await tx.conversation(amina, NOW)).state

    async with store.transaction() as wave:
        ((_, her),) = await wave.take_nudges([id_], NOW)
        assert not her.talks
        turn = asyncio.create_task(writes())
        await asyncio.sleep(0.2)
        assert not turn.done()
        state = State(welcomed=True, nudged=(id_, "contract", False))
        await wave.say_nudges([SaidNudge(id_, her.who, "Bonjour", state)], NOW, "wave")
    assert (await turn).nudged == (id_, "contract", False)


async def test_her_message_is_stored_while_a_wave_writes_to_her(postgresql_store: DatabaseStore) -> None:
    """The carrier is answered at once: only the turn waits."""
    store = postgresql_store
    amina = await started(store)
    (id_,) = await plan(store, one(amina))
    async with store.transaction() as wave, asyncio.timeout(5):
        await wave.take_nudges([id_], NOW)
        async with store.transaction() as web:
            assert await web.add_inbound(amina, "SM-in", "bonjour", 0, "", NOW)


async def test_a_turn_that_has_just_begun_keeps_the_nudge_back(postgresql_store: DatabaseStore) -> None:
    """Its row is locked by the worker that claims it at this instant."""
    store = postgresql_store
    amina = await started(store)
    (id_,) = await plan(store, one(amina))
    async with store.transaction() as tx:
        job = await tx.arm("converse", amina, NOW)
    async with store.transaction() as worker, store.transaction() as wave:
        assert await worker.claim(job, NOW, "a worker")
        ((_, her),) = await wave.take_nudges([id_], NOW)
        assert her.talks


async def test_what_moves_while_a_wave_says_it_is_said_once(postgresql_store: DatabaseStore) -> None:
    store = postgresql_store
    amina = await started(store)
    (id_,) = await plan(store, one(amina))

    async def replanned() -> None:
        async with store.transaction() as tx:
            await tx.forget_planned("contract", 6, 1)
            await tx.plan_nudges([(one(amina), True)])

    async with store.transaction() as wave:
        ((_, her),) = await wave.take_nudges([id_], NOW)
        planning = asyncio.create_task(replanned())
        await asyncio.sleep(0.2)
        assert not planning.done()
        await wave.say_nudges([SaidNudge(id_, her.who, "Bonjour", State())], NOW, "wave")
    await planning
    assert [found["state"] for found in await store.rows(t.nudge)] == ["said"]


async def test_two_processes_share_one_pace(postgresql_store: DatabaseStore) -> None:
    store = postgresql_store
    granted = await asyncio.gather(*(reserved(store, 20, 8, 1000.0) for _ in range(8)))
    assert sum(granted) == 20
