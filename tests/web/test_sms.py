"""A message comes in: stored once, acknowledged at once, answered once, in order."""

import asyncio
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from gateway.adapters.database import tables as t
from gateway.errors import AssistantSilent
from tests.web.service import Service, phone, sid, until

TEXT = "combien je vais toucher ce mois-ci"


def message(number: str, body: str = TEXT, **more: str) -> dict[str, str]:
    return {"MessageSid": sid(), "From": number, "To": "+33939980079", "Body": body, "NumMedia": "0", **more}


async def test_it_acknowledges_with_an_empty_twiml(service: Service) -> None:
    answer = await service.post("/sms/inbound", message(phone()))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(("application/xml", "text/xml"))
    root = ElementTree.fromstring(answer.content)  # noqa: S314 our own answer
    assert (root.tag, list(root), root.text) == ("Response", [], None)


async def test_it_acknowledges_before_the_answer_is_known(service: Service) -> None:
    service.assistant.open.clear()
    assert (await service.post("/sms/inbound", message(phone()))).status_code == 200
    assert [m["status"] for m in await service.heard()] == ["received"]
    assert service.carried == []
    service.assistant.open.set()
    await service.settled()
    assert len(service.carried) == 1


async def test_it_answers_and_logs_neither_text_nor_number(service: Service) -> None:
    number = phone()
    await service.post("/sms/inbound", message(number))
    await service.settled()
    assert await service.said_to(number) == [["utter_welcome", "utter_faq/rsa_amount"]]
    assert [m["to"] for m in service.carried] == [number]
    assert [line["responses"] for line in service.log if line["event"] == "turn_answered"] == [
        ["utter_welcome", "utter_faq/rsa_amount"]
    ]
    assert service.leaked(number, TEXT) == []


async def test_it_keeps_neither_text_nor_number_in_clear(service: Service) -> None:
    number = phone()
    await service.post("/sms/inbound", message(number))
    await service.settled()
    files = [p for p in service.wiring.settings.var.glob("coup-de-pouce.db*") if p.exists()]
    assert files
    for file in files:
        content = file.read_bytes()
        assert TEXT.encode() not in content
        assert number[3:].encode() not in content


MISSING = {
    "no-field": {},
    "no-sid": {"From": "+33639980001", "Body": TEXT},
    "no-sender": {"MessageSid": "SM1", "Body": TEXT},
    "empty-sid": {"MessageSid": "", "From": "+33639980001", "Body": TEXT},
    "empty-sender": {"MessageSid": "SM1", "From": "", "Body": TEXT},
    "small-letters": {"messagesid": "SM1", "from": "+33639980001", "Body": TEXT},
}


@pytest.mark.parametrize("form", MISSING.values(), ids=list(MISSING))
async def test_it_refuses_a_form_without_its_fields(standing: Service, form: dict[str, str]) -> None:
    before = await standing.stored()
    refused = await standing.post("/sms/inbound", form)
    assert refused.status_code == 400
    assert await standing.stored() == before
    assert [line["level"] for line in standing.log] == ["warning"]  # somebody should look at it
    assert standing.leaked("+33639980001", TEXT) == []


async def test_it_knows_the_older_name_of_the_sid(service: Service) -> None:
    number = phone()
    form = {"SmsSid": sid(), "From": number, "Body": TEXT}
    assert (await service.post("/sms/inbound", form)).status_code == 200
    assert (await service.post("/sms/inbound", {**form, "MessageSid": form["SmsSid"]})).status_code == 200
    await service.settled()
    assert len(await service.heard()) == 1


async def test_it_takes_the_same_message_at_once_only_once(service: Service) -> None:
    number = phone()
    form = message(number)
    answers = await asyncio.gather(*(service.post("/sms/inbound", form) for _ in range(8)))
    assert [a.status_code for a in answers] == [200] * 8
    await service.settled()
    assert len(await service.heard()) == 1
    assert len(await service.said_to(number)) == 1
    assert len(service.carried) == 1


@pytest.mark.parametrize("later", ["PT31M", "P1D"])
async def test_it_takes_the_same_message_later_only_once(service: Service, later: str) -> None:
    number = phone()
    form = message(number)
    await service.post("/sms/inbound", form)
    await service.settled()
    moved = await service.http.post("/simulator/api/clock", json={"advance": later})
    assert moved.status_code == 200
    assert (await service.post("/sms/inbound", form)).status_code == 200
    await service.settled()
    assert len(await service.said_to(number)) == 1
    assert len(service.carried) == 1
    assert service.leaked(number, TEXT) == []


