"""Imports into a real database, beside a gateway that goes on answering. What they read: tests/usecases."""

import asyncio
from datetime import date, time
from zoneinfo import ZoneInfo

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.phone import e164
from gateway.domain.appointment import Kind, Opening
from gateway.domain.conversation import Channel
from gateway.settings import ROOT
from gateway.usecases.importing import AT_ONCE, Imported, import_beneficiaries, import_referents
from gateway.usecases.importing_openings import import_openings
from tests.adapters.conftest import opened
from tests.usecases.fakes import AMINA_PHONE, NOW

PARIS = ZoneInfo("Europe/Paris")
CLAIRE = "email,name,structure,team_lead\nclaire@example.org,Claire Moreau,CCAS,oui\n"


async def referents(store: DatabaseStore, content: str = CLAIRE) -> Imported:
    return await import_referents(store, content.encode(), NOW)  # type: ignore[arg-type]


async def beneficiaries(store: DatabaseStore, *phones: str) -> Imported:
    content = "phone\n" + "\n".join(phones)
    return await import_beneficiaries(store, content.encode(), e164, NOW)  # type: ignore[arg-type]


async def openings(store: DatabaseStore, line: str) -> Imported:
    content = f"referent_email;starts_at;ends_at;slot_minutes;place;kind;repeat\n{line}\n"
    return await import_openings(store, content.encode(), PARIS, NOW)  # type: ignore[arg-type]


async def test_it_keeps_who_leads_a_team_and_writes_to_her_once(store: DatabaseStore) -> None:
    await referents(store)
    await referents(store)
    assert [row["leads"] for row in await store.rows(t.referent)] == [True]
    assert [row["template"] for row in await store.rows(t.mail)] == ["referent"]
    await referents(store, CLAIRE.replace("oui", ""))
    assert [row["leads"] for row in await store.rows(t.referent)] == [False]


async def test_it_remembers_whose_number_it_is_when_a_file_leaves_her_name_out(store: DatabaseStore) -> None:
    for line, kept in (("Amina", 1), ("", 1), ("Léa", 0), ("AMINA", 1)):
        content = f"phone,first_name\n{AMINA_PHONE},{line}\n"
        done = await import_beneficiaries(store, content.encode(), e164, NOW)  # type: ignore[arg-type]
        assert done.kept == kept, line
    (row,) = await store.rows(t.beneficiary)
    assert store.cipher.open(row["first_name_sealed"]) == "AMINA"


async def test_it_keeps_openings_and_what_was_changed_in_the_workspace(store: DatabaseStore) -> None:
    await referents(store)
    line = "claire@example.org;01/12/2026 9h;01/12/2026 12h;20;Mairie;téléphone;hebdomadaire"
    assert (await openings(store, line)).kept == 1
    day_off = frozenset({date(2026, 12, 8)})
    async with store.transaction() as tx:
        (made,) = await tx.openings_of(1)
        expected = Opening(
            1, date(2026, 12, 1), time(9), time(12), 20, Kind.PHONE, "Mairie", True, id=made.id
        )
        assert made == expected
        await tx.save_opening(Opening(**{**vars(made), "exceptions": day_off}))
    assert (await openings(store, line.replace(";20;", ";30;"))).kept == 1
    async with store.transaction() as tx:
        assert await tx.openings_of(1) == [
            Opening(**{**vars(expected), "slot_minutes": 30, "exceptions": day_off})
        ]


async def test_it_gives_each_person_one_page_in_the_workspace(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        before = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
    for _ in range(2):
        assert (await beneficiaries(store, AMINA_PHONE, "+33639980002")).kept == 2
    assert len(await store.rows(t.conversation)) == 2
    async with store.transaction() as tx:
        assert await tx.find_conversation(Channel.SMS, AMINA_PHONE) == before


async def test_it_reads_what_the_demonstration_ships(store: DatabaseStore) -> None:
    files = {
        name: (ROOT / "demonstration" / f"{name}.csv").read_bytes() for name in ("referents", "openings")
    }
    for _ in range(2):
        await import_referents(store, files["referents"], NOW)  # type: ignore[arg-type]
        done = await import_openings(store, files["openings"], PARIS, NOW)  # type: ignore[arg-type]
        assert done.refused == ()
    assert len(await store.rows(t.opening)) == done.kept


async def test_it_lets_the_gateway_write_meanwhile(sqlite_url: str, key: str) -> None:
    """SQLite lets in one program at a time: a message that comes in cannot wait for thousands of lines."""
    phones = [f"+3363998{number:04}" for number in range(2 * AT_ONCE + 1)]
    async with opened(sqlite_url, key) as ours, opened(sqlite_url, key) as gateway:
        importing = asyncio.create_task(beneficiaries(ours, *phones))
        await asyncio.sleep(0)
        async with gateway.transaction() as tx:
            await tx.conversation_at(Channel.SMS, "+33639989999", NOW)
        assert not importing.done()
        assert (await importing).kept == len(phones)
        assert len(await gateway.rows(t.conversation)) == len(phones) + 1
