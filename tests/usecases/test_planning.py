"""Nudges follow what happens: planned when something changes, gone when it is over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.appointment import Appointment, Status
from gateway.domain.conversation import Channel
from gateway.domain.nudge import About
from gateway.domain.obstacle import Obstacles
from gateway.usecases.matters import NudgeRules, matters
from gateway.usecases.planning import (
    appointment_changed,
    close_follow_ups,
    open_follow_up,
    plan_appointment,
    plan_follow_up,
)
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, conversation, newcomer
from tests.usecases.nudge_store import CAR, DAY, HOUR, OBSTACLE, RULES, NudgeStore

HER = conversation(beneficiary=AMINA, referent=CLAIRE)
BOOKED_AT = NOW - 30 * DAY


def paris(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)


THURSDAY = paris("2026-11-26 14:30")  # NOW is Monday the 23rd, 10 h in Paris
THEIRS = Appointment(
    5, 1, 1, THURSDAY, THURSDAY + timedelta(minutes=30), beneficiary_id=1, created_at=BOOKED_AT,
    changed_at=BOOKED_AT,
)  # fmt: skip


@pytest.fixture
def store() -> NudgeStore:
    return NudgeStore(conversations={1: HER}, appointments_known={5: THEIRS})


async def changed(store: NudgeStore, now: datetime = NOW, **changes: Any) -> list[int]:
    """The appointment becomes so, and the job it causes is done."""
    theirs = replace(store.appointments_known[5], **changes)
    store.appointments_known[5] = theirs
    await appointment_changed(store, theirs, now)  # type: ignore[arg-type]
    return await plan_appointment(store, RULES, 5, now)  # type: ignore[arg-type]


async def opened(
    store: NudgeStore, about: str, now: datetime = NOW, due_on: date | None = None, **values: Any
) -> None:
    """`key`, `who`: another one."""
    key, who = values.pop("key", about), values.pop("who", HER)
    await open_follow_up(store, key, about, who, values, now, due_on)  # type: ignore[arg-type]
    await plan_follow_up(store, RULES, store.followed[key].id, now)  # type: ignore[arg-type]


# an appointment


async def test_a_change_arms_the_job_in_its_transaction(store: NudgeStore) -> None:
    jobs = await appointment_changed(store, THEIRS, NOW)  # type: ignore[arg-type]
    assert jobs == [1]
    assert store.jobs == [("remind", 5, NOW)]


async def test_its_reminders_are_planned(store: NudgeStore) -> None:
    await changed(store)
    assert store.due == {
        "two_days": paris("2026-11-24 10:00"),
        "morning": paris("2026-11-26 08:00"),
        "afterwards": paris("2026-11-26 17:00"),
    }
    ((one, capped),) = [found for found in store.planned.values() if found[0].planned.kind == "morning"]
    assert (one.planned.conversation_id, one.planned.beneficiary_id, capped) == (1, 1, False)


async def test_they_are_planned_once_however_often_the_job_is_done(store: NudgeStore) -> None:
    await changed(store)
    before = dict(store.due)
    await changed(store)
    assert store.due == before


async def test_they_move_with_it(store: NudgeStore) -> None:
    await changed(store)
    start = paris("2026-12-03 09:00")
    await changed(store, starts_at=start, ends_at=start + HOUR, changed_at=NOW)
    assert store.due == {
        "two_days": paris("2026-12-01 10:00"),
        "morning": paris("2026-12-03 08:00"),
        "afterwards": paris("2026-12-03 12:00"),
    }


async def test_another_time_is_reminded_of_although_the_first_was(store: NudgeStore) -> None:
    await changed(store)
    store.is_said("two_days")
    start = paris("2026-11-27 09:00")
    await changed(store, starts_at=start, ends_at=start + HOUR, changed_at=NOW)
    assert store.due["two_days"] == paris("2026-11-25 10:00")
    store.is_said("two_days")
    await changed(store)  # a change of its place, say
    assert "two_days" not in store.due


@pytest.mark.parametrize("status", [Status.EXCUSED, Status.REVOKED])
async def test_they_are_gone_when_it_is_cancelled(store: NudgeStore, status: Status) -> None:
    await changed(store)
    await changed(store, status=status, changed_at=NOW)
    assert store.due == {}


async def test_nothing_is_planned_of_an_appointment_that_is_no_more(store: NudgeStore) -> None:
    assert await plan_appointment(store, RULES, 404, NOW) == []  # type: ignore[arg-type]
    assert store.planned == {}


async def test_nothing_is_planned_for_a_page(store: NudgeStore) -> None:
    store.conversations[1] = replace(HER, channel=Channel.WEB)
    await changed(store)
    assert store.planned == {}


async def test_nothing_is_planned_where_nobody_wants_it(store: NudgeStore) -> None:
    await plan_appointment(store, NudgeRules.none(), 5, NOW)  # type: ignore[arg-type]
    assert store.planned == {}


async def test_it_is_planned_where_she_lives(store: NudgeStore) -> None:
    store.conversations[1] = replace(HER, beneficiary=replace(AMINA, postal_code="97400"))
    await changed(store)
    assert store.due["two_days"] == paris("2026-11-24 07:00")  # 10 h there


async def test_how_it_went_is_still_asked_when_its_outcome_is_known_late(store: NudgeStore) -> None:
    """The question waited while she was talking; meanwhile her referent clicked."""
    await changed(store)
    later = THURSDAY + 4 * HOUR
    await changed(store, later, status=Status.SEEN, changed_at=later)
    assert store.due == {"afterwards": THEIRS.ends_at + 2 * HOUR}
    assert store.acted == [("appointment", 5)]


async def test_who_came_is_asked_once(store: NudgeStore) -> None:
    await changed(store)
    store.is_said("afterwards")
    later = THURSDAY + 4 * HOUR
    await changed(store, later, status=Status.SEEN, changed_at=later)
    assert store.due == {}


# a no-show

AFTER = THURSDAY + 2 * HOUR


async def test_who_did_not_come_is_offered_other_times(store: NudgeStore) -> None:
    await changed(store)
    jobs = await changed(store, AFTER, status=Status.NOSHOW, changed_at=AFTER)
    assert store.due == {}  # neither reminders nor "how did it go"
    (one,) = store.followed.values()
    assert (one.about, one.conversation_id, one.values) == (
        "invitation",
        1,
        {"why": "noshow", "appointment": 5},
    )
    assert store.jobs[jobs[0] - 1] == ("follow", one.id, AFTER)
    await plan_follow_up(store, RULES, one.id, AFTER)  # type: ignore[arg-type]
    assert store.due == {"noshow": paris("2026-11-27 10:00")}


@pytest.mark.parametrize(
    "who_or_what",
    [
        pytest.param({"source": "rdv_service_public"}, id="another tool's"),
        pytest.param({"beneficiary_id": 99}, id="no longer her number"),
    ],
)
async def test_nothing_is_offered_after_a_no_show_that_is_not_ours_or_hers(
    store: NudgeStore, who_or_what: dict[str, Any]
) -> None:
    assert await changed(store, AFTER, status=Status.NOSHOW, **who_or_what) == []
    assert store.followed == {}


async def test_nothing_is_offered_to_who_has_another_appointment(store: NudgeStore) -> None:
    start = AFTER + 5 * DAY
    store.appointments_known[6] = replace(THEIRS, id=6, starts_at=start, ends_at=start + HOUR)
    await changed(store, AFTER, status=Status.NOSHOW)
    assert store.followed == {}


@pytest.mark.parametrize("status", [Status.SEEN, Status.BOOKED, Status.EXCUSED])
async def test_a_wrong_click_is_taken_back(store: NudgeStore, status: Status) -> None:
    await changed(store, AFTER, status=Status.NOSHOW, changed_at=AFTER)
    (one,) = store.followed.values()
    await plan_follow_up(store, RULES, one.id, AFTER)  # type: ignore[arg-type]
    await changed(store, AFTER + HOUR, status=status, changed_at=AFTER + HOUR)
    (one,) = store.followed.values()
    assert one.closed_at is not None
    assert "noshow" not in store.due
    assert ("invitation", one.id) not in store.acted or status is Status.BOOKED


# what stays open


async def test_what_is_opened_is_followed(store: NudgeStore) -> None:
    await opened(store, "invitation", why="referent")
    assert store.due == {"invitation": NOW, "again": paris("2026-11-26 10:00")}


async def test_opened_again_it_begins_anew(store: NudgeStore) -> None:
    await opened(store, "invitation", why="referent")
    store.is_said("invitation")
    later = NOW + 2 * DAY
    await opened(store, "invitation", later, why="referent")
    assert store.due == {"invitation": later, "again": paris("2026-11-28 10:00")}
    assert len(store.followed) == 1


async def test_a_page_is_not_followed(store: NudgeStore) -> None:
    page = newcomer(channel=Channel.WEB)
    assert await open_follow_up(store, "x", "talk", page, {}, NOW) == []  # type: ignore[arg-type]
    assert (store.followed, store.jobs) == ({}, [])


@pytest.mark.parametrize(("outcome", "acts"), [("done", True), ("declined", False), ("withdrawn", False)])
async def test_what_is_over_is_not_nudged(store: NudgeStore, outcome: str, acts: bool) -> None:
    await opened(store, "obstacle", kind="mobility")
    await opened(store, "contract")
    assert set(store.due) == {"obstacle", "contract"}
    await close_follow_ups(store, 1, "obstacle", outcome, NOW)  # type: ignore[arg-type]
    assert set(store.due) == {"contract"}
    assert (store.acted == [("obstacle", 1)]) == acts
    await close_follow_ups(store, 1, "obstacle", "done", NOW)  # type: ignore[arg-type]
    assert len(store.acted) == acts  # it was over: nothing more is counted
    await plan_follow_up(store, RULES, 1, NOW)  # type: ignore[arg-type]
    assert set(store.due) == {"contract"}


async def test_an_appointment_answers_the_invitation_and_the_choice_half_made(store: NudgeStore) -> None:
    await opened(store, "invitation", why="referent")
    await opened(store, "talk")
    await opened(store, "contract")
    await appointment_changed(store, THEIRS, NOW)  # type: ignore[arg-type]
    assert set(store.due) == {"contract"}
    assert [one.outcome for one in store.followed.values()] == ["done", "done", ""]


async def test_a_cancellation_answers_nothing(store: NudgeStore) -> None:
    await opened(store, "invitation", why="referent")
    await appointment_changed(store, replace(THEIRS, status=Status.EXCUSED), NOW)  # type: ignore[arg-type]
    assert set(store.due) == {"invitation", "again"}


# the quarterly declaration


async def test_the_declaration_is_due_on_the_fifth_where_she_lives(store: NudgeStore) -> None:
    await opened(store, "declaration", due_on=date(2027, 2, 1))
    assert store.due == {"declaration": paris("2027-02-05 10:00")}
    there = replace(HER, beneficiary=replace(AMINA, postal_code="97110"))
    store.conversations[1] = there
    await opened(store, "declaration", due_on=date(2027, 2, 1))
    assert store.due == {"declaration": paris("2027-02-05 15:00")}  # the fifth, 10 h there


async def test_another_month_replaces_the_first(store: NudgeStore) -> None:
    await opened(store, "declaration", due_on=date(2026, 12, 1))
    await opened(store, "declaration", NOW + HOUR, due_on=date(2027, 1, 1))
    assert store.due == {"declaration": paris("2027-01-05 10:00")}


# her hour


async def test_her_hour_moves_what_is_planned_the_second_time_too(store: NudgeStore) -> None:
    await opened(store, "obstacle", kind="mobility")
    said = store.is_said("obstacle").planned
    second = replace(said, step=2, due_at=paris("2026-12-14 10:00"))
    await store.plan_nudges([(second, True)])
    await opened(store, "contract")
    store.hours[1] = 18
    for one in (1, 2):
        await plan_follow_up(store, RULES, one, NOW)  # type: ignore[arg-type]
    assert store.due == {
        "obstacle 2": paris("2026-12-14 18:00"),
        "contract": paris("2026-11-26 18:00"),
    }


async def test_it_moves_what_a_departement_no_longer_wants_nowhere(store: NudgeStore) -> None:
    await opened(store, "obstacle", kind="mobility")
    second = replace(store.is_said("obstacle").planned, step=2, due_at=NOW + 20 * DAY)
    await store.plan_nudges([(second, True)])
    store.hours[1] = 18
    other = replace(OBSTACLE, id="another")
    await plan_follow_up(store, replace(RULES, kinds={"another": other}), 1, NOW)  # type: ignore[arg-type]
    assert store.due["obstacle 2"] == NOW + 20 * DAY


# as it stands now


async def test_matters_are_read_as_they_stand(store: NudgeStore) -> None:
    await opened(store, "obstacle", kind="health")
    await opened(store, "invitation", key="again", why="noshow", appointment=5)
    wanted = [("appointment", 5), ("appointment", 404), ("obstacle", 1), ("invitation", 2), ("contract", 404)]
    found = await matters(store, wanted, RULES)  # type: ignore[arg-type]
    assert set(found) == {("appointment", 5), ("obstacle", 1), ("invitation", 2)}
    assert found["appointment", 5].facts == {"status": "booked", "kind": "in_person", "ours": "yes"}
    assert found["obstacle", 1].facts == {"kind": "health", "sensitive": "yes", "discreet": "yes"}
    assert "topic" not in found["obstacle", 1].values
    assert found["invitation", 2].facts == {"why": "noshow"}


async def test_an_obstacle_of_a_kind_that_is_gone_is_treated_with_care(store: NudgeStore) -> None:
    await opened(store, "obstacle", kind="a kind of last year")
    (found,) = (await matters(store, [("obstacle", 1)], RULES)).values()  # type: ignore[arg-type]
    assert found.facts == {"sensitive": "yes", "discreet": "yes"}
    assert "topic" not in found.values


@pytest.mark.parametrize(("named", "facts"), [("mobility", ("no", "no")), ("violence", ("no", "yes"))])
async def test_what_others_must_not_read_is_known(
    store: NudgeStore, named: str, facts: tuple[str, str]
) -> None:
    hidden = replace(CAR, id="violence", discreet=True)
    kinds = {"mobility": CAR, "violence": hidden}
    await opened(store, "obstacle", kind=named)
    rules = replace(RULES, obstacles=Obstacles(kinds))
    (found,) = (await matters(store, [("obstacle", 1)], rules)).values()  # type: ignore[arg-type]
    assert (found.facts["sensitive"], found.facts["discreet"]) == facts
    assert found.facts["kind"] == kinds[named].id
    assert found.values.get("topic", "") == ("obstacle/mobility" if named == "mobility" else "")


async def test_an_appointment_is_open_until_it_is_cancelled(store: NudgeStore) -> None:
    for status in Status:
        store.appointments_known[5] = replace(THEIRS, status=status)
        (found,) = (await matters(store, [(About.APPOINTMENT, 5)], RULES)).values()  # type: ignore[arg-type]
        assert found.open == (status not in (Status.EXCUSED, Status.REVOKED))
        assert found.facts["status"] == status.value
