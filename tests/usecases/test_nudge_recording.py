"""What a turn changes about nudges: an answer closes what it was about, an old one nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.appointment import Appointment
from gateway.domain.conversation import Channel, Conversation, Outcome, State
from gateway.domain.nudge import FollowUp
from gateway.domain.nudge_changes import Answered, HourChosen, NudgeChange, RemindMe, TopicStopped
from gateway.domain.obstacle import Change, Share, SharedObstacle, Withdraw
from gateway.usecases.nudge_recording import (
    follow_obstacle,
    follow_talk,
    note_that_she_wrote,
    nothing_more,
    record_nudge_change,
)
from gateway.usecases.nudging import renew
from gateway.usecases.planning import close_follow_up, plan_follow_up
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, conversation
from tests.usecases.nudge_store import DAY, HOUR, RULES, NudgeStore

HER = conversation(beneficiary=AMINA, referent=CLAIRE)
KARIM = conversation(id=2, pseudonym="p2")
FEBRUARY, MAY = date(2027, 2, 1), date(2027, 5, 1)


def paris(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)


@pytest.fixture
def store() -> NudgeStore:
    return NudgeStore(conversations={1: HER, 2: KARIM})


async def records(
    store: NudgeStore, change: NudgeChange, who: Conversation = HER, now: datetime = NOW
) -> list[int]:
    return await record_nudge_change(store, who, change, now)  # type: ignore[arg-type]


async def plans(store: NudgeStore, now: datetime = NOW) -> None:
    """The jobs that were armed are done."""
    jobs, store.jobs = store.jobs, []
    for kind, subject, _ in jobs:
        assert kind == "follow"
        await plan_follow_up(store, RULES, subject, now)  # type: ignore[arg-type]


async def followed(
    store: NudgeStore,
    about: str,
    said: str,
    who: Conversation = HER,
    due_on: date | None = None,
    **values: Any,
) -> tuple[int, int]:
    """Something open, one nudge of which was said: the nudge's id and its own."""
    known = who.beneficiary.id if who.beneficiary else None
    one = await store.open_follow_up(about, FollowUp(0, about, who.id, known, NOW - 9 * DAY, values, due_on))
    await plan_follow_up(store, RULES, one, NOW - 9 * DAY)  # type: ignore[arg-type]
    return store.is_said(said).id, one


def only(store: NudgeStore) -> FollowUp:
    (one,) = store.followed.values()
    return one


# an answer


@pytest.mark.parametrize(
    ("does", "outcome", "acts"),
    [("done", "done", True), ("no", "declined", False), ("help", "helped", False)],
)
async def test_an_answer_closes_what_it_was_about(
    store: NudgeStore, does: str, outcome: str, acts: bool
) -> None:
    nudge_id, one = await followed(store, "contract", "contract")
    await records(store, Answered(nudge_id, "contract", one, does))
    assert (only(store).outcome, only(store).closed_at) == (outcome, NOW)
    assert store.due == {}
    assert bool(store.acted) == acts


@pytest.mark.parametrize("does", ["later", "resume", "keep", "anything else"])
async def test_another_answer_leaves_it_open(store: NudgeStore, does: str) -> None:
    nudge_id, one = await followed(store, "contract", "contract")
    assert await records(store, Answered(nudge_id, "contract", one, does)) == []
    assert only(store).closed_at is None


@pytest.mark.parametrize("about", ["appointment", "campaign"])
async def test_an_answer_about_something_else_closes_nothing_of_the_same_number(
    store: NudgeStore, about: str
) -> None:
    nudge_id, one = await followed(store, "contract", "contract")
    await records(store, Answered(nudge_id, about, one, "done"))
    assert only(store).closed_at is None


async def test_nobody_answers_for_somebody_else(store: NudgeStore) -> None:
    nudge_id, one = await followed(store, "contract", "contract")
    await records(store, Answered(nudge_id, "contract", one, "done"), KARIM)
    assert only(store).closed_at is None


async def test_an_answer_to_a_nudge_that_nobody_said_changes_nothing(store: NudgeStore) -> None:
    _, one = await followed(store, "contract", "contract")
    await records(store, Answered(999, "contract", one, "done"))
    assert only(store).closed_at is None


