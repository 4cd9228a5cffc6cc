"""Whom a referent may see: one rule, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Absence, Status, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.domain.workspace import PersonRow
from tests.usecases.fakes import NOW

HOUR = timedelta(hours=1)


@dataclass
class World:
    """Claire and Paul in one structure, which Lea leads; Nour elsewhere. Each follows one person."""

    store: DatabaseStore
    ids: dict[str, int] = field(default_factory=dict)  # referents and people, by first name
    beneficiaries: dict[str, int] = field(default_factory=dict)

    async def referent(self, name: str, structure: str, leads: bool = False) -> None:
        async with self.store.transaction() as tx:
            saved = await tx.save_referent(Referent(f"{name}@example.org", name.title(), structure=structure))
            await tx.db.execute(update(t.referent).where(t.referent.c.id == saved).values(leads=leads))
        self.ids[name] = saved

    async def person(self, name: str, referent: str = "", channel: Channel = Channel.SMS) -> None:
        number = f"+3363998{1000 + len(self.ids)}"
        async with self.store.transaction() as tx:
            email = f"{referent}@example.org" if referent else ""
            self.beneficiaries[name] = await tx.save_beneficiary(Beneficiary(number, name.title()), email)
            self.ids[name] = await tx.conversation_at(channel, number, NOW)

    async def number(self, name: str) -> None:
        async with self.store.transaction() as tx:
            self.ids[name] = await tx.conversation_at(Channel.SMS, f"+3363998{1000 + len(self.ids)}", NOW)

    async def meets(self, name: str, referent: str, hours: float = 24) -> int:
        start = NOW + hours * HOUR
        slot = TimeSlot(start, start + HOUR / 2, self.ids[referent])
        async with self.store.transaction() as tx:
            booked = await tx.book(self.ids[name], self.beneficiaries.get(name), slot, NOW)
        assert booked
        return booked.id

    async def away(self, referent: str, substitute: str, since: float, until: float) -> None:
        who, instead = self.ids[referent], self.ids[substitute]
        async with self.store.transaction() as tx:
            await tx.save_absence(Absence(who, NOW + since * HOUR, NOW + until * HOUR, instead))

    async def unbind(self, name: str) -> None:
        async with self.store.transaction() as tx:
            await tx.unbind(self.ids[name])

    async def seen_by(self, referent: str) -> set[str]:
        """Names of the people whom she may see, by the list and by the question alike."""
        names = {number: name for name, number in self.ids.items() if name in PEOPLE}
        async with self.store.transaction() as tx:
            rows = await tx.visible_people(self.ids[referent], NOW)
            listed = {names[row.conversation_id] for row in rows}
            asked = {n for i, n in names.items() if await tx.may_see(self.ids[referent], i, NOW)}
            opened = {
                names[r.conversation_id]
                for r in rows
                if await tx.person(self.ids[referent], r.pseudonym, NOW)
            }
        assert listed == asked == opened
        assert len(rows) == len(listed), "each once"
        return listed


PEOPLE = {"amina", "karim", "sara", "nobodys", "stranger"}


@pytest.fixture
async def world(store: DatabaseStore) -> AsyncIterator[World]:
    world = World(store)
    await world.referent("claire", "CMS Niort")
    await world.referent("paul", "CMS Niort")
    await world.referent("lea", "CMS Niort", leads=True)
    await world.referent("nour", "CMS Bressuire")
    # Numbers of conversations that are no number of a referent: a rule that mixes them up is seen.
    for _ in range(9):
        async with store.transaction() as tx:
            await tx.conversation_at(Channel.SMS, f"+3363998{9000 + _}", NOW)
    await world.person("amina", "claire")
    await world.person("karim", "paul")
    await world.person("sara", "nour")
    await world.person("nobodys")
    await world.number("stranger")
    yield world


async def test_it_shows_a_referent_her_own_people(world: World) -> None:
    assert await world.seen_by("claire") == {"amina"}
    assert await world.seen_by("nour") == {"sara"}


async def test_it_shows_nobody_to_who_does_not_exist(world: World) -> None:
    world.ids["ghost"] = 987
    assert await world.seen_by("ghost") == set()


async def test_it_shows_a_lead_the_people_of_her_structure(world: World) -> None:
    assert await world.seen_by("lea") == {"amina", "karim"}


async def test_it_shows_nothing_more_to_a_lead_without_a_structure(world: World) -> None:
    await world.referent("lea", "", leads=True)
    await world.referent("claire", "")
    assert await world.seen_by("lea") == set()


@pytest.mark.parametrize(
    ("since", "until", "seen"),
    [(-1, 1, True), (0, 1, True), (-1, 0, False), (-3, -2, False), (2, 3, False)],
    ids=["within", "begins now", "ends now", "over", "to come"],
)
async def test_it_shows_a_substitute_the_people_of_who_is_away(
    world: World, since: float, until: float, seen: bool
) -> None:
    await world.away("claire", "nour", since, until)
    assert await world.seen_by("nour") == ({"sara", "amina"} if seen else {"sara"})
    assert await world.seen_by("claire") == {"amina"}, "who is away still sees her people"
    assert await world.seen_by("paul") == {"karim"}


async def test_it_does_not_pass_on_what_a_substitute_sees(world: World) -> None:
    await world.away("claire", "nour", -1, 1)
    await world.away("nour", "paul", -1, 1)
    assert await world.seen_by("paul") == {"karim", "sara"}
    await world.away("lea", "paul", -1, 1)
    assert await world.seen_by("paul") == {"karim", "sara"}, "a lead's view is her own"


@pytest.mark.parametrize("name", ["nobodys", "stranger"])
async def test_it_shows_whom_nobody_follows_to_the_referent_who_meets_them(world: World, name: str) -> None:
    await world.meets(name, "claire")
    assert await world.seen_by("claire") == {"amina", name}
    assert await world.seen_by("paul") == {"karim"}
    assert await world.seen_by("lea") == {"amina", "karim", name}, "her team meets them"


DAY = 24
MET = {
    "to come": (1, None, True),
    "now": (-0.25, None, True),
    "seen lately": (-29 * DAY, Status.SEEN, True),
    "not noted yet": (-29 * DAY, None, True),
    "not come lately": (-29 * DAY, Status.NOSHOW, True),
    "seen long ago": (-31 * DAY, Status.SEEN, False),
    "never noted": (-31 * DAY, None, False),
    "she cancelled": (1, Status.EXCUSED, False),
    "we cancelled": (1, Status.REVOKED, False),
    "she was excused": (-1 * DAY, Status.EXCUSED, False),
}


@pytest.mark.parametrize(("hours", "status", "seen"), MET.values(), ids=list(MET))
async def test_it_shows_whom_nobody_follows_no_longer_than_it_must(
    world: World, hours: float, status: Status | None, seen: bool
) -> None:
    booked = await world.meets("nobodys", "claire", hours=hours)
    if status:
        async with world.store.transaction() as tx:
            assert await tx.set_status(booked, 0, status, NOW)
    assert await world.seen_by("claire") == ({"amina", "nobodys"} if seen else {"amina"})


async def test_it_knows_for_whom_she_stands(world: World) -> None:
    await world.away("claire", "nour", -1, 1)
    await world.away("paul", "nour", 2, 3)
    ids = world.ids
    async with world.store.transaction() as tx:
        known = {
            (who, other): await tx.stands_for(ids[who], ids[other], NOW)
            for who, other in [
                ("nour", "nour"), ("nour", "claire"), ("nour", "paul"), ("lea", "paul"), ("lea", "nour"),
                ("claire", "nour"),
            ]
        }  # fmt: skip
        away = await tx.replaced_by(ids["nour"], NOW)
        assert await tx.replaced_by(ids["nour"], NOW + 3 * HOUR) == []
    assert [pair for pair, yes in known.items() if yes] == [
        ("nour", "nour"), ("nour", "claire"), ("lea", "paul"),
    ]  # fmt: skip
    assert [one.referent_id for one in away] == [ids["claire"], ids["paul"]]


async def test_it_names_those_whose_number_is_somebody_elses(world: World) -> None:
    await world.unbind("amina")
    await world.unbind("sara")
    async with world.store.transaction() as tx:
        found = {who: list(await tx.without_number(world.ids[who], NOW)) for who in ("claire", "paul", "lea")}
    assert found == {"claire": ["Amina"], "paul": [], "lea": ["Amina"]}


async def test_it_does_not_show_a_colleagues_person_for_one_appointment(world: World) -> None:
    await world.meets("amina", "nour")
    assert await world.seen_by("nour") == {"sara"}


async def test_it_shows_no_stranger_who_has_the_number_of_a_former_person(world: World) -> None:
    await world.meets("amina", "claire")
    await world.unbind("amina")
    assert await world.seen_by("claire") == set()
    await world.meets("nobodys", "claire", hours=30)
    assert await world.seen_by("claire") == {"nobodys"}
    await world.unbind("nobodys")
    assert await world.seen_by("claire") == set()


async def test_it_shows_no_page_of_the_web_that_has_her_number_as_its_name(world: World) -> None:
    async with world.store.transaction() as tx:
        row = (await tx.visible_people(world.ids["claire"], NOW))[0]
        web = await tx.conversation_at(Channel.WEB, row.phone, NOW)
        assert not await tx.may_see(world.ids["claire"], web, NOW)


# a line of the list


async def line(world: World, who: str = "claire") -> PersonRow:
    async with world.store.transaction() as tx:
        (row,) = await tx.visible_people(world.ids[who], NOW)
    return row


async def test_it_tells_the_next_appointment_that_still_holds(world: World) -> None:
    for hours in (-24, 48, 24):
        await world.meets("amina", "claire", hours=hours)
    off = await world.meets("amina", "claire", hours=5)
    async with world.store.transaction() as tx:
        await tx.set_status(off, 0, Status.EXCUSED, NOW)
    assert (await line(world)).next_appointment == NOW + 24 * HOUR


@pytest.mark.parametrize(
    ("reasons", "asked"),
    [
        ((), ""),
        (("asked",), "asked"),
        (("asked", "danger"), "danger"),
        (("danger", "asked"), "danger"),
        (("late",), ""),
    ],
)
async def test_it_tells_why_she_waits_for_a_call(world: World, reasons: tuple[str, ...], asked: str) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        for n, reason in enumerate(reasons):
            message = await tx.add_inbound(amina, f"SM{n}", "0", 0, "", NOW)
            assert message
            await tx.add_callback(CallbackRequest(amina, message, reason, NOW + n * HOUR))
    row = await line(world)
    assert row.asked == asked
    assert row.urgent == (asked == "danger")


async def test_it_tells_stop_until_she_comes_back(world: World) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        await tx.opt_out(amina, "message", NOW)
    assert (await line(world)).stopped
    async with world.store.transaction() as tx:
        await tx.opt_in(amina, "message", NOW + HOUR)
        (stop,) = await tx.opt_outs(amina)
    assert (stop.at, stop.source, stop.ended_at) == (NOW, "message", NOW + HOUR)
    assert not (await line(world)).stopped


@pytest.mark.parametrize(
    ("statuses", "failed"),
    [((), False), (("failed",), True), (("failed", "delivered"), False), (("delivered", "undelivered"), True),
     (("failed", "queued"), True), (("failed", "cancelled"), True)],
)  # fmt: skip
async def test_it_tells_whether_the_last_message_arrived(
    world: World, statuses: tuple[str, ...], failed: bool
) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        who = await tx.conversation(amina, NOW)
        for status in statuses:
            sent = await tx.add_outbound(who, None, "Bonjour", (), NOW)
            await tx.db.execute(update(t.message).where(t.message.c.id == sent).values(status=status))
    assert (await line(world)).last_failed is failed


# messages


async def test_it_reads_the_last_messages_oldest_first_and_the_ones_before(world: World) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        for n in range(5):
            await tx.add_inbound(amina, f"SM{n}", f"message {n}", 0, "", NOW)
        last = await tx.said(amina, limit=2)
        assert [one.text for one in last] == ["message 3", "message 4"]
        before = await tx.said(amina, last[0].id, limit=2)
    assert [one.text for one in before] == ["message 1", "message 2"]


async def test_it_gives_no_word_of_a_personal_message_hers_or_ours(world: World) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        hers = await tx.add_inbound(amina, "SM1", "ma santé", 0, "", NOW)
        assert hers
        await tx.close_inbound(hers, NOW, erase=True)
        who = await tx.conversation(amina, NOW)
        await tx.add_outbound(who, hers, "un médecin près de chez vous", (), NOW, personal=True)
        await tx.add_outbound(who, None, "Bonjour", (), NOW)
        said = await tx.said(amina)
    assert [(one.personal, one.text) for one in said] == [(True, ""), (True, ""), (False, "Bonjour")]


async def test_what_she_tells_the_robot_of_her_difficulties_stays_between_them(world: World) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        who = await tx.conversation(amina, NOW)
        for number, (hers, ours) in enumerate(
            [
                ("g pa de voiture", ("utter_obstacle/mobility", "utter_ask/mobility.means")),
                ("2", ("utter_not_shared", "utter_help_list")),
                ("c combien le rsa", ("utter_faq/rsa_amount",)),
            ]
        ):
            asked = await tx.add_inbound(amina, f"SM{number}", hers, 0, "", NOW)
            await tx.add_outbound(who, asked, f"réponse {number}", ours, NOW)
        said = await tx.said(amina)
    assert [(one.told_the_robot, one.text) for one in said[:4]] == [(True, "")] * 4
    assert [one.text for one in said[4:]] == ["c combien le rsa", "réponse 2"]


async def test_it_names_the_referent_who_wrote(world: World) -> None:
    amina = world.ids["amina"]
    async with world.store.transaction() as tx:
        who = await tx.conversation(amina, NOW)
        await tx.add_outbound(who, None, "À demain", (), NOW, written_by=world.ids["paul"])
        await tx.add_outbound(who, None, "Bonjour", (), NOW)
        assert [one.by for one in await tx.said(amina)] == ["Paul", ""]


# who looked at whom


async def test_it_tells_her_what_she_did_and_who_saw_her_people(world: World) -> None:
    ids = world.ids
    async with world.store.transaction() as tx:
        for who, whom in (("claire", "amina"), ("lea", "amina"), ("paul", "karim"), ("claire", "sara")):
            await tx.note_access(ids[who], ids[whom], "read", NOW)
        hers = await tx.accesses(ids["claire"], NOW)
        lead = await tx.accesses(ids["lea"], NOW)
    assert [(one.by, one.first_name, one.mine, one.visible) for one in hers] == [
        ("Claire", "", True, False),  # somebody whom she no longer follows: her visit, not a name
        ("Lea", "Amina", False, True),
        ("Claire", "Amina", True, True),
    ]
    assert hers[0].pseudonym == ""
    assert [(one.by, one.first_name) for one in lead] == [
        ("Paul", "Karim"), ("Lea", "Amina"), ("Claire", "Amina")
    ]  # fmt: skip
    async with world.store.transaction() as tx:
        pseudonym = hers[1].pseudonym
        assert len(await tx.accesses(ids["claire"], NOW, pseudonym)) == 2
        assert len(await tx.accesses(ids["claire"], NOW, limit=1)) == 1


def test_it_puts_those_who_need_her_first() -> None:
    calm = PersonRow(1, "a", "Zoé")
    rows = [
        replace(calm, asked="danger"), replace(calm, asked="asked"), replace(calm, number_failed=True),
        replace(calm, taken_by=3), replace(calm, next_appointment=NOW),
        replace(calm, next_appointment=NOW + HOUR), replace(calm, first_name="Amina"), calm,
    ]  # fmt: skip
    shuffled = rows[::-1]
    assert sorted(shuffled, key=lambda one: one.weight) == rows


# a double click


async def test_it_knows_the_words_that_were_just_written(world: World) -> None:
    amina, claire, paul = (world.ids[name] for name in ("amina", "claire", "paul"))

    async def just(text: str, by: int, since: float) -> bool:
        async with world.store.transaction() as tx:
            return await tx.has_just_written(amina, by, text, NOW - since * HOUR)

    async with world.store.transaction() as tx:
        who = await tx.conversation(amina, NOW)
        await tx.add_outbound(who, None, "Oui", (), NOW, written_by=claire)
        await tx.add_outbound(who, None, "Non", (), NOW, written_by=paul)
    assert await just("Oui", claire, 1)
    assert not await just("Oui", claire, 0)
    assert not await just("Oui", paul, 1)
    async with world.store.transaction() as tx:
        await tx.add_notice("written:1", amina, "written", {"text": "Nuit", "referent_id": paul}, NOW)
    assert await just("Nuit", paul, 1)
    assert not await just("Nuit", claire, 1)
    assert not await just("Nuit", paul, 0)


async def test_it_lets_two_who_write_at_once_wait_for_each_other(world: World) -> None:
    amina, claire = world.ids["amina"], world.ids["claire"]

    async def writes() -> bool:
        async with world.store.transaction() as tx:
            if await tx.has_just_written(amina, claire, "Oui", NOW - HOUR):
                return False
            await asyncio.sleep(0.05)
            await tx.add_outbound(await tx.conversation(amina, NOW), None, "Oui", (), NOW, written_by=claire)
            return True

    assert sorted(await asyncio.gather(writes(), writes())) == [False, True]
