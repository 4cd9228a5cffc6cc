"""Somebody of whom everything that can be held is held, and all that a database holds, opened."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import insert, update

from gateway.adapters.database import tables as t
from gateway.adapters.database.records import DatabaseRecords
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Kind, Status, TimeSlot
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel, Reply
from gateway.domain.external import Person
from gateway.domain.nudge import FollowUp, Planned
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.ports import SaidNudge
from tests.adapters.work import Service
from tests.usecases.fakes import NOW, FakeAssistant, FakeWords

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CLAIRE = Referent("claire.moreau@example.org", "Claire Moreau", structure="CCAS de Niort")
SECRETS = ("je suis malade depuis un an", "mon numéro de dossier est le 12")
ACCOUNT = CalendarAccount("https://agenda.example.org/claire/", "claire", "secret")


async def held_of(
    store: DatabaseStore, phone: str, name: str, number: int = 1, now: datetime = NOW - HOUR
) -> int:
    """Her conversation. `number` tells her rows from somebody else's."""
    async with store.transaction() as tx:
        claire = await tx.save_referent(CLAIRE)
        if await tx.calendar_account(claire) is None:
            await tx.save_calendar(claire, ACCOUNT)
        hers = await tx.save_beneficiary(
            Beneficiary(phone, name, "fr", "79000", "Niort", ("new_rsa",)), CLAIRE.email
        )
        await tx.save_external_beneficiary(Person(f"user-{number}", phone, name), now)
        for what in ("user", "follows"):
            await tx.is_news("rdv_service_public", what, f"user-{number}", now)
        who = await tx.conversation_at(Channel.SMS, phone, now)
        her = await tx.conversation(who, now)
        first = await tx.add_inbound(who, sid(number, 1), SECRETS[0], 1, "", now)
        assert first is not None
        await tx.close_inbound(first, now)
        ours = await tx.add_outbound(her, first, f"Bonjour {name}", ["utter_greet"], now)
        await tx.mark_sent(ours, sid(number, 2), now)
        waits = await tx.add_outbound(her, first, "Encore un mot", ["utter_thanks"], now)
        assert waits
        await tx.keep_early_status(sid(number, 1), "delivered", None, now)
        shared = SharedObstacle("health", None, {"doctor": "no"}, "2026-11-23", "sms", "2026-11-23")
        await tx.share_obstacle(who, shared, now)
        await tx.share_obstacle(who, replace(shared, kind="mobility", severity=2), now)
        await tx.withdraw_obstacle(who, "mobility", now)
        await tx.opt_out(who, "message", now, "news")
        await tx.opt_in(who, "message", now, "news")
        await tx.add_callback(CallbackRequest(who, first, "asked", now))
        for key in (
            f"callback:{first}",
            f"obstacle:{first}",
            f"number:{who}",
            f"reply:{who}:1:2026112310",
            f"pace:{who}:20261123",
        ):
            mail = await tx.add_mail(key, CLAIRE.email, "callback", {"first_name": name, "phone": phone}, now)
            assert mail
            await tx.mark_mail_sent(mail, now)
        told = await tx.add_notice(
            f"written:{number}", who, "written", {"text": SECRETS[1], "referent_id": claire}, now
        )
        assert told
        await tx.arm("notice", told, now + DAY)
        await tx.wait(who, [claire], now)
        await tx.note_access(claire, who, "read", now)
        slot = _slot(claire, now + DAY + timedelta(hours=number))
        await tx.hold(who, [slot], now + DAY)
        coming = await tx.book(who, hers, slot, now)
        past = await tx.book(who, hers, _slot(claire, now - DAY * number), now - 2 * DAY)
        assert coming
        assert past
        await tx.set_status(past.id, past.sequence, Status.SEEN, now)
        for one in (coming, past):
            await tx.note_event(claire, one.id, one.sequence, "etag")
            await tx.arm("remind", one.id, now + DAY)
            values = {"first_name": name, "phone": phone, **_about(one)}
            mail = await tx.add_mail(
                f"appointment:{one.id}:0:{claire}", CLAIRE.email, "appointment", values, now
            )
            assert mail
            await tx.mark_mail_sent(mail, now)
        followed = FollowUp(0, "obstacle", who, hers, now, {"kind": "health"})
        matter = await tx.open_follow_up(f"obstacle:{who}:health", followed)
        await tx.arm("follow", matter, now + DAY)
        nudges = [
            (Planned(kind, "appointment", coming.id, 1, who, hers, step, now + DAY), True)
            for kind, step in (("two_days", 1), ("morning", 1), ("afterwards", 1))
        ]
        await tx.plan_nudges(nudges)
        said, ended, _ = await tx.planned_nudges("appointment", coming.id)
        sent = await tx.say_nudges([SaidNudge(said.id, her, f"{name}, c'est demain", her.state)], now, "me")
        await tx.mark_all_sent([(sent[0].message_id, sid(number, 3))], now)
        await tx.finish_deliveries([one.lease for one in sent if one.lease], "me")
        await tx.end_nudges([(ended.id, "ended", "topic_off")], now)
        await tx.arm("give_back", who, now + DAY)
        await tx.arm("forget", who, now + DAY)
    return who


def sid(number: int, nth: int) -> str:
    return f"SM{number:016x}{nth:016x}"


def _slot(referent: int, at: datetime) -> TimeSlot:
    return TimeSlot(at, at + timedelta(minutes=30), referent, Kind.IN_PERSON, "CCAS, Niort")


def _about(one: Any) -> dict[str, str]:
    return {
        "method": "REQUEST", "change": "new", "appointment": str(one.id), "uid": one.uid,
        "sequence": str(one.sequence), "starts_at": one.starts_at.isoformat(),
        "ends_at": one.ends_at.isoformat(), "kind": one.kind.value, "place": one.place,
    }  # fmt: skip


async def everything(store: DatabaseStore) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Table → its rows, what is sealed opened."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in t.metadata.sorted_tables:
        rows = [{k: _opened(store, v) for k, v in row.items()} for row in await store.rows(table)]
        found[table.name] = sorted(rows, key=str)
    return found


def _opened(store: DatabaseStore, value: Any) -> Any:
    if not isinstance(value, bytes | memoryview):
        return value
    try:
        return store.cipher.open(bytes(value))
    except InvalidToken:
        return bytes(value)


async def where(store: DatabaseStore, *words: str) -> list[str]:
    """Tables and columns that hold one of these words, opened or as they are."""
    return [
        f"{table}.{column}"
        for table, rows in (await everything(store)).items()
        for row in rows
        for column, value in row.items()
        for word in words
        if word in str(value)
    ]


async def change(store: DatabaseStore, table: Any, where_: Any, **values: Any) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(update(table).where(where_).values(**values))


async def add(store: DatabaseStore, table: Any, **values: Any) -> None:
    async with store.engine.begin() as connection:
        await connection.execute(insert(table).values(**values))


def service(store: DatabaseStore, words: Any = None) -> Service:
    """Whatever she asks, Rasa greets her."""
    always = FakeAssistant(otherwise=(Reply("utter_greet"),))
    found = Service(store, words=words or FakeWords(), assistant=always)
    found.worker.records = DatabaseRecords(store)
    return found


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
