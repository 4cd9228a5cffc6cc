"""Twilio's own SDK against the stand-in carrier, over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from gateway.adapters.twilio import TwilioCarrier
from gateway.errors import NumberUnreachable, OptedOut, SendLater, SendUnsure
from gateway.simulator.carrier import StandInCarrier, carrier_routes
from tests.adapters.servers import free_port, served
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "test-token", "+33639980099"


class NowClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def standing(port: int) -> Iterator[StandInCarrier]:
    """One carrier for all: each test finds it working and empty."""
    local = f"http://127.0.0.1:{port}"
    stand_in = StandInCarrier(ACCOUNT, TOKEN, SENDER, "https://sms.example.org", local, NowClock())
    app = FastAPI()
    app.include_router(carrier_routes(stand_in), prefix="/simulator/carrier")
    with served(app, port):
        yield stand_in


@pytest.fixture
def stand_in(standing: StandInCarrier) -> StandInCarrier:
    standing.fault, standing.reports = None, "none"
    standing.messages.clear()
    return standing


@pytest.fixture
async def carrier(stand_in: StandInCarrier, port: int) -> AsyncIterator[TwilioCarrier]:
    async with opened(port) as carrier:
        yield carrier


@contextlib.asynccontextmanager
async def opened(
    port: int, token: str = TOKEN, sender: str = SENDER, patience: float = 30
) -> AsyncIterator[TwilioCarrier]:
    carrier = TwilioCarrier(
        ACCOUNT, token, sender, "https://sms.example.org/sms/status",
        f"http://127.0.0.1:{port}/simulator/carrier", patience,
    )  # fmt: skip
    try:
        yield carrier
    finally:
        await carrier.close()


def since() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.parametrize(
    "text",
    ["Bonjour", "Être là… 👍🏽 «&=?+ %\n1 RSA", "مرحبا، كيف الحال؟", "Добрий день", "a" * 1600],
    ids=["plain", "signs", "Arabic", "Ukrainian", "long"],
)
async def test_it_sends_a_text_as_it_is(carrier: TwilioCarrier, stand_in: StandInCarrier, text: str) -> None:
    sid = await carrier.send(AMINA_PHONE, text)
    row = stand_in.messages[sid]
    assert (row["to"], row["from"], row["body"]) == (AMINA_PHONE, SENDER, text)


async def test_it_sends_by_a_messaging_service(stand_in: StandInCarrier, port: int) -> None:
    service = "MG" + "1" * 32
    async with opened(port, sender=service) as carrier:
        sid = await carrier.send(AMINA_PHONE, "Bonjour")
    assert stand_in.messages[sid]["from"] == service


async def test_it_sends_many_at_once(carrier: TwilioCarrier, stand_in: StandInCarrier) -> None:
    sids = await asyncio.gather(*(carrier.send(AMINA_PHONE, f"Message {n}") for n in range(20)))
    assert len(set(sids)) == 20
    assert {stand_in.messages[sid]["body"] for sid in sids} == {f"Message {n}" for n in range(20)}


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("429", SendLater, 20429),
        ("500", SendUnsure, 20500),
        ("21610", OptedOut, 21610),
        ("21211", NumberUnreachable, 21211),
    ],
)
async def test_it_says_what_a_refusal_means(
    carrier: TwilioCarrier, stand_in: StandInCarrier, fault: str, error: type[Exception], code: int
) -> None:
    stand_in.fault = fault
    with pytest.raises(error) as refused:
        await carrier.send(AMINA_PHONE, "Bonjour")
    assert refused.value.code == code  # type: ignore[attr-defined]
    assert AMINA_PHONE not in str(refused.value)
    assert stand_in.messages == {}


@pytest.mark.parametrize("to", ["12", "Orange", "+3312"])
async def test_it_calls_a_number_that_is_none_unreachable(
    carrier: TwilioCarrier, stand_in: StandInCarrier, to: str
) -> None:
    with pytest.raises(NumberUnreachable):
        await carrier.send(to, "Bonjour")


async def test_it_blames_no_number_for_a_wrong_password(stand_in: StandInCarrier, port: int) -> None:
    """Our token was changed: messages wait until it is set right, and no referent is told of bad numbers."""
    async with opened(port, token="wrong") as carrier:
        with pytest.raises(SendLater):
            await carrier.send(AMINA_PHONE, "Bonjour")
        with pytest.raises(SendLater):
            await carrier.find_recent(AMINA_PHONE, "Bonjour", since())
    assert stand_in.messages == {}


async def test_it_may_have_sent_when_no_answer_comes(stand_in: StandInCarrier, port: int) -> None:
    """Accepted, and the answer lost: it is found again by its text."""
    stand_in.fault = "timeout"
    async with opened(port, patience=0.2) as carrier:
        with pytest.raises(SendUnsure):
            await carrier.send(AMINA_PHONE, "Bonjour")
        stand_in.fault = None
        found = await carrier.find_recent(AMINA_PHONE, "Bonjour", since())
    assert list(found) == list(stand_in.messages)
    assert len(found) == 1


async def test_it_may_not_have_sent_when_no_answer_comes(stand_in: StandInCarrier, port: int) -> None:
    stand_in.fault = "timeout-lost"
    async with opened(port, patience=0.2) as carrier:
        with pytest.raises(SendUnsure):
            await carrier.send(AMINA_PHONE, "Bonjour")
        stand_in.fault = None
        assert list(await carrier.find_recent(AMINA_PHONE, "Bonjour", since())) == []


async def test_it_looks_only_for_this_text_to_this_number_since_then(
    carrier: TwilioCarrier, stand_in: StandInCarrier
) -> None:
    sid = await carrier.send(AMINA_PHONE, "Bonjour")
    await carrier.send(AMINA_PHONE, "Bonsoir")
    await carrier.send(KARIM_PHONE, "Bonjour")
    assert list(await carrier.find_recent(AMINA_PHONE, "Bonjour", since())) == [sid]
    assert (
        list(await carrier.find_recent(AMINA_PHONE, "Bonjour", datetime.now(UTC) + timedelta(hours=1))) == []
    )


async def test_it_finds_the_newest_twin_first(carrier: TwilioCarrier) -> None:
    sids = [await carrier.send(AMINA_PHONE, "Tapez un chiffre.") for _ in range(3)]
    found = await carrier.find_recent(AMINA_PHONE, "Tapez un chiffre.", since())
    assert list(found) == list(reversed(sids))


async def test_it_certainly_did_not_send_when_nobody_listens() -> None:
    async with opened(free_port()) as carrier:
        with pytest.raises(SendLater):
            await carrier.send(AMINA_PHONE, "Bonjour")
        with pytest.raises(SendLater):
            await carrier.find_recent(AMINA_PHONE, "Bonjour", since())


async def test_it_cannot_say_what_left_when_no_answer_comes(stand_in: StandInCarrier) -> None:
    """A port that takes calls and never speaks."""
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with opened(port, patience=0.2) as carrier:
        with pytest.raises(SendLater):
            await carrier.find_recent(AMINA_PHONE, "Bonjour", since())
    silent.close()


async def test_it_may_have_sent_when_the_line_is_cut() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with opened(server.sockets[0].getsockname()[1]) as carrier:
        with pytest.raises(SendUnsure):
            await carrier.send(AMINA_PHONE, "Bonjour")
    server.close()


async def test_it_closes_what_it_never_opened() -> None:
    await TwilioCarrier(ACCOUNT, TOKEN, SENDER, "https://sms.example.org/sms/status").close()
