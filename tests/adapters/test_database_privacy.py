"""Forgetting a person, on both databases: nothing of hers is left, and nothing of anybody else's has moved."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.queue import TaskiqQueue, open_broker
from gateway.domain.campaign import Audience
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary
from gateway.domain.questions import KeptQuestion, Kind
from gateway.errors import SendFailed, SendLater
from gateway.settings import ROOT
from gateway.usecases.conversation import receive
from gateway.usecases.privacy import _FRENCH, copy_of, forget_number
from tests.adapters.held import CLAIRE, DAY, HOUR, SECRETS, change, everything, held_of, service, sid, where
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW

MINUTE = timedelta(minutes=1)
# What the service keeps for itself: work done, mails without a word in them.
SHELLS = {"job", "mail", "leftover", "calendar"}


@pytest.fixture(scope="module")
def words() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres"})


@pytest.fixture
def talking(store: DatabaseStore, words: ContentFiles) -> Service:
    return service(store, words)


async def forgotten(store: DatabaseStore, phone: str = AMINA_PHONE) -> bool:
    async with store.transaction() as tx:
        done = await forget_number(tx, phone, NOW)
    return done is not None and done.gone


async def calendar_told(store: DatabaseStore) -> None:
    """Claire's own calendar has let go of what was cancelled."""
    async with store.transaction() as tx:
        for gone in await tx.to_remove(1):
            await tx.forget_event(1, gone.appointment_id)


async def mails_left(store: DatabaseStore) -> None:
    for row in await store.rows(t.mail):
        if row["sent_at"] is None:
            async with store.transaction() as tx:
                await tx.mark_mail_sent(row["id"], NOW)


async def vanished(store: DatabaseStore, who: int, after: timedelta = timedelta()) -> bool:
    async with store.transaction() as tx:
        return await tx.vanish(who, NOW + after)


def without(rows: Mapping[str, Sequence[Any]], *tables: str) -> dict[str, Sequence[Any]]:
    return {name: found for name, found in rows.items() if name not in tables}


async def test_it_leaves_nothing_of_her_and_touches_nobody_else(store: DatabaseStore) -> None:
    await held_of(store, KARIM_PHONE, "Karim", number=2)
    before = await everything(store)
    amina = await held_of(store, AMINA_PHONE, "Amina", number=1)
    pseudonym = await her_pseudonym(store, amina)
    async with store.transaction() as tx:
        index = tx.cipher.index(AMINA_PHONE)
    traces = (AMINA_PHONE, "Amina", pseudonym, index, "user-1", sid(1, 0)[:18])
    assert len(set(await where(store, *traces))) >= 12, "much was held"
    assert await forgotten(store) is False, "Claire's calendar is still to be told"
    await calendar_told(store)
    assert await vanished(store, amina)
    for leftover in await store.rows(t.leftover):
        assert leftover["name"] in (pseudonym, sid(1, 1), sid(1, 2), sid(1, 3))
        async with store.transaction() as tx:
            await tx.leftover_is_gone(leftover["id"])
    # One mail is still to leave: it tells Claire who will not come.
    left = [row for row in await store.rows(t.mail) if row["sent_at"] is None]
    assert len(left) == 1
    assert left[0]["key"].startswith("forgotten:")
    async with store.transaction() as tx:
        mail = await tx.mail(left[0]["id"])
        assert mail
        assert (mail.values["change"], mail.values["first_name"]) == ("cancelled", "Amina")
        await tx.mark_mail_sent(left[0]["id"], NOW)
    assert await where(store, *traces) == []
    after = await everything(store)
    assert without(after, *SHELLS) == without(before, *SHELLS)
    hers = [row for row in after["mail"] if row not in before["mail"]]
    assert {row["values_sealed"] for row in hers} == {"{}"}
    assert {row["to_sealed"] for row in hers} <= {"", CLAIRE.email}
    assert all(re.fullmatch(r"forgotten:\d+", row["key"]) for row in hers)
    stays = {(row["kind"], row["subject"]) for row in after["job"]} - {
        (r["kind"], r["subject"]) for r in before["job"]
    }
    assert {kind for kind, _ in stays} <= {"elsewhere", "vanish", "mail", "calendar", "opened"}


