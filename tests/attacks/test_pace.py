"""One number that writes without end, and two machines that answer each other: through the whole service."""

import re
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.conversation import Channel
from gateway.domain.people import Referent
from tests.web.service import TEAM, Service, phone, sid

DANGER = "je veux mourir"
FAST = [pytest.param({"messages_a_minute": 5}, id="5-a-minute")]
DAILY = [pytest.param({"messages_a_minute": 0, "messages_a_day": 8}, id="8-a-day")]
LOOPS = [pytest.param({"messages_a_minute": 0}, id="loops-alone")]
ANSWER = "utter_faq/rsa_amount"
AWAY = "Je suis absent jusqu'à lundi. Votre message sera lu à mon retour."


async def tells(service: Service, number: str, *texts: str) -> None:
    for text in texts:
        form = {"MessageSid": sid(), "From": number, "Body": text}
        assert (await service.post("/sms/inbound", form)).status_code == 200
    await service.settled()


async def said(service: Service, number: str) -> list[str]:
    """The last name of each answer, oldest first."""
    return [names[-1] if names else "" for names in await service.said_to(number)]


def pieces(count: int) -> list[str]:
    return [f"et combien pour le numero {'i' * n} de la liste" for n in range(count)]


@pytest.mark.parametrize("changes", FAST)
async def test_it_tells_a_flood_once_and_keeps_every_message(service: Service) -> None:
    number, other = phone(), phone()
    await tells(service, number, *pieces(12))
    assert (await said(service, number))[5:] == ["utter_too_fast"]
    assert len(await service.heard()) == 12
    assert {m["status"] for m in await service.heard()} == {"answered"}
    await tells(service, other, "bonjour, combien pour une personne seule")
    assert "utter_too_fast" not in await said(service, other)
    assert service.mails == []  # nobody is called for that


@pytest.mark.parametrize("changes", FAST)
async def test_it_hears_danger_and_stop_in_a_flood(service: Service) -> None:
    number = phone()
    await tells(service, number, *pieces(9), DANGER, *pieces(2), "STOP")
    assert (await said(service, number))[5:] == [
        "utter_too_fast",
        "utter_danger_suicide",
        "utter_stop_confirmed",
    ]
    assert service.wiring.mailbox
    assert [m["to"] for m in service.mails] == [TEAM]  # of the danger


@pytest.mark.parametrize("changes", FAST)
async def test_it_says_nothing_of_it_after_stop(service: Service) -> None:
    number = phone()
    await tells(service, number, "STOP", *pieces(12))
    assert "utter_too_fast" not in await said(service, number)


@pytest.mark.parametrize("changes", FAST)
async def test_it_answers_again_once_it_is_calm(service: Service) -> None:
    number = phone()
    await tells(service, number, *pieces(9))
    service.wiring.clock.move_to(service.wiring.clock.now() + timedelta(seconds=61))
    await tells(service, number, "je reviens, combien pour un couple")
    assert (await said(service, number))[5:] == ["utter_too_fast", ANSWER]


@pytest.mark.parametrize("changes", FAST)
async def test_it_counts_a_repeat_of_the_carrier_for_nothing(service: Service) -> None:
    number = phone()
    form = {"MessageSid": sid(), "From": number, "Body": "combien je touche"}
    for _ in range(10):
        await service.post("/sms/inbound", form)
    await tells(service, number, *pieces(4))
    assert "utter_too_fast" not in await said(service, number)


@pytest.mark.parametrize("changes", FAST)
async def test_it_leaves_her_to_the_referent_who_answers_herself(service: Service) -> None:
    number, now = phone(), service.wiring.clock.now()
    async with service.wiring.store.transaction() as tx:
        claire = await tx.save_referent(Referent("claire@example.org", "Claire Moreau"))
        here = await tx.conversation_at(Channel.SMS, number, now)
        await tx.take_over(here, claire, now)
    await tells(service, number, *pieces(12))
    assert await said(service, number) == []


@pytest.mark.parametrize("changes", DAILY)
async def test_it_stops_for_the_day_and_tells_the_team_once(service: Service) -> None:
    number = phone()
    await tells(service, number, *pieces(14))
    assert (await said(service, number))[8:] == ["utter_too_many"]
    (mail,) = service.mails
    assert (mail["to"], mail["subject"]) == (TEAM, "Un numéro à regarder")
    assert "combien" not in str(mail["text"])
    service.wiring.clock.move_to(service.wiring.clock.now() + timedelta(days=1))
    await tells(service, number, "et maintenant, combien")
    assert (await said(service, number))[-1] == ANSWER


# loops


@pytest.mark.parametrize("changes", LOOPS)
async def test_it_stops_answering_a_machine_after_twenty_turns(service: Service) -> None:
    number = phone()
    for _ in range(30):
        await tells(service, number, AWAY)
    assert len(await said(service, number)) == 20
    assert [(m["to"], m["subject"]) for m in service.mails] == [(TEAM, "Un numéro à regarder")]
    assert "absent" not in str(service.mails[0]["text"])
    assert service.leaked(number, "absent jusqu'à lundi") == []


@pytest.mark.parametrize("changes", LOOPS)
async def test_it_hears_danger_stop_and_a_person_after_a_machine(service: Service) -> None:
    number = phone()
    await tells(service, number, *[AWAY] * 25)
    before = len(await said(service, number))
    await tells(
        service,
        number,
        "C'est moi, j'ai repris mon téléphone. Combien pour le RSA ?",
        AWAY,
        DANGER,
        AWAY,
        "STOP",
    )
    assert (await said(service, number))[before:] == [ANSWER, "utter_danger_suicide", "utter_stop_confirmed"]


@pytest.mark.parametrize("changes", LOOPS)
async def test_it_stops_talking_to_itself(service: Service) -> None:
    """The other machine sends back, word for word, whatever it is told."""
    number, text, turns = phone(), "bonjour, ici le service des eaux", 0
    for turns in range(60):  # noqa: B007 counted
        before = len(await said(service, number))
        await tells(service, number, text)
        if len(await said(service, number)) == before:
            break
        text = service.text_of((await service.answers())[-1])
    assert turns <= 21
    assert [m["subject"] for m in service.mails].count("Un numéro à regarder") == 1


@pytest.mark.parametrize("changes", [pytest.param({"messages_a_minute": 0, "loop_turns": 0}, id="off")])
async def test_it_can_be_switched_off(service: Service) -> None:
    number = phone()
    await tells(service, number, *[AWAY] * 25)
    assert len(await said(service, number)) == 25


# the page


async def chats(service: Service, text: str) -> Any:
    page = (await service.http.get("/chat")).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf
    return await service.http.post(
        "/chat/messages", data={"csrf": csrf[1], "body": text}, headers={"X-Requested-With": "fetch"}
    )


@pytest.mark.parametrize("changes", FAST)
async def test_it_tells_a_page_too(service: Service) -> None:
    for text in pieces(8):
        assert (await chats(service, text)).status_code == 202
    await service.settled()
    html = (await service.http.get("/chat")).text
    assert html.count("Vous écrivez très vite") == 1
