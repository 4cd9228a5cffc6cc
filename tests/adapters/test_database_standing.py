"""What the service says of itself, on both databases: what waits, what happened lately, what it cost."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from gateway.adapters.database import standing as module
from gateway.adapters.database import tables as t
from gateway.adapters.database.engine import InlineConnection, InlineEngine
from gateway.adapters.database.standing import room
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel
from gateway.domain.people import CallbackRequest
from gateway.domain.questions import KeptQuestion, Kind
from gateway.domain.running import Lately, Spent, Standing, Waiting
from tests.adapters.conftest import LeaseClock
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

TODAY = date(2026, 11, 23)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOTHING = Standing()


async def standing(store: DatabaseStore, now: datetime = NOW) -> Standing:
    async with store.transaction() as tx:
        return await tx.standing(now, TODAY)


async def lately(store: DatabaseStore, window: timedelta = DAY) -> Lately:
    async with store.transaction() as tx:
        return await tx.lately(NOW - window, NOW)


async def conversation(
    store: DatabaseStore, address: str = AMINA_PHONE, channel: Channel = Channel.SMS, language: str = "fr"
) -> int:
    async with store.transaction() as tx:
        here = await tx.conversation_at(channel, address, NOW)
        await tx.db.execute(
            update(t.conversation).where(t.conversation.c.id == here).values(language=language)
        )
    return here


async def wrote(store: DatabaseStore, who: int, at: datetime, answered: timedelta | None = None) -> int:
    """She wrote. Her message; its answer is armed, or done after a while."""
    async with store.transaction() as tx:
        inbound = await tx.add_inbound(who, f"SM{at.timestamp()}{who}", "bonjour", 0, "", at)
        assert inbound
        if answered is None:
            await tx.arm("converse", who, at)
        else:
            await tx.close_inbound(inbound, at + answered)
    return inbound


async def said(
    store: DatabaseStore, who: int, at: datetime, reply_to: int | None = None, names: Any = (), **sent: Any
) -> int:
    async with store.transaction() as tx:
        to = await tx.conversation(who, at)
        ours = await tx.add_outbound(to, reply_to, "Bonjour", names, at)
        if sent:
            await tx.db.execute(update(t.message).where(t.message.c.id == ours).values(**sent))
        else:
            await tx.arm("deliver", who, at)
    return ours


def carried(at: datetime, **more: Any) -> Mapping[str, Any]:
    return {"sid": f"SM-{at.timestamp()}-{more}", "status": "delivered", "sent_at": at, **more}


async def nudged(store: DatabaseStore, who: int, number: int, **values: Any) -> None:
    async with store.transaction() as tx:
        row = {
            "key": f"n{number}", "kind": "invitation", "about": "invitation", "matter_id": number, "version": 0,
            "conversation_id": who, "step": 1, "capped": True, "due_at": NOW, "planned_at": NOW,
        }  # fmt: skip
        await tx.db.execute(insert(t.nudge).values({**row, **values}))


# what waits


async def test_it_stands_still_when_nothing_waits(store: DatabaseStore) -> None:
    assert await standing(store) == NOTHING


async def test_it_finds_the_oldest_job_of_each_kind(
    store: DatabaseStore, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "time", lease_clock)
    async with store.transaction() as tx:
        await tx.arm("converse", 1, NOW - 7 * MINUTE)
        late = await tx.arm("converse", 2, NOW - 9 * MINUTE)
        left = await tx.arm("mail", 3, NOW - 20 * MINUTE)
        await tx.arm("forget", 4, NOW + MINUTE)  # not due
        assert await tx.claim(left, NOW, "one that dies")
        assert await tx.claim(late, NOW, "one that works")
    found = await standing(store)
    assert found.jobs == {"converse": Waiting(1, NOW - 7 * MINUTE)}
    lease_clock.seconds += 31  # neither is renewed
    found = await standing(store)
    assert found.jobs == {"converse": Waiting(2, NOW - 9 * MINUTE), "mail": Waiting(1, NOW - 20 * MINUTE)}
    assert found.work == Waiting(3, NOW - 20 * MINUTE)


async def test_it_finds_who_waits_for_an_answer(store: DatabaseStore) -> None:
    amina, karim = await conversation(store), await conversation(store, KARIM_PHONE)
    await wrote(store, amina, NOW - 9 * MINUTE, answered=SECOND)
    await wrote(store, amina, NOW - 3 * MINUTE)
    await wrote(store, karim, NOW - 4 * MINUTE)
    found = await standing(store)
    assert found.unanswered == Waiting(2, NOW - 4 * MINUTE)
    assert found.received_at == NOW - 3 * MINUTE


async def test_it_finds_what_waits_for_the_carrier(store: DatabaseStore) -> None:
    amina, karim = await conversation(store), await conversation(store, KARIM_PHONE)
    hers = await wrote(store, amina, NOW - 9 * MINUTE, answered=SECOND)
    await said(store, amina, NOW - 9 * MINUTE, hers, **carried(NOW - 8 * MINUTE))
    refused = await said(store, amina, NOW - 6 * MINUTE, hers)
    async with store.transaction() as tx:
        for _ in range(2):
            await tx.mark_attempt(refused)
        await tx.arm("deliver", amina, NOW + 5 * MINUTE)  # the carrier said: later
    await said(store, karim, NOW - 7 * MINUTE)
    async with store.transaction() as tx:
        await tx.arm("deliver", karim, NOW + 10 * HOUR)  # not asked for: in the morning
    found = await standing(store)
    assert found.unsent == Waiting(1, NOW - 6 * MINUTE)
    assert found.tried_again == 1
    assert found.sent_at == NOW - 8 * MINUTE


async def test_it_finds_nudges_that_are_due(store: DatabaseStore) -> None:
    amina = await conversation(store)
    await nudged(store, amina, 1, due_at=NOW - HOUR)
    await nudged(store, amina, 2, due_at=NOW + HOUR)
    await nudged(store, amina, 3, due_at=NOW - DAY, state="said")
    assert (await standing(store)).nudges == Waiting(1, NOW - HOUR)


async def test_it_finds_mails_that_do_not_leave(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        for key, age in (("old", 2 * HOUR), ("gone", 3 * HOUR), ("given up", DAY)):
            mail = await tx.add_mail(key, CLAIRE.email, "callback", {}, NOW - age)
            assert mail
            if key == "gone":
                await tx.mark_mail_sent(mail, NOW)
            elif key == "old":
                await tx.arm("mail", mail, NOW + MINUTE)
    assert (await standing(store)).mails == Waiting(1, NOW - 2 * HOUR)


async def test_it_finds_who_waits_for_a_call(store: DatabaseStore) -> None:
    amina = await conversation(store)
    inbound = await wrote(store, amina, NOW - HOUR, answered=SECOND)
    async with store.transaction() as tx:
        await tx.add_callback(CallbackRequest(amina, inbound, "danger", NOW - HOUR))
    assert (await standing(store)).calls == Waiting(1, NOW - HOUR)
    async with store.transaction() as tx:
        await tx.db.execute(update(t.callback).values(closed_at=NOW))
    assert (await standing(store)).calls == Waiting()


async def test_it_counts_calendars_that_do_not_answer(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        referent = await tx.save_referent(CLAIRE)
        await tx.save_calendar(referent, CalendarAccount("https://agenda.example.org", "claire", "secret"))
    assert (await standing(store)).calendars == 0
    async with store.transaction() as tx:
        await tx.calendar_failed(referent, "CalendarAway", NOW)
    assert (await standing(store)).calendars == 1


async def test_it_counts_the_questions_of_the_day(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        for kind, day in (
            (Kind.REFUSED_ANSWER, TODAY),
            (Kind.ASKED_AGAIN, TODAY),
            (Kind.ASKED_AGAIN, TODAY - DAY),
        ):
            await tx.keep_question(KeptQuestion(kind, "fr", "où est la caf", (), day))
    assert (await standing(store)).questions == {"refused_answer": 1, "asked_again": 1}


# what happened lately


async def test_it_counts_what_came_and_what_was_answered(store: DatabaseStore) -> None:
    amina, web = await conversation(store), await conversation(store, "a-session", Channel.WEB)
    await wrote(store, amina, NOW - 2 * DAY, answered=SECOND)
    await wrote(store, amina, NOW - HOUR, answered=SECOND)
    await wrote(store, amina, NOW - MINUTE)
    await wrote(store, web, NOW - HOUR, answered=SECOND)
    found = await lately(store)
    assert found.received == {"sms": 2, "web": 1}
    assert found.answered == {"sms": 1, "web": 1}
    assert (await lately(store, 5 * MINUTE)).received == {"sms": 1}


async def test_it_times_the_answers(store: DatabaseStore) -> None:
    amina = await conversation(store)
    for number, (stored, taken) in enumerate(((SECOND, 2 * SECOND), (3 * SECOND, 9 * SECOND))):
        at = NOW - HOUR + number * MINUTE
        hers = await wrote(store, amina, at, answered=stored)
        await said(store, amina, at + stored, hers, **carried(at + taken))
    await said(store, amina, NOW - HOUR, **carried(NOW))  # answers nothing
    found = await lately(store)
    assert found.stored == (1.0, 3.0)
    assert found.carried == (2.0, 9.0)


async def test_it_counts_what_was_said(store: DatabaseStore) -> None:
    amina = await conversation(store)
    for number, names in enumerate((
        ["utter_not_understood"], ["utter_welcome", "utter_rephrase"], ["utter_danger_roof"], ["utter_later"],
        ["utter_not_me"], ["utter_rephrased"], [],
    )):  # fmt: skip
        await said(store, amina, NOW - HOUR, names=names, **carried(NOW + number * SECOND))
    found = await lately(store)
    assert (found.asked_again, found.dangers, found.apologies, found.not_hers) == (2, 1, 1, 1)


async def test_it_counts_calls_stops_and_failures(store: DatabaseStore) -> None:
    amina = await conversation(store)
    for number, reason in enumerate(("danger", "asked", "asked")):
        inbound = await wrote(store, amina, NOW - HOUR + number * MINUTE, answered=SECOND)
        async with store.transaction() as tx:
            await tx.add_callback(CallbackRequest(amina, inbound, reason, NOW - HOUR))
    for number, code in enumerate((30005, 30005, 21610, None)):
        await said(
            store, amina, NOW - HOUR, **carried(NOW + number * SECOND, status="failed", error_code=code)
        )
    async with store.transaction() as tx:
        await tx.opt_out(amina, "carrier", NOW - HOUR)
        await tx.opt_out(amina, "message", NOW - HOUR, "news")
    found = await lately(store)
    assert found.calls == {"danger": 1, "asked": 2}
    assert found.stops == {("all", "carrier"): 1, ("news", "message"): 1}
    assert found.errors == {30005: 2, 21610: 1}
    assert (await lately(store, MINUTE)) == Lately()


async def test_it_counts_what_became_of_nudges(store: DatabaseStore) -> None:
    amina = await conversation(store)
    await nudged(store, amina, 1, state="said", said_at=NOW)
    await nudged(store, amina, 2, state="ended", why="stopped", kind="obstacle")
    await nudged(store, amina, 3, state="ended", why="stopped", kind="obstacle")
    await nudged(store, amina, 4, state="control")
    await nudged(store, amina, 5)  # still planned
    await nudged(store, amina, 6, state="said", due_at=NOW - 2 * DAY)
    assert (await lately(store)).nudges == {
        ("invitation", "said", ""): 1, ("obstacle", "ended", "stopped"): 2, ("invitation", "control", ""): 1,
    }  # fmt: skip


# what it cost


async def test_it_adds_up_what_the_carrier_took(store: DatabaseStore) -> None:
    amina, karim = await conversation(store), await conversation(store, KARIM_PHONE, language="ar")
    web = await conversation(store, "a-session", Channel.WEB)
    hers = await wrote(store, amina, NOW - HOUR, answered=SECOND)
    for number, more in enumerate(
        ({}, {"status": "undelivered"}, {"status": "failed"}, {"status": "cancelled"})
    ):
        await said(store, amina, NOW - HOUR, hers, **carried(NOW + number * SECOND, segments=2, **more))
    await said(store, amina, NOW - HOUR, hers)  # queued
    await said(store, karim, NOW - HOUR, **carried(NOW, segments=3, written_by=1))
    nudge = await said(store, karim, NOW - HOUR, **carried(NOW, segments=4))
    await said(store, karim, NOW - HOUR, **carried(NOW, segments=5))
    await said(store, karim, NOW - 40 * DAY, **carried(NOW - DAY, segments=9))
    await said(store, web, NOW - HOUR, hers)
    await nudged(store, karim, 1, state="said", message_id=nudge)
    async with store.transaction() as tx:
        found = await tx.spent(NOW - DAY)
    assert set(found) == {
        Spent("ar", "written", 1, 3), Spent("fr", "answer", 2, 4), Spent("ar", "invitation", 1, 4),
        Spent("ar", "notice", 1, 5),
    }  # fmt: skip


# where it stands


def test_it_knows_the_room_of_a_file_alone(tmp_path: Path) -> None:
    assert (room(f"sqlite:///{tmp_path / 'a.db'}") or 0) > 0
    assert room("sqlite:///:memory:") is None
    assert room("postgresql+psycopg://somebody@somewhere/a") is None


async def test_it_never_reads_through_all_that_was_ever_said(sqlite_store: DatabaseStore) -> None:
    asked: list[tuple[str, Any]] = []
    engine = sqlite_store.engine
    assert isinstance(engine, InlineEngine)

    @event.listens_for(engine._engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    await standing(sqlite_store)
    await lately(sqlite_store)
    async with sqlite_store.transaction() as tx:
        await tx.spent(NOW - DAY)
    of_messages = [(statement, values) for statement, values in asked if "message" in statement]
    assert len(of_messages) >= 8
    async with sqlite_store.transaction() as tx:
        assert isinstance(tx.db, InlineConnection)
        for statement, values in of_messages:
            plan = tx.db.sync.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [str(row[-1]) for row in plan]
            assert not [
                step for step in steps if re.match(r"SCAN (message|hers|ours)(?! USING INDEX)", step)
            ], steps
