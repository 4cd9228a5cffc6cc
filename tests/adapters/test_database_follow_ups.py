"""What stays open until it is done, on both databases."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel
from gateway.domain.nudge import FollowUp
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW

DAY = timedelta(days=1)


@pytest.fixture
async def amina(store: DatabaseStore) -> int:
    async with store.transaction() as tx:
        return await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)


async def opened(store: DatabaseStore, key: str, new: FollowUp) -> int:
    async with store.transaction() as tx:
        return await tx.open_follow_up(key, new)


async def one(store: DatabaseStore, follow_up_id: int) -> FollowUp:
    async with store.transaction() as tx:
        (found,) = await tx.follow_ups([follow_up_id])
        return found


async def test_it_is_kept_as_it_was_given(store: DatabaseStore, amina: int) -> None:
    new = FollowUp(0, "declaration", amina, 7, NOW, {"why": "elle l'a demandé"}, date(2027, 2, 1))
    id_ = await opened(store, "declaration:1", new)
    assert await one(store, id_) == replace(new, id=id_)


async def test_the_same_key_opens_it_again_as_new(store: DatabaseStore, amina: int) -> None:
    first = FollowUp(0, "invitation", amina, 7, NOW, {"why": "referent"}, date(2027, 2, 1))
    id_ = await opened(store, "invitation:1", first)
    async with store.transaction() as tx:
        assert await tx.close_follow_up(id_, "declined", NOW + DAY)
    again = FollowUp(0, "invitation", amina, 8, NOW + 2 * DAY, {"why": "noshow"})
    assert await opened(store, "invitation:1", again) == id_
    assert await one(store, id_) == replace(again, id=id_)
    assert await opened(store, "invitation:2", again) != id_


async def test_nobody_reads_in_the_database_what_it_is_about(store: DatabaseStore, amina: int) -> None:
    await opened(store, "obstacle:1:health", FollowUp(0, "obstacle", amina, 7, NOW, {"kind": "health"}))
    (row,) = await store.rows(t.follow_up)
    assert "health" not in str({**row, "values_sealed": bytes(row["values_sealed"])})


async def test_it_is_closed_once(store: DatabaseStore, amina: int) -> None:
    id_ = await opened(store, "contract:1", FollowUp(0, "contract", amina, None, NOW))
    async with store.transaction() as tx:
        assert await tx.close_follow_up(id_, "done", NOW)
        assert not await tx.close_follow_up(id_, "declined", NOW + DAY)
        assert not await tx.close_follow_up(404, "done", NOW)
    closed = await one(store, id_)
    assert (closed.outcome, closed.closed_at) == ("done", NOW)


async def test_it_begins_anew_for_another_day(store: DatabaseStore, amina: int) -> None:
    new = FollowUp(0, "declaration", amina, None, NOW, {}, date(2027, 2, 1))
    id_ = await opened(store, "declaration:1", new)
    async with store.transaction() as tx:
        await tx.close_follow_up(id_, "done", NOW + DAY)
        await tx.renew_follow_up(id_, date(2027, 5, 1))
    assert await one(store, id_) == replace(new, id=id_, due_on=date(2027, 5, 1))


async def test_the_open_ones_of_a_conversation_are_found(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        karim = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
    contract = await opened(store, "contract:1", FollowUp(0, "contract", amina, None, NOW))
    talk = await opened(store, "talk:1", FollowUp(0, "talk", amina, None, NOW))
    over = await opened(store, "obstacle:1", FollowUp(0, "obstacle", amina, None, NOW))
    await opened(store, "contract:2", FollowUp(0, "contract", karim, None, NOW))
    async with store.transaction() as tx:
        await tx.close_follow_up(over, "done", NOW)
        assert [found.id for found in await tx.open_follow_ups(amina)] == [contract, talk]
        assert [found.id for found in await tx.open_follow_ups(amina, "talk")] == [talk]
        assert await tx.open_follow_ups(amina, "obstacle") == []
        assert await tx.follow_ups([]) == []
        assert [found.id for found in await tx.follow_ups([talk, over, 404])] == [talk, over]
