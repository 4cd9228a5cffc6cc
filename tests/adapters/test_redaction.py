"""A message is asked back from the carrier: Twilio's own SDK against the stand-in, over real HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from gateway.adapters.twilio import TwilioCarrier
from gateway.errors import SendFailed, SendLater
from gateway.simulator.carrier import StandInCarrier, carrier_routes
from tests.adapters.servers import free_port, served
from tests.usecases.fakes import AMINA_PHONE

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "test-token", "+33639980099"
UNKNOWN = "SM" + "0" * 32


class NowClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
async def standing(tmp_path: Path) -> AsyncIterator[tuple[StandInCarrier, TwilioCarrier]]:
    port, record = free_port(), tmp_path / "carrier.jsonl"
    local = f"http://127.0.0.1:{port}"
    stand_in = StandInCarrier(ACCOUNT, TOKEN, SENDER, "https://sms.example.org", local, NowClock(), record)
    stand_in.reports = "none"
    app = FastAPI()
    app.include_router(carrier_routes(stand_in), prefix="/simulator/carrier")
    with served(app, port):
        status = "https://sms.example.org/sms/status"
        carrier = TwilioCarrier(ACCOUNT, TOKEN, SENDER, status, f"{local}/simulator/carrier", 5)
        yield stand_in, carrier
        await carrier.close()


def there(stand_in: StandInCarrier) -> list[str]:
    return [str(row["sid"]) for row in stand_in.sent_to(AMINA_PHONE, None)]


async def test_it_leaves_nothing_of_the_message(standing: tuple[StandInCarrier, TwilioCarrier]) -> None:
    stand_in, carrier = standing
    kept = await carrier.send(AMINA_PHONE, "celui-ci reste")
    gone = await carrier.send(AMINA_PHONE, "un secret")
    await carrier.redact(gone)
    assert there(stand_in) == [kept]
    assert await carrier.find_recent(AMINA_PHONE, "un secret", datetime(2020, 1, 1, tzinfo=UTC)) == []
    assert stand_in.record
    written = stand_in.record.read_text(encoding="utf-8")
    assert "un secret" not in written + str(stand_in.messages)
    assert gone not in written
    again = StandInCarrier(ACCOUNT, TOKEN, SENDER, "", "", NowClock(), stand_in.record)
    assert list(again.messages) == [kept], "also after a restart"


async def test_it_forgets_twice_what_is_gone_already(standing: tuple[StandInCarrier, TwilioCarrier]) -> None:
    _, carrier = standing
    gone = await carrier.send(AMINA_PHONE, "un secret")
    for sid in (gone, gone, UNKNOWN):
        await carrier.redact(sid)


@pytest.mark.parametrize("fault", ["429", "500"])
async def test_it_asks_later_when_the_carrier_is_away(
    standing: tuple[StandInCarrier, TwilioCarrier], fault: str
) -> None:
    stand_in, carrier = standing
    gone = await carrier.send(AMINA_PHONE, "un secret")
    stand_in.fault = fault
    with pytest.raises(SendLater):
        await carrier.redact(gone)
    stand_in.fault = None
    await carrier.redact(gone)
    assert there(stand_in) == []


async def test_it_says_not_yet_while_the_message_is_on_its_way(
    standing: tuple[StandInCarrier, TwilioCarrier],
) -> None:
    stand_in, carrier = standing
    gone = await carrier.send(AMINA_PHONE, "un secret")
    stand_in.reports = "normal"
    with pytest.raises(SendFailed) as refused:
        await carrier.redact(gone)
    assert (refused.value.code, isinstance(refused.value, SendLater)) == (20009, False)
    stand_in.messages[gone]["status"] = "delivered"
    await carrier.redact(gone)
    assert there(stand_in) == []


async def test_it_asks_later_when_nobody_listens() -> None:
    carrier = TwilioCarrier(ACCOUNT, TOKEN, SENDER, "", f"http://127.0.0.1:{free_port()}", 5)
    with pytest.raises(SendLater):
        await carrier.redact(UNKNOWN)
    await carrier.close()


async def test_it_is_refused_without_the_account(standing: tuple[StandInCarrier, TwilioCarrier]) -> None:
    stand_in, carrier = standing
    kept = await carrier.send(AMINA_PHONE, "un secret")
    stranger = TwilioCarrier(ACCOUNT, "wrong", SENDER, "", f"{stand_in.local_url}/simulator/carrier", 5)
    with pytest.raises(SendLater):
        await stranger.redact(kept)
    await stranger.close()
    assert there(stand_in) == [kept]


async def test_it_brings_no_message_back_with_a_late_report(
    standing: tuple[StandInCarrier, TwilioCarrier],
) -> None:
    stand_in, carrier = standing
    gone = await carrier.send(AMINA_PHONE, "un secret")
    stand_in.delay = 0.0
    await carrier.redact(gone)
    await stand_in._report(gone, "https://sms.example.org/sms/status", None)
    assert there(stand_in) == []
