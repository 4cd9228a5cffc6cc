"""A wave of nudges that are due: each is checked anew, then said, put off or let go. Nothing is sent from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.domain.appointment import Hold
from gateway.domain.campaign import Campaign
from gateway.domain.conversation import IDLE, Channel, Reply, State, Told
from gateway.domain.nudge import DISCREET, Matter, NudgeKind, Planned, later_quarter, next_step
from gateway.domain.quiet import QuietHours
from gateway.domain.verdict import PATIENCE, Later, Never, Person, Say, Why, is_control, still_hers, verdict
from gateway.ports import DueNudge, Rendered, SaidNudge, SentNudge, Transaction, Words
from gateway.usecases.booking import record_booking
from gateway.usecases.matters import MatterKey, NudgeRules, matters
from gateway.usecases.offering import SLOT, meeting

NUDGED = "NUDGED"  # payload: nudge's id, kind, matter's id, what the choice does
AN_HOUR = timedelta(hours=1)  # before what cannot be said is tried again
TRY_AGAIN = timedelta(days=1)  # when no time slot is free to be offered
NO_OFFER = Told((), State())


@dataclass
class Wave:
    """What becomes of those that are due. `silent`: without an answer to the last one, to be told to who follows her.

    `broken`: (id, kind) of what could not be said, for the log.
    """

    said: list[SaidNudge] = field(default_factory=list)
    later: list[tuple[int, datetime]] = field(default_factory=list)
    ended: list[tuple[int, str, str]] = field(default_factory=list)
    following: list[tuple[Planned, bool]] = field(default_factory=list)
    holds: list[tuple[Person, Hold]] = field(default_factory=list)
    silent: list[tuple[DueNudge, Person, NudgeKind, str]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Nudging:
    """`offers`: for each nudge that shows time slots, what would be offered."""

    words: Words
    rules: NudgeRules
    offers: Mapping[int, Told]
    now: datetime

    def decided(self, taken: Sequence[tuple[DueNudge, Person]], about: Mapping[MatterKey, Matter]) -> Wave:
        wave, written = Wave(), set[int]()
        for due, her in taken:
            if her.who.id in written:  # one at a time: the second has to know of the first
                wave.later.append((due.id, self.now + timedelta(minutes=1)))
                continue
            before = len(wave.said)
            try:
                self._decide(wave, due, her, about.get((due.planned.about, due.planned.matter_id)))
            except Exception:  # noqa: BLE001 one that cannot be said keeps nobody else waiting
                wave.broken.append((due.id, due.planned.kind))
                self._put_aside(wave, due)
            if len(wave.said) > before:
                written.add(her.who.id)
        return wave

    def _put_aside(self, wave: Wave, due: DueNudge) -> None:
        if self.now + AN_HOUR < due.planned.due_at + PATIENCE:
            return wave.later.append((due.id, self.now + AN_HOUR))
        wave.ended.append((due.id, "ended", Why.TOO_LATE))

    def _decide(self, wave: Wave, due: DueNudge, her: Person, matter: Matter | None) -> None:
        kind = self.rules.kinds.get(due.planned.kind)
        if kind is None:  # the département does not want it any more
            return wave.ended.append((due.id, "ended", Why.NO_LONGER_TRUE))
        if due.planned.step > kind.times:
            return self._silence(wave, due, her, kind, matter)
        match verdict(kind, due.planned, matter, her, self._quiet(her), self.now):
            case Never(why):
                wave.ended.append((due.id, "ended", why))
                self._go_on(wave, due, her, kind, matter, why)
            case Later(at):
                wave.later.append((due.id, at))
            case Say() if matter is not None:
                self._say(wave, due, her, kind, matter)

    def _go_on(
        self, wave: Wave, due: DueNudge, her: Person, kind: NudgeKind, matter: Matter | None, why: Why
    ) -> None:
        """One that came too late breaks no series; and what begins anew does, even if she wanted nothing this time."""
        if matter is None or why in (Why.NO_LONGER_TRUE, Why.NOT_HERS):
            return
        if why is Why.TOO_LATE:
            self._follow(wave, due, her, kind, matter, due.planned.step)
        elif kind.renews:
            self._follow(wave, due, her, kind, matter, kind.times)

    def _follow(
        self, wave: Wave, due: DueNudge, her: Person, kind: NudgeKind, matter: Matter, step: int
    ) -> None:
        """For the same person: a campaign, which is about nobody, does not know her."""
        quiet = self._quiet(her)
        if following := next_step(kind, matter, step, self.now, quiet, her.hour):
            to, known = due.planned.conversation_id, due.planned.beneficiary_id
            wave.following.append((replace(following, conversation_id=to, beneficiary_id=known), kind.capped))

    def _quiet(self, her: Person) -> QuietHours:
        person = her.who.beneficiary
        return self.rules.quiet_for(person.postal_code if person else "")

    def _silence(
        self, wave: Wave, due: DueNudge, her: Person, kind: NudgeKind, matter: Matter | None
    ) -> None:
        """All was said and nothing done: who follows her is told, or the next quarter begins."""
        if matter is None or not matter.open or matter.version != due.planned.version:
            return wave.ended.append((due.id, "ended", Why.NO_LONGER_TRUE))
        if not still_hers(
            due.planned, her
        ):  # who follows the new owner of that number has nothing to do with it
            return wave.ended.append((due.id, "ended", Why.NOT_HERS))
        wave.ended.append((due.id, "told", ""))
        asked = not is_control(kind, her.who.pseudonym, self.rules.control_share)
        wave.silent.append((due, her, kind, kind.id if kind.then and asked else ""))

    def _say(self, wave: Wave, due: DueNudge, her: Person, kind: NudgeKind, matter: Matter) -> None:
        step, offer = due.planned.step, self.offers.get(due.id, NO_OFFER)
        if kind.shows == "time_slots" and not _slots(offer):
            return self._nothing_free(wave, due, her, kind)
        if is_control(kind, her.who.pseudonym, self.rules.control_share):
            wave.ended.append((due.id, "control", Why.CONTROL))
            step = kind.times  # neither said again: only what comes after the last one
        else:
            wave.said.append(self._said(due, her, kind, matter, offer))
            wave.holds += [(her, change) for change in offer.changes if isinstance(change, Hold)]
        self._follow(wave, due, her, kind, matter, step)

    def _nothing_free(self, wave: Wave, due: DueNudge, her: Person, kind: NudgeKind) -> None:
        """Nobody is invited to choose among nothing: later, and in the end a person deals with it."""
        if self.now + TRY_AGAIN < due.planned.due_at + PATIENCE:
            return wave.later.append((due.id, self.now + TRY_AGAIN))
        wave.ended.append((due.id, "ended", Why.NOTHING_FREE))
        wave.silent.append((due, her, kind, Why.NOTHING_FREE))

    def _said(self, due: DueNudge, her: Person, kind: NudgeKind, matter: Matter, offer: Told) -> SaidNudge:
        who = her.who
        replies, state = self._replies(due, kind, matter, offer), who.state
        if replies and not self.words.has(replies[0].response):
            raise LookupError(replies[0].response)  # gone from the files: nothing is better than half of it
        if offer.replies:  # decided on what was before the wave locked her conversation
            state = replace(state, choosing=offer.state.choosing, asking=offer.state.asking)
        if not state.welcomed:  # nobody ever wrote to her from this number
            replies = [Reply("utter_welcome"), *replies]
        part = self._rendered(replies, matter.values.get("_campaign"), her)
        state = replace(state, welcomed=True, nudged=(due.id, kind.id, False))
        if part.menu or part.rest:
            state = replace(state, menu=part.menu, rest=part.rest, rest_menu=part.rest_menu)
        personal = matter.facts.get("sensitive") == "yes"
        return SaidNudge(due.id, who, part.text, state, [r.response for r in replies], personal)

    def _rendered(self, replies: Sequence[Reply], campaign: Campaign | None, her: Person) -> Rendered:
        language = her.who.language or "fr"
        today = self.now.astimezone(self.rules.zone).date().isoformat()
        said = [r for r in replies if self.words.has(r.response)]
        part = self.words.render(said, language, Channel.SMS, today) if said else Rendered("")
        if campaign and campaign.text:  # her referent's own words, neither translated nor folded
            part = replace(part, text="\n".join(filter(None, (part.text, campaign.text))))
        return part

    def _replies(self, due: DueNudge, kind: NudgeKind, matter: Matter, offer: Told) -> list[Reply]:
        campaign = matter.values.get("_campaign")
        if campaign:
            return [Reply(campaign.response)] if campaign.response else []
        said, hidden = kind.says, matter.facts.get("discreet") == "yes"
        own = f"{said}.{DISCREET if hidden else matter.facts.get('kind', '')}"
        if self.words.has(own):
            said = own
        values = {name: value for name, value in matter.values.items() if not name.startswith("_")}
        replies = [Reply(said, values)]
        if kind.shows == "time_slots":
            return [*replies, *offer.replies]
        if kind.shows == "meeting":
            replies.append(meeting(matter.values["_appointment"]))
        lines = [
            [title if ":" in title else f"text:{title}", _payload(due, kind, matter, does)]
            for title, does in kind.lines
        ]
        if lines:
            replies[-1] = replace(replies[-1], values={**replies[-1].values, "lines": lines})
        return replies


def _payload(due: DueNudge, kind: NudgeKind, matter: Matter, does: str) -> str:
    return does if does.startswith("/") else f"{NUDGED} {due.id} {kind.id} {matter.id} {does}"


def _slots(offer: Told) -> bool:
    """Time slots are among what would be offered."""
    lines = [line for reply in offer.replies for line in reply.values.get("lines", ())]
    return any(str(line[1]).startswith(f"{SLOT} ") for line in lines)


@dataclass(frozen=True)
class Ran:
    """`dealt`: how many were taken; `jobs`: to ring once it is committed."""

    sent: Sequence[SentNudge]
    dealt: int
    jobs: Sequence[int]
    broken: Sequence[tuple[int, str]]


async def run_wave(tx: Transaction, nudging: Nudging, ids: Sequence[int], team: str, owner: str) -> Ran:
    """In one transaction: all that was decided, stored."""
    now, rules = nudging.now, nudging.rules
    taken = await tx.take_nudges(ids, now)
    wanted = {(due.planned.about, due.planned.matter_id) for due, _ in taken}
    wave = nudging.decided(taken, await matters(tx, wanted, rules))
    sent = await tx.say_nudges(wave.said, now, owner)
    await tx.postpone_nudges(wave.later)
    await tx.end_nudges(wave.ended, now)
    await tx.plan_nudges(wave.following)
    jobs = [await tx.arm("deliver", one.conversation_id, now) for one in sent if one.lease is None]
    for one in wave.said:
        if one.personal:  # erased with the conversation, as what she is answered of it
            await tx.arm("forget", one.to.id, now + IDLE + timedelta(seconds=1))
    for her, hold in wave.holds:
        jobs += await record_booking(tx, her.who, hold, now)
    for due, her, kind, told in wave.silent:
        jobs += await _after_silence(tx, due, her, kind, told, team, now)
    return Ran(sent, len(taken), jobs, wave.broken)


async def _after_silence(
    tx: Transaction, due: DueNudge, her: Person, kind: NudgeKind, told: str, team: str, now: datetime
) -> list[int]:
    """`told`: what the mail to who follows her is about; "": nobody is told."""
    jobs, who, one = list[int](), her.who, due.planned
    if told and not await tx.was_answered(one.about, one.matter_id, one.version):
        to = who.referent.email if who.referent else team
        person = who.beneficiary
        values = {
            "first_name": person.first_name if person and person.id == one.beneficiary_id else "",
            "kind": str(told),
            "person": who.pseudonym,
        }
        key = f"silent:{told}:{one.about}:{one.matter_id}:{one.version}"
        if mail_id := await tx.add_mail(key, to, "silent", values, now):
            jobs.append(await tx.arm("mail", mail_id, now))
    if kind.renews:
        jobs += await renew(tx, one.matter_id, kind.renews, now)
    return jobs


async def renew(tx: Transaction, follow_up_id: int, months: int, now: datetime) -> list[int]:
    """The next quarter begins."""
    for one in await tx.follow_ups([follow_up_id]):
        if one.due_on:
            await tx.renew_follow_up(one.id, later_quarter(one.due_on, months))
            return [await tx.arm("follow", one.id, now)]
    return []
