"""Local services in the database: one import replaces the other, whole."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.adapters.database import tables as t
from gateway.adapters.database.services import AT_ONCE, DatabaseServices
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.service import Service, Wanted
from tests.adapters.conftest import opened

TODAY = date(2026, 11, 23)
CARS, CHILDREN = "mobilite--acceder-a-un-vehicule", "famille--garde-denfants"
RENTAL = Service(
    id="exemple--rental", name="Location de voitures (exemple)", structure="Le Garage (exemple)",
    thematiques=(CARS, "mobilite--preparer-un-permis"), phone="05 36 49 00 01", hours="Mo-Fr 09:00-12:00",
    commune="79191", address="1 rue Imaginaire, Niort", zones=("79", "200041317"), remote=True,
    in_person=True, by_users=True, updated_on=TODAY, fictional=True,
)  # fmt: skip
NURSERY = Service(
    "exemple--nursery", "Halte-garderie", thematiques=(CHILDREN,), commune="79191", updated_on=TODAY
)
AMINA = Wanted((CARS,), TODAY, "79191", ("79191", "200041317", "79"))


async def replaced(store: DatabaseStore, *services: Service) -> None:
    async with store.transaction() as tx:
        await tx.replace_services(services)


async def ids(store: DatabaseStore) -> list[str]:
    return sorted(row["id"] for row in await store.rows(t.service))


async def near(store: DatabaseStore, wanted: Wanted) -> Sequence[Service]:
    return await DatabaseServices(store).near(wanted)


async def test_it_gives_back_what_it_kept(store: DatabaseStore) -> None:
    await replaced(store, RENTAL, NURSERY)
    services = DatabaseServices(store)
    assert await services.one(RENTAL.id) == RENTAL
    assert await services.one(NURSERY.id) == NURSERY
    assert await services.one("exemple--other") is None


async def test_it_replaces_the_former_import(store: DatabaseStore) -> None:
    await replaced(store, RENTAL, NURSERY)
    await replaced(store, replace(RENTAL, name="Autre nom"))
    assert [row["name"] for row in await store.rows(t.service)] == ["Autre nom"]
    await replaced(store)
    assert await ids(store) == []


async def test_it_keeps_the_former_import_when_the_new_one_fails(store: DatabaseStore) -> None:
    await replaced(store, RENTAL)
    with pytest.raises(IntegrityError):
        await replaced(store, NURSERY, NURSERY)
    assert await ids(store) == [RENTAL.id]


async def test_it_keeps_thousands(store: DatabaseStore) -> None:
    many = [replace(RENTAL, id=f"exemple--{n}") for n in range(2 * AT_ONCE + 1)]
    await replaced(store, *many)
    assert len(await ids(store)) == len(many)


async def test_one_import_waits_for_another(postgresql_url: str, key: str) -> None:
    async with opened(postgresql_url, key) as one, opened(postgresql_url, key) as other:
        for _ in range(5):
            await asyncio.gather(replaced(one, RENTAL, NURSERY), replaced(other, RENTAL, NURSERY))
        assert await ids(one) == [NURSERY.id, RENTAL.id]


async def test_readers_see_the_old_import_until_the_new_one_is_whole(postgresql_url: str, key: str) -> None:
    async with opened(postgresql_url, key) as writer, opened(postgresql_url, key) as reader:
        await replaced(writer, RENTAL)
        async with writer.transaction() as tx:
            await tx.replace_services([NURSERY])
            assert await asyncio.wait_for(near(reader, AMINA), 5) == [RENTAL]
        assert await near(reader, AMINA) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(AMINA, [RENTAL], id="one theme"),
        pytest.param(replace(AMINA, thematiques=(CHILDREN, CARS)), [NURSERY, RENTAL], id="two themes"),
        pytest.param(replace(AMINA, thematiques=()), [], id="no theme"),
        pytest.param(replace(AMINA, thematiques=("mobilite",)), [], id="the beginning of a theme"),
        pytest.param(replace(AMINA, thematiques=("%",)), [], id="no pattern"),
        pytest.param(replace(AMINA, zones=("86",)), [], id="another place"),
        pytest.param(replace(AMINA, today=TODAY + timedelta(days=731)), [], id="two years later"),
    ],
)
async def test_it_finds_what_fits(store: DatabaseStore, wanted: Wanted, found: list[Service]) -> None:
    await replaced(store, RENTAL, NURSERY, replace(RENTAL, id="exemple--pro", by_users=False))
    assert await near(store, wanted) == found


async def test_it_finds_three_at_most_the_nearest_first(store: DatabaseStore) -> None:
    many = [replace(RENTAL, id=f"exemple--{n}") for n in range(5)]
    far = replace(RENTAL, id="exemple--00", commune="79329", remote=False)
    await replaced(store, far, *reversed(many))
    assert [s.id for s in await near(store, AMINA)] == ["exemple--0", "exemple--1", "exemple--2"]
