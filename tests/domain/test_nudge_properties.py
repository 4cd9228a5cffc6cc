"""Whatever the hour, the time zone and the quiet hours: what is unasked waits for, or comes before, a permitted one."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.conversation import IDLE, Channel, Conversation, State
from gateway.domain.nudge import A_WEEK, Matter, NudgeKind, Planned, planned
from gateway.domain.quiet import QuietHours
from gateway.domain.verdict import AFTER_DANGER, AT_MOST, PATIENCE, Later, Never, Person, Say, verdict
from tests.year.almanac import HOLIDAYS

HOUR = timedelta(hours=1)
STEP = timedelta(minutes=15)
ZONES = [
    ZoneInfo(name)
    for name in ("Europe/Paris", "Indian/Reunion", "America/Martinique", "America/Miquelon", "Pacific/Tahiti")
]
QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
FIRST, MINUTES = datetime(2026, 1, 1, tzinfo=UTC), 3 * 365 * 24 * 60
MOMENTS = st.integers(0, MINUTES).map(lambda n: FIRST + timedelta(minutes=n))
# Around both clock changes, and Easter Monday the day after one.
CHANGES = [
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2027, 3, 28, tzinfo=UTC),
    datetime(2028, 3, 26, tzinfo=UTC),
]
AROUND = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-2880, 2880)
)
QUIET = st.builds(
    lambda start, end, zone: QuietHours(start, end, zone, HOLIDAYS.__contains__),
    st.just(time(20)) | QUARTERS, st.just(time(8)) | QUARTERS, st.sampled_from(ZONES),
)  # fmt: skip
NIGHT = QuietHours(time(20), time(8), ZONES[0], HOLIDAYS.__contains__)


def permitted(moment: datetime, quiet: QuietHours) -> bool:
    """Said once more, another way."""
    here = moment.astimezone(quiet.zone)
    if here.isoweekday() == 7 or here.date() in HOLIDAYS:
        return False
    minute, start, end = (t.hour * 60 + t.minute for t in (here.time(), quiet.start, quiet.end))
    return start == end or (minute - start) % 1440 >= (end - start) % 1440


@settings(max_examples=3000)
@given(MOMENTS | AROUND, QUIET)
@example(datetime(2027, 3, 29, 6, 30, tzinfo=UTC), NIGHT)
@example(datetime(2026, 11, 24, 2, 0, tzinfo=UTC), replace(NIGHT, start=time(0, 0)))
def test_it_finds_the_last_permitted_hour(moment: datetime, quiet: QuietHours) -> None:
    last = quiet.last_before(moment)
    assert last <= moment
    assert permitted(last, quiet)
    if last != moment:
        later = [last + HOUR + n * STEP for n in range(int((moment - last - HOUR) / STEP) + 1)]
        assert not [at for at in later if permitted(at, quiet)]


@settings(max_examples=3000)
@given(MOMENTS | AROUND, QUIET)
@example(datetime(2027, 3, 27, 20, 0, tzinfo=UTC), NIGHT)
def test_it_waits_no_longer_than_the_quiet_hours(moment: datetime, quiet: QuietHours) -> None:
    over = quiet.over_at(moment)
    assert (over is None) == permitted(moment, quiet)
    if over is not None:
        assert over > moment
        assert permitted(over, quiet)
        assert not [n for n in range(int((over - moment) / STEP)) if permitted(moment + n * STEP, quiet)]


REMINDERS = st.builds(
    NudgeKind, id=st.just("reminder"), about=st.just("appointment"), count_from=st.just("starts_at"),
    wait=st.integers(-4, 0).map(lambda days: timedelta(days=days)), at=st.sampled_from([time(8), time(10), time(18)]),
    since=st.sampled_from([timedelta(0), timedelta(days=1)]), useless_at=st.just("starts_at"), capped=st.booleans(),
)  # fmt: skip
AFTERWARDS = NudgeKind("afterwards", "appointment", "ends_at", timedelta(hours=2), capped=False)


def appointment(starts_at: datetime, booked_at: datetime) -> Matter:
    moments = {"opened_at": booked_at, "starts_at": starts_at, "ends_at": starts_at + HOUR}
    return Matter("appointment", 1, 1, 1, moments, version=1)


@given(REMINDERS, MOMENTS | AROUND, st.integers(0, 20 * 24 * 60), QUIET, st.none() | st.sampled_from([9, 18]))
def test_it_plans_nothing_before_it_is_known_or_after_it_is_useless(
    kind: NudgeKind, start: datetime, before: int, quiet: QuietHours, hour: int | None
) -> None:
    booked = start - timedelta(minutes=before)
    due = planned(kind, appointment(start, booked), quiet, booked, hour)
    if due is not None:
        assert booked + kind.since <= due.due_at < start
        assert permitted(due.due_at, quiet)


@settings(max_examples=3000)
@given(MOMENTS | AROUND, QUIET)
def test_it_asks_nothing_before_the_end(start: datetime, quiet: QuietHours) -> None:
    due = planned(AFTERWARDS, appointment(start, start - A_WEEK), quiet, start - A_WEEK)
    assert due is not None
    assert due.due_at >= start + HOUR


AGO = st.integers(0, 10079).map(lambda n: timedelta(minutes=n))
PEOPLE = st.builds(
    lambda silent, feared, talks, stopped, taken, said: Person(
        Conversation(
            1, Channel.SMS, "+33639980001", "p", "fr", True, State(), opted_out=stopped, silent_for=silent, taken_by=taken
        ),
        [FIRST - ago for ago in said], FIRST - min(said) if said else None, talks,
        feared_at=None if feared is None else FIRST - feared,
    ),
    st.none() | st.integers(-60, 3000).map(lambda n: timedelta(minutes=n)), st.none() | AGO, st.booleans(),
    st.booleans(), st.none() | st.just(3), st.lists(AGO, max_size=4),
)  # fmt: skip


def at_that_moment(her: Person, now: datetime) -> Person:
    """PEOPLE are drawn as on the first day."""
    by = now - FIRST
    moved = sorted(said + by for said in her.said)
    feared_at = her.feared_at + by if her.feared_at else None
    return replace(her, said=moved, last_unasked=max(moved, default=None), feared_at=feared_at)


@given(PEOPLE, MOMENTS | AROUND, st.integers(0, 12000), st.integers(0, 4000), st.booleans(), QUIET)
def test_it_says_nothing_that_manners_forbid(
    her: Person, now: datetime, ago: int, start: int, capped: bool, quiet: QuietHours
) -> None:
    her = at_that_moment(her, now)
    kind = NudgeKind("k", "appointment", useless_at="starts_at", capped=capped)
    matter = replace(appointment(now + timedelta(minutes=start), now - A_WEEK), beneficiary_id=None)
    due = Planned("k", "appointment", 1, 1, 1, None, 1, now - timedelta(minutes=ago))
    match verdict(kind, due, matter, her, quiet, now):
        case Later(at):
            assert at > now
            assert permitted(at, quiet)
            assert at < min(due.due_at + PATIENCE, matter.moments["starts_at"])
        case Say():
            silent = her.who.silent_for
            assert permitted(now, quiet)
            assert not any((her.who.opted_out, her.talks, her.who.taken_by))
            assert not (her.feared_at and now - her.feared_at < AFTER_DANGER)
            assert silent is None or silent >= IDLE
            assert not (capped and len([said for said in her.said if said > now - A_WEEK]) >= AT_MOST)
            assert now < matter.moments["starts_at"]
        case Never(why):
            assert why


def test_the_dates_are_those_of_the_library_too() -> None:
    """Two sources: people's own list, and what the product uses."""
    from gateway.adapters.holidays import french_holidays

    assert french_holidays((2026, 2027, 2028), "79") == HOLIDAYS
    assert date(2027, 3, 29) in HOLIDAYS