# What is said of nobody who writes: tables of the service, of referents, of the public.
NOBODYS = {
    "referent", "service", "opening", "absence", "busy", "campaign", "pace", "sign_in", "session", "question",
    "refusal", "leftover",
}  # fmt: skip
# Columns of hers that are empty in `held_of`: a state, a number of ours, what erasing itself writes.
EMPTY = {
    "conversation": {"language", "language_sure", "reminded_on", "number_error", "unbound", "last_turn_at", "taken_by", "taken_at", "nudge_hour", "warned_at"},
    "beneficiary": {"no_number_since"},
    "message": {"carrier_stop", "error_code", "unsure", "written_by", "personal", "erased_at"},
    "appointment": {"source", "external_id", "url_sealed"},
    "job": {"attempts", "payload"}, "mail": {"erased_at"}, "early_status": {"error_code"}, "event": {"sequence"},
    "callback": {"closed_at", "closed_by"}, "notice": {"ready_at", "done_at"},
    "follow_up": {"due_on", "closed_at", "outcome"}, "nudge": {"answered_at", "acted_at", "stopped_at"},
    "calendar": {"read_at", "error", "failed_at"},
}  # fmt: skip


async def test_it_is_tried_on_every_table_and_column(sqlite_store: DatabaseStore) -> None:
    """A new one is filled by `held_of`, so that its erasing is tried, or named here with the reason."""
    await held_of(sqlite_store, AMINA_PHONE, "Amina")
    held = await everything(sqlite_store)
    assert {name for name, rows in held.items() if not rows} == NOBODYS - {"referent"}
    empty = {
        name: {column for column in rows[0] if not any(row[column] for row in rows)}
        for name, rows in held.items() if rows and name not in NOBODYS
    }  # fmt: skip
    assert {name: columns for name, columns in empty.items() if columns} == EMPTY
    hers = re.compile(r"(conversation|beneficiary|message|appointment|phone|address|first_name|pseudonym)_?")
    naming = {
        table.name: [column.name for column in table.columns if hers.match(column.name)]
        for table in t.metadata.sorted_tables if table.name in NOBODYS
    }  # fmt: skip
    assert {name: columns for name, columns in naming.items() if columns} == {
        "referent": ["phone_sealed"], "service": ["phone", "address"], "refusal": ["address_index"],
    }  # fmt: skip


async def test_it_erases_what_was_kept_of_her_questions(store: DatabaseStore) -> None:
    """They are linked to nobody; her messages, which have the same words, are still there to find them."""
    await held_of(store, KARIM_PHONE, "Karim", number=2)
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        asked = await tx.add_inbound(
            who, sid(4, 1), "je suis Amina, au 06 39 98 00 01, et le chat ?", 0, "", NOW
        )
        assert asked
        await tx.close_inbound(asked, NOW)
        for text in ("je suis Amina, au …, et le chat ?", "et le chien ?"):
            await tx.keep_question(KeptQuestion(Kind.OUT_OF_SCOPE, "fr", text, (), NOW.date()))
    assert await forgotten(store)
    assert [row["text_sealed"] for row in (await everything(store))["question"]] == ["et le chien ?"]


async def her_pseudonym(store: DatabaseStore, who: int) -> str:
    async with store.transaction() as tx:
        return (await tx.conversation(who, NOW)).pseudonym


async def test_it_frees_the_time_and_waits_for_the_calendar_a_week_at_most(store: DatabaseStore) -> None:
    amina = await held_of(store, AMINA_PHONE, "Amina")
    await forgotten(store)
    assert await store.rows(t.occupied) == []
    (left,) = await store.rows(t.appointment)
    assert (left["status"], left["beneficiary_id"]) == ("excused", None)
    assert len(await store.rows(t.event)) == 1, "the past one is over"
    later = {"starts_at": NOW + 30 * DAY, "ends_at": NOW + 30 * DAY + HOUR}
    await change(store, t.appointment, t.appointment.c.id == left["id"], **later)
    assert not await vanished(store, amina, 6 * DAY)
    assert await vanished(store, amina, 8 * DAY)
    assert (
        await store.rows(t.event) == await store.rows(t.appointment) == await store.rows(t.conversation) == []
    )


