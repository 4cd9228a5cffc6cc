"""What RDV Service Public tells, as both databases keep it: in any order, any number of times."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.phone import e164
from gateway.adapters.rdv_service_public_events import EventReader
from gateway.domain.appointment import OFF, Kind, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from gateway.usecases.rdv_service_public import note
from tests.rdv_service_public import CLAIRE, HELPER, PAUL, motif, rdv, said, seat, user
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW

READER = EventReader(e164, ZoneInfo("Europe/Paris"), "https://rdv.example.org")
TEN = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)  # ten in the morning, in Paris
OTHER_PHONE = "+33639980003"
AMINA, KARIM = user(10, "06 39 98 00 01"), user(11, "06 39 98 00 02", "Karim")


async def tell(store: DatabaseStore, *payloads: dict[str, Any]) -> None:
    for payload in payloads:
        async with store.transaction() as tx:
            await note(tx, READER.read(payload, NOW), NOW)


async def opened(store: DatabaseStore, table: Any, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of every row, sealed ones opened."""
    rows = sorted(await store.rows(table), key=lambda row: row["id"])
    return [tuple(store.cipher.open(r[n]) if n.endswith("_sealed") else r[n] for n in names) for r in rows]


async def people(store: DatabaseStore) -> list[tuple[Any, ...]]:
    return await opened(store, t.beneficiary, "external_id", "phone_sealed", "first_name_sealed")


async def statuses(store: DatabaseStore) -> list[str]:
    return [row[0] for row in await opened(store, t.appointment, "status")]


async def taken(store: DatabaseStore) -> set[int]:
    """Cells of five minutes that are nobody else's, by which appointment."""
    return {row["appointment_id"] for row in await store.rows(t.occupied)}


async def all_kept(store: DatabaseStore) -> tuple[Any, ...]:
    return (
        await opened(store, t.referent, "email_sealed", "name_sealed", "external_id"),
        await opened(store, t.beneficiary, "external_id", "phone_sealed", "first_name_sealed", "referent_id"),
        await opened(
            store, t.appointment, "referent_id", "beneficiary_id", "conversation_id", "status", "starts_at",
            "ends_at", "kind", "place", "uid", "sequence", "external_id", "url_sealed", "changed_at",
        ),
        {(r["referent_id"], r["cell"], r["appointment_id"]) for r in await store.rows(t.occupied)},
        len(await store.rows(t.conversation)),
    )  # fmt: skip


# referents


