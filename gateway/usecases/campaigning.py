"""A referent writes to many of her people: what they will read and what it costs, then the launch, and the stop.

Whether each may be written to is asked anew when her turn comes: see usecases/nudging.py.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.campaign import Audience, Campaign, Draft, Group, due_for, following
from gateway.domain.conversation import Channel, Reply
from gateway.domain.nudge import About, Planned
from gateway.domain.quiet import QuietHours
from gateway.domain.sms import Weight, weigh
from gateway.domain.text import MAX_CHARACTERS, cleaned
from gateway.ports import Transaction, Words
from gateway.usecases.matters import NudgeRules
from gateway.usecases.writing import MANY, PRICE

KIND = About.CAMPAIGN.value  # of the nudges, and of the job that plans them
AT_ONCE = 1000  # people planned in one transaction
FIRST = "utter_welcome"  # what is said before anything else to whom nobody ever wrote


@dataclass(frozen=True)
class Reading:
    """What some people will read. `first`: with a word of presentation; `translated` False: in French, for want of words."""

    language: str
    first: bool
    people: int
    text: str
    weight: Weight
    translated: bool = True

    @property
    def segments(self) -> int:
        """Of all of them together."""
        return self.people * self.weight.segments

    @property
    def euros(self) -> float:
        return self.segments * PRICE


@dataclass(frozen=True)
class Preview:
    """`left_out`: a Why → how many people. `heavy`: her own words are long. `languages`: language → how many people."""

    readings: Sequence[Reading] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    heavy: bool = False

    @property
    def people(self) -> int:
        return sum(one.people for one in self.readings)

    @property
    def segments(self) -> int:
        return sum(one.segments for one in self.readings)

    @property
    def euros(self) -> float:
        return self.segments * PRICE

    @property
    def languages(self) -> Mapping[str, int]:
        found: dict[str, int] = defaultdict(int)
        for one in self.readings:
            found[one.language] += one.people
        return found

    def takes(self, rate: float) -> timedelta:
        """How long the texts take to leave, nights and days of rest apart."""
        return timedelta(seconds=self.people / rate)


def why_not(draft: Draft, messages: Collection[str]) -> str:
    """What keeps it from being sent: "empty", "both", "long", "unknown"; "" when nothing does.

    `messages`: the responses that may be sent.
    """
    if not draft.response and not cleaned(draft.text):
        return "empty"
    if draft.response and cleaned(draft.text):
        return "both"
    if draft.response and draft.response not in messages:
        return "unknown"
    return "long" if len(draft.text.strip()) > MAX_CHARACTERS else ""


def previewed(words: Words, draft: Draft, groups: Sequence[Group], today: str) -> Preview:
    """`today`, ISO: an amount is said on the days when it is valid."""
    readings, left_out = list[Reading](), defaultdict[str, int](int)
    for group in groups:
        if group.why:
            left_out[group.why] += group.people
        else:
            readings.append(_reading(words, draft, group, today))
    return Preview(readings, dict(left_out), weigh(cleaned(draft.text)).segments > MANY)


def _reading(words: Words, draft: Draft, group: Group, today: str) -> Reading:
    language = group.language
    text = _as_read(words, draft, language, group.first, today)
    as_it_is = language == "fr" or not draft.response
    translated = as_it_is or _as_read(words, draft, language, False, today) != _as_read(
        words, draft, "fr", False, today
    )
    return Reading(language, group.first, group.people, text, weigh(text), translated)


def _as_read(words: Words, draft: Draft, language: str, first: bool, today: str) -> str:
    """As usecases/nudging.py says it: her referent's own words are neither translated nor folded."""
    names = [name for name in (FIRST if first else "", draft.response) if name]
    said = words.render([Reply(name) for name in names], language, Channel.SMS, today).text if names else ""
    return "\n".join(filter(None, (said, cleaned(draft.text))))


async def launch(
    tx: Transaction, draft: Draft, author_id: int, token: str, people: int, quiet: QuietHours, now: datetime
) -> list[int] | None:
    """Stores it with the job that plans it. The jobs to ring; None: this form was sent before, nothing happens.

    Ask `why_not` first. `people`: how many the preview counted.
    """
    new = Campaign(
        0, author_id, token, now, quiet.over_at(now) or now, draft.response, cleaned(draft.text),
        draft.audience.filters, people,
    )  # fmt: skip
    campaign_id = await tx.add_campaign(new)
    return None if campaign_id is None else [await tx.arm(KIND, campaign_id, now)]


@dataclass(frozen=True)
class Progress:
    """How far the planning is. `after`: the last person (a beneficiary's id); `at`: when the next message is due."""

    at: datetime
    after: int = 0


async def plan_some(
    tx: Transaction, rules: NudgeRules, campaign_id: int, progress: Progress, rate: float, now: datetime
) -> Progress | None:
    """A nudge for each of the next people; None: that was all, or somebody stopped it.

    Begun again from the start it changes nothing that is there, and adds what is missing.
    """
    one = await tx.campaign_going(campaign_id)
    if one is None:
        return None
    audience = Audience.of(one.filters)
    if not progress.after and await tx.start_conversations(one.referent_id, audience, AT_ONCE, now):
        return progress
    found = await tx.reachable(one.referent_id, audience, progress.after, AT_ONCE)
    if not found:
        await tx.campaign_is_planned(one.id)
        return None
    new, at = list[tuple[Planned, bool]](), progress.at
    for her in found:
        due = due_for(her, at, rules.quiet_for(her.postal_code))
        new.append((Planned(KIND, KIND, one.id, 0, her.conversation_id, her.beneficiary_id, 1, due), True))
        at = following(at, rate, rules.quiet)
    await tx.plan_nudges(new)
    return Progress(at, found[-1].beneficiary_id)