async def test_it_knows_nothing_of_a_number_that_never_wrote(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        assert await forget_number(tx, AMINA_PHONE, NOW) is None
        assert await copy_of(tx, AMINA_PHONE, NOW) is None
    assert await store.rows(t.conversation) == []


async def test_it_forgets_who_was_imported_and_never_wrote(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(AMINA_PHONE, "Amina"), "")
    assert await forgotten(store)
    assert await store.rows(t.beneficiary) == await store.rows(t.conversation) == []


# STOP outlives her


async def stopped_and_forgotten(store: DatabaseStore, *topics: str) -> str:
    amina = await held_of(store, AMINA_PHONE, "Amina")
    async with store.transaction() as tx:
        for topic in topics:
            await tx.opt_out(amina, "message", NOW, topic)
    await forgotten(store)
    await calendar_told(store)
    await mails_left(store)
    assert await vanished(store, amina)
    async with store.transaction() as tx:
        return tx.cipher.index(AMINA_PHONE)


async def test_it_keeps_of_who_said_stop_the_index_of_her_number_and_nothing_else(
    store: DatabaseStore,
) -> None:
    index = await stopped_and_forgotten(store, "all")
    assert await store.rows(t.refusal) == [{"address_index": index, "topic": "all"}]
    assert set(await where(store, index, AMINA_PHONE)) == {"refusal.address_index"}


@pytest.mark.parametrize("way", ["import", "campaign"])
async def test_it_does_not_write_to_who_said_stop_when_she_is_imported_again(
    store: DatabaseStore, way: str
) -> None:
    await stopped_and_forgotten(store, "all", "reminder")
    async with store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(AMINA_PHONE, "Amina"), CLAIRE.email)
        if way == "import":
            await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        else:
            assert await tx.start_conversations(1, Audience(), 10, NOW) == 1
        who = await tx.conversation(await tx.find_conversation(Channel.SMS, AMINA_PHONE) or 0, NOW)
        assert who.opted_out
        assert who.beneficiary
        assert list(await tx.stopped_topics(who.id)) == ["reminder"]
        reachable = [one.conversation_id for one in await tx.reachable(1, Audience(), 0, 10)]
        assert reachable == []
    assert await store.rows(t.refusal) == [], "the conversation knows it again"


async def test_it_keeps_nothing_of_who_said_start_again(store: DatabaseStore) -> None:
    amina = await held_of(store, AMINA_PHONE, "Amina")
    async with store.transaction() as tx:
        await tx.opt_out(amina, "message", NOW)
        await tx.opt_in(amina, "message", NOW)
    await forgotten(store)
    await calendar_told(store)
    await vanished(store, amina)
    assert await store.rows(t.refusal) == []


# somebody else's number


async def test_it_leaves_who_had_the_number_before_in_peace(store: DatabaseStore) -> None:
    """ "This is not me", then "erase": the appointment of the former owner stands, under nobody's number."""
    amina = await held_of(store, AMINA_PHONE, "Amina")
    async with store.transaction() as tx:
        await tx.unbind(amina)
        done = await forget_number(tx, AMINA_PHONE, NOW)
        assert done
        assert (done.cancelled, done.gone) == (0, True)
        index = tx.cipher.index(AMINA_PHONE)
    rows = await store.rows(t.appointment)
    assert [row["status"] for row in rows] == ["booked", "seen"]
    assert {row["beneficiary_id"] for row in rows} == {1}
    assert await where(store, AMINA_PHONE) == []
    assert await store.rows(t.refusal) == [{"address_index": index, "topic": "not_hers"}]
    async with store.transaction() as tx:  # and a file that still says so binds it to nobody
        await tx.save_beneficiary(Beneficiary(AMINA_PHONE, "Amina"), CLAIRE.email)
        again = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        assert (await tx.conversation(again, NOW)).beneficiary is None