async def test_it_knows_agents_as_referents(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.save_referent(Referent("Claire.Moreau@example.org", "Claire M.", structure="CCAS"))
    role = {"id": 1, "access_level": "basic", "organisation": {"id": 1}, "agent": PAUL}
    await tell(store, said("Agent", CLAIRE), said("AgentRole", role), said("Agent", HELPER))
    assert await opened(store, t.referent, "name_sealed", "structure", "external_id") == [
        ("Claire M.", "CCAS", "41"), ("Paul GIRARD", "", "42"),
    ]  # fmt: skip


async def test_it_follows_an_agent_to_another_address_unless_it_is_taken(store: DatabaseStore) -> None:
    await tell(store, said("Agent", CLAIRE), said("Agent", PAUL))
    await tell(store, said("Agent", {**CLAIRE, "email": "claire.petit@example.org"}, "updated", 1))
    await tell(store, said("Agent", {**PAUL, "email": "Claire.Petit@example.org"}, "updated", 2))
    assert await opened(store, t.referent, "email_sealed") == [
        ("claire.petit@example.org",), ("paul.girard@example.org",),
    ]  # fmt: skip


# beneficiaries


@pytest.mark.parametrize(
    "phone",
    ["0639980001", "06 39 98 00 01", "+33639980001", "0033639980001", "+33 (0)6 39 98 00 01"],
)
async def test_it_knows_users_by_a_mobile_number(phone: str, store: DatabaseStore) -> None:
    await tell(
        store, said("User", user(10, phone)), said("User", user(11, None, phone_number_formatted=KARIM_PHONE))
    )
    assert await people(store) == [("10", AMINA_PHONE, "Amina"), ("11", KARIM_PHONE, "Amina")]


@pytest.mark.parametrize("phone", [None, "", "05 49 00 00 01", "+590 590 12 34 56", "3949", "abc", 12])
async def test_it_keeps_nobody_who_cannot_be_texted(phone: Any, store: DatabaseStore) -> None:
    await tell(store, said("User", user(10, phone)), said("Rdv", rdv(user(10, phone))))
    assert await people(store) == []
    assert await statuses(store) == []


async def test_it_finds_whom_an_import_brought_and_keeps_the_rest_of_her(store: DatabaseStore) -> None:
    imported = Beneficiary(AMINA_PHONE, "Amina", "ar", "79000", "Niort", ("new_rsa",))
    async with store.transaction() as tx:
        await tx.save_beneficiary(imported, "")
    await tell(store, said("User", user(10, "0639980001", "AMINA Sofia")))
    columns = ("external_id", "first_name_sealed", "language", "commune", "audience")
    assert await opened(store, t.beneficiary, *columns) == [("10", "AMINA Sofia", "ar", "Niort", ["new_rsa"])]


async def test_it_gives_a_number_to_one_person(store: DatabaseStore) -> None:
    son = user(12, "0639980001", "Yanis")
    await tell(store, said("User", AMINA), said("User", son), said("Rdv", rdv(son)))
    assert await people(store) == [("10", AMINA_PHONE, "Amina")]
    assert await statuses(store) == []


async def test_it_takes_a_person_registered_twice_for_one(store: DatabaseStore) -> None:
    await tell(store, said("User", AMINA), said("User", user(12, "0639980001", "Amina"), minute=1))
    assert await people(store) == [("12", AMINA_PHONE, "Amina")]


async def test_it_tells_nothing_more_to_a_number_that_is_no_longer_hers(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA)), said("User", user(10, "0639980003"), "updated", 1))
    async with store.transaction() as tx:
        old = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        new = await tx.conversation_at(Channel.SMS, OTHER_PHONE, NOW)
        assert [len(await tx.upcoming(who, NOW)) for who in (old, new)] == [0, 1]
        assert (await tx.conversation(old, NOW)).beneficiary is None


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(said("User", user(10, None), "updated", 1), id="none any more"),
        pytest.param(said("User", user(10, "0549000001"), "updated", 1), id="no mobile any more"),
        pytest.param(said("User", AMINA, "destroyed", 1), id="erased there"),
        pytest.param(said("User", user(10, "0639980002"), "updated", 1), id="that of another person"),
    ],
)
async def test_it_leaves_her_without_a_number(payload: dict[str, Any], store: DatabaseStore) -> None:
    await tell(store, said("User", KARIM), said("Rdv", rdv(AMINA)), payload)
    assert sorted(await people(store)) == [("10", "", "Amina"), ("11", KARIM_PHONE, "Karim")]
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        assert await tx.upcoming(who, NOW) == []
    await tell(store, said("Rdv", rdv(user(10, None), status="excused"), "updated", 2))
    assert await statuses(store) == ["excused"]  # what is known of it is kept right


async def test_it_makes_one_of_the_imported_and_the_one_it_knew_by_another_number(
    store: DatabaseStore,
) -> None:
    await tell(store, said("Rdv", rdv(AMINA)))
    async with store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(OTHER_PHONE, "Amina", "ar"), "")
    await tell(store, said("User", user(10, "0639980003"), "updated", 1))
    assert await people(store) == [("10", OTHER_PHONE, "Amina")]
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, OTHER_PHONE, NOW)
        assert len(await tx.upcoming(who, NOW)) == 1


async def test_it_does_so_also_when_an_appointment_says_it(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA)))
    async with store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(OTHER_PHONE, "Amina", "ar"), "")
    await tell(store, said("Rdv", rdv(user(10, "0639980003")), "updated", 1))
    assert await people(store) == [("10", OTHER_PHONE, "Amina")]
    assert await statuses(store) == ["booked"]


