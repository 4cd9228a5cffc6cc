"""What was owed to people: each reminder whose hour came, each word of what stays open. Sent once, or why not."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from tests.year.almanac import forbidden, on_clock
from tests.year.facts import Facts, History, Hours, Matter, Meeting, Somebody, Text, overlaps, within
from tests.year.oracle import A_DAY, A_WEEK, APART, AT_MOST, INSISTS
from tests.year.rules import Rule
from tests.year.world import END

MINUTE = timedelta(minutes=1)
STEP, HOLDS = 5 * MINUTE, 15 * MINUTE  # it must leave when nothing has stood in its way for that long
TALKED = 36 * MINUTE
MENDED = 40 * MINUTE  # after the carrier's trouble what waits is tried again by then
LATE = timedelta(hours=3)


@dataclass(frozen=True)
class Owed:
    """`texts`: those that paid it. `still`: at that moment it is true, and open."""

    rule: Rule
    her: Somebody
    about: int
    due: datetime
    end: datetime
    texts: Sequence[Text]
    still: Callable[[datetime], bool]
    sure: bool = True  # False: her hour changed meanwhile, it may have come at another


@dataclass
class Accountant:
    """`rows`: what the product noted of each nudge; `rebooks`: what it follows up after a no-show, by appointment;
    `told`: of which kind and number it wrote to who follows her.
    """

    facts: Facts
    rules: Mapping[str, Rule]
    rows: Sequence[Mapping[str, Any]]
    rebooks: Mapping[int, int]
    told: Collection[tuple[str, int]]
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    noted: dict[tuple[str, int], list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def settles(self) -> None:
        for row in self.rows:
            self.noted[row["kind"], row["matter_id"]].append(row)
        for one in self.owed():
            if one.texts:
                self._paid(one)
            elif one.due < END - A_DAY:
                self._unpaid(one, self.noted[one.rule.name, one.about])
        self._reasons()

    def owed(self) -> Iterator[Owed]:
        for meeting in self.facts.meetings.values():
            if meeting.whose.by_sms:
                yield from self._of_meeting(meeting)
        for matter in self.facts.matters:
            for rule in self.rules.values():
                why = matter.what.split(" ")[0]
                if rule.about == matter.about and why in rule.only.get("why", [why]):
                    yield from self._of_matter(matter, rule)
                    self._told_in_the_end(matter, rule)

    # appointments

    def _of_meeting(self, meeting: Meeting) -> Iterator[Owed]:
        changes = meeting.known.changes
        for known, hours in changes:
            if hours.status != "booked":
                continue
            for rule in self.rules.values():
                if rule.about == "appointment" and hours.kind in rule.only.get("kind", [hours.kind]):
                    one = self._reminder(meeting, rule, known.at, hours)
                    if one:
                        yield one

    def _reminder(self, meeting: Meeting, rule: Rule, known: datetime, hours: Hours) -> Owed | None:
        her, start = meeting.whose, hours.starts_at
        since = max(known, meeting.known.changes[0][0].at + rule.existed)
        hour, sure = her.hour.at(known), not her.hour.changed_within(known, start)
        if rule.counted_from == "ends_at":
            due = rule.due(hours.ends_at, her.zone, hour, None)
            since, end = max(since, hours.ends_at), due + A_WEEK
        else:
            due, end = rule.due(start, her.zone, hour, start), start
        if due < since:
            return None
        due = rule.polite(due, since, her.zone)
        if rule.ends and due >= start:
            return None
        paid = [
            text for text in her.unasked
            if text.kind == rule.name and text.about == meeting.id and text.starts_at == start
        ]  # fmt: skip
        statuses = rule.only["status"]

        def still(at: datetime) -> bool:
            now = meeting.known.at(at)
            return now.starts_at == start and now.status in statuses

        return Owed(rule, her, meeting.id, due, end, paid, still, sure)

    # what stays open

    def _of_matter(self, matter: Matter, rule: Rule) -> Iterator[Owed]:
        """One step after the other, as long as she does not act."""
        her, known = matter.whose, matter.opened.at
        if matter.what.startswith("noshow "):  # opened by the worker
            known = self._heard(known)
        sure = not her.hour.changed_within(known, END)
        about = self._number(matter)
        counted = on_clock(matter.due_on, time.min, her.zone) if matter.due_on else known
        due = rule.due(counted, her.zone, her.hour.at(known), None)
        if due < known:
            return
        due = rule.polite(due, known, her.zone)
        texts = self._texts(matter, rule)
        missed = [
            row
            for row in self.noted[rule.name, about]
            if row["why"] == "too_late" and matter.open_at(row["said_at"])
        ]
        for row in missed:
            if row["step"] == 1:
                yield Owed(rule, her, about, due, row["said_at"], (), matter.open_at, sure)
        for step in range(rule.times - len(missed)):
            mine = texts[step : step + 1]
            yield Owed(rule, her, about, due, due + A_WEEK, mine, matter.open_at, sure and not missed)
            if not mine:
                return
            said = mine[0].when.at
            again = said.astimezone(her.zone).date() + timedelta(days=rule.every)
            hour = her.hour.at(said)
            at = (rule.at and (rule.at if hour is None else time(hour))) or said.astimezone(her.zone).time()
            due = rule.polite(on_clock(again, at, her.zone), said, her.zone)

    def _number(self, matter: Matter) -> int:
        """The product's own. After a no-show only the appointment tells."""
        return self.rebooks.get(int(matter.what[7:]), 0) if matter.what.startswith("noshow ") else matter.id

    def _texts(self, matter: Matter, rule: Rule) -> Sequence[Text]:
        about = self._number(matter)
        return [
            text for text in matter.whose.unasked
            if text.kind == rule.name and text.about == about and _of(matter, text)
        ]  # fmt: skip

    def _told_in_the_end(self, matter: Matter, rule: Rule) -> None:
        """When all was said and she neither wrote nor acted, who follows her is told."""
        texts = self._texts(matter, rule)
        if rule.then != "referent" or len(texts) < rule.times:
            return
        last = texts[-1].when.at
        end = last + rule.every * A_DAY + A_DAY
        wrote = any(matter.opened.at <= one.at < end for one in matter.whose.wrote)
        if wrote or end > END or not matter.open_at(end) or within(end, self.facts.away):
            return
        self.paid[f"{rule.name}, told in the end"] += 1
        if (rule.name, self._number(matter)) not in self.told:
            self.wrong["nobody was told"].append(f"{rule.name} {matter.id} of {matter.whose.phone} {last}")

    # the accounts

    def _paid(self, one: Owed) -> None:
        self.paid[one.rule.name] += 1
        said = one.texts[0].when.at
        if not one.sure or overlaps(one.due - A_DAY, said + A_DAY, self.facts.put_back):
            return
        if said < one.due - MINUTE:
            self._says("too early", one, said)
        if said > one.due + STEP and (at := self._first_clear(one, one.due, min(said, one.end), LATE)):
            self._says("late", one, f"said {said}, could at {at}")

    def _unpaid(self, one: Owed, noted: Sequence[Mapping[str, Any]]) -> None:
        end = min(one.end, END)
        if overlaps(one.due - A_DAY, end, self.facts.put_back) or not one.sure:
            return
        at = self._first_clear(one, one.due, end, HOLDS)
        if at:
            self._says(
                "not sent", one, f"could at {at} {[(r['state'], r['why'], str(r['said_at'])) for r in noted]}"
            )
        elif one.rule.capped and one.still(one.due) and one.still(end - MINUTE) and not noted:
            self._says("gone without a word", one, "")

    def _says(self, what: str, one: Owed, more: object) -> None:
        self.wrong[what].append(
            f"{one.rule.name} {one.about} to {one.her.phone} due {one.due:%Y-%m-%d %H:%M} {more}"
        )

    def _first_clear(self, one: Owed, start: datetime, end: datetime, holds: timedelta) -> datetime | None:
        """The first moment from which it could have left for so long. None: there is none, or it was not wanted before."""
        at, since = start, start
        while at < end:
            if not self._wanted(one, at):
                return None
            if not self._clear(one, at):
                since = at + STEP
            elif at - since >= holds:
                return since
            at += STEP
        return None

    def _wanted(self, one: Owed, at: datetime) -> bool:
        her = one.her
        stopped = her.stopped.at(at) or her.topics_off[one.rule.topic].at(at)
        return one.still(at) and not stopped and her.number.at(at) == "hers"

    def _clear(self, one: Owed, at: datetime) -> bool:
        her, facts = one.her, self.facts
        if forbidden(at, her.zone) or _lately(her.taken, at):
            return False
        if within(at, facts.away) or within(at, facts.trouble, MENDED):
            return False
        if one.rule.shows == "time_slots" and within(at, facts.nothing_free, A_DAY):
            return False
        if any(timedelta(0) <= at - self._heard(wrote.at) < TALKED for wrote in her.wrote):
            return False
        if any(timedelta(0) <= at - fear.at < A_DAY + TALKED for fear in her.dangers):
            return False
        others = [self._heard(text.when.at) for text in her.unasked if text not in one.texts]
        if any(timedelta(0) <= at - other < APART + STEP for other in others):
            return False
        return not one.rule.capped or (self._lately(her, at) < AT_MOST and not self._told(one, at))

    def _told(self, one: Owed, at: datetime) -> bool:
        """Of the same thing, too lately to insist."""
        return any(
            text.kind != ""
            and (self.rules[text.kind].about, text.about) == (one.rule.about, one.about)
            and timedelta(0) <= at - text.when.at < INSISTS + STEP
            for text in one.her.unasked
            if text not in one.texts
        )

    def _heard(self, wrote: datetime) -> datetime:
        """What came, or left, as the worker went: noted when it was back."""
        return next((end for start, end in self.facts.away if start <= wrote < end), wrote)

    def _lately(self, her: Somebody, at: datetime) -> int:
        return sum(
            text.kind != ""
            and self.rules[text.kind].capped
            and timedelta(0) <= at - text.when.at < A_WEEK + STEP
            for text in her.unasked
        )

    def _reasons(self) -> None:
        """Why the product says that it did not send is so."""
        whose = {her.conversation: her for her in self.facts.people}
        for row in self.rows:
            her, at = whose.get(row["conversation_id"]), row["said_at"]
            if (
                row["state"] != "ended"
                or her is None
                or overlaps(at - A_DAY, at + A_DAY, self.facts.put_back)
            ):
                continue
            so = {
                "stopped": lambda her, at: her.stopped.at(at),
                "topic_off": lambda her, at: any(topic.at(at) for topic in her.topics_off.values()),
                "number_failed": lambda her, at: her.number.at(at) == "dead",
                "not_hers": lambda her, at: her.number.at(at) in ("nobody", "another"),
                "nothing_free": lambda her, at: within(at, self.facts.nothing_free),
            }.get(row["why"], lambda her, at: True)(her, at)
            if not so:
                self.wrong["a reason that is not so"].append(f"{row['kind']} {row['why']} {at} {her.phone}")


def _of(matter: Matter, text: Text) -> bool:
    if matter.due_on:
        return (
            matter.open_as_of(text.when.order)
            and matter.due_on <= text.when.at.date() < matter.due_on + 30 * A_DAY
        )
    return matter.open_as_of(text.when.order)


def _lately(taken: History[bool], at: datetime) -> bool:
    return taken.at(at) or taken.changed_within(at - APART - STEP, at)
