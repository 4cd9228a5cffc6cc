"""The demonstration's JSON: each verb does what it says, and refuses what makes no sense."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from tests.web.service import SENDER, Service, phone, until

API = "/simulator/api"
TEXT = "combien je vais toucher"


async def says(service: Service, number: str, body: str, **more: Any) -> dict[str, Any]:
    answer = await service.http.post(f"{API}/messages", json={"from": number, "body": body, **more})
    assert answer.status_code == 200, answer.text
    await service.settled()
    return dict(answer.json())


async def rows(service: Service, number: str = "") -> list[dict[str, Any]]:
    answer = await service.http.get(f"{API}/messages", params={"phone": number} if number else {})
    assert answer.status_code == 200
    return list(answer.json())


async def test_it_shows_both_directions_as_the_carrier_saw_them(service: Service) -> None:
    number = phone()
    sent = await says(service, number, TEXT)
    assert sent["status"] == 200

    async def delivered() -> bool:
        return (await rows(service, number))[-1]["status"] == "delivered"

    await until(delivered)
    came, went = await rows(service, number)
    columns = {"direction", "from", "to", "body", "at", "sid", "segments", "encoding", "status", "responses"}
    assert set(came) == set(went) == columns
    assert (came["direction"], came["from"], came["to"], came["body"]) == ("in", number, SENDER, TEXT)
    assert came["sid"] == sent["sid"]
    assert (went["direction"], went["from"], went["to"]) == ("out", SENDER, number)
    assert (went["segments"], went["encoding"]) == (3, "GSM-7")
    assert went["responses"] == ["utter_welcome", "utter_faq/rsa_amount"]
    assert datetime.fromisoformat(came["at"]) <= datetime.fromisoformat(went["at"])


async def test_it_lists_two_conversations_apart(service: Service) -> None:
    one, other = phone(), phone()
    await says(service, one, "je suis la premiere personne")
    await says(service, other, "je suis la seconde personne")
    await says(service, one, "MENU")
    for number, count in ((one, 4), (other, 2)):
        listed = await rows(service, number)
        assert len(listed) == count
        assert {row["from"] if row["direction"] == "in" else row["to"] for row in listed} == {number}
    everything = await rows(service)
    assert len(everything) == 6
    assert [r["at"] for r in everything] == sorted(r["at"] for r in everything)
    assert await rows(service, phone()) == []


async def test_it_finds_a_phone_whose_plus_became_a_space(service: Service) -> None:
    """`?phone=+33…` as everybody types it: in an address, "+" is a space."""
    number = phone()
    await says(service, number, TEXT)
    listed = await service.http.get(f"{API}/messages?phone={number}")
    assert len(listed.json()) == 2


async def test_it_delivers_the_same_message_again(service: Service) -> None:
    number = phone()
    await says(service, number, TEXT, repeat=3)
    assert [r["direction"] for r in await rows(service, number)] == ["in", "out"]


async def test_it_sends_a_picture(service: Service) -> None:
    number = phone()
    await says(service, number, "", media=2)
    assert "utter_picture" in (await rows(service, number))[-1]["responses"]


async def test_it_plays_a_stop_that_the_carrier_dealt_with(service: Service) -> None:
    number = phone()
    await says(service, number, "STOP", carrier_stop="STOP")
    assert [r["direction"] for r in await rows(service, number)] == ["in"]
    assert [o["source"] for o in await service.rows(t.opt_out)] == ["carrier"]


ODD_BODIES = ["", "\0", "\u202etrompeur", "👍🏽", "x" * 1600, "x" * 5000, "<b>&amp;</b>", "a\u0000b\u0007c"]


@pytest.mark.parametrize("body", ODD_BODIES, ids=["empty", "nul", "rtl", "emoji", "1600", "5000", "markup", "control"])  # fmt: skip
async def test_it_delivers_odd_texts_once(standing: Service, body: str) -> None:
    number = phone()
    await says(standing, number, body)
    assert [r["direction"] for r in await rows(standing, number)] == ["in", "out"]


async def test_it_delivers_or_refuses_a_lone_surrogate(standing: Service) -> None:
    number = phone()
    body = json.dumps({"from": number, "body": "abc \ud800 def"}).encode()  # as "\\ud800"
    answer = await standing.http.post(
        f"{API}/messages", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 422)
    await standing.settled()
    assert [r["direction"] for r in await rows(standing, number)] == (
        ["in", "out"] if answer.status_code == 200 else []
    )


WRONG_MESSAGES: dict[str, Any] = {
    "no-sender": {"body": "x"}, "sender-null": {"from": None}, "sender-number": {"from": 33639980001},
    "sender-empty": {"from": ""}, "sender-list": {"from": ["+33639980001"]},
    "body-null": {"from": "+33639980001", "body": None}, "body-number": {"from": "+33639980001", "body": 2},
    "media-negative": {"from": "+33639980001", "media": -1}, "media-many": {"from": "+33639980001", "media": 11},
    "media-word": {"from": "+33639980001", "media": "photo"}, "repeat-negative": {"from": "+33639980001", "repeat": -1},
    "repeat-many": {"from": "+33639980001", "repeat": 21}, "stop-word": {"from": "+33639980001", "carrier_stop": "ARRET"},
    "list": [], "text": "bonjour", "null": None,
}  # fmt: skip
WRONG_TIMES: dict[str, Any] = {
    "word": {"now": "demain"}, "date-impossible": {"now": "2026-02-31T10:00:00"}, "year-1": {"now": "0001-01-01T00:00:00Z"},
    "year-9999": {"now": "9999-12-31T23:59:59Z"}, "list": {"now": []}, "empty": {},
    "advance-word": {"advance": "une heure"}, "advance-bare": {"advance": "P"}, "advance-bare-time": {"advance": "PT"},
    "advance-huge": {"advance": "P999999999999D"},
    "advance-beyond-time": {"advance": "P3000000D"}, "advance-empty": {"advance": ""}, "advance-number": {"advance": 3600},
}  # fmt: skip
WRONG_CARRIERS: dict[str, Any] = {
    "unknown": {"fault": "418"}, "number": {"fault": 429}, "empty": {"fault": ""}, "capitals": {"fault": "TIMEOUT"},
    "list": {"fault": ["429"]}, "reports": {"reports": "sometimes"}, "reports-null": {"reports": None},
}  # fmt: skip
WRONG = [
    pytest.param(verb, value, id=f"{verb}-{name}")
    for verb, values in (("messages", WRONG_MESSAGES), ("clock", WRONG_TIMES), ("carrier", WRONG_CARRIERS))
    for name, value in values.items()
]


@pytest.mark.parametrize(("verb", "value"), WRONG)
async def test_it_refuses_wrong_values(standing: Service, verb: str, value: Any) -> None:
    before, clock = await standing.stored(), standing.wiring.clock
    carrier, behind = standing.wiring.stand_in, clock.now() - datetime.now(UTC)
    try:
        refused = await standing.http.post(f"{API}/{verb}", json=value)
        assert refused.status_code == 422, refused.text
        assert refused.headers["content-type"] == "application/json"
        assert await standing.stored() == before
        assert abs(clock.now() - datetime.now(UTC) - behind) < timedelta(seconds=60)
        assert carrier
        assert (carrier.fault, carrier.reports) == (None, "normal")
    finally:
        clock.move_to(datetime.now(UTC))


@pytest.mark.parametrize("verb", ["messages", "clock", "carrier"])
@pytest.mark.parametrize("content", [b"", b"{", b"a=1", b"\xff\xfe", b"[" * 5000], ids=["empty", "cut", "form", "bytes", "deep"])  # fmt: skip
async def test_it_refuses_what_is_not_json(standing: Service, verb: str, content: bytes) -> None:
    json_type = {"Content-Type": "application/json"}
    refused = await standing.http.post(f"{API}/{verb}", content=content, headers=json_type)
    assert refused.status_code in (400, 422)


# the clock


async def test_it_moves_the_clock_and_lets_it_run_on(service: Service) -> None:
    moved = await service.http.post(f"{API}/clock", json={"now": "2027-03-28T01:59:00+01:00"})
    assert datetime.fromisoformat(moved.json()["now"]) >= datetime(2027, 3, 28, 0, 59, tzinfo=UTC)
    first = datetime.fromisoformat((await service.http.get(f"{API}/clock")).json()["now"])
    await asyncio.sleep(0.01)
    second = datetime.fromisoformat((await service.http.get(f"{API}/clock")).json()["now"])
    assert timedelta(0) < second - first < timedelta(minutes=1)
    await service.http.post(f"{API}/clock", json={"advance": "P1DT2H30M"})
    third = service.wiring.clock.now()
    assert timedelta(days=1, hours=2, minutes=30) <= third - second < timedelta(days=1, hours=2, minutes=32)


async def test_it_reads_a_date_without_a_zone_as_universal_time(service: Service) -> None:
    moved = await service.http.post(f"{API}/clock", json={"now": "2027-01-01T12:00:00"})
    assert moved.json()["now"].startswith("2027-01-01T12:00:0")


async def test_it_answers_once_the_due_work_is_handed_over(service: Service) -> None:
    """A message that the carrier refused for now leaves before the clock's answer comes back."""
    number = phone()
    await service.http.post(f"{API}/carrier", json={"fault": "429"})
    await service.http.post(f"{API}/messages", json={"from": number, "body": TEXT})

    async def refused() -> bool:
        return any(line["event"] == "send_later" for line in service.log)

    await until(refused)
    await service.http.post(f"{API}/carrier", json={"fault": None})
    assert service.carried == []
    await service.http.post(f"{API}/clock", json={"advance": "PT1H"})
    assert len(service.carried) == 1


