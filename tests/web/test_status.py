"""Delivery reports: late, twice, out of order, about nobody. The last word stays the last word."""

import asyncio
from itertools import permutations

import pytest

from gateway.adapters.database import tables as t
from tests.web.service import Service, phone, sid


async def sent(service: Service, number: str) -> str:
    """One answer with the carrier, its own reports switched off. Its sid."""
    assert service.wiring.stand_in
    service.wiring.stand_in.reports = "none"
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": number, "Body": "MENU"})
    await service.settled()
    return str((await service.answers())[-1]["sid"])


async def report(service: Service, about: str, status: str, code: str = "") -> int:
    form = {
        "MessageSid": about,
        "SmsSid": about,
        "MessageStatus": status,
        **({"ErrorCode": code} if code else {}),
    }
    return (await service.post("/sms/status", form)).status_code


async def test_it_follows_reports_in_any_order(service: Service) -> None:
    for order in permutations(["sending", "sent", "delivered"]):
        about = await sent(service, phone())
        for status in order:
            assert await report(service, about, status) == 200
        assert (await service.answers())[-1]["status"] == "delivered", order


async def test_it_takes_the_same_report_twice_at_once(service: Service) -> None:
    number = phone()
    about = await sent(service, number)
    codes = await asyncio.gather(*(report(service, about, "undelivered", "30005") for _ in range(6)))
    assert codes == [200] * 6
    await service.settled()
    assert (await service.answers())[-1]["status"] == "undelivered"
    assert len(service.mails) == 1  # "this number is to be checked", once
    assert len(service.carried) == 1


async def test_it_never_sends_again_because_of_a_report(service: Service) -> None:
    about = await sent(service, phone())
    for status, code in [("failed", "30003"), ("undelivered", "30003"), ("queued", ""), ("accepted", "")]:
        await report(service, about, status, code)
    await service.settled()
    assert len(service.carried) == 1
    assert service.mails == []  # a phone switched off is no wrong number


async def test_it_notes_a_stop_that_only_the_carrier_heard(service: Service) -> None:
    number = phone()
    about = await sent(service, number)
    await report(service, about, "failed", "21610")
    await report(service, about, "failed", "21610")
    assert [o["source"] for o in await service.rows(t.opt_out)] == ["carrier"]
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": number, "Body": "MENU"})
    await service.settled()
    assert (await service.said_to(number))[-1] == ["utter_stopped_reminder"]


ODD = {
    "no-field": ({}, 400),
    "no-sid": ({"MessageStatus": "sent"}, 400),
    "no-status": ({"MessageSid": "SM404"}, 400),
    "empty-status": ({"MessageSid": "SM404", "MessageStatus": ""}, 400),
    "unknown-message": ({"MessageSid": "SM404", "MessageStatus": "sent"}, 200),
    "unknown-status": ({"MessageSid": "SM405", "MessageStatus": "abducted"}, 200),
    "long-status": ({"MessageSid": "SM406", "MessageStatus": "s" * 400}, 200),
    "long-sid": ({"MessageSid": "S" * 400, "MessageStatus": "sent"}, 200),
    "code-in-words": ({"MessageSid": "SM407", "MessageStatus": "failed", "ErrorCode": "beaucoup"}, 200),
    "code-too-big": ({"MessageSid": "SM408", "MessageStatus": "failed", "ErrorCode": "9" * 30}, 200),
    "negative-code": ({"MessageSid": "SM409", "MessageStatus": "failed", "ErrorCode": "-1"}, 200),
    "arabic-digits": ({"MessageSid": "SM410", "MessageStatus": "failed", "ErrorCode": "٣٠٠٠٥"}, 200),
}


@pytest.mark.parametrize(("form", "code"), ODD.values(), ids=list(ODD))
async def test_it_survives_odd_reports(standing: Service, form: dict[str, str], code: int) -> None:
    before = await standing.stored()
    for _ in range(2):
        assert (await standing.post("/sms/status", form)).status_code == code
    after = await standing.stored()
    kept = {"early_status": 0, "job": 0}  # a report waits for its message to be known
    assert {**after, **kept} == {**before, **kept}
    assert after["early_status"] - before["early_status"] == (1 if code == 200 else 0)


async def test_it_keeps_a_report_that_comes_before_the_carriers_answer(service: Service) -> None:
    """The stand-in reports at once: sooner than the SDK's own answer is noted."""
    assert service.wiring.stand_in
    service.wiring.stand_in.delay = 0.0
    await service.post("/sms/inbound", {"MessageSid": sid(), "From": phone(), "Body": "MENU"})
    await service.settled()
    async with asyncio.timeout(20):
        while (await service.answers())[-1]["status"] != "delivered":
            await asyncio.sleep(0.01)
    assert len(service.carried) == 1


async def test_it_ignores_a_report_about_what_she_wrote(service: Service) -> None:
    """Her own message's sid is no message of ours."""
    number, hers = phone(), sid()
    await service.post("/sms/inbound", {"MessageSid": hers, "From": number, "Body": "MENU"})
    await service.settled()
    assert await report(service, hers, "failed", "21610") == 200
    assert (await service.heard())[-1]["status"] == "answered"
    assert await service.rows(t.opt_out) == []