async def test_it_keeps_what_that_tool_had_to_forget(store: DatabaseStore) -> None:
    """Its own durations are not ours: see the register of processing."""
    await tell(store, said("Rdv", rdv(AMINA, status="seen")))
    for model, data in (("User", AMINA), ("Rdv", rdv(AMINA, status="seen"))):
        with pytest.raises(ValueError, match="rgpd"):
            await tell(store, said(model, data, "destroyed", 1, reason="rgpd"))
    assert await statuses(store) == ["seen"]


# who follows whom


def follows(agent: dict[str, Any], event: str = "created", minute: int = 0) -> dict[str, Any]:
    return said("ReferentAssignation", {"user": AMINA, "agent": agent}, event, minute)


async def test_it_knows_who_follows_her(store: DatabaseStore) -> None:
    await tell(store, follows(CLAIRE))
    assert await opened(store, t.beneficiary, "referent_id") == [(1,)]
    assert await opened(store, t.mail, "to_sealed", "template") == [(CLAIRE["email"], "referent")]
    await tell(store, follows(CLAIRE, "destroyed", 1))
    assert await opened(store, t.beneficiary, "referent_id") == [(None,)]


CHANGE = [follows(CLAIRE), follows(CLAIRE, "destroyed", 1), follows(PAUL, "created", 1)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_it_keeps_the_last_one_whatever_the_order(order: Sequence[int], store: DatabaseStore) -> None:
    await tell(store, *(CHANGE[i] for i in order))
    names = dict(await opened(store, t.referent, "id", "name_sealed"))
    ((referent_id,),) = await opened(store, t.beneficiary, "referent_id")
    assert names[referent_id] == "Paul GIRARD"


# appointments


@pytest.mark.parametrize(
    ("location", "more", "kind", "place"),
    [
        ("public_office", {}, "in_person", "MDS de Niort, 4 rue de la Mairie, Niort, 79000"),
        ("public_office", {"lieu": None}, "in_person", ""),
        ("phone", {"lieu": None}, "phone", ""),
        ("visio", {"lieu": None}, "video", ""),
        ("visio", {"visio_url": "https://visio.example.org/a"}, "video", "https://visio.example.org/a"),
        ("home", {"lieu": None, "address": "3 rue Secrète"}, "in_person", "À domicile"),
        ("elsewhere", {"lieu": None}, "in_person", ""),
    ],
)
async def test_it_knows_how_and_where_they_meet(
    location: str, more: dict[str, Any], kind: str, place: str, store: DatabaseStore
) -> None:
    await tell(store, said("Rdv", rdv(AMINA, motif=motif(location), **more)))
    assert await opened(store, t.appointment, "kind", "place", "starts_at", "ends_at", "source", "url_sealed") == [
        (kind, place, TEN, TEN + timedelta(minutes=45), "rdv_service_public", "https://rdv.example.org/users/rdvs/8")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("unknown", "booked"), ("seen", "seen"), ("excused", "excused"), ("revoked", "revoked"), ("noshow", "noshow")],
)  # fmt: skip
async def test_it_keeps_statuses_as_they_are(theirs: str, ours: str, store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA)), said("Rdv", rdv(AMINA, status=theirs), "updated", 1))
    assert await statuses(store) == [ours]


@pytest.mark.parametrize(
    ("theirs", "ours"), [("unknown", "revoked"), ("noshow", "noshow"), ("excused", "excused")]
)
async def test_it_takes_one_that_was_deleted_for_cancelled(
    theirs: str, ours: str, store: DatabaseStore
) -> None:
    await tell(store, said("Rdv", rdv(AMINA)), said("Rdv", rdv(AMINA, status=theirs), "destroyed", 1))
    assert await statuses(store) == [ours]


