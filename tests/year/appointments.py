"""Appointments are booked, moved, cancelled, held or missed, by people and by their referents."""

from datetime import UTC, datetime, timedelta

from gateway.domain.appointment import Book, Cancel, Kind, Status, TimeSlot
from gateway.errors import ChangedMeanwhile
from gateway.usecases.appointments import change_by_referent, note_outcome
from gateway.usecases.booking import record_booking
from tests.year.almanac import PARIS, day_of_rest
from tests.year.drawing import HOURS, MINUTES, Drawing
from tests.year.facts import Matter, Meeting, Somebody

AHEAD = (3, 20, 26, 44, 52, 70, 76, 110, 150, 190, 300, 500)  # hours between the booking and the appointment
STARTS = ((8, 0), (8, 30), (9, 0), (10, 0), (11, 0), (14, 0), (15, 0), (16, 30), (18, 30), (19, 0))


class Appointments(Drawing):
    def _slot(self, her: Somebody, first: datetime) -> TimeSlot:
        """Some time after that, where her referent is free: on a working day, and rarely in the evening."""
        taken = self.product.diary.taken
        day = first.astimezone(PARIS).date()
        while True:
            hour, minute = self.chance.choice(STARTS)
            at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=PARIS).astimezone(UTC)
            if at > first and not day_of_rest(day) and (her.referent, at) not in taken:
                taken.add((her.referent, at))
                kind = Kind.IN_PERSON if self.some(70) else Kind.PHONE
                return TimeSlot(at, at + 20 * MINUTES, her.referent, kind, "7 rue du Lac")
            day += timedelta(days=self.chance.choice((0, 1)))

    def _an_appointment(self, her: Somebody) -> None:
        wanted = self.any_time(3, 355)
        slot = self._slot(her, wanted)
        self.world.at(
            slot.starts_at - self.chance.choice(AHEAD) * HOURS + self.chance.randint(0, 40) * MINUTES,
            lambda: self.books(her, slot, by_referent=her.by_sms and self.some(50)),
        )

    async def books(self, her: Somebody, slot: TimeSlot, by_referent: bool) -> None:
        if slot.starts_at <= self.world.clock.at or her.number.last != "hers":
            return
        id_ = await self._change(her, Book(slot), by_referent)
        if id_ is None:
            return
        meeting, left = self.facts.meetings[id_], slot.starts_at - self.world.clock.at
        drawn, when = self.chance.random(), left * self.chance.random()
        if drawn < 0.12:
            self.world.after(when, lambda: self.moves(meeting, by_referent=her.by_sms and self.some(60)))
        elif drawn < 0.20:
            self.world.after(when, lambda: self.cancels(meeting, by_referent=self.some(40)))
        self._outcome_of(meeting)

    def _outcome_of(self, meeting: Meeting) -> None:
        later = self.chance.choice((5, 20, 60, 110, 200, 1000, 3000)) * MINUTES
        status = self.chance.choice((Status.SEEN,) * 12 + (Status.NOSHOW,) * 4 + (Status.EXCUSED,))
        if self.some(80):
            self.world.at(meeting.known.last.ends_at + later, lambda: self.notes(meeting, status))

    async def _change(self, her: Somebody, change: Book | Cancel, by_referent: bool) -> int | None:
        """Its number; None: it cannot be."""
        async with self.product.store.transaction() as tx:
            now = self.world.clock.at
            if by_referent:
                done = await change_by_referent(tx, (her.conversation, her.beneficiary), change, now)
                id_ = done.appointment.id if done else None
            else:
                try:
                    await record_booking(tx, await tx.conversation(her.conversation, now), change, now)
                except ChangedMeanwhile:
                    return None
                known = change.moving if isinstance(change, Book) else change.appointment_id
                id_ = known or (await tx.appointments_of_conversation(her.conversation))[0].id
        if id_ is not None:
            await self.world.changed(her, id_)
        return id_

    async def moves(self, meeting: Meeting, by_referent: bool) -> None:
        now = self.world.clock.at
        if meeting.known.last.status != "booked" or meeting.known.last.starts_at <= now:
            return
        at = max(now, meeting.known.last.starts_at + timedelta(days=self.chance.randint(-3, 6)))
        slot = self._slot(meeting.whose, at)
        sequence = await self._sequence(meeting)
        if await self._change(meeting.whose, Book(slot, meeting.id, sequence), by_referent):
            self._outcome_of(meeting)

    async def cancels(self, meeting: Meeting, by_referent: bool) -> None:
        if meeting.known.last.status == "booked" and meeting.known.last.starts_at > self.world.clock.at:
            await self._change(meeting.whose, Cancel(meeting.id, await self._sequence(meeting)), by_referent)

    async def _sequence(self, meeting: Meeting) -> int:
        async with self.product.store.transaction() as tx:
            known = await tx.appointment(meeting.id)
        return known.sequence if known else 0

    async def notes(self, meeting: Meeting, status: Status) -> None:
        her = meeting.whose
        async with self.product.store.transaction() as tx:
            known = await tx.appointment(meeting.id)
            assert known
            now = self.world.clock.at
            noted = known.status is not Status.EXCUSED and await note_outcome(
                tx, known, known.sequence, status, now
            )
            coming = await tx.upcoming(her.conversation, now)
        if not noted:
            return
        await self.world.changed(her, meeting.id)
        what = f"noshow {meeting.id}"
        if status is Status.NOSHOW and her.by_sms and her.number.last == "hers" and not coming:
            self.facts.opened(Matter(0, "invitation", her, self.world.now(), what))
            if self.some(10):  # a wrong click
                self.world.after(
                    self.chance.choice((2, 30)) * HOURS, lambda: self.notes(meeting, Status.SEEN)
                )
        elif status is not Status.NOSHOW:
            self.facts.closed(her, self.world.now(), "invitation", what)