async def test_it_tells_a_number_of_nobody_only_what_it_wrote_itself(store: DatabaseStore) -> None:
    amina = await held_of(store, AMINA_PHONE, "Amina")
    async with store.transaction() as tx:
        await tx.unbind(amina)
        her = await tx.conversation(amina, NOW)
        denied = await tx.add_inbound(amina, sid(1, 7), "ce n'est pas moi", 0, "", NOW)
        await tx.add_outbound(her, denied, "C'est noté", ["utter_not_me"], NOW)
        await tx.add_inbound(amina, sid(1, 8), "bonjour", 0, "", NOW)
        copy = await copy_of(tx, AMINA_PHONE, NOW)
        held = await tx.held(her, NOW)
    assert copy
    assert [one["texte"] for one in copy["messages"]] == ["bonjour"]
    assert (held.messages, held.appointments) == (1, 0)
    assert not set(copy) & {"personne", "difficultes_partagees", "accords", "consultations_de_la_page"}
    assert "Amina" not in str(copy)
    assert SECRETS[0] not in str(copy)


async def test_it_gives_her_a_copy_of_all_that_is_held(store: DatabaseStore) -> None:
    await held_of(store, AMINA_PHONE, "Amina")
    async with store.transaction() as tx:
        copy = await copy_of(tx, AMINA_PHONE, NOW)
    assert copy
    assert copy["personne"][0]["prenom"] == "Amina"
    assert copy["personne"][0]["referent"] == "Claire Moreau"
    said = [(one["de"], one["texte"]) for one in copy["messages"]]
    assert said[:2] == [("la personne", SECRETS[0]), ("le service", "Bonjour Amina")]
    assert [one["etat"] for one in copy["rendez_vous"]] == ["seen", "booked"]
    assert [one["sorte"] for one in copy["difficultes_partagees"]] == ["health"]
    accords = sorted((one["au_sujet_de"], one["retire_le"] is None) for one in copy["accords"])
    assert accords == [("", False), ("health", True)]
    assert {one["version_du_texte"] for one in copy["accords"]} == {"2026-11-23"}
    assert [one["sujet"] for one in copy["desinscriptions"]] == ["news"]
    assert [(one["geste"], one["par"]) for one in copy["consultations_de_la_page"]] == [
        ("read", "Claire Moreau")
    ]
    counts = {name: len(rows) for name, rows in copy.items() if isinstance(rows, list)}
    assert (counts["rappels_et_relances"], counts["suivis"], counts["demandes_de_rappel"]) == (3, 1, 1)
    named = {key for rows in copy.values() if isinstance(rows, list) for row in rows for key in row}
    assert {*copy, *named} <= {*_FRENCH.values(), "copie_du"}, "all of it has a French name"
    json.dumps(copy)


# by message


async def test_it_erases_at_her_word_and_says_so_last(talking: Service, store: DatabaseStore) -> None:
    amina = await held_of(store, AMINA_PHONE, "Amina")
    pseudonym = await her_pseudonym(store, amina)
    await talking.drain()
    await talking.says("EFFACER MES DONNEES", sid(9, 1))
    await talking.drain(MINUTE)
    assert "J'efface ?" in talking.texts[-1]
    before = len(talking.texts)
    await talking.says("1", sid(9, 2))
    await talking.drain(MINUTE)
    (last,) = talking.texts[before:]
    assert last.startswith("C'est fait")
    assert pseudonym in talking.assistant.forgotten
    await calendar_told(store)
    await talking.drain(timedelta(minutes=20))
    await talking.drain(timedelta(minutes=20))
    assert await where(store, AMINA_PHONE, "Amina", pseudonym) == []
    for table in (t.conversation, t.message, t.beneficiary, t.leftover):
        assert await store.rows(table) == []
    assert {sid(1, 1), sid(1, 2), sid(1, 3), sid(9, 1), sid(9, 2)} <= set(talking.carrier.redacted)
    assert len([m for m in talking.mailer.sent if m.values.get("change") == "cancelled"]) == 1
    await talking.says("bonjour", sid(9, 3))
    await talking.drain()
    assert "Service" in talking.texts[-1] or "Département" in talking.texts[-1], "a first contact"