async def test_it_takes_a_repeat_with_other_words_for_a_repeat(service: Service) -> None:
    number = phone()
    form = message(number)
    await service.post("/sms/inbound", form)
    await service.post("/sms/inbound", {**form, "Body": "tout autre chose"})
    await service.settled()
    assert [service.text_of(m) for m in await service.heard()] == [TEXT]
    assert len(service.carried) == 1


async def test_it_leaves_a_line_in_the_log_about_a_repeat(service: Service) -> None:
    form = message(phone())
    await service.post("/sms/inbound", form)
    await service.settled()
    before = len(service.log)
    await service.post("/sms/inbound", form)
    await service.settled()
    assert len(service.log) > before


async def test_it_answers_two_messages_of_the_same_moment_in_order(service: Service) -> None:
    number = phone()
    wanted = {"une": "utter_faq/rsa_amount", "deux": "utter_faq/food_aid", "trois": "utter_faq/rsa_sanction"}
    texts = {f"combien je touche au rsa, question {n}": name for n, name in wanted.items()}
    service.assistant.said = texts
    service.assistant.open.clear()  # the first is being thought about when the others come
    for body in texts:
        await service.post("/sms/inbound", message(number, body))
    service.assistant.open.set()
    await service.settled()
    assert service.assistant.texts == list(texts)
    said = await service.said_to(number)
    assert [names[-1] for names in said] == list(wanted.values())
    assert [m["body"] for m in service.carried] == [service.text_of(m) for m in await service.answers()]


async def test_it_answers_each_of_many_messages_of_the_same_moment(service: Service) -> None:
    number = phone()
    forms = [message(number, f"question {n} sur le rsa") for n in range(10)]
    await asyncio.gather(*(service.post("/sms/inbound", form) for form in forms))
    await service.settled()
    heard, answers = await service.heard(), await service.answers()
    assert len(heard) == len(answers) == len(service.carried) == 10
    assert [m["in_reply_to"] for m in answers] == [m["id"] for m in heard]
    assert service.assistant.texts == [service.text_of(m) for m in heard]


async def test_it_lets_nobody_wait_for_somebody_else(service: Service) -> None:
    slow, quick = phone(), phone()
    service.assistant.open.clear()
    await service.post("/sms/inbound", message(slow))
    await service.post("/sms/inbound", message(quick, "MENU"))  # needs no assistant

    async def answered() -> bool:
        return bool(await service.said_to(quick))

    await until(answered)
    assert await service.said_to(slow) == []
    service.assistant.open.set()
    await service.settled()
    assert len(service.carried) == 2


async def test_it_stores_nothing_half_and_takes_the_next_try(service: Service) -> None:
    """The database fails: 503, so that the carrier tries again; then the message is answered once."""
    number = phone()
    form = message(number)
    async with service.wiring.store.engine.begin() as db:
        await db.execute(text("ALTER TABLE job RENAME TO job_away"))
    failed = await service.post("/sms/inbound", form)
    assert failed.status_code == 503
    assert TEXT not in failed.text
    async with service.wiring.store.engine.begin() as db:
        await db.execute(text("ALTER TABLE job_away RENAME TO job"))
    assert await service.heard() == []
    assert (await service.post("/sms/inbound", form)).status_code == 200
    await service.settled()
    assert len(service.carried) == 1
    assert any("OperationalError" in str(line.get("exception")) for line in service.log)
    assert service.leaked(number, TEXT) == []


async def test_it_logs_no_text_when_a_turn_fails(service: Service) -> None:
    number = phone()
    service.assistant.fails = RuntimeError(f"cannot answer {TEXT} of {number}")
    await service.post("/sms/inbound", message(number))

    async def failed() -> bool:
        return any(line["event"] == "job_failed" for line in service.log)

    await until(failed)
    assert service.leaked(number, TEXT) == []
    service.assistant.fails = None
    await service.http.post("/simulator/api/clock", json={"advance": "PT2M"})
    await service.settled()
    assert len(service.carried) == 1


async def test_it_gives_a_person_when_the_assistant_stays_silent(service: Service) -> None:
    number = phone()
    service.assistant.fails = AssistantSilent("nothing")
    await service.post("/sms/inbound", message(number))
    for _ in range(6):
        await service.http.post("/simulator/api/clock", json={"advance": "PT2M"})
    await service.settled()
    assert [names[-1] for names in await service.said_to(number)] == ["utter_later"]
    assert len(service.carried) == len(service.mails) == len(await service.rows(t.callback)) == 1
    assert service.leaked(number, TEXT) == []
