"""What waits on a referent's desk, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Status, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.domain.questions import KeptQuestion, Kind
from tests.usecases.fakes import NOW

HOUR = timedelta(hours=1)
AMINA, SARA = "+33639981001", "+33639981002"


@dataclass
class Office:
    """Claire follows Amina, Nour follows Sara elsewhere, Lea leads Claire's team."""

    store: DatabaseStore
    claire: Referent
    lea: Referent
    nour: Referent
    amina: int
    sara: int

    async def asks(self, here: int, reason: str, at: datetime = NOW) -> int:
        async with self.store.transaction() as tx:
            sid = f"SM{here}-{reason}-{at.timestamp()}"
            message = await tx.add_inbound(here, sid, "appelez-moi", 0, "", at)
            assert message
            await tx.add_callback(CallbackRequest(here, message, reason, at))
        return int((await self.store.rows(t.callback))[-1]["id"])

    async def waiting(self, referent: Referent) -> list[tuple[str, tuple[str, ...]]]:
        async with self.store.transaction() as tx:
            found = await tx.open_callbacks(referent, NOW)
        return [(one.person.first_name, one.reasons) for one in found]

    async def fails(self, here: int, at: datetime, status: str = "failed") -> None:
        async with self.store.transaction() as tx:
            sent = await tx.add_outbound(await tx.conversation(here, NOW), None, "bonjour", [], at)
            sid = f"SM{sent}"
            await tx.mark_attempt(sent)
            await tx.mark_sent(sent, sid, at)
            await tx.carrier_status(sid, status, None)


@pytest.fixture
async def office(store: DatabaseStore) -> AsyncIterator[Office]:
    people = {}
    async with store.transaction() as tx:
        for name, structure, leads in (
            ("claire", "Niort", False),
            ("lea", "Niort", True),
            ("nour", "Thouars", False),
        ):
            new = Referent(f"{name}@example.org", f"{name.title()} Martin", structure=structure, leads=leads)
            found = await tx.referent(await tx.save_referent(new))
            assert found
            people[name] = found
        await tx.save_beneficiary(Beneficiary(AMINA, "Amina", "ar"), "claire@example.org")
        await tx.save_beneficiary(Beneficiary(SARA, "Sara"), "nour@example.org")
        here = [await tx.conversation_at(Channel.SMS, number, NOW) for number in (AMINA, SARA)]
    yield Office(store, *people.values(), *here)


async def test_it_gives_calls_to_who_may_see_them(office: Office) -> None:
    async with office.store.transaction() as tx:
        unknown = await tx.conversation_at(Channel.SMS, "+33639981009", NOW)
    for here in (office.amina, office.sara, unknown):
        await office.asks(here, "asked")
    assert await office.waiting(office.claire) == [("Amina", ("asked",))]
    assert await office.waiting(office.nour) == [("Sara", ("asked",))]
    assert await office.waiting(office.lea) == [
        ("Amina", ("asked",)),
        ("", ("asked",)),
    ]  # her team's, and nobody's
    async with office.store.transaction() as tx:
        visible = {
            one.person.conversation_id: one.visible for one in await tx.open_callbacks(office.lea, NOW)
        }
        alone = await tx.open_callbacks(office.lea, NOW, unknown)
    assert visible == {office.amina: True, unknown: False}
    assert [one.person.conversation_id for one in alone] == [unknown]


async def test_it_puts_danger_first_then_who_waits_for_longest(office: Office) -> None:
    async with office.store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(SARA, "Sara"), "claire@example.org")
    await office.asks(office.amina, "asked", NOW - 3 * HOUR)
    await office.asks(office.sara, "asked", NOW - 2 * HOUR)
    assert [name for name, _ in await office.waiting(office.claire)] == ["Amina", "Sara"]
    await office.asks(office.sara, "danger", NOW - HOUR)
    assert await office.waiting(office.claire) == [("Sara", ("danger", "asked")), ("Amina", ("asked",))]


async def test_it_tells_how_to_call(office: Office) -> None:
    await office.asks(office.amina, "asked", NOW - HOUR)
    await office.asks(office.amina, "asked", NOW)
    async with office.store.transaction() as tx:
        (one,) = await tx.open_callbacks(office.claire, NOW)
    assert (one.phone, one.language, one.since) == (AMINA, "ar", NOW - HOUR)
    async with office.store.transaction() as tx:
        page = await tx.conversation_at(Channel.WEB, "a-session", NOW)
    await office.asks(page, "asked")
    async with office.store.transaction() as tx:
        (web,) = await tx.open_callbacks(office.lea, NOW, page)
    assert web.phone == ""  # nobody calls a page


