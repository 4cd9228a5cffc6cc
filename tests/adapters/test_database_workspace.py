"""Links and sessions of the workspace, on both databases: once, for a time, and unreadable."""

import asyncio
from datetime import timedelta

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.people import Referent
from gateway.domain.workspace import IDLE_SESSION, LINK_LASTS, LINKS_AT_ONCE, LONGEST_SESSION
from tests.usecases.fakes import NOW

SECOND = timedelta(seconds=1)


@pytest.fixture
async def claire(store: DatabaseStore) -> int:
    async with store.transaction() as tx:
        return await tx.save_referent(Referent("claire@example.org", "Claire Moreau", structure="CMS"))


async def test_it_uses_a_link_once_even_at_the_same_moment(store: DatabaseStore, claire: int) -> None:
    async with store.transaction() as tx:
        assert await tx.add_sign_in(claire, "link", NOW)

    async def used() -> int | None:
        async with store.transaction() as tx:
            return await tx.use_sign_in("link", NOW)

    found = await asyncio.gather(*(used() for _ in range(5)))
    assert sorted(found, key=str) == [claire, None, None, None, None]


@pytest.mark.parametrize(("late", "good"), [(-SECOND, True), (timedelta(0), False), (SECOND, False)])
async def test_it_forgets_a_link_in_time(
    store: DatabaseStore, claire: int, late: timedelta, good: bool
) -> None:
    at = NOW + LINK_LASTS + late
    async with store.transaction() as tx:
        await tx.add_sign_in(claire, "link", NOW)
        assert await tx.sign_in_is_good("link", at) is good
        assert (await tx.use_sign_in("link", at) == claire) is good


async def test_it_gives_few_links_at_once_and_keeps_none_for_ever(store: DatabaseStore, claire: int) -> None:
    async with store.transaction() as tx:
        given = [await tx.add_sign_in(claire, f"link {n}", NOW) for n in range(LINKS_AT_ONCE + 2)]
        assert given == [True] * LINKS_AT_ONCE + [False, False]
        assert await tx.add_sign_in(claire, "later", NOW + 2 * LINK_LASTS)
    assert len(await store.rows(t.sign_in)) == 1


async def test_it_opens_a_session_and_knows_whose_it_is(store: DatabaseStore, claire: int) -> None:
    async with store.transaction() as tx:
        number = await tx.start_session(claire, "token", NOW)
        found = await tx.open_session("token", NOW)
        assert found
        assert (found.id, found.referent.id, found.referent.name) == (number, claire, "Claire Moreau")
        assert not found.by_proconnect
        assert await tx.open_session("another", NOW) is None
        assert await tx.open_session("", NOW) is None
    (row,) = await store.rows(t.session)
    assert "token" not in repr(row.values())


async def test_it_ends_a_session_that_is_idle_or_too_long(store: DatabaseStore, claire: int) -> None:
    async with store.transaction() as tx:
        await tx.start_session(claire, "token", NOW)
        at = NOW
        while at + IDLE_SESSION - SECOND < NOW + LONGEST_SESSION:
            at += IDLE_SESSION - SECOND
            assert await tx.open_session("token", at)
            assert len(await tx.sessions_of(claire, at)) == 1
        assert await tx.open_session("token", NOW + LONGEST_SESSION) is None
        await tx.start_session(claire, "idle", NOW)
        assert await tx.open_session("idle", NOW + IDLE_SESSION) is None
        assert await tx.sessions_of(claire, NOW + LONGEST_SESSION) == []


async def test_it_ends_a_session_for_its_own_referent_alone(store: DatabaseStore, claire: int) -> None:
    async with store.transaction() as tx:
        number = await tx.start_session(claire, "token", NOW)
        assert not await tx.end_session(number, claire + 1, NOW)
        assert await tx.open_session("token", NOW)
        assert await tx.end_session(number, claire, NOW)
        assert not await tx.end_session(number, claire, NOW)
        assert await tx.open_session("token", NOW) is None


async def test_it_gives_proconnects_token_once_and_only_when_the_session_has_just_ended(
    store: DatabaseStore, claire: int
) -> None:
    async with store.transaction() as tx:
        number = await tx.start_session(claire, "token", NOW, "a.b.c")
        found = await tx.open_session("token", NOW)
        assert found
        assert found.by_proconnect
        assert await tx.take_id_token("token", NOW) == "", "the session is still open"
        await tx.end_session(number, claire, NOW)
    (row,) = await store.rows(t.session)
    assert b"a.b.c" not in row["id_token_sealed"]
    async with store.transaction() as tx:
        assert await tx.take_id_token("token", NOW + timedelta(hours=1)) == "", "too late"
        assert await tx.take_id_token("token", NOW + SECOND) == "a.b.c"
        assert await tx.take_id_token("token", NOW + SECOND) == ""
