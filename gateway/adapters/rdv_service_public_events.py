"""What RDV Service Public's webhooks say, in our words.

The shapes are those of its public code (app/blueprints, app/models/concerns/webhook_deliverable.rb):
`{"data": {…}, "meta": {"model", "event", "webhook_reason", "timestamp"}}`. Read with indulgence: what is missing or odd
makes an event that says nothing, never an error, for the sender would only say it again.

Nothing else is read than what is kept: no reason, no note, no family, no birth date.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from gateway.domain.appointment import Kind, Status
from gateway.domain.external import Agent, Event, Follows, Gone, Meeting, Person, Seat
from gateway.domain.phone_number import can_be_texted
from gateway.domain.text import cleaned

type Data = Mapping[str, Any]

KINDS = {"public_office": Kind.IN_PERSON, "home": Kind.IN_PERSON, "phone": Kind.PHONE, "visio": Kind.VIDEO}
STATUSES = {"unknown": Status.BOOKED, **{status.value: status for status in Status}}
AT_HOME = "À domicile"
DELETED = "@deleted.rdv-solidarites.fr"  # the address of a user whose data was erased there
# Timestamps there are whole seconds: of two events of one second, which came first.
_RANK = {"created": 0, "updated": 1, "destroyed": 2}
_OFFSET = re.compile(r"\s+([+-]\d\d:?\d\d)$|\s+UTC$")


class Unusable(ValueError):
    """Nothing to do with it; the reason names a field, never a value."""


class EventReader:
    """`read_phone`: any spelling → E.164. `zone`: of times written without theirs. `url`: that tool's address."""

    def __init__(self, read_phone: Callable[[str], str | None], zone: tzinfo, url: str = "") -> None:
        self._read_phone = read_phone
        self._zone = zone
        self._url = url

    def read(self, payload: Data, now: datetime) -> Event:
        """Raises Unusable. An event without a date is of `now`."""
        data, meta = _part(payload, "data"), _part(payload, "meta")
        event, model = _text(meta, "event"), _text(meta, "model")
        if event not in _RANK:
            raise Unusable("event")
        if _text(meta, "webhook_reason") == "rgpd":
            raise Unusable("rgpd")  # kept too long over there; here our own durations hold
        at = self._moment(meta, "timestamp") if _text(meta, "timestamp") else now
        if model == "ReferentAssignation":  # a change of referent is an end and a beginning, in any order
            return Event(at, self._follows(data, event == "destroyed"))
        what = self._what(model, data, event == "destroyed")
        return Event(at + timedelta(microseconds=_RANK[event]), what)

    def _what(self, model: str, data: Data, destroyed: bool) -> Agent | Person | Gone | Meeting:
        if model == "Rdv":
            meeting = self._meeting(data)
            return _revoked(meeting) if destroyed else meeting
        if model == "User":
            return Gone(_id(data)) if destroyed else self._person(data)
        if destroyed or model not in ("Agent", "AgentRole"):
            raise Unusable("model")
        return _agent(data if model == "Agent" else _part(data, "agent"))

    def _follows(self, data: Data, ends: bool) -> Follows:
        return Follows(_agent(_part(data, "agent")), self._person(_part(data, "user")), ends)

    def _person(self, data: Data) -> Person:
        if _text(data, "email").lower().endswith(DELETED):
            raise Unusable("deleted")
        phone = self._read_phone(_text(data, "phone_number_formatted") or _text(data, "phone_number")) or ""
        return Person(_id(data), phone if can_be_texted(phone) else "", _text(data, "first_name"))

    def _meeting(self, data: Data) -> Meeting:
        starts_at = self._moment(data, "starts_at")
        if _text(data, "ends_at"):
            length = self._moment(data, "ends_at") - starts_at
        else:
            length = timedelta(minutes=_minutes(data))
        if not timedelta() < length <= timedelta(days=1):
            raise Unusable("ends_at")
        kind, place = _where(data)
        number = _id(data)
        return Meeting(
            external_id=number, uid=_text(data, "uuid")[:36] or f"rdv-{number}", starts_at=starts_at,
            ends_at=starts_at + length, kind=kind, place=place, agents=_agents(data), seats=tuple(self._seats(data)),
            url=f"{self._url}/users/rdvs/{number}" if self._url else "",
        )  # fmt: skip

    def _seats(self, data: Data) -> list[Seat]:
        """Each participant with her own status; an older version said the users alone."""
        whole = _text(data, "status")
        seats = [(_inside(p, "user"), _text(p, "status") or whole) for p in _list(data, "participations")]
        found = []
        for user, status in seats or [(user, whole) for user in _list(data, "users")]:
            if status not in STATUSES:
                raise Unusable("status")
            with suppress(Unusable):  # somebody who was erased
                wants_sms = user.get("notify_by_sms") is not False
                found.append(Seat(self._person(user), STATUSES[status], wants_sms))
        return found

    def _moment(self, data: Data, name: str) -> datetime:
        """`2026-11-24T10:00:00+01:00`, `2026-11-24 10:00:00 +0100`, `… UTC`."""
        try:
            written = _OFFSET.sub(lambda found: found[1] or "+00:00", _text(data, name))
            moment = datetime.fromisoformat(written)
        except ValueError:
            raise Unusable(name) from None
        if not 2000 <= moment.year < 2200:
            raise Unusable(name)
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


def _revoked(meeting: Meeting) -> Meeting:
    """It was taken off the calendar. What became of it before that stays true: she came, she cancelled."""
    off = tuple(
        replace(seat, status=Status.REVOKED) if seat.status is Status.BOOKED else seat
        for seat in meeting.seats
    )
    return replace(meeting, seats=off)


def _where(data: Data) -> tuple[Kind, str]:
    """How they meet, and where: never her own address."""
    location, lieu = _text(_inside(data, "motif"), "location_type"), _inside(data, "lieu")
    kind = KINDS.get(location, Kind.IN_PERSON)
    if location == "home":
        return kind, AT_HOME
    if kind is Kind.VIDEO:
        link = _text(data, "visio_url")
        return kind, link if link.startswith("https://") and len(link) <= 200 else ""
    if kind is Kind.PHONE:
        return kind, ""
    return kind, ", ".join(filter(None, (_text(lieu, "name"), _text(lieu, "address"))))[:200]


def _agent(data: Data) -> Agent:
    name = f"{_text(data, 'first_name')} {_text(data, 'last_name')}".strip()
    email = _text(data, "email")
    return Agent(_id(data), email if "@" in email else "", name or email.partition("@")[0])


def _agents(data: Data) -> tuple[Agent, ...]:
    return tuple(agent for agent in map(_agent, _list(data, "agents")) if agent.email)


def _id(data: Data) -> str:
    number = data.get("id")
    if isinstance(number, bool) or not re.fullmatch(r"[0-9]{1,18}", str(number)):
        raise Unusable("id")
    return str(number)


def _minutes(data: Data) -> int:
    minutes = data.get("duration_in_min")
    return minutes if isinstance(minutes, int) and abs(minutes) < 2000 else 30


def _part(data: Data, name: str) -> Data:
    if not isinstance(data.get(name), Mapping):
        raise Unusable(name)
    return _inside(data, name)


def _inside(data: Data, name: str) -> Data:
    """Empty when it is missing."""
    part = data.get(name)
    return part if isinstance(part, Mapping) else {}


def _list(data: Data, name: str) -> Sequence[Data]:
    found = data.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(data: Data, name: str) -> str:
    """On one line; "" when it is missing or is no text; no longer than a name or an address can be."""
    found = data.get(name)
    return " ".join(cleaned(found).split())[:300] if isinstance(found, str) else ""
