"""What a referent sees of one person's reminders and nudges, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import timedelta

import pytest

from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, State
from gateway.domain.nudge import About, FollowUp, Planned
from gateway.domain.nudge_row import NudgeRow
from gateway.domain.people import Beneficiary
from gateway.ports import SaidNudge
from tests.usecases.fakes import NOW

PHONE = "+33639981001"
DAY = timedelta(days=1)


@dataclass
class Person:
    """Amina and her conversation."""

    store: DatabaseStore
    here: int
    amina: int

    async def plans(
        self, kind: str, about: str = About.CONTRACT, days: float = 1, matter: int = 7, whose: int | None = -1
    ) -> int:
        """`whose`: -1 Amina's, None nobody's in particular. The nudge's id."""
        beneficiary = self.amina if whose == -1 else whose
        due = NOW + days * DAY
        version = int(due.timestamp())  # each is another one
        async with self.store.transaction() as tx:
            new = Planned(kind, about, matter, version, self.here, beneficiary, 1, due)
            await tx.plan_nudges([(new, True)])
            (found,) = [
                one.id for one in await tx.due_nudges(NOW + 999 * DAY, 999) if one.planned.key == new.key
            ]
        return found

    async def says(self, nudge_id: int, days: float, status: str = "sent", code: int | None = None) -> None:
        at = NOW + days * DAY
        async with self.store.transaction() as tx:
            who = await tx.conversation(self.here, at)
            (sent,) = await tx.say_nudges([SaidNudge(nudge_id, who, "Bonjour", State())], at, "me")
            await tx.mark_sent(sent.message_id, f"SM{sent.message_id}", at)
            if status != "sent":
                await tx.carrier_status(f"SM{sent.message_id}", status, code)

    async def ends(self, nudge_id: int, days: float, state: str = "ended", why: str = "too_late") -> None:
        async with self.store.transaction() as tx:
            await tx.end_nudges([(nudge_id, state, why)], NOW + days * DAY)

    async def follows(self, kind: str) -> int:
        async with self.store.transaction() as tx:
            new = FollowUp(0, About.OBSTACLE, self.here, self.amina, NOW, {"kind": kind})
            return await tx.open_follow_up(f"obstacle:{self.here}:{kind}", new)

    async def to_come(self, followed: Collection[int] = (), limit: int = 99) -> list[str]:
        async with self.store.transaction() as tx:
            return [one.kind for one in await tx.nudges_to_come(self.here, followed, limit)]

    async def settled(self, followed: Collection[int] = (), limit: int = 99) -> list[NudgeRow]:
        async with self.store.transaction() as tx:
            return list(await tx.nudges_settled(self.here, followed, limit))


@pytest.fixture
async def amina(store: DatabaseStore) -> AsyncIterator[Person]:
    async with store.transaction() as tx:
        # Numbers that are not each other's: a rule that mixes them up is seen.
        for n in range(3):
            await tx.conversation_at(Channel.SMS, f"+3363998200{n}", NOW)
        beneficiary = await tx.save_beneficiary(Beneficiary(PHONE, "Amina"), "")
        here = await tx.conversation_at(Channel.SMS, PHONE, NOW)
    yield Person(store, here, beneficiary)


async def test_it_tells_what_is_to_come_the_next_one_first(amina: Person) -> None:
    await amina.plans("contract", days=3)
    await amina.plans("morning", About.APPOINTMENT, days=1)
    await amina.plans("campaign", About.CAMPAIGN, days=2, whose=None)
    await amina.says(await amina.plans("documents", About.APPOINTMENT), 0)
    assert await amina.to_come() == ["morning", "campaign", "contract"]
    assert await amina.to_come(limit=1) == ["morning"]
    async with amina.store.transaction() as tx:
        assert await tx.nudges_to_come(amina.here - 1, (), 9) == []
        assert await tx.nudges_settled(amina.here - 1, (), 9) == []


async def test_it_tells_what_became_of_each_the_last_one_first(amina: Person) -> None:
    await amina.says(await amina.plans("contract"), 1, "undelivered", 30003)
    late = await amina.plans("morning", About.APPOINTMENT)
    await amina.ends(late, 3)
    await amina.ends(await amina.plans("invitation", About.INVITATION), 4, "told", "")
    answered = await amina.plans("documents", About.APPOINTMENT)
    await amina.says(answered, 2, "delivered")
    async with amina.store.transaction() as tx:
        await tx.nudge_answered(answered, NOW + 2 * DAY)
    rows = await amina.settled()
    assert [(one.kind, one.state, one.why, one.status, one.error_code) for one in rows] == [
        ("invitation", "told", "", "", None),
        ("morning", "ended", "too_late", "", None),
        ("documents", "said", "", "delivered", None),
        ("contract", "said", "", "undelivered", 30003),
    ]
    assert [one.answered_at for one in rows] == [None, None, NOW + 2 * DAY, None]
    assert [one.said_at for one in rows] == [NOW + days * DAY for days in (4, 3, 2, 1)]
    assert (rows[1].planned_at, rows[1].about, rows[1].step) == (NOW + DAY, "appointment", 1)
    assert [one.kind for one in await amina.settled(limit=2)] == ["invitation", "morning"]


