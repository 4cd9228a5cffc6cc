"""Campaigns: whom they are for, planned once, stopped, counted; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Absence
from gateway.domain.campaign import Audience, Campaign, Choices, Group, Results
from gateway.domain.conversation import Channel, State
from gateway.domain.external import Person
from gateway.domain.nudge import Planned
from gateway.domain.obstacle import Obstacles
from gateway.domain.people import Beneficiary, Referent
from gateway.domain.quiet import QuietHours
from gateway.usecases import campaigning
from gateway.usecases.campaigning import Progress, plan_some
from gateway.usecases.matters import NudgeRules
from tests.usecases.fakes import NOW, PARIS

QUIET = QuietHours(time(20), time(8), PARIS)
RULES = NudgeRules({}, QUIET, Obstacles())
EVERYBODY, TEAM = Audience(), Audience(mine=False)
SECOND = timedelta(seconds=1)


@dataclass
class World:
    """Claire and Paul in one structure, which Lea leads; Nour elsewhere."""

    store: DatabaseStore
    ids: dict[str, int] = field(default_factory=dict)  # of referents, then conversations, by name
    phones: dict[str, str] = field(default_factory=dict)

    async def referent(self, name: str, structure: str, leads: bool = False) -> None:
        async with self.store.transaction() as tx:
            saved = Referent(f"{name}@example.org", f"{name.title()} Roux", structure=structure, leads=leads)
            self.ids[name] = await tx.save_referent(saved)

    async def person(self, name: str, referent: str, language: str = "", **known: Any) -> None:
        """`writes` False: no conversation; else she has been welcomed."""
        writes = known.pop("writes", True)
        number = f"+3363998{1000 + len(self.phones)}"
        who = Beneficiary(number, name.title(), language, "79000", **{"commune": "Niort", **known})
        async with self.store.transaction() as tx:
            await tx.save_beneficiary(who, f"{referent}@example.org")
            if writes:
                self.ids[name] = await tx.conversation_at(Channel.SMS, number, NOW)
                await tx.save_state(self.ids[name], State(welcomed=True))
        self.phones[name] = number

    async def campaign(self, named: str = "a", author: str = "claire", **changes: Any) -> Campaign:
        new = replace(Campaign(0, self.ids[author], named, NOW, NOW, text="Bonjour"), **changes)
        async with self.store.transaction() as tx:
            added = await tx.add_campaign(new)
        assert added
        return replace(new, id=added)

    async def planned(self, one: Campaign, rate: float = 1.0) -> list[Any]:
        progress: Progress | None = Progress(one.starts_at)
        while progress:
            async with self.store.transaction() as tx:
                progress = await plan_some(tx, RULES, one.id, progress, rate, NOW)
        return await self.nudges()

    async def nudges(self) -> list[Any]:
        rows = await self.store.rows(t.nudge)
        return sorted(rows, key=lambda row: row["conversation_id"])

    async def names(self, author: str, audience: Audience) -> set[str]:
        async with self.store.transaction() as tx:
            found = await tx.reachable(self.ids[author], audience, 0, 100)
        known = {number: name for name, number in self.ids.items() if name in self.phones}
        return {known[one.conversation_id] for one in found}

    async def groups(self, author: str, audience: Audience = EVERYBODY) -> set[Group]:
        async with self.store.transaction() as tx:
            return set(await tx.count_audience(self.ids[author], audience))


@pytest.fixture
async def world(store: DatabaseStore) -> AsyncIterator[World]:
    world = World(store)
    await world.referent("claire", "CMS Niort")
    await world.referent("paul", "CMS Niort")
    await world.referent("lea", "CMS Niort", leads=True)
    await world.referent("nour", "CMS Bressuire", leads=True)
    for number in range(9):  # so that no number of a person is one of a referent
        async with store.transaction() as tx:
            await tx.conversation_at(Channel.SMS, f"+3363998{9000 + number}", NOW)
    await world.person("amina", "claire", "ar", audience=("new_rsa", "parent"))
    await world.person("bob", "claire", "fr", commune="Thouars", audience=("under_26",))
    await world.person("chloe", "claire", commune="Parthenay")
    await world.person("karim", "paul", "ar")
    await world.person("sara", "nour", "fr")
    yield world


# whom it is for


async def test_it_writes_to_nobody_without_a_number(world: World) -> None:
    """Another tool took it away, or it was somebody else's: an empty address is nobody's."""
    async with world.store.transaction() as tx:
        await tx.save_external_beneficiary(Person("7", "+33639989777", "Dina"), NOW)
        await tx.save_external_beneficiary(Person("8", "+33639989778", "Zoé"), NOW)
        await tx.save_external_beneficiary(Person("7", "", ""), NOW)
        for number in "78":
            found = await tx.external_beneficiary(number)
            assert found
            await tx.follow(found.id, world.ids["claire"])
        choices = await tx.audience_choices(world.ids["claire"], mine=True)
        assert choices.people == 4
        assert await tx.start_conversations(world.ids["claire"], EVERYBODY, 100, NOW) == 1
    assert sum(group.people for group in await world.groups("claire")) == 4
    assert "" not in [
        world.store.cipher.open(row["address_sealed"]) for row in await world.store.rows(t.conversation)
    ]


@pytest.mark.parametrize(
    ("author", "audience", "names"),
    [
        ("claire", EVERYBODY, {"amina", "bob", "chloe"}),
        ("claire", TEAM, set()),  # she leads no team
        ("lea", EVERYBODY, set()),
        ("lea", TEAM, {"amina", "bob", "chloe", "karim"}),
        ("nour", TEAM, {"sara"}),
        ("claire", Audience(communes=("Thouars", "Parthenay")), {"bob", "chloe"}),
        ("claire", Audience(audiences=("parent", "under_26")), {"amina", "bob"}),
        ("claire", Audience(audiences=("paren",)), set()),
        ("claire", Audience(languages=("ar",)), {"amina"}),
        ("claire", Audience(languages=("fr",)), {"bob", "chloe"}),
        ("claire", Audience(communes=("Niort",), languages=("fr",)), set()),
        ("lea", Audience(False, ("Niort",), (), ("ar",)), {"amina", "karim"}),
    ],
)
async def test_it_reaches_those_who_are_chosen_among_her_people(
    world: World, author: str, audience: Audience, names: set[str]
) -> None:
    assert await world.names(author, audience) == names
    groups = await world.groups(author, audience)
    assert sum(group.people for group in groups) == len(names)


async def test_it_reaches_nobody_of_whom_she_only_replaces(world: World) -> None:
    hour = timedelta(hours=1)
    async with world.store.transaction() as tx:
        await tx.save_absence(Absence(world.ids["claire"], NOW - hour, NOW + hour, world.ids["paul"]))
    assert await world.names("paul", EVERYBODY) == {"karim"}


async def test_it_reads_her_own_language_before_the_imported_one(world: World) -> None:
    async with world.store.transaction() as tx:
        here = t.conversation.c.id == world.ids["amina"]
        await tx.db.execute(update(t.conversation).where(here).values(language="en"))
    assert Group("en", False, "", 1) in await world.groups("claire")
    assert await world.names("claire", Audience(languages=("ar",))) == set()


async def test_it_counts_who_was_never_written_to_apart(world: World) -> None:
    await world.person("dora", "claire", "ar", writes=False)
    await world.person("eli", "claire", "ar")
    assert await world.groups("claire", Audience(languages=("ar",))) == {
        Group("ar", False, "", 2),
        Group("ar", True, "", 1),
    }


async def left_out(world: World, name: str, why: str) -> None:
    async with world.store.transaction() as tx:
        if why == "not_hers":
            await tx.unbind(world.ids[name])
        elif why == "number_failed":
            await tx.number_failed(world.ids[name], None)
        else:
            await tx.opt_out(world.ids[name], "message", NOW, "all" if why == "stopped" else "news")


@pytest.mark.parametrize("why", ["not_hers", "number_failed", "stopped", "topic_off"])
async def test_it_leaves_out_who_cannot_be_written_to_and_says_why(world: World, why: str) -> None:
    await left_out(world, "bob", why)
    assert await world.names("claire", EVERYBODY) == {"amina", "chloe"}
    assert Group("fr", False, why, 1) in await world.groups("claire")


async def test_it_writes_again_to_who_stopped_something_else_or_came_back(world: World) -> None:
    async with world.store.transaction() as tx:
        await tx.opt_out(world.ids["bob"], "message", NOW, "reminder")
        await tx.opt_out(world.ids["amina"], "message", NOW)
        await tx.opt_in(world.ids["amina"], "message", NOW)
    assert await world.names("claire", EVERYBODY) == {"amina", "bob", "chloe"}


async def test_it_tells_what_an_audience_may_be_chosen_from(world: World) -> None:
    async with world.store.transaction() as tx:
        hers = await tx.audience_choices(world.ids["claire"], mine=True)
        teams = await tx.audience_choices(world.ids["lea"], mine=False)
    assert hers == Choices(
        3,
        [("Niort", 1), ("Parthenay", 1), ("Thouars", 1)],
        [("new_rsa", 1), ("parent", 1), ("under_26", 1)],
        [("ar", 1), ("fr", 2)],
    )
    assert (teams.people, teams.communes[0], teams.languages) == (
        4, ("Niort", 2), [("ar", 2), ("fr", 2)],
    )  # fmt: skip


# stored, planned


async def test_it_keeps_a_campaign_once_by_its_token(world: World) -> None:
    one = await world.campaign(filters=Audience(communes=("Niort",)).filters, people=3)
    async with world.store.transaction() as tx:
        again = await tx.add_campaign(replace(one, text="Autre chose"))
        (kept,) = await tx.campaigns([one.id])
    assert again is None
    assert kept == one
    assert Audience.of(kept.filters) == Audience(communes=("Niort",))
    (row,) = await world.store.rows(t.campaign)
    assert b"Bonjour" not in bytes(row["text_sealed"])


async def test_it_plans_one_nudge_for_each_and_starts_the_conversations_that_are_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigning, "AT_ONCE", 2)
    for name in ("dora", "eli", "fatou"):
        await world.person(name, "claire", writes=False)
    await left_out(world, "bob", "stopped")
    one = await world.campaign(people=99)
    rows = await world.planned(one)
    assert len(rows) == 5
    assert {row["conversation_id"] for row in rows} >= {world.ids["amina"], world.ids["chloe"]}
    assert all(row["state"] == "planned" and row["capped"] and row["step"] == 1 for row in rows)
    assert all(
        (row["kind"], row["about"], row["matter_id"]) == ("campaign", "campaign", one.id) for row in rows
    )
    assert sorted(row["due_at"] for row in rows) == [NOW + n * SECOND for n in range(5)]
    for name in ("dora", "eli", "fatou"):
        async with world.store.transaction() as tx:
            here = await tx.find_conversation(Channel.SMS, world.phones[name])
            assert here
            who = await tx.conversation(here, NOW)
        assert who.address == world.phones[name]
        assert who.beneficiary
        assert who.beneficiary.first_name == name.title()
        assert here in {row["conversation_id"] for row in rows}
        assert who.beneficiary.id in {row["beneficiary_id"] for row in rows}
    async with world.store.transaction() as tx:
        (kept,) = await tx.campaigns([one.id])
    assert kept.people == 5


async def test_it_goes_on_where_a_killed_worker_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigning, "AT_ONCE", 1)
    one = await world.campaign()
    async with world.store.transaction() as tx:
        await plan_some(tx, RULES, one.id, Progress(NOW), 1.0, NOW)
    before = await world.nudges()
    assert len(before) == 1
    after = await world.planned(one)
    assert len(after) == 3
    assert after[0] == before[0]
    assert await world.planned(one) == after


async def test_it_writes_to_her_at_her_hour(world: World) -> None:
    async with world.store.transaction() as tx:
        await tx.save_nudge_hour(world.ids["bob"], 17)
    rows = await world.planned(await world.campaign())
    assert [row["due_at"].astimezone(PARIS).hour for row in rows] == [10, 17, 10]


# stopped


async def test_it_stops_what_has_not_left(world: World) -> None:
    one = await world.campaign()
    rows = await world.planned(one)
    await said(world, rows[0], "delivered")
    async with world.store.transaction() as tx:
        assert await tx.stop_campaign(one.id, world.ids["lea"], NOW)
        assert not await tx.stop_campaign(one.id, world.ids["claire"], NOW)
        assert await tx.campaign_going(one.id) is None
        (kept,) = await tx.campaigns([one.id])
    assert (kept.stopped_at, kept.stopped_by) == (NOW, world.ids["lea"])
    assert [row["state"] for row in await world.nudges()] == ["said", "ended", "ended"]
    assert await world.planned(one) == await world.nudges(), "nothing is added to it"


async def test_it_stops_nothing_else(world: World) -> None:
    one, other = await world.campaign(), await world.campaign("b")
    await world.planned(one)
    await world.planned(other)
    reminder = Planned("reminder", "appointment", one.id, 0, world.ids["bob"], None, 1, NOW)
    async with world.store.transaction() as tx:
        await tx.plan_nudges([(reminder, False)])
        await tx.stop_campaign(one.id, world.ids["claire"], NOW)
    waiting = [(r["kind"], r["matter_id"]) for r in await world.nudges() if r["state"] == "planned"]
    assert sorted(waiting) == [*[("campaign", other.id)] * 3, ("reminder", one.id)]


# what became of it


async def said(world: World, row: Any, status: str, **more: Any) -> None:
    """This nudge was said, and its message has come so far."""
    async with world.store.transaction() as tx:
        who = await tx.conversation(row["conversation_id"], NOW)
        message = await tx.add_outbound(who, None, "Bonjour", (), NOW)
        await tx.db.execute(update(t.message).where(t.message.c.id == message).values(status=status))
        values = {"state": "said", "said_at": NOW, "message_id": message, **more}
        await tx.db.execute(update(t.nudge).where(t.nudge.c.id == row["id"]).values(**values))


async def results(world: World, *campaigns: Campaign) -> list[Results]:
    async with world.store.transaction() as tx:
        found = await tx.campaign_results([one.id for one in campaigns])
    return [found[one.id] for one in campaigns]


async def test_it_counts_what_became_of_it(world: World) -> None:
    for number in range(7):
        await world.person(f"p{number}", "claire")
    one, other, none = [await world.campaign(name) for name in "abc"]
    rows = await world.planned(one)
    await world.planned(other)
    await said(world, rows[0], "delivered", answered_at=NOW)
    await said(world, rows[1], "delivered", answered_at=NOW, stopped_at=NOW)
    await said(world, rows[2], "queued")
    await said(world, rows[3], "failed")
    await said(world, rows[4], "undelivered")
    await said(world, rows[5], "cancelled")
    async with world.store.transaction() as tx:
        ended = [(rows[6]["id"], "ended", "stopped"), (rows[7]["id"], "ended", "too_late")]
        await tx.end_nudges([*ended, (rows[8]["id"], "control", "control")], NOW)
    assert await results(world, one, other, none) == [
        Results(
            waiting=1, said=5, delivered=2, failed=2, answered=2, opted_out=1,
            held={"stopped": 2, "too_late": 1, "control": 1},
        ),
        Results(waiting=10),
        Results(),
    ]  # fmt: skip


async def test_it_tells_that_it_is_being_prepared(world: World) -> None:
    one = await world.campaign()
    async with world.store.transaction() as tx:
        number = await tx.arm("campaign", one.id, NOW)
    assert [found.preparing for found in await results(world, one)] == [True]
    async with world.store.transaction() as tx:
        job = await tx.claim(number, NOW, "me")
        assert job
        await tx.finish(job, "me")
    assert [found.preparing for found in await results(world, one)] == [False]


@pytest.mark.parametrize(("who", "sees"), [("claire", True), ("lea", True), ("paul", False), ("nour", False)])
async def test_it_shows_a_campaign_to_its_author_and_to_who_leads_her_team(
    world: World, who: str, sees: bool
) -> None:
    await world.campaign("other", "nour")
    one = await world.campaign()
    hour = timedelta(hours=1)
    async with world.store.transaction() as tx:
        await tx.save_absence(Absence(world.ids["claire"], NOW - hour, NOW + hour, world.ids["paul"]))
        row = await tx.campaign_seen_by(world.ids[who], one.token)
        listed = await tx.campaigns_seen_by(world.ids[who], 10)
    assert (row is not None) is sees
    assert (one in [found.campaign for found in listed]) is sees
    if row:
        assert (row.campaign, row.author, row.results) == (one, "Claire", Results())


async def test_it_lists_the_last_campaign_first(world: World) -> None:
    for number, name in enumerate("abc"):
        await world.campaign(name, created_at=NOW + number * SECOND)
    async with world.store.transaction() as tx:
        listed = await tx.campaigns_seen_by(world.ids["claire"], 2)
    assert [row.campaign.token for row in listed] == ["c", "b"]


async def test_it_adds_nothing_to_what_is_stopped_meanwhile(postgresql_store: DatabaseStore) -> None:
    """A thousand are being planned when she stops it: the stop waits for them, and ends them too."""
    world = World(postgresql_store)
    await world.referent("claire", "")
    await world.person("amina", "claire")
    one = await world.campaign()

    async def stop() -> None:
        async with postgresql_store.transaction() as tx:
            await tx.stop_campaign(one.id, world.ids["claire"], NOW)

    async with postgresql_store.transaction() as tx:
        await plan_some(tx, RULES, one.id, Progress(NOW), 1.0, NOW)
        stopping = asyncio.create_task(stop())
        await asyncio.sleep(0.2)
        assert not stopping.done()
    await stopping
    assert [row["state"] for row in await world.nudges()] == ["ended"]