# the carrier's faults


@pytest.mark.parametrize("fault", ["429", "500", "timeout", "timeout-lost"])
async def test_it_sends_once_whatever_the_carrier_did(service: Service, fault: str) -> None:
    number = phone()
    service.wiring.carrier._patience = 0.3  # seconds for a carrier that never answers
    set_to = await service.http.post(f"{API}/carrier", json={"fault": fault})
    assert set_to.json() == {"fault": fault, "reports": "normal"}
    await service.http.post(f"{API}/messages", json={"from": number, "body": TEXT})

    async def tried() -> bool:
        return any(line["event"] == "send_later" for line in service.log)

    await until(tried)
    await service.http.post(f"{API}/carrier", json={"fault": None})
    for _ in range(3):
        await service.http.post(f"{API}/clock", json={"advance": "PT10M"})
    await service.settled()
    assert len(service.carried) == 1
    assert [r["direction"] for r in await rows(service, number)] == ["in", "out"]
    assert service.leaked(number, TEXT) == []


@pytest.mark.parametrize(
    ("fault", "status", "mails"),
    [
        ("30003", "undelivered", 0),
        ("30005", "undelivered", 1),
        ("21610", "failed", 0),
        ("21211", "failed", 1),
    ],
)
async def test_it_plays_a_permanent_fault(service: Service, fault: str, status: str, mails: int) -> None:
    number = phone()
    await service.http.post(f"{API}/carrier", json={"fault": fault})
    await service.http.post(f"{API}/messages", json={"from": number, "body": TEXT})

    async def told() -> bool:
        return any(m["status"] == status for m in await service.answers())

    await until(told)
    await service.settled()
    assert len(service.mails) == mails
    assert len(await service.answers()) == 1


