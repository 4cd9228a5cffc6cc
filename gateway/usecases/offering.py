"""An appointment by answering 1, 2 or 3: offered, chosen, moved, cancelled.

Nothing is stored from here: what she asks goes in, what to say and to change comes out. The edge does the change in
the transaction of the turn (booking.py); when somebody was faster there, the turn is decided anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Appointment, Book, Cancel, Hold, Kind, TimeSlot, Wait
from gateway.domain.choosing import Choosing
from gateway.domain.conversation import Channel, Conversation, Reply, Told
from gateway.domain.timeslot import offered
from gateway.domain.wishes import Wishes, merged
from gateway.ports import Diary, Free
from gateway.usecases.locating import APPOINTMENT

# Payloads that only this file makes and reads.
SLOT, OTHERS, NO_SLOT, WAIT, CALL_ME = "SLOT", "OTHERS", "NO_SLOT", "WAIT", "CALL_ME"
NEW, MOVE, CANCEL, UNBOOK, KEEP, LATE, FREED = "NEW", "MOVE", "CANCEL", "UNBOOK", "KEEP", "LATE", "FREED"
SHOW = "SHOW"
COMMANDS = {SHOW, SLOT, OTHERS, NO_SLOT, WAIT, CALL_ME, NEW, MOVE, CANCEL, UNBOOK, KEEP, LATE, FREED}

MEET = {
    Kind.IN_PERSON: "utter_meet_in_person",
    Kind.PHONE: "utter_meet_phone",
    Kind.VIDEO: "utter_meet_video",
}
MOST = 3  # appointments to come, for one person


class NoDiary:
    """Nobody opens any time: a person calls back."""

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        return ()

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        return Free(opens=False)

    async def referents_of(self, commune: str) -> Sequence[int]:
        return ()

    async def somebody_opens(self, now: datetime) -> bool:
        return False


NO_DIARY = NoDiary()


@dataclass(frozen=True)
class Offering:
    """One turn about an appointment. `commune`: the name of where she lives, "" when unknown."""

    diary: Diary
    who: Conversation
    now: datetime
    zone: ZoneInfo
    commune: str = ""

    # what she asks for

    async def asked(self, wishes: Wishes | None = None) -> Told:
        """RDV: the appointment that she has, else time slots."""
        if coming := await self.diary.upcoming(self.who.id, self.now):
            return self._mine(coming)
        return await self.new(wishes)

    async def new(self, wishes: Wishes | None = None) -> Told:
        coming = await self.diary.upcoming(self.who.id, self.now)
        if len(coming) >= (MOST if self.who.beneficiary else 1):
            return self._mine(coming)
        return await self._offer(Choosing(wishes=wishes or Wishes()))

    async def when(self) -> Told:
        if coming := await self.diary.upcoming(self.who.id, self.now):
            return self._mine(coming)
        lines = [["text:utter_book_title", NEW]]
        return Told((Reply("utter_no_appointment", {"lines": lines}),), self.who.state)

    async def move(
        self, named: int = 0, wishes: Wishes | None = None, to: Wishes | None = None
    ) -> Told | None:
        """None: she has no appointment here. `wishes`: a day that she names may tell which one; `to`: the day she wants."""
        theirs = await self._the_one(named, wishes)
        if theirs is None:
            return None
        if not theirs.ours:
            return await self._elsewhere(theirs)
        if theirs.starts_at <= self.now:
            return await self.late(theirs.id)
        said = Reply("utter_move_from", {"when": _iso(theirs.starts_at)})
        choosing = Choosing(wishes=to or Wishes(), moving=theirs.id, sequence=theirs.sequence)
        return await self._offer(choosing, said)

    async def cancel(self, named: int = 0, wishes: Wishes | None = None) -> Told | None:
        theirs = await self._the_one(named, wishes)
        if theirs is None:
            return None
        if not theirs.ours:
            return await self._elsewhere(theirs)
        if theirs.starts_at <= self.now:  # it has begun: somebody waits for her
            return await self.late(theirs.id)
        lines = [
            ["text:utter_cancel_title", f"{UNBOOK} {theirs.id} {theirs.sequence}"],
            ["text:utter_move_title", f"{MOVE} {theirs.id}"],
            ["text:utter_keep_title", f"{KEEP} {theirs.id}"],
        ]
        return self._say(Reply("utter_confirm_cancel", {"when": _iso(theirs.starts_at), "lines": lines}))

    async def late(self, named: int = 0, wishes: Wishes | None = None) -> Told | None:
        """Whoever expects her is told; she may still change the day."""
        theirs = await self._the_one(named, wishes)
        if theirs is None:
            return None
        lines = (
            []
            if theirs.starts_at <= self.now
            else [
                ["text:utter_move_title", f"{MOVE} {theirs.id}"],
                ["text:utter_cancel_appointment_title", f"{CANCEL} {theirs.id}"],
            ]
        )
        lines += [
            ["label:faq/late_or_absent.rsa_legitimate_reasons", "/faq/late_or_absent.rsa_legitimate_reasons"],
        ]
        told = Reply("utter_told_referent", {"referent": theirs.referent_first_name, "lines": lines})
        said = (Reply("utter_late_or_absent"), told)
        return Told(said, self.who.state, callback="late", receiver=theirs.referent_id)

    # what she chooses

    async def obey(self, command: str, argument: str) -> Told:
        """A choice of one of our menus. It may be old: what it names is looked up again."""
        numbers = [int(n) for n in argument.split()]
        known: dict[str, Callable[[], Awaitable[Told | None]]] = {
            SLOT: lambda: self._chosen(*numbers),
            FREED: lambda: self._freed(numbers[0], numbers[1]),
            SHOW: lambda: self._shown_one(numbers[0]),
            OTHERS: lambda: self._offer(self.who.state.choosing or Choosing()),
            NO_SLOT: self._none_suits,
            WAIT: self._wait,
            CALL_ME: self._call,
            NEW: self.new,
            MOVE: lambda: self.move(numbers[0]),
            CANCEL: lambda: self.cancel(numbers[0]),
            UNBOOK: lambda: self._cancelled(*numbers),
            LATE: lambda: self.late(numbers[0]),
            KEEP: lambda: self._kept(numbers[0]),
        }
        return await known[command]() or await self.when()

    async def wished(self, wishes: Wishes) -> Told:
        """Words about days and hours, while time slots are on her screen."""
        choosing = self.who.state.choosing or Choosing()
        return await self._offer(replace(choosing, wishes=merged(choosing.wishes, wishes), seen=()))

    async def denied(self, wishes: Wishes | None) -> Told | None:
        """ "non" keeps what was about to be cancelled; "non, plutôt jeudi" changes what she has. None: neither."""
        asked = [c.payload.split(" ") for c in self.who.state.menu if c.payload.startswith(f"{UNBOOK} ")]
        if asked:
            return await self._kept(int(asked[0][1]))
        return await self.move(to=wishes) if wishes else None

    def choosing(self) -> bool:
        """Time slots, or what to do when there is none, are on her screen, or on its next page."""
        shown = (*self.who.state.menu, *self.who.state.rest_menu)
        return any(c.payload.split(" ")[0] in (SLOT, NO_SLOT, WAIT, FREED) for c in shown)

    async def again(self) -> Told:
        """The same question once more, in another language."""
        return await self._offer(replace(self.who.state.choosing or Choosing(), seen=()))

    async def _freed(self, referent: int, epoch: int) -> Told:
        """A place that she was waiting for: to move what she has, when that is why she waited."""
        choosing = self.who.state.choosing or Choosing()
        return await self._chosen(referent, epoch, choosing.moving, choosing.sequence)

    async def _chosen(self, referent: int, epoch: int, moving: int, sequence: int) -> Told:
        at = datetime.fromtimestamp(epoch, UTC)
        coming = await self.diary.upcoming(self.who.id, self.now)
        if done := [a for a in coming if a.referent_id == referent and a.starts_at == at]:
            return self._mine(done)  # "1" twice
        if moving and not any(a.id == moving and a.sequence == sequence for a in coming):
            return self._changed_meanwhile(coming)
        if not moving and len(coming) >= (MOST if self.who.beneficiary else 1):
            return self._mine(coming)
        free = await self.diary.free((referent,), self.who.id, self.now)
        slot = next((s for s in free.slots if s.referent_id == referent and s.starts_at == at), None)
        if slot is None or (slot.kind is Kind.PHONE and self.who.channel is Channel.WEB):
            choosing = self.who.state.choosing or Choosing(moving=moving, sequence=sequence)
            return await self._offer(choosing, Reply("utter_slot_taken"))
        said = Reply("utter_moved" if moving else "utter_booked", {"when": _iso(slot.starts_at)})
        meet = _meet(slot.kind, slot.place, free.names.get(referent, ""))
        return Told(
            (said, meet, Reply("utter_change_hint")),
            replace(self.who.state, choosing=None, menu=()),
            (Book(slot, moving or None, sequence), Hold(), Wait(waits=False)),
        )

    async def _cancelled(self, appointment_id: int, sequence: int) -> Told:
        coming = await self.diary.upcoming(self.who.id, self.now)
        theirs = next((a for a in coming if a.id == appointment_id), None)
        if theirs is None or theirs.sequence != sequence:
            return self._changed_meanwhile(coming)
        if theirs.starts_at <= self.now:
            return await self.late(theirs.id) or self._changed_meanwhile(coming)
        values = {"when": _iso(theirs.starts_at), "referent": theirs.referent_first_name}
        lines = [["text:utter_another_day_title", NEW]]
        said = Reply("utter_cancelled", {**values, "lines": lines})
        return Told((said,), replace(self.who.state, choosing=None), (Cancel(theirs.id, sequence),))

    async def _kept(self, appointment_id: int) -> Told:
        theirs = await self._the_one(appointment_id)
        if theirs is None:
            return await self.when()
        said = (Reply("utter_kept", {"when": _iso(theirs.starts_at)}), meeting(theirs))
        return Told(said, replace(self.who.state, choosing=None, menu=()))

    # offering

    async def _offer(self, choosing: Choosing, *before: Reply) -> Told:
        referents = choosing.referents or await self._receivers()
        if not referents:
            return await self._ask_where()
        free = await self._free(referents)
        if not free.opens:
            return await self._call()  # nobody opens time here: a person calls, as ever
        choosing = replace(choosing, referents=tuple(referents))
        shown = offered(free.slots, free.held, choosing.wishes, choosing.seen, self.zone)
        if not shown and choosing.wishes != Wishes():
            shown = offered(free.slots, free.held, Wishes(), (), self.zone)
            before = (*before, Reply("utter_nothing_then")) if shown else before
            choosing = replace(choosing, wishes=Wishes(), seen=())
        if not shown:
            return await self._none_free(choosing)
        return self._shown(choosing, shown, free, before)

    def _shown(
        self, choosing: Choosing, shown: Sequence[TimeSlot], free: Free, before: Sequence[Reply]
    ) -> Told:
        one = len({s.referent_id for s in free.slots}) == 1
        ending = f"{choosing.moving} {choosing.sequence}"
        lines = [
            [_line(s, "" if one else free.names.get(s.referent_id, "")),
             f"{SLOT} {s.referent_id} {int(s.starts_at.timestamp())} {ending}"]
            for s in shown
        ]  # fmt: skip
        lines += [["text:utter_others_title", OTHERS], ["text:utter_none_suits_title", NO_SLOT]]
        name = free.names.get(shown[0].referent_id, "") if one else ""
        offer = Reply(
            "utter_choose_time" if name else "utter_choose_any_time", {"referent": name, "lines": lines}
        )
        seen = (*choosing.seen, *((s.referent_id, s.starts_at) for s in shown))[-60:]
        state = replace(self.who.state, choosing=replace(choosing, seen=seen), asking="")
        return Told((*before, offer), state, (Hold(tuple(shown)),))

    async def _none_free(self, choosing: Choosing) -> Told:
        lines = [["text:utter_wait_title", WAIT], ["text:utter_call_me_title", CALL_ME]]
        state = replace(self.who.state, choosing=choosing, asking="")
        return Told((Reply("utter_none_free", {"lines": lines}),), state)

    async def _none_suits(self) -> Told:
        lines = [
            ["text:utter_others_title", OTHERS],
            ["text:utter_wait_title", WAIT],
            ["text:utter_call_me_title", CALL_ME],
        ]
        return Told((Reply("utter_none_suits", {"lines": lines}),), self.who.state, (Hold(),))

    async def _wait(self) -> Told:
        choosing = self.who.state.choosing
        referents = (choosing.referents if choosing else ()) or await self._receivers()
        state = replace(self.who.state, menu=())
        if not referents or self.who.channel is Channel.WEB:  # a page that is closed cannot be told
            return await self._call()
        return Told((Reply("utter_waiting"),), state, (Wait(tuple(referents)),))

    async def _call(self) -> Told:
        """Said by who answers a request for a person: see handover.py."""
        return Told((), replace(self.who.state, choosing=None), callback="appointment")

    async def _ask_where(self) -> Told:
        """Her commune tells who receives her; where nobody opens time, a person calls, as ever."""
        if self.commune or not await self.diary.somebody_opens(self.now):
            return await self._call()
        return Told((Reply("utter_ask_commune"),), replace(self.who.state, asking=APPOINTMENT))

    async def _receivers(self) -> Sequence[int]:
        if self.who.referent:
            return (self.who.referent.id,)
        return await self.diary.referents_of(self.commune) if self.commune else ()

    async def _free(self, referents: Sequence[int]) -> Free:
        free = await self.diary.free(referents, self.who.id, self.now)
        if self.who.channel is Channel.WEB:  # nobody can call a page
            free = replace(free, slots=[s for s in free.slots if s.kind is not Kind.PHONE])
        return free

    # what she has

    async def _the_one(self, named: int, wishes: Wishes | None = None) -> Appointment | None:
        """The one that is named, or whose day she says; else the next of ours, else the next."""
        coming = await self.diary.upcoming(self.who.id, self.now)
        if named:
            return next((a for a in coming if a.id == named), None)
        that_day = [a for a in coming if wishes and wishes.allows(_as_slot(a), self.zone)]
        return next(iter([*that_day, *(a for a in coming if a.ours), *coming]), None)

    async def _shown_one(self, named: int) -> Told:
        coming = await self.diary.upcoming(self.who.id, self.now)
        first = [a for a in coming if a.id == named]
        return self._mine([*first, *(a for a in coming if a.id != named)]) if first else await self.when()

    def _mine(self, coming: Sequence[Appointment], *before: Reply) -> Told:
        """The first one, and the others by number."""
        theirs, others = coming[0], [[_line(_as_slot(a), ""), f"{SHOW} {a.id}"] for a in coming[1:]]
        said = [Reply("utter_my_appointment", {"when": _iso(theirs.starts_at)})]
        if not theirs.ours:
            return self._say(*before, *said, *self._there(theirs, others))
        lines = [
            ["text:utter_move_title", f"{MOVE} {theirs.id}"],
            ["text:utter_cancel_appointment_title", f"{CANCEL} {theirs.id}"],
            ["text:utter_late_title", f"{LATE} {theirs.id}"],
            ["label:faq/prepare_appointment", "/faq/prepare_appointment"],
        ]
        lines += others
        if self.who.beneficiary and len(coming) < MOST:
            lines.append(["text:utter_one_more_title", NEW])
        meet = meeting(theirs)
        return self._say(*before, *said, replace(meet, values={**meet.values, "lines": lines}))

    def _changed_meanwhile(self, coming: Sequence[Appointment]) -> Told:
        changed = Reply("utter_changed_meanwhile")
        if coming:
            return self._mine(coming, changed)
        lines = [["text:utter_book_title", NEW]]
        return self._say(changed, Reply("utter_no_appointment", {"lines": lines}))

    async def _elsewhere(self, theirs: Appointment) -> Told:
        """Another tool owns it: it is told, and changed there or by her referent."""
        coming = await self.diary.upcoming(self.who.id, self.now)
        return self._mine([theirs, *(a for a in coming if a.id != theirs.id)])

    def _there(self, theirs: Appointment, others: Sequence[Sequence[str]]) -> Sequence[Reply]:
        about = {"url": theirs.url, **({"lines": others} if others else {})}
        name = "utter_change_there" if theirs.url else "utter_change_by_person"
        return (meeting(theirs), Reply(name, about))

    def _say(self, *replies: Reply) -> Told:
        return Told(replies, self.who.state)


def meeting(theirs: Appointment) -> Reply:
    """With whom and where: "Avec Claire, 7 rue du Lac", or who calls."""
    return _meet(theirs.kind, theirs.place, theirs.referent_first_name)


def _meet(kind: Kind, place: str, referent: str) -> Reply:
    if kind is Kind.IN_PERSON and not place:
        return Reply("utter_meet_somewhere", {"referent": referent})
    return Reply(MEET[kind], {"referent": referent, "place": place})


def _as_slot(theirs: Appointment) -> TimeSlot:
    return TimeSlot(theirs.starts_at, theirs.ends_at, theirs.referent_id, theirs.kind, theirs.place)


def _line(slot: TimeSlot, referent: str) -> str:
    return f"slot:{_iso(slot.starts_at)}|{slot.kind.value}|{referent}"


def _iso(moment: datetime) -> str:
    return moment.isoformat()
