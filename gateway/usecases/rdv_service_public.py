"""What RDV Service Public tells becomes ours: referents, beneficiaries, appointments.

That tool owns them: nothing is sent back to it, and it tells her itself what it changes. Events come in any order and
any number of times: of each thing, the latest counts.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from gateway.domain.appointment import Appointment, Status
from gateway.domain.conversation import Channel
from gateway.domain.external import Agent, Bound, Event, Follows, Gone, Meeting, Person, Seat
from gateway.domain.people import Referent
from gateway.ports import Transaction
from gateway.usecases.planning import invitation_answered
from gateway.usecases.welcoming import welcome_referent

SOURCE = "rdv_service_public"


class ExternalTransaction(Transaction, Protocol):
    """See adapters/database/external.py for what each promises."""

    async def is_news(self, source: str, what: str, external_id: str, at: datetime) -> bool: ...
    async def external_referent(self, external_id: str) -> int | None: ...
    async def link_referent(self, referent_id: int, agent: Agent) -> None: ...
    async def external_beneficiary(self, external_id: str) -> Bound | None: ...
    async def save_external_beneficiary(self, person: Person, now: datetime) -> None: ...
    async def follow(self, beneficiary_id: int, referent_id: int | None) -> None: ...
    async def external_appointments(self, source: str, external_id: str) -> Sequence[Appointment]: ...
    async def put_appointment(self, new: Appointment, now: datetime) -> None: ...


async def note(tx: ExternalTransaction, event: Event, now: datetime) -> Sequence[int]:
    """Stores it, unless something later is known. Returns the jobs to ring.

    Rows are taken in one order, the thing told, then agents, then people, so that no two events wait for each other.
    """
    match event.what:
        case Agent() as agent:
            await _referent(tx, agent, event.at)
        case Person() as person:
            await _beneficiary(tx, person, event.at, now)
        case Gone(number):
            if await tx.is_news(SOURCE, "user", number, event.at):
                await tx.save_external_beneficiary(Person(number, "", ""), now)
        case Follows() as follows:
            return await _follow(tx, follows, event.at, now)
        case Meeting() as meeting:
            await _meet(tx, meeting, event.at, now)
    return []


async def _referent(tx: ExternalTransaction, agent: Agent, at: datetime) -> int | None:
    if agent.email and await tx.is_news(SOURCE, "agent", agent.external_id, at):
        known = await tx.external_referent(agent.external_id) or await tx.referent_id(agent.email)
        if known is None:
            known = await tx.save_referent(Referent(agent.email, agent.name))
        await tx.link_referent(known, agent)
    return await tx.external_referent(agent.external_id)


async def _beneficiary(tx: ExternalTransaction, person: Person, at: datetime, now: datetime) -> Bound | None:
    if await tx.is_news(SOURCE, "user", person.external_id, at):
        await tx.save_external_beneficiary(person, now)
    return await tx.external_beneficiary(person.external_id)


async def _follow(tx: ExternalTransaction, told: Follows, at: datetime, now: datetime) -> Sequence[int]:
    """Whoever is new as a referent gets her first mail."""
    if not await tx.is_news(SOURCE, "follows", told.person.external_id, at):
        return []
    referent = await _referent(tx, told.agent, at)
    who = await _beneficiary(tx, told.person, at, now)
    if who is None or referent is None:
        return []
    if told.ends:
        if who.referent_id == referent:
            await tx.follow(who.id, None)
        return []
    await tx.follow(who.id, referent)
    return await welcome_referent(tx, referent, Referent(told.agent.email, told.agent.name), now)


async def _meet(tx: ExternalTransaction, meeting: Meeting, at: datetime, now: datetime) -> None:
    """An appointment a person: a new one only when we may text her, and somebody receives her."""
    if not await tx.is_news(SOURCE, "rdv", meeting.external_id, at):
        return
    agents = {a.external_id: await _referent(tx, a, at) for a in sorted(meeting.agents, key=_number)}
    referents = [found for a in meeting.agents if (found := agents[a.external_id])]
    seats = [(s, await _beneficiary(tx, s.person, at, now)) for s in sorted(meeting.seats, key=_seat_number)]
    known = {a.beneficiary_id: a for a in await tx.external_appointments(SOURCE, meeting.external_id)}
    for seat, who in seats:
        old = known.pop(who.id, None) if who else None
        if who is None or not (old or (who.phone and seat.wants_sms and referents)):
            continue
        receives = who.referent_id if who.referent_id in referents else next(iter(referents), None)
        conversation = await tx.conversation_at(Channel.SMS, who.phone, now) if who.phone else None
        new = replace(
            _appointment(meeting, seat, who),
            referent_id=receives or (old.referent_id if old else 0),
            conversation_id=conversation or (old.conversation_id if old else 0),
        )
        await tx.put_appointment(new, now)
        if new.status is Status.BOOKED and new.conversation_id:
            await invitation_answered(tx, new.conversation_id, now)
    for left in known.values():  # no longer expected there
        if left.status is Status.BOOKED:
            await tx.put_appointment(replace(left, status=Status.REVOKED), now)


def _appointment(meeting: Meeting, seat: Seat, who: Bound) -> Appointment:
    """Hers, but for who receives her and by which number she knows."""
    return Appointment(
        id=0,
        referent_id=0,
        conversation_id=0,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        kind=meeting.kind,
        place=meeting.place,
        status=seat.status,
        uid=f"{meeting.uid}-{seat.person.external_id}",
        beneficiary_id=who.id,
        source=SOURCE,
        external_id=meeting.external_id,
        url=meeting.url,
    )


def _number(agent: Agent) -> int:
    return int(agent.external_id)


def _seat_number(seat: Seat) -> int:
    return int(seat.person.external_id)
