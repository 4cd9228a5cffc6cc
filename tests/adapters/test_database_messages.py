"""Messages: stored once, closed once, sent once; a status never goes back."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, Conversation
from gateway.usecases.delivery import apply_early, note_status
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW, TEAM


async def started(
    store: DatabaseStore, address: str = AMINA_PHONE, channel: Channel = Channel.SMS
) -> Conversation:
    async with store.transaction() as tx:
        return await tx.conversation(await tx.conversation_at(channel, address, NOW), NOW)


async def inbound(store: DatabaseStore, who: Conversation, sid: str, text: str = "bonjour") -> int | None:
    async with store.transaction() as tx:
        return await tx.add_inbound(who.id, sid, text, 0, "", NOW)


async def outbound(store: DatabaseStore, who: Conversation, text: str = "Bonjour") -> int:
    async with store.transaction() as tx:
        return await tx.add_outbound(who, None, text, ["utter_welcome"], NOW)


async def row_of(store: DatabaseStore, outbound_id: int) -> dict[str, Any]:
    return next(dict(row) for row in await store.rows(t.message) if row["id"] == outbound_id)


# what came in


async def test_it_stores_a_message_once(store: DatabaseStore) -> None:
    who = await started(store)
    assert await inbound(store, who, "SM1")
    assert await inbound(store, who, "SM1", "autre chose") is None
    assert await inbound(store, await started(store, KARIM_PHONE), "SM1") is None
    assert len(await store.rows(t.message)) == 1


@pytest.mark.parametrize("text", ["", "é" * 1600, "👍🏽", "a\u202eb", "مرحبا", "-- '; DROP TABLE message"])
async def test_it_gives_a_text_back_as_it_came(store: DatabaseStore, text: str) -> None:
    who = await started(store)
    await inbound(store, who, "SM1", text)
    async with store.transaction() as tx:
        found = await tx.next_unanswered(who.id)
    assert found is not None
    assert (found.sid, found.text, found.at) == ("SM1", text, NOW)


async def test_it_closes_a_message_once(store: DatabaseStore) -> None:
    who = await started(store)
    message = await inbound(store, who, "SM1")
    assert message
    async with store.transaction() as tx:
        assert await tx.close_inbound(message, NOW)
        assert not await tx.close_inbound(message, NOW)
    async with store.transaction() as tx:
        assert not await tx.close_inbound(message, NOW)
        assert await tx.next_unanswered(who.id) is None


async def test_it_takes_messages_in_the_order_they_came(store: DatabaseStore) -> None:
    who, other = await started(store), await started(store, KARIM_PHONE)
    for sid, person in (("SM1", who), ("SM2", other), ("SM3", who)):
        await inbound(store, person, sid, sid)
    async with store.transaction() as tx:
        first = await tx.next_unanswered(who.id)
        assert first is not None
        await tx.close_inbound(first.id, NOW)
        second = await tx.next_unanswered(who.id)
        assert second is not None
        assert (first.sid, second.sid) == ("SM1", "SM3")
        assert await tx.previous_text(who.id, second.id) == "SM1"
        assert await tx.previous_text(who.id, first.id) == ""


async def test_it_finds_her_messages_by_their_number_and_not_ours(store: DatabaseStore) -> None:
    who = await started(store)
    message, ours = await inbound(store, who, "SM1"), await outbound(store, who)
    async with store.transaction() as tx:
        await tx.mark_sent(ours, "SM2", NOW)
        assert await tx.inbound_by_sid("SM1") == message
        assert await tx.inbound_by_sid("SM2") is None


# what goes out


async def test_it_gives_what_waits_in_order(store: DatabaseStore) -> None:
    who = await started(store)
    await outbound(store, await started(store, KARIM_PHONE), "À Karim")
    first, second = await outbound(store, who, "Un"), await outbound(store, who, "Deux")
    async with store.transaction() as tx:
        waiting = await tx.next_outbound(who.id)
        assert waiting is not None
        assert (waiting.id, waiting.address, waiting.text) == (first, AMINA_PHONE, "Un")
        await tx.mark_sent(first, "SM1", NOW)
        after = await tx.next_outbound(who.id)
        assert after is not None
        assert after.id == second
        await tx.mark_failed(second, 21211)
        assert await tx.next_outbound(who.id) is None


async def test_it_remembers_that_a_message_may_have_left(store: DatabaseStore) -> None:
    who = await started(store)
    message = await outbound(store, who)
    seen = []
    async with store.transaction() as tx:
        for step in (tx.mark_attempt, tx.mark_attempt, tx.mark_refused):
            await step(message)
            waiting = await tx.next_outbound(who.id)
            assert waiting is not None
            seen.append((waiting.unsure, waiting.attempts))
    assert seen == [(True, 1), (True, 2), (False, 2)]


async def test_it_keeps_back_what_waits_after_a_stop(store: DatabaseStore) -> None:
    who, other = await started(store), await started(store, KARIM_PHONE)
    sent, tried, waiting, theirs = [await outbound(store, w) for w in (who, who, who, other)]
    async with store.transaction() as tx:
        await tx.mark_sent(sent, "SM1", NOW)
        await tx.mark_attempt(tried)
        await tx.cancel_queued(who.id)
    status = [(await row_of(store, m))["status"] for m in (sent, tried, waiting, theirs)]
    assert status == ["sent", "queued", "cancelled", "queued"]


async def test_it_weighs_what_it_sends_by_sms_and_not_on_the_page(store: DatabaseStore) -> None:
    by_sms = await outbound(store, await started(store), "a" * 161)
    on_page = await outbound(store, await started(store, "session", Channel.WEB), "a" * 161)
    row = await row_of(store, by_sms)
    assert (row["segments"], row["encoding"], row["status"]) == (2, "GSM-7", "queued")
    row = await row_of(store, on_page)
    assert (row["segments"], row["encoding"], row["status"]) == (0, "", "delivered")
    assert row["responses"] == ["utter_welcome"]


async def test_it_tells_a_number_of_the_carrier_that_is_not_ours(store: DatabaseStore) -> None:
    who = await started(store)
    message = await outbound(store, who)
    async with store.transaction() as tx:
        await tx.mark_sent(message, "SM1", NOW)
        assert await tx.unknown_sid(["SM1", "SM2", "SM3"]) == "SM2"
        assert await tx.unknown_sid(["SM1"]) is None
        assert await tx.unknown_sid([]) is None


# delivery reports


async def reported(
    store: DatabaseStore, *reports: tuple[str, int | None], sid: str = "SM1"
) -> Sequence[int | None]:
    found = []
    for status, code in reports:
        async with store.transaction() as tx:
            known = await tx.carrier_status(sid, status, code)
            if known is None:
                await tx.keep_early_status(sid, status, code, NOW)
            found.append(known)
    return found


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        pytest.param(["sent", "delivered"], "delivered", id="in order"),
        pytest.param(["delivered", "sent"], "delivered", id="in disorder"),
        pytest.param(["delivered", "delivered"], "delivered", id="twice"),
        pytest.param(["delivered", "sending", "queued", "accepted"], "delivered", id="late ones"),
        pytest.param(["undelivered", "sent"], "undelivered", id="a failure, then late"),
        pytest.param(["delivered", "undelivered"], "delivered", id="once delivered, delivered"),
        pytest.param(["queued"], "sent", id="lower than what we know"),
        pytest.param(["read", "weird"], "sent", id="words we do not know"),
    ],
)
async def test_it_never_takes_a_status_back(store: DatabaseStore, reports: list[str], status: str) -> None:
    who = await started(store)
    message = await outbound(store, who)
    async with store.transaction() as tx:
        await tx.mark_sent(message, "SM1", NOW)
    assert await reported(store, *((r, None) for r in reports)) == [who.id] * len(reports)
    assert (await row_of(store, message))["status"] == status


@pytest.mark.parametrize(
    ("reports", "status", "code"),
    [
        pytest.param([("delivered", None)], "delivered", None, id="delivered"),
        pytest.param([("sent", None), ("undelivered", 30005)], "undelivered", 30005, id="in order"),
        pytest.param([("undelivered", 30005), ("sent", None)], "undelivered", 30005, id="in disorder"),
        pytest.param([("delivered", None), ("delivered", None)], "delivered", None, id="twice"),
        pytest.param([("queued", None)], "sent", None, id="lower than sent"),
        pytest.param([("read", None)], "sent", None, id="a word we do not know"),
    ],
)
async def test_it_keeps_reports_that_come_before_the_carriers_number(
    store: DatabaseStore, reports: list[tuple[str, int | None]], status: str, code: int | None
) -> None:
    who = await started(store)
    message = await outbound(store, who)
    assert await reported(store, *reports) == [None] * len(reports)
    async with store.transaction() as tx:
        await tx.mark_sent(message, "SM1", NOW)
    row = await row_of(store, message)
    assert (row["status"], row["error_code"]) == (status, code)
    assert row["sid"] == "SM1"


async def test_it_takes_a_report_about_her_message_for_nothing(store: DatabaseStore) -> None:
    await inbound(store, await started(store), "SM1")
    assert await reported(store, ("delivered", None)) == [None]
    (row,) = await store.rows(t.message)
    assert row["status"] == "received"


async def test_it_marks_a_failing_number_once(store: DatabaseStore) -> None:
    who = await started(store)
    async with store.transaction() as tx:
        assert await tx.number_failed(who.id, 30005)
        assert not await tx.number_failed(who.id, 30005)
        assert not await tx.number_failed(who.id, 21211)
    (row,) = await store.rows(t.conversation)
    assert row["number_error"] == 30005


async def test_it_loses_no_report_that_comes_while_the_number_is_noted(
    postgresql_store: DatabaseStore,
) -> None:
    """Two connections: one notes the carrier's number, the other has its report. It may wait, not lose."""
    store = postgresql_store
    message = await outbound(store, await started(store))
    async with store.transaction() as noting:
        await noting.mark_sent(message, "SM1", NOW)
        report = asyncio.create_task(note_status(store, "SM1", "delivered", None, TEAM, NOW))
        await asyncio.wait({report}, timeout=1)
    await report
    for early in await store.rows(t.early_status):  # what the "report" job does a moment later
        async with store.transaction() as tx:
            kept = await tx.early_report(early["id"])
            assert kept
            await apply_early(tx, kept, TEAM, NOW)
    assert (await row_of(store, message))["status"] == "delivered"
