"""The judge: what was sent that must not have been. It knows what happened, the calendar and the files, not the product."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.year.almanac import PARIS, forbidden, next_permitted
from tests.year.facts import Facts, Hours, Matter, Somebody, Text
from tests.year.rules import Rule

TALK, A_DAY, A_WEEK = timedelta(minutes=30), timedelta(days=1), timedelta(days=7)
INSISTS = 2 * A_DAY
APART, ANSWERED = timedelta(hours=2), timedelta(minutes=10)
AT_MOST = 2


@dataclass
class Judge:
    """`wrong`: the rule that was broken → where."""

    facts: Facts
    rules: Mapping[str, Rule]
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def says(self, rule: str, text: Text, more: object = "") -> None:
        self.wrong[rule].append(f"{text.when.at:%Y-%m-%d %H:%M} {text.kind or text.body} to {text.to} {more}")

    def judges(self) -> None:
        for her in self.facts.people:
            for text in her.unasked:
                self._manners(her, text)
                if text.kind:
                    self._wanted(her, text)
                    self._truth(her, text)
            self._pace(her)
            self._once(her)
        for body in self.facts.strays:
            self.wrong["a text to nobody"].append(body)
        tried = defaultdict[str, int](int)
        for moment, phone in self.facts.tried_dead:
            tried[phone] += 1
            if tried[phone] > 1:
                self.wrong["a dead number tried again"].append(f"{moment.at} {phone}")

    # the hour, and who she is

    def _manners(self, her: Somebody, text: Text) -> None:
        when = text.when
        just_wrote = any(timedelta(0) <= when.true - w.true < ANSWERED for w in before(her.wrote, text))
        zone = PARIS if her.number.as_of(when.order) == "another" else her.zone
        if forbidden(when.at, zone) and not (just_wrote and not text.kind):
            self.says("a forbidden hour", text, when.at.astimezone(zone))
        if her.stopped.as_of(when.order):
            self.says("after STOP", text)
        if her.number.as_of(when.order) == "dead":
            self.says("to a dead number", text)

    def _wanted(self, her: Somebody, text: Text) -> None:
        when = text.when
        if her.topics_off[self.rules[text.kind].topic].as_of(when.order):
            self.says("of a topic that she stopped", text)
        if her.number.as_of(when.order) == "nobody" or (
            her.number.as_of(when.order) == "another" and text.kind != "campaign"
        ):
            self.says("to a number that is not hers", text)
        if any(when.true - wrote.true < TALK for wrote in before(her.wrote, text)):
            self.says("in the middle of a conversation", text)
        if any(when.true - fear.true < A_DAY for fear in before(her.dangers, text)):
            self.says("within a day of danger", text)
        if her.taken.as_of(when.order):
            self.says("while her referent answers", text)

    def _pace(self, her: Somebody) -> None:
        capped = [text for text in her.unasked if text.kind and self.rules[text.kind].capped]
        for first, third in zip(capped, capped[AT_MOST:], strict=False):
            if third.when.true - first.when.true < A_WEEK:
                self.says("a third one within a week", third, f"since {first.when.at} {first.kind}")
        for n, two in enumerate(capped):
            if any(self._insists(her, one, two) for one in capped[:n]):
                self.says("twice about one thing", two)
        for one, two in zip(her.unasked, her.unasked[1:], strict=False):
            if two.kind and two.when.true - one.when.true < APART and not self._could_not_wait(her, one, two):
                self.says("two in a row", two, f"after {one.kind or one.body} at {one.when.at}")

    def _insists(self, her: Somebody, one: Text, two: Text) -> bool:
        """About the same thing, which nobody opened anew in between."""
        if not same_thing(one, two, self.rules) or two.when.true - one.when.true >= INSISTS:
            return False
        return not any(
            one.when.order < matter.opened.order < two.when.order
            for matter in matters_of(her, two, self.rules[two.kind])
        )

    def _could_not_wait(self, her: Somebody, one: Text, two: Text) -> bool:
        """A reminder that would have come after the start."""
        rule = self.rules[two.kind]
        if rule.capped or not rule.ends or two.starts_at is None:
            return False
        return next_permitted(one.when.at + APART, her.zone) >= two.starts_at

    # what it says

    def _truth(self, her: Somebody, text: Text) -> None:
        rule = self.rules[text.kind]
        if rule.about == "appointment":
            self._of_an_appointment(her, text, rule)
        elif rule.about == "campaign":
            campaign = next(one for one in self.facts.campaigns if one.number == text.campaign)
            if campaign.stopped and campaign.stopped.order < text.when.order:
                self.says("after the end of the campaign", text)
            if her not in campaign.to:
                self.says("a campaign for others", text)
        elif not any(self._still_open(one, text) for one in matters_of(her, text, rule)):
            self.says("after the act, or about nothing", text, text.about)

    def _of_an_appointment(self, her: Somebody, text: Text, rule: Rule) -> None:
        meeting = self.facts.meetings.get(text.about)
        if meeting is None or meeting.whose is not her:
            return self.says("about nobody's appointment", text)
        hours: Hours = meeting.known.as_of(text.when.order)
        if hours.status not in rule.only["status"]:
            self.says("about an appointment that is off", text, hours)
        if hours.starts_at != text.starts_at:
            self.says("of a former time", text, hours)
        if rule.ends and text.when.at >= hours.starts_at:
            self.says("a reminder after the start", text, hours)
        if rule.counted_from == "ends_at" and text.when.at < hours.ends_at:
            self.says("how was it, before the end", text, hours)
        if hours.kind not in rule.only.get("kind", [hours.kind]):
            self.says("documents for a call", text)
        return None

    def _still_open(self, one: Matter, text: Text) -> bool:
        """Nothing was done about it, and no appointment was taken, since it was opened."""
        if not one.open_as_of(text.when.order):
            return False
        return (
            not one.due_on or one.due_on <= text.when.at.astimezone(PARIS).date() <= one.due_on + 25 * A_DAY
        )

    # never twice

    def _once(self, her: Somebody) -> None:
        said = defaultdict[tuple[object, ...], list[Text]](list)
        for text in her.unasked:
            if not text.kind:
                continue
            rule = self.rules[text.kind]
            if rule.about == "appointment":
                said[text.kind, text.about, text.starts_at].append(text)
            elif rule.about == "campaign":
                said[text.kind, text.campaign].append(text)
            else:
                opened = [m.opened.order for m in matters_of(her, text, rule) if self._still_open(m, text)]
                said[text.kind, text.about, max(opened, default=0), quarter(text, rule)].append(text)
        for (kind, *_), texts in said.items():
            if len(texts) > self.rules[str(kind)].times:
                self.says("once too many", texts[-1], [str(text.when.at) for text in texts])


def before[W](moments: list[W], text: Text) -> Iterator[W]:
    return (one for one in moments if one.order < text.when.order)  # type: ignore[attr-defined]


def same_thing(one: Text, two: Text, rules: Mapping[str, Rule]) -> bool:
    abouts = [(rules[text.kind].about, text.about, text.starts_at, text.campaign) for text in (one, two)]
    return abouts[0] == abouts[1]


def quarter(text: Text, rule: Rule) -> str:
    return f"{text.when.at.astimezone(PARIS):%Y-%m}" if rule.about == "declaration" else ""


def matters_of(her: Somebody, text: Text, rule: Rule) -> Iterator[Matter]:
    """What she had open of that kind. A no-show's number is the product's own: her appointments tell which."""
    for one in her.matters:
        if one.about != rule.about:
            continue
        if rule.about == "invitation":
            if one.what.split(" ")[0] in rule.only["why"]:
                yield one
        elif one.id == text.about:
            yield one


def counted(text_kinds: list[str]) -> Mapping[str, int]:
    found = defaultdict[str, int](int)
    for kind in text_kinds:
        found[kind] += 1
    return dict(sorted(found.items()))


def since(moment: datetime, by: timedelta) -> datetime:
    return moment - by