async def test_it_tells_when_it_had_to_leave_and_when_it_will(amina: Person) -> None:
    moved = await amina.plans("contract")
    async with amina.store.transaction() as tx:
        await tx.postpone_nudges([(moved, NOW + 2 * DAY)])
        (row,) = await tx.nudges_to_come(amina.here, (), 9)
    assert (row.planned_at, row.due_at) == (NOW + DAY, NOW + 2 * DAY)


async def test_it_hides_an_obstacle_but_for_those_that_are_named(amina: Person) -> None:
    """Its mere presence would tell."""
    health, mobility = await amina.follows("health"), await amina.follows("mobility")
    for one in (health, mobility):
        await amina.plans("obstacle", About.OBSTACLE, matter=one)
        await amina.says(await amina.plans("obstacle", About.OBSTACLE, 2, matter=one), one)
    await amina.plans("contract", days=3, matter=health)  # the same number, about something else
    assert await amina.to_come() == ["contract"]
    assert await amina.settled() == []
    assert await amina.to_come([mobility]) == ["obstacle", "contract"]
    assert [one.matter_id for one in await amina.settled([mobility])] == [mobility]


async def test_it_finds_the_follow_ups_of_what_she_shared(amina: Person) -> None:
    health, mobility = await amina.follows("health"), await amina.follows("mobility")
    async with amina.store.transaction() as tx:
        await tx.close_follow_up(mobility, "done", NOW)
        other = FollowUp(0, About.CONTRACT, amina.here, amina.amina, NOW, {"kind": "mobility"})
        await tx.open_follow_up("contract", other)
    async with amina.store.transaction() as tx:
        found = {
            shared: list(await tx.followed_obstacles(amina.here, shared))
            for shared in ((), ("mobility",), ("health", "mobility"), ("housing",))
        }
        assert await tx.followed_obstacles(amina.here - 1, ("mobility",)) == []
    assert found == {
        (): [], ("mobility",): [mobility], ("health", "mobility"): [health, mobility], ("housing",): [],
    }  # fmt: skip


async def test_it_hides_what_was_for_who_had_her_number_before(amina: Person) -> None:
    await amina.plans("contract", whose=amina.amina + 50)
    await amina.says(await amina.plans("morning", About.APPOINTMENT, whose=amina.amina + 50), 1)
    await amina.plans("campaign", About.CAMPAIGN, whose=None)
    await amina.plans("declaration", About.DECLARATION)
    assert sorted(await amina.to_come()) == ["campaign", "declaration"]
    assert await amina.settled() == []
    async with amina.store.transaction() as tx:
        await tx.unbind(amina.here)
    assert await amina.to_come() == ["campaign"]


async def test_it_tells_what_was_said_since_it_was_opened(amina: Person) -> None:
    for days in (-3, 1, 2):
        await amina.says(await amina.plans("invitation", About.INVITATION, days), days)
    await amina.ends(await amina.plans("invitation", About.INVITATION, 3), 3, "told", "")
    await amina.ends(await amina.plans("invitation", About.INVITATION, 4), 4)
    await amina.plans("invitation", About.INVITATION, 5)
    await amina.says(await amina.plans("contract", days=1), 1)
    async with amina.store.transaction() as tx:
        rows = await tx.nudges_said_about(amina.here, About.INVITATION, NOW)
        assert await tx.nudges_said_about(amina.here - 1, About.INVITATION, NOW) == []
    assert [(one.kind, one.state, one.said_at) for one in rows] == [
        ("invitation", "said", NOW + DAY),
        ("invitation", "said", NOW + 2 * DAY),
        ("invitation", "told", NOW + 3 * DAY),
    ]


async def test_it_tells_the_topics_that_she_stopped(amina: Person) -> None:
    async with amina.store.transaction() as tx:
        await tx.opt_out(amina.here, "message", NOW - DAY, "reminder")
        await tx.opt_out(amina.here, "message", NOW, "news")
        await tx.opt_out(amina.here, "message", NOW)
        await tx.opt_out(amina.here - 1, "message", NOW, "follow_up")
        assert await tx.stopped_topics(amina.here) == {"reminder": NOW - DAY, "news": NOW}
        await tx.opt_in(amina.here, "message", NOW, "news")
        assert await tx.stopped_topics(amina.here) == {"reminder": NOW - DAY}


async def test_it_lets_one_ask_at_a_time_and_her_messages_come_in(postgresql_store: DatabaseStore) -> None:
    """A double click is two requests; SQLite has one transaction at a time anyway."""
    store = postgresql_store
    async with store.transaction() as tx:
        here = await tx.conversation_at(Channel.SMS, PHONE, NOW)

    async def asks() -> None:
        async with store.transaction() as tx:
            await tx.alone_with(here)

    async with store.transaction() as tx:
        await tx.alone_with(here)
        second = asyncio.create_task(asks())
        async with asyncio.timeout(5), store.transaction() as other:
            assert await other.add_inbound(here, "SM1", "bonjour", 0, "", NOW)
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done
    await asyncio.wait_for(second, 5)
