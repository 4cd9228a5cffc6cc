"""Those whom `./run bench nudges` writes to."""

from datetime import UTC, datetime

from bench import people
from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.usecases.matters import NudgeRules
from tests.adapters.conftest import opened

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def test_everybody_has_one_nudge_that_may_be_said(postgresql_url: str, key: str) -> None:
    async with opened(postgresql_url, key) as store:
        await people.settle(store, NudgeRules.none(), 7, NOW)
        assert await people.unsettled(store, NOW) == 0
        await people.due_now(store, NOW)
        assert await people.unsettled(store, NOW) == 7
        rows = sorted(await store.rows(t.nudge), key=lambda row: row["conversation_id"])
        assert [(row["conversation_id"], row["beneficiary_id"]) for row in rows] == [
            (n, n) for n in range(1, 8)
        ]
        assert [row["about"] for row in rows] == ["declaration", "campaign"] * 3 + ["declaration"]
        assert await _bound(store, NOW) == [people.phone(n) for n in range(1, 8)]


async def _bound(store: DatabaseStore, now: datetime) -> list[str]:
    async with store.transaction() as tx:
        known = await tx.conversations(range(1, 8), now)
    return [one.beneficiary.phone for _, one in sorted(known.items()) if one.beneficiary]


def test_nobody_has_such_a_number(key: str) -> None:
    assert people.phone(1).startswith("+999")  # a country code that no country has
    assert len({Cipher(key).index(people.phone(n)) for n in range(1, 1000)}) == 999
