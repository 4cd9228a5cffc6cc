"""When a reminder or a nudge is due, and whether it may leave: each rule and its edge."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.conversation import IDLE, Channel, Conversation, State
from gateway.domain.nudge import (
    A_WEEK,
    BEFORE_START,
    FollowUp,
    Matter,
    NudgeKind,
    Planned,
    Topic,
    at_her_hour,
    later_quarter,
    next_step,
    planned,
)
from gateway.domain.people import Beneficiary
from gateway.domain.quiet import QuietHours
from gateway.domain.verdict import (
    AFTER_DANGER,
    APART,
    BUSY,
    PATIENCE,
    Later,
    Never,
    Person,
    Say,
    Why,
    is_control,
    verdict,
)

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")
HOLIDAYS = {date(2026, 5, 1), date(2026, 12, 25), date(2027, 1, 1)}
QUIET = QuietHours.read("20:00-08:00", PARIS, HOLIDAYS.__contains__)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

TWO_DAYS = NudgeKind(
    "two_days", "appointment", "starts_at", -2 * DAY, time(10), {"status": frozenset({"booked"})}, DAY,
    useless_at="starts_at", topic=Topic.REMINDER, capped=False, control=False,
)  # fmt: skip
MORNING = replace(TWO_DAYS, id="morning", wait=timedelta(0), at=time(8), since=timedelta(0))
AFTERWARDS = NudgeKind(
    "afterwards", "appointment", "ends_at", 2 * HOUR,
    only={"status": frozenset({"booked", "seen"})}, topic=Topic.REMINDER, capped=False,
)  # fmt: skip
INVITATION = NudgeKind("invitation", "invitation")
AGAIN = NudgeKind("again", "invitation", wait=3 * DAY, at=time(10), times=2, every=4 * DAY, then="referent")
DECLARATION = NudgeKind("declaration", "declaration", "due_on", 4 * DAY, time(10), times=2, renews=3)
UNFINISHED = NudgeKind("unfinished", "talk", wait=DAY)


def paris(written: str) -> datetime:
    """ "2026-11-23 10:00" on the clock of Paris, as the moment it is."""
    return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)


def appointment(starts_at: str, ends_at: str = "", **about: Any) -> Matter:
    start = paris(starts_at)
    end = paris(ends_at) if ends_at else start + 30 * MINUTE
    opened = about.pop("opened_at", LONG_AGO)
    moments = {"opened_at": opened, "starts_at": start, "ends_at": end}
    known: dict[str, Any] = {"facts": {"status": "booked"}, "version": 7, **about}
    return Matter("appointment", 5, 1, 1, moments, **known)


def opened(about: str, at: str, **more: Any) -> Matter:
    return Matter(about, 6, 1, 1, {"opened_at": paris(at)}, **more)


def due(
    kind: NudgeKind, matter: Matter, known_at: datetime | None = None, quiet: QuietHours = QUIET, **hers: Any
) -> datetime | None:
    found = planned(kind, matter, quiet, known_at or matter.moments["opened_at"], **hers)
    return found.due_at if found else None


# when it is due


@pytest.mark.parametrize(
    ("kind", "starts_at", "at"),
    [
        pytest.param(TWO_DAYS, "2026-11-26 14:30", "2026-11-24 10:00", id="two days before"),
        pytest.param(MORNING, "2026-11-26 14:30", "2026-11-26 08:00", id="that morning"),
        # Through both clock changes: two days on the calendar, not forty-eight hours.
        pytest.param(TWO_DAYS, "2026-10-26 14:30", "2026-10-24 10:00", id="the clocks go back"),
        pytest.param(TWO_DAYS, "2027-03-29 14:30", "2027-03-27 10:00", id="the clocks go forward"),
        pytest.param(MORNING, "2026-10-26 09:00", "2026-10-26 08:00", id="the morning after they went back"),
        # What falls in a forbidden hour goes out in the last permitted one before it.
        pytest.param(TWO_DAYS, "2026-11-24 14:30", "2026-11-21 19:00", id="Sunday: on Saturday"),
        pytest.param(TWO_DAYS, "2026-12-27 14:30", "2026-12-24 19:00", id="Christmas: on the 24th"),
        pytest.param(TWO_DAYS, "2027-01-03 14:30", "2026-12-31 19:00", id="New Year: last year"),
        pytest.param(TWO_DAYS, "2026-10-27 14:30", "2026-10-24 19:00", id="the Sunday of a clock change"),
        # Never later than half an hour before it starts.
        pytest.param(MORNING, "2026-11-26 08:45", "2026-11-26 08:00", id="just in time"),
        pytest.param(MORNING, "2026-11-26 08:30", "2026-11-26 08:00", id="half an hour is enough"),
        pytest.param(MORNING, "2026-11-26 08:29", "2026-11-25 19:00", id="too early: the evening before"),
        pytest.param(MORNING, "2026-11-26 07:00", "2026-11-25 19:00", id="at dawn: the evening before"),
        pytest.param(MORNING, "2026-11-23 08:15", "2026-11-21 19:00", id="Monday at dawn: on Saturday"),
    ],
)
def test_a_reminder_is_due(kind: NudgeKind, starts_at: str, at: str) -> None:
    assert due(kind, appointment(starts_at)) == paris(at)


@pytest.mark.parametrize(
    ("kind", "booked_at", "starts_at", "at"),
    [
        pytest.param(
            MORNING, "2026-11-26 07:59", "2026-11-26 14:30", "2026-11-26 08:00", id="a minute before"
        ),
        pytest.param(MORNING, "2026-11-26 08:00", "2026-11-26 14:30", "2026-11-26 08:00", id="on the minute"),
        pytest.param(MORNING, "2026-11-26 08:01", "2026-11-26 14:30", None, id="its hour was over"),
        pytest.param(TWO_DAYS, "2026-11-23 10:00", "2026-11-26 14:30", "2026-11-24 10:00", id="a day before"),
        pytest.param(TWO_DAYS, "2026-11-23 10:01", "2026-11-26 14:30", None, id="booked too lately"),
        # Saturday, 19 h, was over before the booking: in the first permitted hour after, if it is before the start.
        pytest.param(
            MORNING, "2026-11-21 19:30", "2026-11-23 08:15", "2026-11-23 08:00", id="the next morning"
        ),
        pytest.param(MORNING, "2026-11-21 19:30", "2026-11-23 08:00", None, id="it starts at that hour"),
        pytest.param(MORNING, "2026-11-21 19:30", "2026-11-23 07:30", None, id="it has started by then"),
    ],
)
def test_it_is_not_planned_when_its_hour_was_over_before_the_booking(
    kind: NudgeKind, booked_at: str, starts_at: str, at: str | None
) -> None:
    booked = appointment(starts_at, opened_at=paris(booked_at))
    assert due(kind, booked) == (paris(at) if at else None)


def test_a_move_is_a_new_time_and_not_a_new_booking() -> None:
    """Moved on the 23rd to the 26th; booked since January: two days before is not too lately."""
    moved = appointment("2026-11-26 14:30")
    assert due(TWO_DAYS, moved, paris("2026-11-24 09:00")) == paris("2026-11-24 10:00")
    assert due(TWO_DAYS, moved, paris("2026-11-24 10:01")) is None


@pytest.mark.parametrize(
    ("ends_at", "at"),
    [
        ("2026-11-23 10:00", "2026-11-23 12:00"),
        ("2026-11-23 17:59", "2026-11-23 19:59"),
        pytest.param("2026-11-23 18:30", "2026-11-23 19:00", id="the evening is over: the last hour before"),
        pytest.param("2026-11-23 19:15", "2026-11-24 08:00", id="which may not be before its end"),
        pytest.param("2026-11-21 19:15", "2026-11-23 08:00", id="nor on a Sunday"),
    ],
)
def test_what_is_asked_afterwards_is_never_asked_before(ends_at: str, at: str) -> None:
    assert due(AFTERWARDS, appointment("2026-11-20 09:00", ends_at)) == paris(at)


@pytest.mark.parametrize(
    ("hour", "at"),
    [(None, "2026-11-23 18:00"), (19, "2026-11-23 19:00"), (9, "2026-11-24 09:00"), (12, "2026-11-23 12:00")],
)
def test_her_hour_does_not_ask_before_either(hour: int | None, at: str) -> None:
    """A département asks at 18 h that day; her own hour may be over when she comes out."""
    evening = replace(AFTERWARDS, wait=timedelta(0), at=time(18))
    assert due(evening, appointment("2026-11-23 10:00", "2026-11-23 10:30"), hour=hour) == paris(at)


@pytest.mark.parametrize(
    ("hour", "at"),
    [
        (None, "2026-11-24 10:00"),
        (18, "2026-11-24 18:00"),
        (9, "2026-11-24 09:00"),
        pytest.param(21, "2026-11-24 19:00", id="an hour of the night"),
        pytest.param(0, "2026-11-23 19:00", id="midnight is an hour too"),
    ],
)
def test_it_is_at_her_hour_when_she_said_one(hour: int | None, at: str) -> None:
    assert due(TWO_DAYS, appointment("2026-11-26 14:30"), hour=hour) == paris(at)


def test_her_hour_does_not_make_a_reminder_late() -> None:
    assert due(MORNING, appointment("2026-11-26 14:30"), hour=18) == paris("2026-11-26 14:00")
    assert due(MORNING, appointment("2026-11-26 14:30"), hour=12) == paris("2026-11-26 12:00")


def test_it_is_at_that_hour_where_she_lives() -> None:
    there = QUIET.at_home(REUNION)
    at = due(TWO_DAYS, appointment("2026-11-26 14:30"), quiet=there)
    assert at == datetime(2026, 11, 24, 10, 0, tzinfo=REUNION)
    early = due(MORNING, appointment("2026-11-26 05:15"), quiet=there)  # 8:15 there
    assert early == datetime(2026, 11, 25, 19, 0, tzinfo=REUNION)


@pytest.mark.parametrize(
    ("kind", "opened_at", "at"),
    [
        pytest.param(AGAIN, "2026-11-23 09:00", "2026-11-26 10:00", id="three days later"),
        pytest.param(AGAIN, "2026-11-23 23:59", "2026-11-26 10:00", id="the day counts, not the hour"),
        pytest.param(AGAIN, "2026-10-23 09:00", "2026-10-26 10:00", id="the clocks go back"),
        pytest.param(AGAIN, "2026-11-19 09:00", "2026-11-21 19:00", id="Sunday: on Saturday"),
        pytest.param(UNFINISHED, "2026-11-23 09:13", "2026-11-24 09:13", id="a day later"),
        pytest.param(UNFINISHED, "2026-10-24 09:13", "2026-10-24 19:00", id="Sunday: that evening"),
        pytest.param(UNFINISHED, "2026-11-21 19:40", "2026-11-23 08:00", id="not before she had begun"),
        # What is due at once is not put back by an hour or a night: it waits for the morning when it leaves.
        pytest.param(INVITATION, "2026-11-23 21:00", "2026-11-23 21:00", id="at once"),
    ],
)
def test_a_follow_up_is_due(kind: NudgeKind, opened_at: str, at: str) -> None:
    assert due(kind, opened(kind.about, opened_at)) == paris(at)


def test_a_wait_counts_days_on_the_calendar_and_hours_by_the_clock() -> None:
    three = replace(UNFINISHED, wait=3 * HOUR)
    assert due(three, opened("talk", "2026-11-23 09:00")) == paris("2026-11-23 12:00")
    a_day = replace(UNFINISHED, wait=2 * DAY)  # over the night when the clocks go back
    assert due(a_day, opened("talk", "2026-10-24 12:00")) == paris("2026-10-26 12:00")


@pytest.mark.parametrize(
    ("day", "at"),
    [
        ("2026-11-01", "2026-11-05 10:00"),
        pytest.param("2026-07-01", "2026-07-04 19:00", id="the fifth is a Sunday"),
        pytest.param("2027-03-26", "2027-03-30 10:00", id="the clocks go forward in between"),
    ],
)
def test_the_day_that_it_is_for_is_counted_from(day: str, at: str) -> None:
    matter = opened("declaration", "2026-06-01 09:00")
    moments = {**matter.moments, "due_on": paris(f"{day} 00:00")}
    assert due(DECLARATION, replace(matter, moments=moments)) == paris(at)


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        pytest.param(TWO_DAYS, {"open": False}, id="it is over"),
        pytest.param(TWO_DAYS, {"facts": {"status": "noshow"}}, id="not for that status"),
        pytest.param(TWO_DAYS, {"facts": {}}, id="nobody knows the status"),
        pytest.param(INVITATION, {}, id="about something else"),
        pytest.param(replace(TWO_DAYS, count_from="due_on"), {}, id="there is no such moment"),
    ],
)
def test_it_is_planned_for_what_concerns_it_alone(kind: NudgeKind, about: dict[str, Any]) -> None:
    assert due(kind, appointment("2026-11-26 14:30", **about)) is None


def test_two_facts_have_both_to_be_so() -> None:
    met = replace(MORNING, only={"status": frozenset({"booked"}), "kind": frozenset({"in_person"})})
    for kind, found in (("in_person", True), ("phone", False)):
        facts = {"status": "booked", "kind": kind}
        assert (due(met, appointment("2026-11-26 14:30", facts=facts)) is not None) == found


def test_its_key_tells_apart_what_is_said_once() -> None:
    one = planned(TWO_DAYS, appointment("2026-11-26 14:30"), QUIET, LONG_AGO)
    assert one
    others = [
        replace(one, kind="morning"), replace(one, matter_id=9), replace(one, version=8), replace(one, step=2),
        replace(one, conversation_id=2),
    ]  # fmt: skip
    assert len({one.key, *(other.key for other in others)}) == 6
    assert replace(one, due_at=LONG_AGO).key == one.key  # another hour is no second one


ANY_MINUTE = st.integers(0, 400 * 24 * 60).map(lambda m: datetime(2026, 9, 1, tzinfo=UTC) + m * MINUTE)


@given(
    st.sampled_from([TWO_DAYS, MORNING, AFTERWARDS]),
    ANY_MINUTE,
    st.integers(0, 20 * 24 * 60),
    st.sampled_from([None, 0, 9, 18, 23]),
    st.sampled_from([PARIS, REUNION, ZoneInfo("America/Guadeloupe")]),
)
def test_no_reminder_is_planned_at_night_before_the_booking_or_after_the_start(
    kind: NudgeKind, start: datetime, notice: int, hour: int | None, zone: ZoneInfo
) -> None:
    moments = {"opened_at": start - notice * MINUTE, "starts_at": start, "ends_at": start + HOUR}
    matter = Matter("appointment", 5, 1, 1, moments, facts={"status": "booked"})
    quiet = QUIET.at_home(zone)
    found = planned(kind, matter, quiet, moments["opened_at"], hour)
    if found is None:
        return
    assert quiet.allows(found.due_at)
    assert found.due_at >= moments["opened_at"]
    if kind is AFTERWARDS:
        assert found.due_at >= moments["ends_at"]
    else:
        assert found.due_at < start


# what follows


@pytest.mark.parametrize(
    ("kind", "step", "said_at", "following", "at"),
    [
        pytest.param(AGAIN, 1, "2026-11-26 10:00", 2, "2026-11-30 10:00", id="once more"),
        pytest.param(
            AGAIN, 1, "2026-11-26 10:47", 2, "2026-11-30 10:00", id="at its hour, though it was late"
        ),
        pytest.param(AGAIN, 1, "2026-10-22 10:00", 2, "2026-10-26 10:00", id="the clocks go back"),
        pytest.param(AGAIN, 1, "2026-11-25 10:00", 2, "2026-11-28 19:00", id="Sunday: on Saturday"),
        pytest.param(AGAIN, 2, "2026-11-30 10:00", 3, "2026-12-04 10:00", id="who follows her is told"),
        pytest.param(DECLARATION, 2, "2026-11-12 10:00", 3, "2026-11-19 10:00", id="the next quarter begins"),
    ],
)
def test_it_follows(kind: NudgeKind, step: int, said_at: str, following: int, at: str) -> None:
    after = next_step(kind, opened(kind.about, "2026-10-01 09:00"), step, paris(said_at), QUIET)
    assert after
    assert (after.step, after.due_at) == (following, paris(at))


def test_it_follows_at_her_hour() -> None:
    after = next_step(
        AGAIN, opened("invitation", "2026-11-20 09:00"), 1, paris("2026-11-26 10:00"), QUIET, 18
    )
    assert after
    assert after.due_at == paris("2026-11-30 18:00")


@pytest.mark.parametrize(("kind", "step"), [(AGAIN, 3), (DECLARATION, 3), (INVITATION, 1), (UNFINISHED, 1)])
def test_nothing_follows_the_last_one(kind: NudgeKind, step: int) -> None:
    assert (
        next_step(kind, opened(kind.about, "2026-11-20 09:00"), step, paris("2026-11-26 10:00"), QUIET)
        is None
    )


def test_what_is_planned_moves_to_the_hour_that_she_says() -> None:
    one = Planned("again", "invitation", 6, 1, 1, 1, 2, paris("2026-11-30 10:00"))
    assert at_her_hour(AGAIN, one, QUIET, 18) == paris("2026-11-30 18:00")
    assert at_her_hour(AGAIN, one, QUIET, 22) == paris("2026-11-30 19:00")
    assert at_her_hour(AGAIN, replace(one, step=3), QUIET, 18) == one.due_at  # her referent has no such hour
    assert at_her_hour(UNFINISHED, one, QUIET, 18) == one.due_at


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-11-01", 3, "2027-02-01"),
        ("2026-01-31", 3, "2026-04-30"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-10-01", 15, "2028-01-01"),
    ],
)
def test_a_quarter_later(day: str, months: int, later: str) -> None:
    assert later_quarter(date.fromisoformat(day), months) == date.fromisoformat(later)


def test_a_matter_opened_again_is_another_version() -> None:
    one = FollowUp(1, "obstacle", 1, None, LONG_AGO)
    assert replace(one, opened_at=LONG_AGO + HOUR).version != one.version
    assert replace(one, closed_at=LONG_AGO + HOUR, outcome="done").version == one.version
    quarter = replace(one, due_on=date(2026, 11, 1))
    assert replace(quarter, opened_at=LONG_AGO + HOUR).version == quarter.version
    assert replace(quarter, due_on=date(2027, 2, 1)).version != quarter.version


# whether it may leave

NOW = paris("2026-11-24 10:00")
HER = Conversation(
    1, Channel.SMS, "+33639980001", "p1", "fr", True, State(welcomed=True),
    beneficiary=Beneficiary("+33639980001", id=1),
)  # fmt: skip
FOUR = appointment("2026-11-26 16:00")


def decided(
    kind: NudgeKind = TWO_DAYS,
    now: datetime = NOW,
    who: Conversation = HER,
    matter: Matter | None = FOUR,
    planned_at: datetime | None = None,
    **about: Any,
) -> Say | Later | Never:
    matter_id, version = (matter.id, matter.version) if matter else (5, 7)
    one = Planned(kind.id, kind.about, matter_id, version, 1, 1, 1, planned_at or now)
    return verdict(kind, one, matter, Person(who, **about), QUIET, now)


def test_it_is_said() -> None:
    assert decided() == Say()


@pytest.mark.parametrize(
    ("who", "about", "why"),
    [
        pytest.param({"opted_out": True}, {}, Why.STOPPED, id="STOP"),
        pytest.param({"number_failed": True}, {}, Why.NUMBER_FAILED, id="her number is dead"),
        pytest.param({"channel": Channel.WEB}, {}, Why.NUMBER_FAILED, id="a page"),
        pytest.param({"beneficiary": None}, {}, Why.NOT_HERS, id="this is not me"),
        pytest.param(
            {"beneficiary": Beneficiary("+33639980001", id=2)},
            {},
            Why.NOT_HERS,
            id="somebody else's number now",
        ),
        pytest.param({}, {"topics_off": frozenset({"reminder"})}, Why.TOPIC_OFF, id="STOP RAPPEL"),
    ],
)
def test_it_is_never_said(who: dict[str, Any], about: dict[str, Any], why: Why) -> None:
    assert decided(who=replace(HER, **who), **about) == Never(why)


@pytest.mark.parametrize("topic", ["follow_up", "news"])
def test_another_topic_stopped_keeps_it(topic: str) -> None:
    assert decided(topics_off=frozenset({topic})) == Say()


@pytest.mark.parametrize(
    "matter",
    [
        pytest.param(None, id="it is gone"),
        pytest.param(replace(FOUR, open=False), id="cancelled"),
        pytest.param(replace(FOUR, facts={"status": "noshow"}), id="she did not come"),
    ],
)
def test_it_is_not_said_when_it_is_no_longer_true(matter: Matter | None) -> None:
    assert decided(matter=matter) == Never(Why.NO_LONGER_TRUE)


def test_it_is_not_said_of_another_version() -> None:
    one = Planned("two_days", "appointment", 5, 6, 1, 1, 1, NOW)
    assert verdict(TWO_DAYS, one, FOUR, Person(HER), QUIET, NOW) == Never(Why.NO_LONGER_TRUE)


def test_a_number_that_nobody_knows_is_reminded_of_what_it_booked() -> None:
    one = Planned("two_days", "appointment", 5, 7, 1, None, 1, NOW)
    for who in (HER, replace(HER, beneficiary=None)):
        assert verdict(TWO_DAYS, one, FOUR, Person(who), QUIET, NOW) == Say()


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-11-26 15:59", Say()),
        ("2026-11-26 16:00", Never(Why.TOO_LATE)),
        ("2026-11-26 16:01", Never(Why.TOO_LATE)),
    ],
)
def test_it_is_never_said_after_the_start(now: str, found: Say | Never) -> None:
    assert decided(now=paris(now), planned_at=NOW) == found


def test_it_is_not_said_a_week_after_its_hour() -> None:
    for late, found in ((PATIENCE - MINUTE, Say()), (PATIENCE, Never(Why.TOO_LATE))):
        assert decided(AFTERWARDS, NOW + late, planned_at=NOW) == found


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-11-24 20:00", Later(paris("2026-11-25 08:00"))),
        ("2026-11-25 07:59", Later(paris("2026-11-25 08:00"))),
        ("2026-11-25 08:00", Say()),
        ("2026-11-24 19:59", Say()),
        ("2026-11-22 12:00", Later(paris("2026-11-23 08:00"))),
        ("2026-10-24 21:00", Later(paris("2026-10-26 08:00"))),
        ("2027-03-27 21:00", Later(paris("2027-03-29 08:00"))),
        ("2026-12-24 20:00", Later(paris("2026-12-26 08:00"))),
    ],
)
def test_it_is_not_said_in_a_forbidden_hour(now: str, found: Say | Later | Never) -> None:
    next_summer = appointment("2027-06-01 16:00")
    assert decided(now=paris(now), planned_at=paris(now) - HOUR, matter=next_summer) == found


def test_a_forbidden_hour_that_lasts_until_the_start_lets_it_go() -> None:
    dawn = appointment("2026-11-25 07:30")
    assert decided(now=paris("2026-11-24 20:10"), matter=dawn, kind=MORNING) == Never(Why.TOO_LATE)


# the middle of a conversation, danger, a person who answers


def test_she_has_finished_when_what_ends_her_conversation_is_done() -> None:
    assert BUSY > IDLE


@pytest.mark.parametrize(
    ("silent_for", "found"),
    [
        (None, Say()),
        (timedelta(0), Later(NOW + BUSY)),
        (BUSY - MINUTE, Later(NOW + MINUTE)),
        (BUSY, Say()),
    ],
)
def test_nothing_in_the_middle_of_a_conversation(silent_for: timedelta | None, found: Say | Later) -> None:
    assert decided(who=replace(HER, silent_for=silent_for)) == found


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (timedelta(0), Later(NOW + AFTER_DANGER)),
        (AFTER_DANGER - HOUR, Later(NOW + HOUR)),
        (AFTER_DANGER, Say()),
        (30 * DAY, Say()),
    ],
)
def test_nothing_to_somebody_in_danger(since: timedelta, found: Say | Later) -> None:
    """Whatever she spoke of since."""
    assert decided(who=replace(HER, silent_for=HOUR), feared_at=NOW - since) == found


def test_nothing_while_she_is_answered_or_a_person_answers() -> None:
    assert decided(talks=True) == Later(NOW + BUSY)
    assert decided(who=replace(HER, taken_by=1)) == Later(NOW + APART)


def test_what_is_put_off_is_put_off_to_a_permitted_hour() -> None:
    now = paris("2026-11-24 19:50")
    assert decided(now=now, talks=True) == Later(paris("2026-11-25 08:00"))


SOON = appointment("2026-11-24 10:20")


@pytest.mark.parametrize(
    ("who", "about"),
    [
        pytest.param({"silent_for": MINUTE}, {}, id="she has just written"),
        pytest.param({}, {"talks": True}, id="she is being answered"),
        pytest.param({"taken_by": 1}, {}, id="a person answers"),
        pytest.param({}, {"feared_at": NOW - HOUR}, id="danger"),
    ],
)
def test_a_reminder_that_cannot_wait_is_let_go_rather_than_said_then(
    who: dict[str, Any], about: dict[str, Any]
) -> None:
    assert decided(MORNING, who=replace(HER, **who), matter=SOON, **about) == Never(Why.TOO_LATE)


def test_a_reminder_that_cannot_wait_follows_closely() -> None:
    lately = NOW - MINUTE
    assert decided(MORNING, matter=SOON, last_unasked=lately) == Say()
    assert decided(MORNING, last_unasked=lately) == Later(lately + APART)
    assert decided(MORNING, matter=SOON, last_unasked=lately, feared_at=NOW - 10 * DAY) == Say()


def test_two_unasked_texts_are_apart() -> None:
    for since, found in ((MINUTE, Later(NOW - MINUTE + APART)), (APART, Say()), (DAY, Say())):
        assert decided(last_unasked=NOW - since) == found


# two a week

INVITED = opened("invitation", "2026-11-20 09:00", version=7)


@pytest.mark.parametrize(
    ("ago", "found"),
    [
        ([], Say()),
        ([3 * DAY], Say()),
        ([3 * DAY, 5 * DAY], Later(NOW + 2 * DAY)),
        ([6 * DAY + 23 * HOUR, 3 * HOUR], Later(NOW + HOUR)),
        ([A_WEEK, 3 * DAY], Say()),
        ([A_WEEK - MINUTE, 3 * DAY], Later(NOW + MINUTE)),
        # Three are there already (a rule has changed, say): the last two count.
        ([3 * HOUR, 4 * DAY, 6 * DAY], Later(NOW + 3 * DAY)),
    ],
)
def test_two_a_week_at_most(ago: Sequence[timedelta], found: Say | Later) -> None:
    said = [NOW - one for one in ago]
    assert decided(INVITATION, matter=INVITED, said=said) == found


@pytest.mark.parametrize(
    ("ago", "found"),
    [(MINUTE, Later(NOW + 2 * DAY - MINUTE)), (DAY, Later(NOW + DAY)), (2 * DAY, Say()), (3 * DAY, Say())],
)
def test_what_was_held_back_does_not_catch_up_on_what_follows_it(ago: timedelta, found: Say | Later) -> None:
    """The invitation waited for days while a person answered her: it and its repeat are due together then."""
    assert decided(AGAIN, matter=INVITED, told={("invitation", 6, 7): NOW - ago}) == found
    for another in (("invitation", 6, 8), ("invitation", 9, 7), ("contract", 6, 7)):
        assert decided(AGAIN, matter=INVITED, told={another: NOW - ago}) == Say()


def test_a_reminder_follows_what_was_told_of_that_appointment() -> None:
    assert decided(MORNING, matter=SOON, told={("appointment", 5, 7): NOW - DAY}) == Say()


def test_a_week_that_ends_on_a_sunday_is_over_on_monday() -> None:
    now = paris("2026-11-24 10:00")
    said = [paris("2026-11-22 10:00") - A_WEEK + DAY * 7, now - 3 * HOUR]
    assert decided(INVITATION, now, matter=INVITED, said=said) == Later(paris("2026-11-30 08:00"))


def test_her_own_appointments_are_apart() -> None:
    full = [NOW - DAY, NOW - 2 * DAY]
    assert decided(TWO_DAYS, said=full) == Say()
    assert decided(AFTERWARDS, said=full) == Say()
    assert decided(replace(TWO_DAYS, capped=True), said=full) == Never(Why.TOO_LATE)


@given(st.lists(st.integers(0, 8 * 24 * 60), max_size=6), st.integers(0, 60 * 24))
def test_what_is_put_off_goes_on_and_ends(ago: list[int], silent: int) -> None:
    """Each time later than now, and said in the end: nobody is asked again and again for nothing."""
    now, said = NOW, [NOW - minutes * MINUTE for minutes in ago]
    wrote_at = NOW - silent * MINUTE
    for _ in range(20):
        who = replace(HER, silent_for=now - wrote_at)
        found = decided(INVITATION, now, who, INVITED, NOW, said=said, last_unasked=max(said, default=None))
        if not isinstance(found, Later):
            break
        assert found.at > now
        now = found.at
    else:
        pytest.fail("it is put off for ever")
    if found == Say():
        assert QUIET.allows(now)
        assert len([one for one in said if one > now - A_WEEK]) < 2


# the share that is left without


def test_the_control_share_is_about_as_large_as_was_asked_and_always_the_same() -> None:
    people = [f"p{number}" for number in range(4000)]
    drawn = [is_control(INVITATION, one, 0.1) for one in people]
    assert drawn == [is_control(INVITATION, one, 0.1) for one in people]
    assert 320 < sum(drawn) < 480
    # One kind draws other people than another, or the same would always be left without.
    both = sum(a and is_control(AGAIN, one, 0.1) for a, one in zip(drawn, people, strict=True))
    assert both < 100


def test_a_larger_share_keeps_those_of_the_smaller() -> None:
    people = [f"p{number}" for number in range(500)]
    assert all(is_control(INVITATION, one, 0.4) for one in people if is_control(INVITATION, one, 0.2))


@pytest.mark.parametrize(
    ("share", "kind", "found"), [(0.0, INVITATION, 0), (1.0, INVITATION, 50), (1.0, MORNING, 0)]
)
def test_nobody_is_left_without_a_reminder_or_by_default(share: float, kind: NudgeKind, found: int) -> None:
    assert sum(is_control(kind, f"p{number}", share) for number in range(50)) == found


def test_half_an_hour_before_the_start_is_the_last_moment() -> None:
    at = due(MORNING, appointment("2026-11-26 14:30"), hour=18)
    assert at == paris("2026-11-26 14:30") - BEFORE_START
