"""The turns about her appointment: asked for, changed, or one more wish about its day."""

from dataclasses import dataclass, replace

from gateway.domain.conversation import Outcome, Reply, Told
from gateway.domain.menu import digit_in
from gateway.domain.wishes import only_wishes, wishes_in
from gateway.errors import ToolFailed, ToolRefused
from gateway.ports import Diary, Invitations
from gateway.usecases import locating
from gateway.usecases.composing import Composing
from gateway.usecases.handover import acknowledgement
from gateway.usecases.offering import CALL_ME, NO_DIARY, Offering


class NoInvitations:
    async def invitation_link(self, user_external_id: str) -> str:
        raise ToolRefused("no such tool")


NO_INVITATIONS = NoInvitations()


@dataclass(frozen=True, kw_only=True)
class AppointmentTurns(Composing):
    diary: Diary = NO_DIARY
    invitations: Invitations = NO_INVITATIONS

    def _offering(self) -> Offering:
        here = locating.home(self.who, self.territory)
        return Offering(self.diary, self.who, self.now, self.zone, here.name if here else "")

    def _is_a_date(self, text: str) -> bool:
        """ "le 7", while time slots are on her screen: the day, when no line of the menu has that number."""
        said, today = self.words.vocabularies, self.now.astimezone(self.zone).date()
        digit = digit_in(text, said.digits)
        if digit is None or text.strip().isdigit() or not self._offering().choosing():
            return False
        wishes = wishes_in(text, said, today, self._language())
        return bool(wishes and wishes.dates)

    async def _wished(self, text: str) -> Outcome | None:
        """ "plutôt mardi matin", while time slots are on her screen."""
        said, today = self.words.vocabularies, self.now.astimezone(self.zone).date()
        if not self._offering().choosing() or not only_wishes(text, said, today, self._language()):
            return None
        wishes = wishes_in(text, said, today, self._language())
        return await self._booked(await self._offering().wished(wishes)) if wishes else None

    async def _about_appointment(self, name: str, text: str) -> Outcome | None:
        """What she says of an appointment; None when it is about something else."""
        said, today = self.words.vocabularies, self.now.astimezone(self.zone).date()
        wishes, mine = wishes_in(text, said, today, self._language()), self._offering()
        match name:
            case "utter_book_appointment":
                return await self._booked(await mine.asked(wishes))
            case "utter_when_is_my_appointment":
                return await self._booked(await mine.when())
            case "utter_deny":
                told = await mine.denied(wishes)
                return await self._booked(told) if told else None
            case "utter_move_appointment":
                return await self._booked(await mine.move(wishes=wishes), name, "move")
            case "utter_cancel_appointment":
                return await self._booked(await mine.cancel(wishes=wishes), name, "cancel")
            case "utter_late_or_absent":
                return await self._booked(await mine.late(wishes=wishes), name, "late")
        return None

    async def _booked(self, told: Told | None, name: str = "", reason: str = "") -> Outcome:
        """Said as it is. None: no appointment is known here, so somebody is told what she said."""
        if told is None:
            said = (Reply(name), acknowledgement(self.who, reason))
            return self._compose(said, self._guess(), callback=reason)
        if not told.replies and told.callback:
            return await self._invited() or replace(self._person(told.callback), changes=told.changes)
        outcome = self._tell(told)
        if told.state.asking != locating.APPOINTMENT:
            return outcome
        return replace(outcome, state=replace(outcome.state, asking=told.state.asking))

    async def _invited(self) -> Outcome | None:
        """She is known to another tool: its page lets her choose. None: a person calls her."""
        hers = self.who.beneficiary.external_id if self.who.beneficiary else ""
        asked_already = any(c.payload == CALL_ME for c in self.who.state.menu)
        if not hers or asked_already:
            return None
        try:
            url = await self.invitations.invitation_link(hers)
        except ToolFailed:
            return None
        lines = [["text:utter_call_me_title", CALL_ME]]
        return self._compose((Reply("utter_choose_there", {"url": url, "lines": lines}),), self._guess())