LIFE = [
    said("Rdv", rdv(AMINA)),
    said("Rdv", rdv(AMINA, KARIM, starts_at="2026-12-02 10:00:00 +0100", ends_at="2026-12-02 11:00:00 +0100"), "updated", 1),
    said("User", user(10, "0639980003"), "updated", 2),
    said("Rdv", rdv(user(10, "0639980003"), KARIM, agents=[PAUL], status="excused"), "updated", 3),
]  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_it_ends_the_same_in_any_order_and_repeated(order: Sequence[int], store: DatabaseStore) -> None:
    for i in (*order, *reversed(order)):
        await tell(store, LIFE[i])
    assert sorted(await people(store)) == [("10", OTHER_PHONE, "Amina"), ("11", KARIM_PHONE, "Karim")]
    assert await opened(store, t.appointment, "status", "starts_at") == [("excused", TEN)] * 2
    assert await taken(store) == set()


async def test_it_is_not_moved_by_a_repeat(store: DatabaseStore) -> None:
    told = [said("Rdv", rdv(AMINA, KARIM)), follows(PAUL), said("User", AMINA, "updated", 1)]
    await tell(store, *told)
    before = await all_kept(store)
    await tell(store, *told)
    await tell(store, *reversed(told))
    assert await all_kept(store) == before


async def test_it_takes_created_before_updated_within_one_second(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA, status="revoked"), "updated"), said("Rdv", rdv(AMINA)))
    assert await statuses(store) == ["revoked"]
    await tell(
        store, said("Rdv", rdv(KARIM, number=9), "destroyed"), said("Rdv", rdv(KARIM, number=9), "updated")
    )
    assert await statuses(store) == ["revoked", "revoked"]


async def test_it_raises_the_sequence_when_something_changed(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA)), said("Rdv", rdv(AMINA), "updated", 1))
    assert await opened(store, t.appointment, "sequence") == [(0,)]
    await tell(store, said("Rdv", rdv(AMINA, status="seen"), "updated", 2))
    assert await opened(store, t.appointment, "sequence") == [(1,)]


async def test_it_prefers_her_own_referent_among_the_agents(store: DatabaseStore) -> None:
    await tell(store, follows(PAUL), said("Rdv", rdv(AMINA, KARIM, agents=[CLAIRE, HELPER, PAUL])))
    names = dict(await opened(store, t.referent, "id", "name_sealed"))
    seen = await opened(store, t.appointment, "referent_id")
    assert [names[r] for (r,) in seen] == ["Paul GIRARD", "Claire MOREAU"]


async def test_it_keeps_none_that_nobody_of_ours_could_answer_for(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA, agents=[HELPER])), said("Rdv", rdv(AMINA, number=9, agents=[])))
    refused = user(11, "0639980002", notify_by_sms=False)
    await tell(store, said("Rdv", rdv(refused, number=10)))
    assert await statuses(store) == []


async def test_it_gives_each_of_a_group_her_own_status(store: DatabaseStore) -> None:
    group = rdv(AMINA, KARIM, collectif=True, status="seen")
    group["participations"] = [seat(AMINA, "seen"), seat(KARIM, "noshow")]
    await tell(store, said("Rdv", group))
    assert await statuses(store) == ["seen", "noshow"]


async def test_it_reads_an_older_version_that_says_the_users_alone(store: DatabaseStore) -> None:
    old = rdv(AMINA)
    del old["participations"]
    await tell(store, said("Rdv", old))
    assert await statuses(store) == ["booked"]


async def test_it_cancels_for_whom_is_no_longer_expected(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA, KARIM)), said("Rdv", rdv(KARIM), "updated", 1))
    assert await statuses(store) == ["revoked", "booked"]


# whose time it is


async def test_it_takes_the_time_so_that_we_book_nobody_else_there(store: DatabaseStore) -> None:
    await tell(store, said("Rdv", rdv(AMINA)))
    slot = TimeSlot(TEN + timedelta(minutes=30), TEN + timedelta(hours=1), 1)
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
        assert await tx.book(who, None, slot, NOW) is None
        assert await tx.book(who, None, replace(slot, starts_at=TEN + timedelta(minutes=45)), NOW)


