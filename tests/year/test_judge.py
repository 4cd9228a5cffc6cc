"""The judge of the year sees what it is there to see."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.year.almanac import PARIS, last_permitted, next_permitted
from tests.year.debts import Accountant
from tests.year.facts import CampaignFacts, Facts, History, Hours, Matter, Meeting, Moment, Somebody, Text
from tests.year.oracle import Judge
from tests.year.rules import rules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2027, 2, 3, 11, 0, tzinfo=UTC)  # a Wednesday, twelve in Niort
START = NOON + 2 * DAY
BOOKED = Hours(START, START + HOUR, "booked", "in_person")


def at(moment: datetime) -> Moment:
    return Moment(int(moment.timestamp()), moment, moment)


class Case:
    """She has an appointment in two days, booked a week ago, and an obstacle told ten days ago; then a text comes."""

    def __init__(self, postal_code: str = "79000") -> None:
        self.facts, self.her = Facts(), Somebody("+33639980001", postal_code, 1)
        self.facts.add(self.her)
        self.meeting = Meeting(5, self.her, History(Hours(START, START + HOUR, "", "")))
        self.facts.meetings[5] = self.meeting
        self.meeting.known.becomes(BOOKED, at(NOON - 7 * DAY))
        self.matter = Matter(8, "obstacle", self.her, at(NOON - 10 * DAY), "mobility")
        self.facts.opened(self.matter)

    def told(self, kind: str, when: datetime = NOON, about: int = 0, **more: object) -> "Case":
        starts_at = START if kind in ("two_days", "morning", "documents", "afterwards") else None
        named = {"starts_at": starts_at, **more}
        number = about or (8 if kind == "obstacle" else 5)
        text = Text(at(when), self.her.phone, kind, "SM1", kind, number, **named)  # type: ignore[arg-type]
        self.her.texts.append(text)
        self.her.unasked.append(text)
        return self

    def but(self, change: Callable[["Case"], object]) -> "Case":
        change(self)
        return self

    @property
    def wrong(self) -> set[str]:
        judge = Judge(self.facts, rules())
        judge.judges()
        return set(judge.wrong)


def campaign(case: Case, stopped: datetime | None = None) -> None:
    end = at(stopped) if stopped else None
    case.facts.campaigns.append(CampaignFacts(1, at(NOON - HOUR), [case.her], end))


def test_it_lets_pass_what_is_right() -> None:
    assert not Case().told("two_days").told("morning", START - 4 * HOUR).wrong
    assert not Case().told("obstacle").told("documents", NOON + 3 * HOUR).wrong


CASES = {
    "in the evening": (lambda c: c.told("two_days", NOON + 8 * HOUR), "a forbidden hour"),
    "early": (lambda c: c.told("two_days", NOON - 5 * HOUR), "a forbidden hour"),
    "on a Sunday": (lambda c: c.told("obstacle", NOON + 4 * DAY), "a forbidden hour"),
    "on Easter Monday": (lambda c: c.told("obstacle", datetime(2027, 3, 29, 10, tzinfo=UTC)), "a forbidden hour"),
    "STOP": (lambda c: c.her.stopped.becomes(True, at(NOON - HOUR)) or c.told("two_days"), "after STOP"),
    "STOP RAPPEL": (
        lambda c: c.her.topics_off["reminder"].becomes(True, at(NOON - HOUR)) or c.told("two_days"),
        "of a topic that she stopped",
    ),
    "a dead number": (
        lambda c: c.her.number.becomes("dead", at(NOON - HOUR)) or c.told("two_days"), "to a dead number",
    ),
    "this is not me": (
        lambda c: c.her.number.becomes("nobody", at(NOON - HOUR)) or c.told("two_days"), "to a number that is not hers",
    ),
    "another has it now": (
        lambda c: c.her.number.becomes("another", at(NOON - HOUR)) or c.told("two_days"), "to a number that is not hers",
    ),
    "a conversation": (
        lambda c: c.her.wrote.append(at(NOON - HOUR / 3)) or c.told("two_days"), "in the middle of a conversation",
    ),
    "danger": (lambda c: c.her.dangers.append(at(NOON - 20 * HOUR)) or c.told("two_days"), "within a day of danger"),
    "taken over": (lambda c: c.her.taken.becomes(True, at(NOON - DAY)) or c.told("two_days"), "while her referent answers"),
    "a third one": (
        lambda c: c.told("obstacle", NOON - 6 * DAY).told("contract", NOON - 5 * DAY, 9).told("obstacle"),
        "a third one within a week",
    ),
    "too close": (lambda c: c.told("obstacle", NOON - HOUR).told("two_days"), "two in a row"),
    "insists": (
        lambda c: c.facts.opened(Matter(9, "invitation", c.her, at(NOON - 9 * DAY), "referent"))
        or c.told("invitation", NOON - DAY, 9).told("invitation_again", NOON, 9),
        "twice about one thing",
    ),
    "moved": (
        lambda c: c.meeting.known.becomes(Hours(START + DAY, START + DAY, "booked", "in_person"), at(NOON - HOUR))
        or c.told("two_days"),
        "of a former time",
    ),
    "cancelled": (
        lambda c: c.meeting.known.becomes(Hours(START, START + HOUR, "excused", "in_person"), at(NOON - HOUR))
        or c.told("two_days"),
        "about an appointment that is off",
    ),
    "by telephone": (
        lambda c: c.meeting.known.becomes(Hours(START, START + HOUR, "booked", "phone"), at(NOON - HOUR))
        or c.told("documents"),
        "documents for a call",
    ),
    "begun": (lambda c: c.told("morning", START), "a reminder after the start"),
    "not over": (lambda c: c.told("afterwards", START), "how was it, before the end"),
    "nobody's": (lambda c: c.told("two_days", about=6), "about nobody's appointment"),
    "done": (
        lambda c: c.facts.closed(c.her, at(NOON - HOUR), "obstacle") or c.told("obstacle"), "after the act, or about nothing",
    ),
    "twice": (lambda c: c.told("two_days").told("two_days", NOON + 3 * HOUR), "once too many"),
    "a third time": (
        lambda c: c.told("obstacle").told("obstacle", NOON + 8 * DAY).told("obstacle", NOON + 16 * DAY), "once too many",
    ),
    "a stopped campaign": (
        lambda c: campaign(c, NOON - HOUR / 2) or c.told("campaign", campaign=1), "after the end of the campaign",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_sees(name: str) -> None:
    change, rule = CASES[name]
    assert rule in Case().but(change).wrong  # type: ignore[arg-type]


def test_it_knows_the_clocks_of_those_who_live_far_away() -> None:
    assert Case("98800").told("two_days").wrong == {"a forbidden hour"}  # ten in the evening in Nouméa
    assert not Case("97400").told("two_days").wrong


def test_a_reminder_that_could_not_wait_may_come_close() -> None:
    close = START - HOUR
    assert not Case().told("obstacle", close - HOUR / 2).told("morning", close).wrong
    assert Case().told("obstacle", close - HOUR * 1.5).told("morning", close).wrong == {"two in a row"}


@pytest.mark.parametrize(
    ("moment", "before", "after"),
    [
        ("2027-02-03 12:00", "2027-02-03 12:00", "2027-02-03 12:00"),
        ("2027-02-03 20:00", "2027-02-03 19:00", "2027-02-04 08:00"),
        ("2027-03-29 10:00", "2027-03-27 19:00", "2027-03-30 08:00"),  # Easter, and the clocks change
        (
            "2027-10-31 02:30",
            "2027-10-30 19:00",
            "2027-11-02 08:00",
        ),  # the clocks change, then All Saints' Day
    ],
)
def test_its_almanac(moment: str, before: str, after: str) -> None:
    here, first, then = (datetime.fromisoformat(one).replace(tzinfo=PARIS) for one in (moment, before, after))
    assert last_permitted(here, PARIS) == first
    assert next_permitted(here, PARIS) == then


# what was owed


def debts(case: Case, *rows: dict[str, object]) -> dict[str, list[str]]:
    noted = [{"conversation_id": 99, "kind": "two_days", "matter_id": 5, **row} for row in rows]
    accounts = Accountant(case.facts, rules(), noted, {}, ())
    accounts.settles()
    return {what: [one.split(" ")[0] for one in where] for what, where in accounts.wrong.items()}


DUE = datetime(2027, 2, 3, 9, 0, tzinfo=UTC)  # ten in Niort, two days before
PAID = {
    "documents": DUE - 2 * DAY,
    "two_days": DUE,
    "morning": START - 4 * HOUR,
    "obstacle": last_permitted(DUE - 3 * DAY, PARIS),
}


def all_paid(*but: str) -> Case:
    case = Case()
    case.meeting.known.becomes(Hours(START, START + HOUR, "noshow", "in_person"), at(START + HOUR))
    case.facts.closed(case.her, at(NOON), "obstacle")
    for kind, when in PAID.items():
        if kind not in but:
            case.told(kind, when)
    return case


def test_it_counts_what_was_paid() -> None:
    assert not debts(all_paid())


def test_it_asks_for_what_never_came() -> None:
    assert debts(all_paid("two_days", "morning")) == {"not sent": ["morning", "two_days"]}


def test_it_sees_what_came_at_another_hour() -> None:
    late = all_paid("two_days").told("two_days", DUE + 5 * HOUR)
    early = all_paid("two_days").told("two_days", DUE - DAY)
    assert debts(late) == {"late": ["two_days"]}
    assert debts(early) == {"too early": ["two_days"]}


@pytest.mark.parametrize(
    "hinders",
    [
        lambda c: c.her.stopped.becomes(True, at(DUE - DAY)),
        lambda c: c.her.number.becomes("dead", at(DUE - DAY)),
        lambda c: c.facts.away.append((DUE - HOUR, START)),
        lambda c: c.her.dangers.append(at(START - DAY)) or c.facts.trouble.append((DUE - HOUR, START - DAY)),
    ],
)
def test_it_asks_for_nothing_that_could_not_be(hinders: Callable[[Case], object]) -> None:
    assert not debts(all_paid("two_days", "morning").but(hinders))


def test_it_does_not_believe_a_reason_that_is_not_so() -> None:
    case = all_paid()
    case.her.conversation = 99
    row = {"state": "ended", "why": "stopped", "said_at": NOON}
    assert debts(case, row) == {"a reason that is not so": ["two_days"]}
