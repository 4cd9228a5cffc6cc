"""Questions for the content team: sealed, linked to nobody, forgotten in their turn."""

import base64
import dataclasses
from datetime import date, timedelta

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, Reply
from gateway.domain.questions import Exchange, KeptQuestion, Kind
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW, FakeAssistant

TODAY = NOW.date()
PTI = KeptQuestion(Kind.ASKED_AGAIN, "fr", "c koi le pti", (("faq/pti", 0.4), ("greet", 0.2)), TODAY)


async def keep(store: DatabaseStore, *questions: KeptQuestion) -> list[int]:
    async with store.transaction() as tx:
        for new in questions:
            await tx.keep_question(new)
    return [q.id for q in await listed(store)]


async def listed(store: DatabaseStore) -> list[KeptQuestion]:
    async with store.transaction() as tx:
        return list(await tx.questions())


async def test_it_gives_back_what_it_kept_oldest_first(store: DatabaseStore) -> None:
    older = dataclasses.replace(PTI, kind=Kind.REFUSED_ANSWER, on=TODAY - timedelta(days=1), candidates=())
    await keep(store, PTI, older)
    found = await listed(store)
    assert [dataclasses.replace(q, id=0) for q in found] == [older, PTI]


async def test_it_keeps_the_words_sealed_and_no_hour(store: DatabaseStore) -> None:
    await keep(store, PTI)
    (row,) = await store.rows(t.question)
    assert b"pti" not in bytes(row["text_sealed"])
    sealed_at = int.from_bytes(base64.urlsafe_b64decode(bytes(row["text_sealed"]))[1:9], "big")
    assert sealed_at == 0  # Fernet writes it in clear
    assert type(row["day"]) is date


async def test_it_leads_to_nobody(store: DatabaseStore) -> None:
    assert not t.question.foreign_keys
    assert {c.name for c in t.question.columns} == {
        "id", "kind", "language", "text_sealed", "candidates", "day", "intent", "exported_on",
    }  # fmt: skip


async def test_it_labels_and_exports_once(store: DatabaseStore) -> None:
    first, second = await keep(store, PTI, PTI)
    async with store.transaction() as tx:
        assert await tx.label_question(first, "faq/pti")
        assert await tx.label_question(second, "faq/spie_referent", "c'est quoi le référent")
        assert not await tx.label_question(99, "faq/pti")
    assert [(q.intent, q.text) for q in await listed(store)] == [
        ("faq/pti", "c koi le pti"), ("faq/spie_referent", "c'est quoi le référent"),
    ]  # fmt: skip
    async with store.transaction() as tx:
        await tx.mark_exported([first], TODAY)
        assert not await tx.label_question(first, "faq/aah")
    assert [q.id for q in await listed(store)] == [second]


async def test_it_forgets_the_old_ones_exported_or_not(store: DatabaseStore) -> None:
    days = [TODAY - timedelta(days=n) for n in (91, 91, 90, 0)]
    ids = await keep(store, *(dataclasses.replace(PTI, on=day) for day in days))
    async with store.transaction() as tx:
        await tx.mark_exported(ids[:1], TODAY)
        assert await tx.forget_questions(TODAY - timedelta(days=90)) == 2
    assert [q.on for q in await listed(store)] == days[2:]


async def test_it_finds_what_she_wrote_last_and_what_she_was_told(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        hers = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        his = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
        asked = await tx.add_inbound(hers, "SM1", "combien je touche", 0, "", NOW)
        answer = ["utter_welcome", "utter_faq/rsa_amount"]
        await tx.add_outbound(await tx.conversation(hers, NOW), asked, "Le RSA…", answer, NOW)
        await tx.add_inbound(his, "SM2", "bonjour", 0, "", NOW)
        no = await tx.add_inbound(hers, "SM3", "non", 0, "", NOW)
        assert asked
        assert no
        assert await tx.previous_exchange(hers, asked) is None
        assert await tx.previous_exchange(hers, no) == Exchange("combien je touche", tuple(answer))


# the whole way


def speaking(store: DatabaseStore) -> Service:
    weighed = [{"name": "faq/rsa_amount", "confidence": 0.3}, {"name": "faq/food_aid", "confidence": 0.2}]
    unwell = [{"name": "faq/rsa_amount", "confidence": 0.3}, {"name": "faq/aah", "confidence": 0.2}]
    says = {
        "c koi le pti": [Reply("utter_not_understood", {"candidates": weighed})],
        "mon dos": [Reply("utter_not_understood", {"candidates": unwell})],
        "combien je touche": [Reply("utter_faq/rsa_amount")],
        "non": [Reply("utter_deny")],
        "mes impots": [Reply("utter_faq/out_of_scope.tax", {"candidates": unwell[:1]})],
    }
    return Service(store, assistant=FakeAssistant(dict(says)))


async def test_it_keeps_what_she_could_not_make_understood(store: DatabaseStore) -> None:
    service = speaking(store)
    for text in ("c koi le pti", "mon dos", "combien je touche", "non", "je veux mourir", "mes impots"):
        await service.says(text)
        await service.drain()
    assert [(q.kind, q.text, q.candidates) for q in await listed(store)] == [
        (Kind.ASKED_AGAIN, "c koi le pti", (("faq/rsa_amount", 0.3), ("faq/food_aid", 0.2))),
        (Kind.REFUSED_ANSWER, "combien je touche", ()),
    ]  # "mes impots" was said right after a danger


async def test_it_keeps_what_is_not_our_business(store: DatabaseStore) -> None:
    service = speaking(store)
    await service.says("mes impots")
    await service.drain()
    (found,) = await listed(store)
    assert (found.kind, found.candidates) == (Kind.OUT_OF_SCOPE, (("faq/rsa_amount", 0.3),))
    async with store.transaction() as tx:
        who = await tx.conversation(1, NOW)
    assert who.state.last == (Reply("utter_faq/out_of_scope.tax"),)


async def test_it_keeps_one_question_a_turn_whoever_does_it(store: DatabaseStore) -> None:
    service = speaking(store)
    await service.says("c koi le pti", sid="SM1")
    await service.says("c koi le pti", sid="SM1")
    await service.drain()
    assert len(await listed(store)) == 1


async def test_the_worker_forgets_once_a_day(store: DatabaseStore) -> None:
    service = speaking(store)
    service.worker.kept_days = {"questions": 30}
    await keep(store, PTI)
    await service.drain(timedelta(days=30))
    assert len(await listed(store)) == 1
    await keep(store, dataclasses.replace(PTI, on=TODAY - timedelta(days=9)))
    await service.drain(timedelta(hours=1))  # the same day: not looked at again
    assert len(await listed(store)) == 2
    await service.drain(timedelta(days=1))
    assert await listed(store) == []