@pytest.mark.parametrize("reports", ["twice", "disorder"])
async def test_it_plays_reports_as_carriers_send_them(service: Service, reports: str) -> None:
    number = phone()
    await service.http.post(f"{API}/carrier", json={"fault": None, "reports": reports})
    await says(service, number, TEXT)

    async def delivered() -> bool:
        return (await service.answers())[-1]["status"] == "delivered"

    await until(delivered)
    assert len(service.carried) == 1


# the mailbox


async def test_it_shows_mails_without_anything_she_wrote(service: Service) -> None:
    number = phone()
    await says(service, number, "0")
    (mail,) = (await service.http.get(f"{API}/mails")).json()
    assert set(mail) == {"to", "subject", "text", "at", "attachments"}
    assert number in mail["text"]


@pytest.mark.parametrize(
    "changes", [{"simulator": False, "twilio_api_url": "http://127.0.0.1:9"}], ids=["production"]
)
async def test_it_does_not_exist_in_production(service: Service) -> None:
    for path in ("/simulator", f"{API}/messages", f"{API}/clock", f"{API}/mails", f"{API}/carrier"):
        assert (await service.http.get(path)).status_code == 404
        assert (await service.http.post(path, json={})).status_code == 404
    assert "/simulator" not in (await service.http.get("/")).text
