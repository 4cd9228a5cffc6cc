"""What the benchmark stands on: a carrier that counts, people who may be written to, a day on which something leaves."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from bench import people
from bench.carrier import Carrier, Line
from bench.machine import awake
from gateway.adapters.holidays import french_holidays
from gateway.adapters.twilio import TwilioCarrier
from gateway.errors import NotReady
from tests.adapters.servers import free_port

ONE, OTHER = people.phone(1), people.phone(2)
LATELY = timedelta(minutes=1)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    carrier, port = Carrier(), free_port()
    server = await asyncio.get_running_loop().create_server(lambda: Line(carrier), "127.0.0.1", port)
    async with server:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def twilio(url: str) -> AsyncIterator[TwilioCarrier]:
    """The service's own side, with Twilio's SDK."""
    ours = TwilioCarrier("AC" + "0" * 32, "token", "+33939980080", "http://127.0.0.1:9/sms/status", url)
    yield ours
    await ours.close()


async def counts(url: str) -> dict[str, int]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return dict((await http.get(f"{url}/counts")).json())


async def test_it_takes_many_at_once_and_counts_people(url: str, twilio: TwilioCarrier) -> None:
    sids = await asyncio.gather(*(twilio.send(people.phone(n), "Bonjour, ça va ?") for n in range(200)))
    assert len(set(sids)) == 200
    known = await counts(url)
    assert (known["taken"], known["people"], known["told"] + known["not_asked"]) == (200, 200, 0)


async def test_it_lists_what_it_took(twilio: TwilioCarrier) -> None:
    sid = await twilio.send(ONE, "Votre rendez-vous : 9 h & demie ?")
    since = datetime.now(UTC) - LATELY
    assert await twilio.find_recent(ONE, "Votre rendez-vous : 9 h & demie ?", since) == [sid]
    assert await twilio.find_recent(ONE, "Autre chose", since) == []
    assert await twilio.find_recent(OTHER, "Votre rendez-vous : 9 h & demie ?", since) == []


async def test_it_counts_what_is_sent_twice_and_whether_it_was_asked(url: str, twilio: TwilioCarrier) -> None:
    for to in (ONE, OTHER):
        await twilio.send(to, "Bonjour")
        await twilio.send(to, "Au revoir")  # another text is no repeat
    await twilio.find_recent(ONE, "Bonjour", datetime.now(UTC) - LATELY)
    for to in (ONE, OTHER):
        await twilio.send(to, "Bonjour")
    known = await counts(url)
    assert (known["told"], known["not_asked"]) == (1, 1)


async def test_it_says_when_a_number_got_its_next_message(url: str, twilio: TwilioCarrier) -> None:
    await twilio.send(ONE, "Avant")
    since = time.perf_counter()
    async with httpx2.AsyncClient(trust_env=False) as http:
        asked = asyncio.create_task(http.get(f"{url}/next", params={"to": ONE, "since": str(since)}))
        await twilio.send(OTHER, "Une autre personne")
        await twilio.send(ONE, "Après")
        sent = time.perf_counter()
        assert since < (await asked).json()["moment"] < sent


@pytest.mark.parametrize(
    "now",
    [
        "2026-11-23T09:00",  # a Monday
        "2026-11-22T09:00",  # a Sunday
        "2026-11-22T23:30",
        "2026-05-01T12:00",  # a holiday on a Friday
        "2027-03-28T09:00",  # Easter
    ],
)
def test_somewhere_it_is_a_working_day(now: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    day = moment.astimezone(ZoneInfo(awake(moment))).date()
    assert day.isoweekday() < 7
    assert day not in french_holidays((day.year,), "79")


def test_it_says_when_it_is_a_holiday_everywhere() -> None:
    """Easter Sunday to the west, Easter Monday to the east."""
    with pytest.raises(NotReady, match="férié"):
        awake(datetime(2027, 3, 28, 12, tzinfo=UTC))