async def test_it_forgets_the_last_words_at_the_carrier_too(talking: Service, store: DatabaseStore) -> None:
    for n, text in enumerate(("bonjour", "EFFACER MES DONNEES", "1")):
        await talking.says(text, sid(9, n))
        await talking.drain(MINUTE)
    sent = len(talking.carrier.sent)
    await talking.drain(timedelta(minutes=30))
    assert {f"SM{n + 1}" for n in range(sent)} | {sid(9, n) for n in range(3)} == set(
        talking.carrier.redacted
    )


async def test_it_answers_what_she_wrote_meanwhile_as_a_first_contact(
    talking: Service, store: DatabaseStore
) -> None:
    await talking.says("bonjour", sid(9, 1))
    await talking.drain()
    await talking.says("EFFACER MES DONNEES", sid(9, 2))
    await talking.drain(MINUTE)
    await talking.says("1", sid(9, 3))
    await talking.says("MENU", sid(9, 4))
    await talking.drain(MINUTE)
    assert talking.texts[-2].startswith("C'est fait")
    assert "Département" in talking.texts[-1], "welcomed again"
    await talking.drain(timedelta(minutes=30))
    texts = [row["text_sealed"] for row in (await everything(store))["message"] if row["direction"] == "in"]
    assert texts == ["MENU"], "the new conversation stays, the last words have gone"


async def test_it_takes_a_message_that_comes_twice_once(talking: Service, store: DatabaseStore) -> None:
    for n, text in enumerate(("bonjour", "EFFACER MES DONNEES", "1")):
        await talking.says(text, sid(9, n))
        await talking.drain(MINUTE)
    sent = len(talking.carrier.sent)
    assert await talking.says("1", sid(9, 2)) == ()
    await talking.drain()
    assert len(talking.carrier.sent) == sent


async def test_it_works_after_stop_and_stop_stays(talking: Service, store: DatabaseStore) -> None:
    for n, text in enumerate(("bonjour", "STOP", "effacez mes données", "1")):
        await talking.says(text, sid(9, n))
        await talking.drain(MINUTE)
    assert "ne plus écrire à ce numéro" in talking.texts[-2]
    assert "Je n'écris plus à ce numéro." in talking.texts[-1]
    await talking.drain(timedelta(minutes=30))
    assert [row["topic"] for row in await store.rows(t.refusal)] == ["all"]
    await talking.says("bonjour", sid(9, 9))
    await talking.drain()
    assert "START" in talking.texts[-1]


async def test_it_erases_a_page_and_lets_it_read_on(talking: Service, store: DatabaseStore) -> None:
    for n, text in enumerate(("bonjour", "effacer mes données", "1")):
        await receive(
            store, channel=Channel.WEB, address="a-session", sid=f"WEB{n}", text=text, now=talking.clock.now()
        )
        await talking.drain(MINUTE)
    rows = sorted((await everything(store))["message"], key=lambda row: row["id"])
    assert [row["text_sealed"] for row in rows][:1] == [""]
    assert "fait" in rows[1]["text_sealed"]
    assert talking.carrier.redacted == []
    await talking.drain(timedelta(days=2))
    assert await store.rows(t.conversation) == []


# elsewhere


async def test_it_asks_the_carrier_again_until_all_is_forgotten(
    talking: Service, store: DatabaseStore
) -> None:
    await held_of(store, AMINA_PHONE, "Amina")
    talking.carrier.not_yet = {sid(1, 1): SendLater(503), sid(1, 2): SendFailed(20009)}
    await forgotten(store)
    await talking.drain(MINUTE)
    assert talking.carrier.redacted == [], "it has just been sent"
    await talking.drain(2 * MINUTE)
    assert talking.carrier.redacted == [], "nobody answers there"
    assert len(await store.rows(t.leftover)) >= 3
    del talking.carrier.not_yet[sid(1, 1)]
    await talking.drain(timedelta(hours=2))
    assert set(talking.carrier.redacted) == {sid(1, 1), sid(1, 3)}
    for _ in range(35):
        await talking.drain(DAY)
    assert await store.rows(t.leftover) == [], "given up after a month, and said in the log"


