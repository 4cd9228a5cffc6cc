"""Thousands of invented people with a nudge each, in an empty database. Nobody has a number that begins with +999."""

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from sqlalchemy import Table, func, insert, select, update

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore, DatabaseTransaction
from gateway.adapters.encryption import Cipher
from gateway.domain.conversation import State
from gateway.domain.nudge import Matter, Planned
from gateway.domain.people import Referent
from gateway.usecases.matters import NudgeRules, about_campaign, about_follow_up

REFERENTS = 60
LANGUAGES = ("fr", "fr", "fr", "fr", "fr", "fr", "fr", "ar", "en", "uk")
NAMES = ("Amina", "Karim", "Léa", "Oksana", "Mohamed", "Julie", "Ibrahim", "Chantal", "Samir", "Nadège")
AT_ONCE = 1000  # rows of one statement
LONG_AGO, NEVER = timedelta(days=60), timedelta(days=3)  # when they last wrote; until `due_now`

Row = dict[str, Any]


async def settle(store: DatabaseStore, rules: NudgeRules, count: int, now: datetime) -> None:
    """`count` people in an empty database: their numbers are 1 to `count`. Half are to be written to by one campaign, half about their own quarterly declaration."""
    async with store.transaction() as tx:
        for n in range(1, REFERENTS + 1):
            name = f"{NAMES[n % 10]} Martin"
            await tx.save_referent(Referent(f"referent{n}@example.org", name, structure="Niort"))
        row = {
            "referent_id": 1, "token": "bench", "response": "utter_campaign/declaration",
            "people": count // 2, "created_at": now, "starts_at": now,
        }  # fmt: skip
        await tx.db.execute(insert(t.campaign), row)
        for some in batched(range(1, count + 1), AT_ONCE):
            await _fill(tx, t.beneficiary, (_beneficiary(store.cipher, n) for n in some))
            await _fill(tx, t.conversation, (_conversation(store.cipher, n, now) for n in some))
            await _fill(tx, t.job, (_done(kind, n, now) for n in some for kind in ("converse", "deliver")))
            await _fill(tx, t.follow_up, (_declaration(store.cipher, n, now) for n in some if n % 2))
        campaign = [about_campaign(one) for one in await tx.campaigns([1])]
        for some in batched(range(1, count + 1), AT_ONCE):
            declarations = await tx.follow_ups([n // 2 + 1 for n in some if n % 2])
            theirs = {one.conversation_id: about_follow_up(one, rules) for one in declarations}
            await tx.plan_nudges([(_planned(n, theirs.get(n, campaign[0]), now), True) for n in some])


async def due_now(store: DatabaseStore, at: datetime) -> None:
    """All of them at this moment."""
    async with store.transaction() as tx:
        await tx.db.execute(update(t.nudge).values(due_at=at, planned_at=at))


async def _fill(tx: DatabaseTransaction, table: Table, rows: Iterator[Row]) -> None:
    if new := list(rows):
        await tx.db.execute(insert(table), new)


def phone(n: int) -> str:
    return f"+99900{n:06d}"


def _beneficiary(cipher: Cipher, n: int) -> Row:
    return {
        "phone_index": cipher.index(phone(n)), "phone_sealed": cipher.seal(phone(n)),
        "first_name_sealed": cipher.seal(NAMES[n % 10]), "language": LANGUAGES[n // 10 % 10],
        "postal_code": "79000", "commune": "Niort", "referent_id": n % REFERENTS + 1,
    }  # fmt: skip


def _conversation(cipher: Cipher, n: int, now: datetime) -> Row:
    return {
        "channel": "sms", "address_index": cipher.index(phone(n)),
        "address_sealed": cipher.seal(phone(n)), "pseudonym": secrets.token_hex(8),
        "state_sealed": cipher.seal_json(State(welcomed=True).to_json()), "created_at": now - LONG_AGO,
        "last_turn_at": now - LONG_AGO,
    }  # fmt: skip


def _done(kind: str, n: int, now: datetime) -> Row:
    return {"kind": kind, "subject": n, "due_at": now - LONG_AGO, "state": "done"}


def _declaration(cipher: Cipher, n: int, now: datetime) -> Row:
    return {
        "key": cipher.index(f"declaration:{n}"), "about": "declaration", "conversation_id": n,
        "beneficiary_id": n, "values_sealed": cipher.seal_json({}), "opened_at": now - LONG_AGO,
        "due_on": now.date(),
    }  # fmt: skip


def _planned(n: int, matter: Matter, now: datetime) -> Planned:
    return Planned(matter.about, matter.about, matter.id, matter.version, n, n, 1, now + NEVER)


async def unsettled(store: DatabaseStore, now: datetime) -> int:
    """Nudges due that have not left, messages that we have not noted as sent."""
    due = (
        select(func.count()).select_from(t.nudge).where(t.nudge.c.state == "planned", t.nudge.c.due_at <= now)
    )
    queued = select(func.count()).select_from(t.message).where(t.message.c.status == "queued")
    async with store.transaction() as tx:
        return sum([int((await tx.db.execute(found)).scalar_one()) for found in (due, queued)])


async def in_doubt(store: DatabaseStore) -> int:
    """Messages that may have left: the carrier will be asked."""
    async with store.transaction() as tx:
        found = select(func.count()).select_from(t.message).where(t.message.c.unsure.is_(True))
        return int((await tx.db.execute(found)).scalar_one())