async def test_it_is_counted_once(store: NudgeStore) -> None:
    nudge_id, one = await followed(store, "contract", "contract")
    for _ in range(2):
        await records(store, Answered(nudge_id, "contract", one, "done"))
    assert store.acted == [("contract", one)]


@pytest.mark.parametrize(("about", "closed"), [("contract", False), ("obstacle", True)])
async def test_an_answer_to_what_was_opened_again_since_changes_nothing(
    store: NudgeStore, about: str, closed: bool
) -> None:
    """Somebody asked her again yesterday. What stands in her way only she tells: there her last word counts."""
    nudge_id, one = await followed(store, about, about, kind="mobility")
    again = replace(only(store), opened_at=NOW - DAY)
    assert await store.open_follow_up(about, again) == one
    await records(store, Answered(nudge_id, about, one, "done"))
    assert (only(store).closed_at is not None) == closed


# the declaration, each quarter


async def test_she_asks_to_be_reminded(store: NudgeStore) -> None:
    jobs = await records(store, RemindMe(FEBRUARY))
    assert store.jobs[jobs[0] - 1] == ("follow", only(store).id, NOW)
    await plans(store)
    assert store.due == {"declaration": paris("2027-02-05 10:00")}


async def test_a_second_choice_replaces_the_first(store: NudgeStore) -> None:
    await records(store, RemindMe(FEBRUARY))
    await plans(store)
    await records(store, RemindMe(date(2026, 12, 1)))
    await plans(store)
    assert store.due == {"declaration": paris("2026-12-05 10:00")}


async def test_a_page_is_reminded_of_nothing(store: NudgeStore) -> None:
    page = replace(HER, channel=Channel.WEB)
    assert await records(store, RemindMe(FEBRUARY), page) == []
    assert store.followed == {}


@pytest.mark.parametrize(("does", "acts"), [("done", True), ("help", False)])
async def test_what_is_done_begins_anew_the_next_quarter(store: NudgeStore, does: str, acts: bool) -> None:
    nudge_id, one = await followed(store, "declaration", "declaration", due_on=FEBRUARY)
    jobs = await records(store, Answered(nudge_id, "declaration", one, does, 3))
    assert (only(store).due_on, only(store).closed_at) == (MAY, None)
    assert bool(store.acted) == acts
    assert len(jobs) == 1
    await plans(store)
    assert store.due == {"declaration": paris("2027-05-05 10:00")}


async def test_who_declines_is_reminded_no_more(store: NudgeStore) -> None:
    nudge_id, one = await followed(store, "declaration", "declaration", due_on=FEBRUARY)
    assert await records(store, Answered(nudge_id, "declaration", one, "no", 3)) == []
    assert (only(store).outcome, only(store).due_on) == ("declined", FEBRUARY)


@pytest.mark.parametrize("does", ["done", "no", "help"])
async def test_an_answer_about_the_last_quarter_does_not_touch_this_one(store: NudgeStore, does: str) -> None:
    """She had not answered, the next quarter has begun; her "fait" is about the one before."""
    nudge_id, one = await followed(store, "declaration", "declaration", due_on=FEBRUARY)
    await renew(store, one, 3, NOW)  # type: ignore[arg-type]
    await plans(store)
    assert await records(store, Answered(nudge_id, "declaration", one, does, 3)) == []
    assert (only(store).due_on, only(store).closed_at) == (MAY, None)
    assert store.due == {"declaration": paris("2027-05-05 10:00")}


async def test_what_has_no_day_does_not_begin_anew(store: NudgeStore) -> None:
    _, one = await followed(store, "contract", "contract")
    assert await renew(store, one, 3, NOW) == []  # type: ignore[arg-type]
    assert only(store).due_on is None


# what she wants no more


async def test_a_topic_is_stopped_and_put_back(store: NudgeStore) -> None:
    await records(store, TopicStopped("reminder"))
    await records(store, TopicStopped("reminder", stopped=False))
    assert store.topics == [(1, "reminder", True), (1, "reminder", False)]
    assert store.nudges_ended == [1]  # what was said last made her stop: counted once


# her hour