async def test_it_puts_nothing_personal_into_the_queue(
    sqlite_store: DatabaseStore, words: ContentFiles, valkey: str
) -> None:
    """Redis carries numbers of jobs, and nothing else."""
    redis = Redis.from_url(valkey)
    await redis.flushall()
    talking = service(sqlite_store, words)
    talking.worker.queue = TaskiqQueue(open_broker(valkey), talking.worker.do)
    await talking.worker.queue.broker.startup()
    await held_of(sqlite_store, AMINA_PHONE, "Amina")
    for n, text in enumerate((SECRETS[0], "EFFACER MES DONNEES", "1")):
        await talking.worker.ring(await talking.says(text, sid(9, n)))
        await talking.drain(MINUTE)
    held = str([(key, await redis.xrange(key)) for key in await redis.keys()])
    assert "do_job" in held, "something was rung"
    for word in (AMINA_PHONE, AMINA_PHONE[1:], "Amina", SECRETS[0], "EFFACER", await _key_of(sqlite_store)):
        assert word not in held
    await talking.worker.queue.broker.shutdown()
    await redis.aclose()


async def _key_of(store: DatabaseStore) -> str:
    async with store.transaction() as tx:
        return tx.cipher.index(AMINA_PHONE)


async def test_it_knows_every_key_of_a_mail_that_names_her() -> None:
    """A mail written under another key would outlive her: see `_empty_mails`."""
    written = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        before, *calls = path.read_text(encoding="utf-8").split("tx.add_mail(")
        for call in calls:
            direct = re.match(r'\s*f"(\w+):', call)
            named = re.findall(r'\bkey(?:, to)? = f"(\w+):', before[-800:])
            written.add(direct[1] if direct else named[-1])
            before = call
    nobody = {"referent", "sign_in", "quiet"}  # about the referent herself; pseudonyms alone, for ninety days
    hers = {
        "number",
        "callback",
        "obstacle",
        "untold",
        "silent",
        "reply",
        "unbound",
        "appointment",
        "pace",
        "undelivered",
    }
    assert written == hers | nobody


async def test_it_waits_for_what_the_carrier_is_sending(store: DatabaseStore) -> None:
    """An answer that the carrier may have taken is settled before her number goes."""
    amina = await held_of(store, AMINA_PHONE, "Amina")
    await change(store, t.message, t.message.c.status == "queued", unsure=True)
    assert not await forgotten(store)
    await calendar_told(store)
    assert not await vanished(store, amina), "it is still leaving"
    await change(store, t.message, t.message.c.status == "queued", status="sent", sid=sid(1, 5))
    assert await vanished(store, amina)
    assert sid(1, 5) in [row["name"] for row in await store.rows(t.leftover)]


async def test_it_leaves_no_job_to_whoever_gets_her_row_number(store: DatabaseStore) -> None:
    """On SQLite the next conversation has it: what was left to do to hers must not be done to that one."""
    async with store.transaction() as tx:
        who = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        for kind in ("converse", "deliver", "forget", "give_back", "vanish"):
            await tx.arm(kind, who, NOW + HOUR)
    assert await forgotten(store)
    assert [row["kind"] for row in await store.rows(t.job) if row["subject"] == who] == []


async def test_it_loses_no_message_that_comes_while_she_is_forgotten(postgresql_store: DatabaseStore) -> None:
    """She writes at the very moment at which her conversation goes: it is made anew, her message is in it."""
    for n in range(30):
        async with postgresql_store.transaction() as tx:
            who = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)

        async def written(nth: int = n) -> bool:
            got = await receive(
                postgresql_store,
                channel=Channel.SMS,
                address=AMINA_PHONE,
                sid=sid(3, nth),
                text="bonjour",
                now=NOW,
            )
            return got.new

        gone, new = await asyncio.gather(vanished(postgresql_store, who), written(), return_exceptions=True)
        assert new is True
        assert gone is True or type(gone).__name__ == "IntegrityError", "then the job comes back"
        async with postgresql_store.transaction() as tx:
            there = await tx.find_conversation(Channel.SMS, AMINA_PHONE)
            assert there
            waiting = await tx.next_unanswered(there)
            assert waiting
            assert waiting.text == "bonjour"
            await tx.close_inbound(waiting.id, NOW)
            await forget_number(tx, AMINA_PHONE, NOW)