async def test_it_keeps_the_time_of_a_group_until_the_last_one_leaves(store: DatabaseStore) -> None:
    both, cells = rdv(AMINA, KARIM), 9
    await tell(store, said("Rdv", both))
    assert (await taken(store), len(await store.rows(t.occupied))) == ({1}, cells)
    both["participations"] = [seat(AMINA, "excused"), seat(KARIM, "unknown")]
    await tell(store, said("Rdv", both, "updated", 1))
    assert (await taken(store), len(await store.rows(t.occupied))) == ({2}, cells)
    both["participations"][1] = seat(KARIM, "excused")
    await tell(store, said("Rdv", both, "updated", 2))
    assert await taken(store) == set()


async def test_it_moves_with_its_time(store: DatabaseStore) -> None:
    later = {"starts_at": "2026-12-01 10:30:00 +0100", "ends_at": "2026-12-01 11:15:00 +0100"}
    await tell(store, said("Rdv", rdv(AMINA, KARIM)))
    await tell(store, said("Rdv", rdv(AMINA, KARIM, **later), "updated", 1))
    held = {row["cell"] for row in await store.rows(t.occupied)}
    first = int((TEN + timedelta(minutes=30)).timestamp()) // 300
    assert held == set(range(first, first + 9))
    await tell(store, said("Rdv", rdv(AMINA, KARIM, agents=[PAUL], **later), "updated", 2))
    assert {row["referent_id"] for row in await store.rows(t.occupied)} == {2}


async def test_it_stands_beside_one_of_ours_at_the_same_time(store: DatabaseStore) -> None:
    await tell(store, said("Agent", CLAIRE))
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
        ours = await tx.book(who, None, TimeSlot(TEN, TEN + timedelta(hours=1), 1, Kind.PHONE), NOW)
    await tell(store, said("Rdv", rdv(AMINA)), said("Rdv", rdv(AMINA, status="excused"), "updated", 1))
    assert ours is not None
    assert await taken(store) == {ours.id}
    assert await statuses(store) == ["booked", "excused"]


async def test_it_waits_for_no_other_for_ever(postgresql_store: DatabaseStore) -> None:
    """Sixty events about the same few people at once, and bookings among them: no deadlock, one state."""
    store = postgresql_store
    await tell(store, said("Agent", CLAIRE), said("Agent", PAUL))
    both_ways = itertools.product([(AMINA, KARIM), (KARIM, AMINA)], [[CLAIRE, PAUL], [PAUL, CLAIRE]])
    sides = itertools.cycle([("unknown", *side) for side in both_ways])
    ends = {51: "unknown", 52: "excused", 53: "seen"}  # the last thing said of the last three
    told = []
    for n, (status, order, agents) in zip(range(54), sides, strict=False):
        last = ends.get(n, status)
        told.append(said("Rdv", rdv(*order, number=1 + n % 18, agents=agents, status=last), "updated", n))
    told += [follows(agent, "created", n) for n, agent in enumerate([CLAIRE, PAUL] * 4)]

    async def book(minute: int) -> None:
        async with store.transaction() as tx:
            who = await tx.conversation_at(Channel.SMS, OTHER_PHONE, NOW)
            start = TEN + timedelta(minutes=minute)
            await tx.book(who, None, TimeSlot(start, start + timedelta(minutes=30), 1), NOW)

    async with asyncio.timeout(30):
        await asyncio.gather(*(tell(store, one) for one in told), *(book(5 * n) for n in range(6)))
    seen = await opened(store, t.appointment, "external_id", "status", "id")
    theirs = {row[:2] for row in seen if row[0]}
    assert {("16", "booked"), ("17", "excused"), ("18", "seen")} <= theirs
    assert len(theirs) == 18
    assert len(await people(store)) == 2
    assert await taken(store) <= {number for _, status, number in seen if status not in OFF}
