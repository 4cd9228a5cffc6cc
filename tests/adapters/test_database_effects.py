"""What nudges brought, counted on both databases."""

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Absence
from gateway.domain.conversation import Channel
from gateway.domain.effect import Comparison, Share, Tally
from gateway.domain.people import Beneficiary, Referent
from tests.usecases.fakes import NOW

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WEEK, YEAR = 7 * DAY, 365 * DAY


@dataclass
class World:
    """Claire and Paul in one structure, which Lea leads; Nour elsewhere."""

    store: DatabaseStore
    ids: dict[str, int] = field(default_factory=dict)
    people: dict[str, tuple[int, int]] = field(default_factory=dict)  # conversation, beneficiary
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def referent(self, name: str, structure: str, leads: bool = False) -> None:
        async with self.store.transaction() as tx:
            saved = await tx.save_referent(Referent(f"{name}@example.org", name.title(), structure=structure))
            await tx.db.execute(update(t.referent).where(t.referent.c.id == saved).values(leads=leads))
        self.ids[name] = saved

    async def person(self, referent: str) -> str:
        """Her name here."""
        number = f"+3363998{1000 + len(self.people)}"
        async with self.store.transaction() as tx:
            saved = await tx.save_beneficiary(Beneficiary(number), f"{referent}@example.org")
            self.people[number] = (await tx.conversation_at(Channel.SMS, number, NOW), saved)
        return number

    async def nudged(
        self,
        who: str,
        at: datetime,
        kind: str = "invitation",
        sent: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """One that was said then, unless `state` says otherwise; `sent`: values of its message."""
        here, beneficiary = self.people[who]
        number = next(self.numbers)
        values = {
            "key": f"{kind}:{number}", "kind": kind, "about": "invitation", "matter_id": number, "version": 0,
            "conversation_id": here, "beneficiary_id": beneficiary, "step": 1, "capped": True, "due_at": at,
            "planned_at": at, "state": "said", "said_at": at,
        }  # fmt: skip
        async with self.store.transaction() as tx:
            if sent is not None:
                to = await tx.conversation(here, NOW)
                message = await tx.add_outbound(to, None, "Bonjour", (), at)
                await tx.db.execute(update(t.message).where(t.message.c.id == message).values(**sent))
                values["message_id"] = message
            await tx.db.execute(insert(t.nudge).values({**values, **more}))

    async def tallies(self, who: str, *bounds: datetime) -> Sequence[Tally]:
        async with self.store.transaction() as tx:
            return await tx.tallies(self.ids[who], bounds or (NOW - YEAR, NOW + SECOND), NOW)

    async def comparisons(self, who: str, since: datetime = NOW - YEAR) -> Sequence[Comparison]:
        async with self.store.transaction() as tx:
            return await tx.comparisons(self.ids[who], since, NOW)


@pytest.fixture
async def world(store: DatabaseStore) -> AsyncIterator[World]:
    world = World(store)
    await world.referent("claire", "CMS Niort")
    await world.referent("paul", "CMS Niort")
    await world.referent("lea", "CMS Niort", leads=True)
    await world.referent("nour", "CMS Bressuire")
    yield world


async def test_it_counts_what_became_of_each_kind(world: World) -> None:
    who, before = await world.person("claire"), NOW - 20 * DAY
    await world.nudged(who, before, sent={"status": "delivered", "segments": 2}, answered_at=before + DAY)
    await world.nudged(who, before, sent={"status": "sent", "segments": 1}, acted_at=before + DAY)
    await world.nudged(who, before, sent={"status": "undelivered", "segments": 1}, stopped_at=before)
    await world.nudged(who, before, sent={"status": "failed", "segments": 8})
    await world.nudged(who, before, sent={"status": "cancelled", "segments": 8})
    await world.nudged(who, NOW, sent={"status": "queued", "segments": 8})
    await world.nudged(who, before)  # its message was erased
    await world.nudged(who, before, state="control")
    for state in ("planned", "ended", "told"):
        await world.nudged(who, before, state=state, acted_at=before)
    await world.nudged(who, before, kind="contract", about="contract")
    assert await world.tallies("claire") == [
        Tally("contract", "contract", said=1, ripe=1),
        Tally(
            "invitation", "invitation", said=7, delivered=1, failed=2, answered=1, stopped=1, ripe=6, acted=1,
            control=1, segments=4,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "acted", "counts"),
    [
        (NOW - 20 * DAY, NOW - 20 * DAY, (1, 1)),
        (NOW - 20 * DAY, NOW - 13 * DAY, (1, 1)),
        (NOW - 20 * DAY, NOW - 13 * DAY + SECOND, (1, 0)),
        (NOW - 20 * DAY, None, (1, 0)),
        (NOW - WEEK, NOW, (1, 1)),
        (NOW - WEEK + SECOND, NOW, (0, 0)),  # too early, though she was quick
    ],
    ids=["at once", "on the last second", "a second later", "never", "ripe now", "not ripe"],
)
async def test_it_waits_seven_days_for_the_act_and_no_longer(
    world: World, said: datetime, acted: datetime | None, counts: tuple[int, int]
) -> None:
    await world.nudged(await world.person("claire"), said, acted_at=acted)
    (found,) = await world.tallies("claire")
    assert (found.said, found.ripe, found.acted) == (1, *counts)


async def test_it_counts_by_stretch(world: World) -> None:
    who = await world.person("claire")
    bounds = [NOW - 30 * DAY, NOW - 20 * DAY, NOW - 10 * DAY]
    for at in (bounds[0] - SECOND, bounds[0], bounds[1] - SECOND, bounds[1], bounds[2]):
        await world.nudged(who, at)
    found = await world.tallies("claire", *bounds)
    assert [(one.stretch, one.said) for one in found] == [(0, 2), (1, 1)]


async def test_it_counts_her_own_people_or_the_team_that_she_leads(world: World) -> None:
    for referent, times in (("claire", 1), ("paul", 2), ("nour", 4)):
        who = await world.person(referent)
        for _ in range(times):
            await world.nudged(who, NOW - 10 * DAY)
            await world.nudged(who, NOW - 10 * DAY, kind="contract", state="control")
    stranger = await world.person("claire")
    await world.nudged(stranger, NOW - 10 * DAY, beneficiary_id=None)  # the number is no longer hers
    seen = {}
    for who in ("claire", "paul", "nour", "lea"):
        control, said = await world.tallies(who)
        assert control.control == said.said
        seen[who] = said.said
    assert seen == {"claire": 1, "paul": 2, "nour": 4, "lea": 3}
    assert [one.control.whole for one in await world.comparisons("lea")] == [2], "people, each once"
    async with world.store.transaction() as tx:
        await tx.save_absence(Absence(world.ids["claire"], NOW - DAY, NOW + DAY, world.ids["nour"]))
    assert [one.said for one in await world.tallies("nour")] == [0, 5]


async def test_it_compares_nothing_when_nobody_is_left_without(world: World) -> None:
    await world.nudged(await world.person("claire"), NOW - 10 * DAY)
    assert await world.comparisons("claire") == []


async def test_it_compares_people_each_by_her_first_nudge(world: World) -> None:
    at = NOW - 40 * DAY
    left, first, second = [await world.person("claire") for _ in range(3)]
    await world.nudged(left, at, state="control", acted_at=at + DAY)
    await world.nudged(left, at + 9 * DAY, state="control")
    await world.nudged(first, at + DAY)
    await world.nudged(first, at + 8 * DAY, step=2, acted_at=at + 9 * DAY)
    await world.nudged(second, at + DAY, acted_at=at + 2 * DAY)
    await world.nudged(second, at + 2 * DAY, kind="contract", acted_at=at + 2 * DAY)
    assert await world.comparisons("claire") == [
        Comparison("invitation", "invitation", Share(1, 2), Share(1, 1))
    ]


async def test_it_compares_since_somebody_is_left_without(world: World) -> None:
    """Before, everybody was nudged: those who are left without now would count as nudged."""
    begun = NOW - 40 * DAY
    left, other = await world.person("claire"), await world.person("claire")
    await world.nudged(left, begun - DAY, acted_at=begun)
    await world.nudged(other, begun - DAY, acted_at=begun)
    await world.nudged(left, begun, state="control")
    await world.nudged(other, begun + DAY)
    assert await world.comparisons("claire") == [
        Comparison("invitation", "invitation", Share(0, 1), Share(0, 1))
    ]
    assert await world.comparisons("claire", begun + SECOND) == []


@pytest.mark.parametrize(("at", "compared"), [(NOW - WEEK, 1), (NOW - WEEK + SECOND, 0)])
async def test_it_compares_only_what_is_ripe(world: World, at: datetime, compared: int) -> None:
    await world.nudged(await world.person("claire"), at, state="control", acted_at=at)
    found = await world.comparisons("claire")
    assert [one.control for one in found] == [Share(1, 1)] * compared
