"""Whether a nudge that is due may leave: all is checked anew at the moment of sending. Pure rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from gateway.domain.conversation import IDLE, Channel, Conversation
from gateway.domain.nudge import A_WEEK, Matter, NudgeKind, Planned
from gateway.domain.quiet import QuietHours

AT_MOST = 2  # unasked texts a week, over all the kinds that count
BUSY = IDLE + timedelta(minutes=5)  # she wrote so lately: what ends the conversation comes first
AFTER_DANGER = timedelta(days=1)
APART = timedelta(hours=2)  # between two unasked texts: a digit answers the last one
INSISTS = timedelta(days=2)  # between two about one thing: what was held back does not catch up
PATIENCE = timedelta(days=7)  # after its hour; later it would puzzle her


@dataclass(frozen=True)
class Person:
    """Who would be written to, as she is at the moment of sending.

    `said`: when the unasked texts that count were said, the last ones last; `last_unasked`: any unasked text.
    `talks`: a turn of hers is being answered, or a text to her has not left yet. `topics_off`: those she stopped.
    `hour`: hers, on the clock, when she said one. `feared_at`: when she told of a danger last.
    `told`: when she was told of each thing this week, by (about, matter's id, version).
    """

    who: Conversation
    said: Sequence[datetime] = ()
    last_unasked: datetime | None = None
    talks: bool = False
    topics_off: frozenset[str] = frozenset()
    hour: int | None = None
    feared_at: datetime | None = None
    told: Mapping[tuple[str, int, int], datetime] = field(default_factory=dict)


class Why(StrEnum):
    """What became of a nudge that was not said."""

    STOPPED = "stopped"
    TOPIC_OFF = "topic_off"
    NUMBER_FAILED = "number_failed"
    NOT_HERS = "not_hers"
    NO_LONGER_TRUE = "no_longer_true"
    TOO_LATE = "too_late"
    NOTHING_FREE = "nothing_free"
    CONTROL = "control"


@dataclass(frozen=True)
class Say:
    pass


@dataclass(frozen=True)
class Later:
    at: datetime


@dataclass(frozen=True)
class Never:
    why: Why


Verdict = Say | Later | Never


def verdict(
    kind: NudgeKind, due: Planned, matter: Matter | None, her: Person, quiet: QuietHours, now: datetime
) -> Verdict:
    """Everything is checked anew at the moment of sending: still true, still wanted, still her number, still daytime."""
    if why := _never(kind, due, matter, her):
        return Never(why)
    end = due.due_at + PATIENCE
    if matter and (useless := matter.moments.get(kind.useless_at)):
        end = min(end, useless)
    if now >= end:
        return Never(Why.TOO_LATE)
    held = _not_before(kind, due, her, quiet, now)
    wait = held or _apart(her, now)
    if wait is None:
        return Say()
    wait = quiet.over_at(wait) or wait
    if wait < end:
        return Later(wait)
    # A reminder that would come too late if it waited for its turn does not wait for that.
    return Say() if held is None and not kind.capped else Never(Why.TOO_LATE)


def still_hers(due: Planned, her: Person) -> bool:
    """The number is of whom it was planned for."""
    known = her.who.beneficiary.id if her.who.beneficiary else None
    return due.beneficiary_id in (None, known)


def _never(kind: NudgeKind, due: Planned, matter: Matter | None, her: Person) -> Why | None:
    if her.who.opted_out:
        return Why.STOPPED
    if her.who.number_failed or her.who.channel is not Channel.SMS:
        return Why.NUMBER_FAILED
    if not still_hers(due, her):
        return Why.NOT_HERS
    if kind.topic in her.topics_off:
        return Why.TOPIC_OFF
    if matter is None or not matter.open or matter.version != due.version or not kind.concerns(matter):
        return Why.NO_LONGER_TRUE
    return None


def _not_before(
    kind: NudgeKind, due: Planned, her: Person, quiet: QuietHours, now: datetime
) -> datetime | None:
    """When it may be said; None: now."""
    if (morning := quiet.over_at(now)) is not None:
        return morning
    if her.feared_at and now - her.feared_at < AFTER_DANGER:  # whatever she spoke of since
        return her.feared_at + AFTER_DANGER
    if her.talks:
        return now + BUSY
    silent = her.who.silent_for
    if silent is not None and silent < BUSY:
        return now + BUSY - silent
    if her.who.taken_by is not None:
        return now + APART
    lately = [said for said in her.said if said > now - A_WEEK]
    if kind.capped and len(lately) >= AT_MOST:
        return sorted(lately)[-AT_MOST] + A_WEEK
    told = her.told.get((due.about, due.matter_id, due.version))
    if kind.capped and told and now - told < INSISTS:
        return told + INSISTS
    return None


def _apart(her: Person, now: datetime) -> datetime | None:
    """Two in a row confuse: the end of the pause after the last one; None when it is over."""
    if her.last_unasked is None or now - her.last_unasked >= APART:
        return None
    return her.last_unasked + APART


def is_control(kind: NudgeKind, pseudonym: str, share: float) -> bool:
    """Whether she is of the share that is left without, to measure. The same answer each time, for one kind and person."""
    if not kind.control or share <= 0:
        return False
    drawn = int.from_bytes(sha256(f"{kind.id}:{pseudonym}".encode()).digest()[:8], "big")
    return drawn / 2**64 < share
