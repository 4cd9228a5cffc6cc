"""A call to the number: two sentences in four languages; 1 asks for a call back, once."""

import asyncio
import re
from xml.etree import ElementTree

import pytest

from gateway.adapters.database import tables as t
from tests.web.service import TEAM, Service, phone, sid

SENTENCE_ENDS = re.compile(r"[.!?؟]+(\s|$)")
LANGUAGES = ["fr-FR", "en-GB", "ar-XA", "uk-UA"]


def call(number: str, **more: str) -> dict[str, str]:
    return {"CallSid": sid().replace("SM", "CA"), "From": number, "To": "+33939980079", **more}


async def twiml(service: Service, path: str, form: dict[str, str]) -> ElementTree.Element:
    answer = await service.post(path, form)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(("application/xml", "text/xml"))
    root = ElementTree.fromstring(answer.content)  # noqa: S314 our own answer
    assert root.tag == "Response"
    return root


async def test_it_says_two_sentences_in_each_language(standing: Service) -> None:
    root = await twiml(standing, "/voice/inbound", call(phone()))
    (gather,) = root
    assert (gather.tag, gather.get("numDigits"), gather.get("method")) == ("Gather", "1", "POST")
    assert [say.get("language") for say in gather] == LANGUAGES
    assert all(say.tag == "Say" and say.get("voice") for say in gather)
    assert [len(SENTENCE_ENDS.findall(say.text or "")) for say in gather] == [2] * 4
    assert all("1" in (say.text or "") for say in gather)


async def test_it_sends_the_choice_where_it_is_heard(standing: Service) -> None:
    (gather,) = await twiml(standing, "/voice/inbound", call(phone()))
    choice = await standing.post(str(gather.get("action")), call(phone(), Digits="2"))
    assert choice.status_code == 200


async def test_it_notes_a_call_back_once_with_a_mail(service: Service) -> None:
    number = phone()
    form = call(number, Digits="1")
    for _ in range(2):
        root = await twiml(service, "/voice/choice", form)
        assert [say.get("language") for say in root.iter("Say")] == LANGUAGES
    await asyncio.gather(*(service.post("/voice/choice", form) for _ in range(4)))
    await service.settled()
    assert [c["reason"] for c in await service.rows(t.callback)] == ["asked"]
    (mail,) = service.mails
    assert mail["to"] == TEAM
    assert number in str(mail["text"])
    assert number not in str(mail["subject"])
    assert service.carried == []  # she called: nothing is written to her
    assert service.leaked(number) == []


async def test_it_sends_no_second_mail_for_a_second_call_the_same_day(service: Service) -> None:
    number = phone()
    for _ in range(2):
        await service.post("/voice/choice", call(number, Digits="1"))
    await service.settled()
    assert len(service.mails) == 1
    await service.http.post("/simulator/api/clock", json={"advance": "P2D"})
    await service.post("/voice/choice", call(number, Digits="1"))
    await service.settled()
    assert len(service.mails) == 2


@pytest.mark.parametrize("digits", ["0", "2", "11", "#", "", "１", None], ids=str)
async def test_it_notes_nothing_for_another_key(standing: Service, digits: str | None) -> None:
    before = await standing.stored()
    root = await twiml(
        standing, "/voice/choice", call(phone(), **({} if digits is None else {"Digits": digits}))
    )
    assert list(root) == []
    assert await standing.stored() == before


@pytest.mark.parametrize(
    "form", [{}, {"From": "+33639980001", "Digits": "1"}, {"CallSid": "CA1", "Digits": "1"}], ids=str
)
async def test_it_refuses_a_choice_without_its_fields(standing: Service, form: dict[str, str]) -> None:
    before = await standing.stored()
    assert (await standing.post("/voice/choice", form)).status_code == 400
    assert await standing.stored() == before
    assert standing.leaked("+33639980001") == []


async def test_it_keeps_a_call_and_a_conversation_of_one_person_together(service: Service) -> None:
    number = phone()
    await service.post("/voice/choice", call(number, Digits="1"))
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": number, "Body": "0"})
    await service.settled()
    assert len(await service.rows(t.conversation)) == 1
    assert len(service.mails) == 1  # one person to call back, one mail
    (said,) = await service.said_to(number)
    assert "utter_talk_to_human_again" in said


async def test_it_answers_the_first_text_after_a_call_with_a_welcome(service: Service) -> None:
    number = phone()
    await service.post("/voice/choice", call(number, Digits="1"))
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": number, "Body": "bonjour madame"})
    await service.settled()
    (said,) = await service.said_to(number)
    assert said[0] == "utter_welcome"


@pytest.mark.parametrize("caller", ["anonymous", "Restricted", "+266696687"])
async def test_it_promises_no_call_back_to_a_hidden_number(service: Service, caller: str) -> None:
    """What the carrier says of a hidden number: nobody could call it, and two callers would be one."""
    promise = service.wiring.words.text("utter_voice_callback", "fr")
    root = await twiml(service, "/voice/choice", call(caller, Digits="1"))
    assert promise not in [say.text for say in root.iter("Say")]
    await service.settled()
    assert service.mails == []
