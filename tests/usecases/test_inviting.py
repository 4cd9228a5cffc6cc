"""What a referent asks to remind her of: once, when it can reach her, and never to choose among nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.adapters.territory_files import read_territory
from gateway.domain.appointment import Appointment, TimeSlot
from gateway.domain.conversation import Channel, Conversation
from gateway.domain.nudge import About, FollowUp
from gateway.ports import Free
from gateway.settings import ROOT
from gateway.usecases.inviting import ask_to_sign, invite, no_more, open_ones, somebody_is_free
from tests.usecases.fakes import AMINA, CLAIRE, NOW, FakeStore, conversation

HERS = conversation(beneficiary=AMINA, referent=CLAIRE)
SOON = TimeSlot(NOW + timedelta(days=1), NOW + timedelta(days=1, minutes=30), CLAIRE.id)
MEETING = Appointment(5, CLAIRE.id, HERS.id, SOON.starts_at, SOON.ends_at)


@dataclass
class Store(FakeStore):
    coming: list[Appointment] = field(default_factory=list)
    topics: dict[str, datetime] = field(default_factory=dict)
    locked: list[int] = field(default_factory=list)

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        return self.coming

    async def stopped_topics(self, conversation_id: int) -> Mapping[str, datetime]:
        return self.topics

    async def alone_with(self, conversation_id: int) -> None:
        self.locked.append(conversation_id)


@pytest.fixture
def store() -> Store:
    return Store()


async def asks(store: Any, about: About, who: Conversation = HERS, now: datetime = NOW) -> str:
    """Why not; "" when it was asked."""
    if about is About.INVITATION:
        return (await invite(store, who, CLAIRE.id, True, now)).wrong
    return (await ask_to_sign(store, who, now)).wrong


async def test_it_invites_her_and_says_who_did(store: Store) -> None:
    asked = await invite(store, HERS, CLAIRE.id, True, NOW)  # type: ignore[arg-type]
    assert asked.wrong == ""
    assert asked.jobs == [1]
    assert store.jobs == [("follow", 1, NOW)]
    ((key, opened),) = store.followed.items()
    assert key == f"invitation:{HERS.id}"
    assert (opened.about, opened.beneficiary_id, opened.opened_at) == ("invitation", AMINA.id, NOW)
    assert opened.values == {"why": "referent", "referent": CLAIRE.id}
    assert store.locked == [HERS.id], "a double click is two requests"


async def test_it_never_invites_to_choose_among_nothing(store: Store) -> None:
    asked = await invite(store, HERS, CLAIRE.id, False, NOW)  # type: ignore[arg-type]
    assert (asked.wrong, list(asked.jobs)) == ("nothing_free", [])
    assert store.followed == {}
    assert store.jobs == []


async def test_it_reminds_of_a_contract_though_nobody_is_free(store: Store) -> None:
    assert await asks(store, About.CONTRACT) == ""
    assert list(store.followed) == [f"contract:{HERS.id}"]


UNREACHABLE = {
    "stopped": replace(HERS, opted_out=True),
    "dead": replace(HERS, number_failed=True),
    "web": conversation(channel=Channel.WEB, address="a-session"),
    "unbound": replace(HERS, beneficiary=None, referent=None),
}


@pytest.mark.parametrize("about", [About.INVITATION, About.CONTRACT])
@pytest.mark.parametrize(("wrong", "who"), UNREACHABLE.items(), ids=list(UNREACHABLE))
async def test_it_asks_nothing_of_whom_no_message_reaches(
    store: Store, about: About, wrong: str, who: Conversation
) -> None:
    assert await asks(store, about, who) == wrong
    assert store.followed == {}


@pytest.mark.parametrize("about", [About.INVITATION, About.CONTRACT])
@pytest.mark.parametrize(
    ("topic", "wrong"), [("follow_up", "topic_off"), ("reminder", ""), ("news", "")], ids=lambda v: v or "-"
)
async def test_it_asks_nothing_of_who_stopped_these_messages(
    store: Store, about: About, topic: str, wrong: str
) -> None:
    store.topics = {topic: NOW}
    assert await asks(store, about) == wrong


async def test_it_invites_nobody_who_has_an_appointment_to_come(store: Store) -> None:
    store.coming = [MEETING]
    assert await asks(store, About.INVITATION) == "booked"
    assert await asks(store, About.CONTRACT) == "", "a contract is signed with or without one"


@pytest.mark.parametrize("about", [About.INVITATION, About.CONTRACT])
async def test_it_asks_once_until_it_is_over(store: Store, about: About) -> None:
    assert await asks(store, about) == ""
    assert await asks(store, about, now=NOW + timedelta(days=1)) == "open"
    assert [one.opened_at for one in store.followed.values()] == [NOW]
    assert await no_more(store, HERS, about, "stopped", NOW)  # type: ignore[arg-type]
    assert await asks(store, about, now=NOW + timedelta(days=2)) == ""
    assert [one.opened_at for one in store.followed.values()] == [NOW + timedelta(days=2)]


async def test_it_does_not_invite_again_who_is_invited_after_an_absence(store: Store) -> None:
    after = FollowUp(1, About.INVITATION, HERS.id, AMINA.id, NOW, {"why": "noshow"})
    store.followed["noshow:5"] = after
    assert await asks(store, About.INVITATION) == "open"


async def test_it_does_not_take_what_was_somebody_elses_for_hers(store: Store) -> None:
    """Her number was somebody's who had been invited."""
    store.followed["noshow:5"] = FollowUp(1, About.INVITATION, HERS.id, 99, NOW, {"why": "noshow"})
    assert await open_ones(store, HERS, About.INVITATION) == []  # type: ignore[arg-type]
    assert await asks(store, About.INVITATION) == ""
    assert len(await open_ones(store, HERS, About.INVITATION)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(("outcome", "acts"), [("done", True), ("stopped", False)])
async def test_it_counts_what_is_done_and_not_what_is_dropped(store: Store, outcome: str, acts: bool) -> None:
    await asks(store, About.CONTRACT)
    assert await no_more(store, HERS, About.CONTRACT, outcome, NOW)  # type: ignore[arg-type]
    assert [one.outcome for one in store.followed.values()] == [outcome]
    assert store.forgotten_plans == [("contract", 1)]
    assert store.acted == ([("contract", 1)] if acts else [])
    assert not await no_more(store, HERS, About.CONTRACT, outcome, NOW), "already"  # type: ignore[arg-type]


async def test_it_ends_every_invitation_and_nothing_else(store: Store) -> None:
    await asks(store, About.INVITATION)
    await asks(store, About.CONTRACT)
    after = FollowUp(3, About.INVITATION, HERS.id, AMINA.id, NOW, {"why": "noshow"})
    store.followed["noshow:5"] = after
    assert await no_more(store, HERS, About.INVITATION, "stopped", NOW)  # type: ignore[arg-type]
    assert [one.about for one in await store.open_follow_ups(HERS.id)] == ["contract"]


# whose free time


@dataclass
class Diary:
    """Free time by referent; `serves`: who receives the people of a commune."""

    free_for: dict[int, list[TimeSlot]]
    serves: dict[str, list[int]] = field(default_factory=dict)

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        return Free([slot for one in referents for slot in self.free_for.get(one, [])])

    async def referents_of(self, commune: str) -> Sequence[int]:
        return self.serves.get(commune, [])


FREE = {
    "her referent": (HERS, Diary({CLAIRE.id: [SOON]}), True),
    "another": (HERS, Diary({2: [SOON]}, {"Niort": [2]}), False),
    "nobody": (HERS, Diary({}), False),
    "who serves her commune": (replace(HERS, referent=None), Diary({2: [SOON]}, {"Niort": [2]}), True),
    "elsewhere": (replace(HERS, referent=None), Diary({2: [SOON]}, {"Parthenay": [2]}), False),
    "where is not known": (conversation(), Diary({CLAIRE.id: [SOON]}), False),
}


@pytest.mark.parametrize(("who", "diary", "free"), FREE.values(), ids=list(FREE))
async def test_it_looks_for_the_time_that_she_would_be_offered(
    who: Conversation, diary: Any, free: bool
) -> None:
    assert await somebody_is_free(diary, read_territory(ROOT, "79"), who, NOW) is free
