"""What she is told without having asked: her referent changed an appointment, a place is free, a person writes.

Each is a turn of its own, decided when it is said: what is no longer true is not said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Appointment, Hold, Status
from gateway.domain.conversation import Conversation, Outcome, Reply, State
from gateway.domain.quiet import QuietHours
from gateway.ports import Diary, Notice, Transaction, Words
from gateway.usecases.offering import CANCEL, FREED, KEEP, MOVE, NEW, meeting

AWAKE = timedelta(minutes=10)  # she wrote so lately that an answer wakes nobody


@dataclass(frozen=True)
class NoticeToSay:
    conversation: Conversation
    notice: Notice
    appointment: Appointment | None = None
    waits: bool = False  # for a place, still


async def tell_her(
    tx: Transaction, key: str, conversation_id: int, kind: str, values: Mapping[str, Any], now: datetime
) -> list[int]:
    """Stores it once, with the job that will say it. Returns the jobs to ring."""
    notice_id = await tx.add_notice(key, conversation_id, kind, values, now)
    return [await tx.arm("notice", notice_id, now)] if notice_id else []


async def next_notice(tx: Transaction, conversation_id: int, now: datetime) -> NoticeToSay | None:
    notice = await tx.next_notice(conversation_id)
    if notice is None:
        return None
    who = await tx.conversation(conversation_id, now)
    named = notice.values.get("appointment")
    theirs = await tx.appointment(int(named)) if named else None
    return NoticeToSay(who, notice, theirs, await tx.waits(conversation_id))


def still_hers(theirs: Appointment, who: Conversation) -> bool:
    """The conversation is of whom it was booked for: "this is not me" was not said from there."""
    known = who.beneficiary.id if who.beneficiary else None
    return theirs.beneficiary_id is None or theirs.beneficiary_id == known


def reaches_her(to_say: NoticeToSay) -> bool:
    """The number takes messages, and is still of whom it was meant for."""
    who, values, theirs = to_say.conversation, to_say.notice.values, to_say.appointment
    known = who.beneficiary.id if who.beneficiary else None
    hers = (theirs is None or still_hers(theirs, who)) and values.get("to", known) == known
    return hers and not who.number_failed


def not_before(who: Conversation, quiet: QuietHours, now: datetime) -> datetime | None:
    """When it may be said; None: now."""
    if who.silent_for is not None and who.silent_for < AWAKE:
        return None
    return quiet.over_at(now)


@dataclass(frozen=True)
class Noticing:
    words: Words
    diary: Diary
    to_say: NoticeToSay
    now: datetime
    zone: ZoneInfo

    async def outcome(self) -> Outcome:
        """Without a text when there is nothing to say any more, or when she stopped the messages."""
        who, notice = self.to_say.conversation, self.to_say.notice
        silent = Outcome((), who.language, who.language_sure, who.state)
        if who.opted_out or not reaches_her(self.to_say):
            return silent
        if notice.kind == "written":
            return replace(silent, text=str(notice.values["text"]))
        replies, hold = await self._replies()
        if not replies:
            return silent
        return self._rendered(replies, (hold,) if hold else ())

    def _rendered(self, replies: Sequence[Reply], changes: tuple[Hold, ...]) -> Outcome:
        who = self.to_say.conversation
        if not who.state.welcomed:  # nobody ever wrote to her from this number
            replies = (Reply("utter_welcome"), *replies)
        language = who.language or "fr"
        today = self.now.astimezone(self.zone).date().isoformat()
        part = self.words.render(replies, language, who.channel, today)
        state: State = replace(who.state, welcomed=True)
        if part.menu or part.rest:
            state = replace(state, menu=part.menu, rest=part.rest, rest_menu=part.rest_menu)
        return Outcome(tuple(replies), language, who.language_sure, state, text=part.text, changes=changes)

    async def _replies(self) -> tuple[Sequence[Reply], Hold | None]:
        values = self.to_say.notice.values
        match self.to_say.notice.kind:
            case "moved" | "booked" | "revoked" as kind:
                return self._changed(kind), None
            case "freed" if self.to_say.waits:
                return await self._freed(int(values["referent"]), datetime.fromisoformat(values["starts_at"]))
            case "gone" if self.to_say.waits:
                return (Reply("utter_place_gone", {"when": values["starts_at"]}),), None
            case "taken" if self.to_say.conversation.taken_by is not None:
                return (Reply("utter_person_answers", {"referent": values["referent"]}),), None
            case "back" if self.to_say.conversation.taken_by is None:
                return (Reply("utter_robot_is_back"),), None
        return (), None

    def _changed(self, kind: str) -> Sequence[Reply]:
        theirs = self.to_say.appointment
        off = Status.REVOKED if kind == "revoked" else Status.BOOKED
        if theirs is None or theirs.status is not off or theirs.starts_at <= self.now:
            return ()
        if self.to_say.notice.values.get("sequence", theirs.sequence) != theirs.sequence:
            return ()  # it has changed again since: that change is told, or she made it
        about = {"when": theirs.starts_at.isoformat(), "referent": theirs.referent_first_name}
        if kind == "revoked":
            lines = [["text:utter_another_day_title", NEW]]
            return (Reply("utter_referent_cancelled", {**about, "lines": lines}),)
        lines = [
            ["text:utter_i_come_title", f"{KEEP} {theirs.id}"],
            ["text:utter_move_title", f"{MOVE} {theirs.id}"],
            ["text:utter_cancel_appointment_title", f"{CANCEL} {theirs.id}"],
        ]
        meet = meeting(theirs)
        return (
            Reply("utter_referent_moved" if kind == "moved" else "utter_referent_booked", about),
            replace(meet, values={**meet.values, "lines": lines}),
        )

    async def _freed(self, referent: int, at: datetime) -> tuple[Sequence[Reply], Hold | None]:
        who = self.to_say.conversation
        free = await self.diary.free((referent,), who.id, self.now)
        slot = next((s for s in free.slots if s.starts_at == at and s.referent_id == referent), None)
        if slot is None:
            return (), None
        about = {"when": at.isoformat(), "referent": free.names.get(referent, "")}
        lines = [
            ["text:utter_i_take_it_title", f"{FREED} {referent} {int(at.timestamp())}"],
            ["text:utter_others_title", NEW],
        ]
        return (Reply("utter_place_free", {**about, "lines": lines}),), Hold((slot,))