async def test_it_closes_a_call_and_those_before_it(office: Office) -> None:
    first, second, third = [await office.asks(office.amina, r) for r in ("asked", "appointment", "danger")]
    async with office.store.transaction() as tx:
        assert await tx.close_callbacks(second, office.nour, NOW) is None  # not hers to see
        assert await tx.close_callbacks(9999, office.claire, NOW) is None
        assert await tx.close_callbacks(second, office.claire, NOW) == (office.amina, 2)
        assert await tx.close_callbacks(second, office.claire, NOW) == (office.amina, 0)
    rows = {row["id"]: row["closed_by"] for row in await office.store.rows(t.callback)}
    assert rows == {first: office.claire.id, second: office.claire.id, third: None}
    assert await office.waiting(office.claire) == [("Amina", ("danger",))]


async def test_it_shows_whose_messages_failed(office: Office) -> None:
    await office.fails(office.amina, NOW - 2 * HOUR)
    await office.fails(office.amina, NOW - HOUR, "undelivered")
    await office.fails(office.amina, NOW - HOUR, "delivered")
    await office.fails(office.amina, NOW - timedelta(days=9))
    await office.fails(office.sara, NOW)
    async with office.store.transaction() as tx:
        found = await tx.failed_numbers(office.claire.id, NOW - timedelta(days=7), NOW)
    assert [(one.person.first_name, one.count, one.last) for one in found] == [("Amina", 2, NOW - HOUR)]


async def test_it_names_who_comes_even_when_the_number_is_no_longer_hers(office: Office) -> None:
    async with office.store.transaction() as tx:
        at, names = NOW + 24 * HOUR, {}
        sara = (await tx.conversation(office.sara, NOW)).beneficiary
        for hour, (here, person) in enumerate(
            [(office.amina, None), (office.sara, None), (office.sara, sara.id if sara else 0)]
        ):
            slot = TimeSlot(at + hour * HOUR, at + (hour + 1) * HOUR, office.claire.id)
            booked = await tx.book(here, person, slot, NOW)
            assert booked
            names[booked] = ("Amina", "Sara", "Sara")[hour]
        await tx.unbind(office.sara)
        found = await tx.who_come(names)
        assert found == {one.id: name for one, name in names.items()}
        assert await tx.who_come([]) == {}


async def test_it_knows_the_colleagues(office: Office) -> None:
    async with office.store.transaction() as tx:
        alone = Referent(
            "seul@example.org", "Seul", id=await tx.save_referent(Referent("seul@example.org", "Seul"))
        )
        assert await tx.colleagues(office.claire) == {office.lea.id: "Lea Martin"}
        assert await tx.colleagues(office.nour) == {}
        assert await tx.colleagues(alone) == {}  # no structure is no team


async def test_it_tells_what_happened_to_an_appointment(office: Office) -> None:
    start = NOW + 24 * HOUR
    async with office.store.transaction() as tx:
        for number in range(11):  # 1 and 10 must not be taken for each other
            at = start + number * HOUR
            await tx.book(office.amina, None, TimeSlot(at, at + HOUR, office.claire.id), NOW)
        await tx.set_status(1, 0, Status.REVOKED, NOW + HOUR)
        await tx.add_notice("appointment:10:1", office.amina, "moved", {}, NOW)
        told = await tx.add_notice("appointment:1:1", office.amina, "revoked", {}, NOW)
        await tx.close_notice(told, NOW + 2 * HOUR)
        first, tenth = await tx.history_of(1), await tx.history_of(10)
    assert (first.created_at, first.changed_at) == (NOW, NOW + HOUR)
    assert [(one.kind, one.done_at) for one in first.notices] == [("revoked", NOW + 2 * HOUR)]
    assert [(one.kind, one.done_at) for one in tenth.notices] == [("moved", None)]


async def test_it_deletes_a_question_once(office: Office) -> None:
    async with office.store.transaction() as tx:
        await tx.keep_question(KeptQuestion(Kind.OUT_OF_SCOPE, "fr", "bla bla", (), date(2026, 11, 24)))
        (kept,) = await tx.questions()
        assert await tx.delete_question(kept.id) is True
        assert await tx.delete_question(kept.id) is False
        assert await tx.questions() == []