async def test_what_is_planned_moves_to_her_hour(store: NudgeStore) -> None:
    start = NOW + 5 * DAY
    store.appointments_known[5] = Appointment(5, 1, 1, start, start + HOUR)
    store.appointments_known[6] = Appointment(6, 1, 2, start, start + HOUR)
    await followed(store, "contract", "contract")
    await followed(store, "obstacle", "obstacle", kind="mobility")
    await close_follow_up(store, store.followed["obstacle"], "done", NOW)  # type: ignore[arg-type]
    jobs = await records(store, HourChosen(18))
    assert store.hours == {1: 18}
    armed = [store.jobs[job - 1][:2] for job in jobs]
    assert armed == [("remind", 5), ("follow", 1)]  # neither another's nor what is over


# obstacles


def shared(kind: str) -> Share:
    return Share(SharedObstacle(kind, 2, {}, "2026-11-23", "sms", "2026-11", (), ()))


async def follows(store: NudgeStore, change: Change, now: datetime = NOW) -> None:
    await follow_obstacle(store, HER, change, now)  # type: ignore[arg-type]


async def test_what_she_shares_is_followed_until_she_takes_it_back(store: NudgeStore) -> None:
    for kind in ("mobility", "health"):
        await follows(store, shared(kind))
    await plans(store)
    assert [one.planned.kind for one, _ in store.planned.values()] == ["obstacle", "obstacle"]
    await follows(store, Withdraw("health"), NOW + DAY)
    await follows(store, Withdraw("housing"), NOW + DAY)  # never shared
    assert [one.outcome for one in store.followed.values()] == ["", "withdrawn"]
    assert [due.planned.matter_id for due, _ in store.planned.values()] == [1]
    assert store.acted == []


async def test_told_again_it_is_followed_once(store: NudgeStore) -> None:
    await follows(store, shared("mobility"))
    await follows(store, shared("mobility"), NOW + DAY)
    await plans(store, NOW + DAY)
    assert only(store).opened_at == NOW + DAY
    assert store.due == {"obstacle": paris("2026-12-01 10:00")}


# what she had begun


async def test_an_unfinished_talk_is_followed_until_it_is_over(store: NudgeStore) -> None:
    await follow_talk(store, HER, True, NOW)  # type: ignore[arg-type]
    await follow_talk(store, HER, True, NOW + HOUR)  # type: ignore[arg-type]
    await plans(store, NOW + HOUR)
    assert store.due == {"unfinished": NOW + DAY + HOUR}  # a day after the last of it
    await follow_talk(store, HER, False, NOW + 2 * HOUR)  # type: ignore[arg-type]
    assert (only(store).outcome, store.due) == ("done", {})


async def test_a_choice_that_her_invitation_asks_for_is_not_followed_twice(store: NudgeStore) -> None:
    await followed(store, "invitation", "invitation", why="referent")
    await follow_talk(store, HER, True, NOW)  # type: ignore[arg-type]
    assert only(store).about == "invitation"


async def test_it_is_not_me_ends_all_that_was_followed_there(store: NudgeStore) -> None:
    await followed(store, "contract", "contract")
    await followed(store, "declaration", "declaration", due_on=FEBRUARY)
    store.followed["hers"] = FollowUp(9, "contract", 2, None, NOW)
    await nothing_more(store, HER, NOW)  # type: ignore[arg-type]
    assert [one.outcome for one in store.followed.values()] == ["unbound", "unbound", ""]
    assert store.due == {}
    assert store.acted == []
    assert store.ended_plans == [(1, "not_hers")]


# her first message after a nudge


async def test_the_first_message_after_a_nudge_is_its_answer(store: NudgeStore) -> None:
    outcome = Outcome(state=State(nudged=(101, "contract", False)))
    noted = await note_that_she_wrote(store, outcome, NOW)  # type: ignore[arg-type]
    assert noted.state.nudged == (101, "contract", True)
    assert await note_that_she_wrote(store, noted, NOW + timedelta(minutes=1)) == noted  # type: ignore[arg-type]
    assert store.nudges_answered == [101]


async def test_who_was_not_nudged_answers_nothing(store: NudgeStore) -> None:
    outcome = Outcome(state=State())
    assert await note_that_she_wrote(store, outcome, NOW) == outcome  # type: ignore[arg-type]
    assert store.nudges_answered == []
