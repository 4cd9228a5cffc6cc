"""One address of the network that asks without end: in memory, in Redis, and while Redis is away."""

import os
import re
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from gateway.adapters.limits import LEFT_ALONE, MOST, WINDOW, MemoryLimits, RedisLimits, open_limits
from gateway.web.limits import place_of
from tests.adapters.servers import free_port
from tests.web.service import ACTION_TOKEN, TEAM, Service, phone, sid

HERE, ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
PAGE = {"Accept": "text/html"}


class Seconds:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def index(text: str) -> str:
    return f"{abs(hash(text)):032x}"


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


# the counter


async def test_it_counts_each_address_and_each_thing_apart(seconds: Seconds) -> None:
    limits = MemoryLimits(index, seconds)
    assert [await limits.count("message", "203.0.113.7") for _ in range(3)] == [1, 2, 3]
    assert await limits.count("message", "203.0.113.8") == 1
    assert await limits.count("sign_in", "203.0.113.7") == 1


async def test_it_begins_anew_after_a_minute(seconds: Seconds) -> None:
    limits = MemoryLimits(index, seconds)
    for _ in range(5):
        await limits.count("message", "203.0.113.7")
        seconds.now += WINDOW / 6
    seconds.now += WINDOW / 6
    assert await limits.count("message", "203.0.113.7") == 1


async def test_it_keeps_no_address_and_does_not_grow_for_ever(seconds: Seconds) -> None:
    limits = MemoryLimits(index, seconds)
    for n in range(MOST + 500):
        await limits.count("message", f"address {n}")
    kept = limits._counts
    assert len(kept) <= MOST
    assert "address 1" not in repr(list(kept)[:5])
    seconds.now += WINDOW + 1
    await limits.count("message", "203.0.113.7")
    assert len(kept) == 1


@pytest.fixture
async def shared(valkey: str, seconds: Seconds) -> AsyncIterator[RedisLimits]:
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    limits = RedisLimits(valkey, index, seconds)
    yield limits
    await limits.close()


async def test_it_counts_over_all_processes_with_redis(valkey: str, shared: RedisLimits) -> None:
    another = open_limits(valkey, index)
    assert [await one.count("message", "203.0.113.7") for one in (shared, another, shared)] == [1, 2, 3]
    await another.close()
    with redis.Redis.from_url(valkey) as client:
        (key,) = client.keys("limit:*")
        assert b"203.0.113" not in key
        assert 0 < client.ttl(key) <= WINDOW


async def test_it_counts_alone_while_redis_is_away(seconds: Seconds) -> None:
    limits = RedisLimits(f"redis://127.0.0.1:{free_port()}", index, seconds)
    assert [await limits.count("message", "203.0.113.7") for _ in range(3)] == [1, 2, 3]
    await limits.close()


async def test_it_keeps_nobody_waiting_for_a_frozen_redis_and_comes_back(
    valkey: str, shared: RedisLimits, seconds: Seconds
) -> None:
    with redis.Redis.from_url(valkey) as client:
        process = int(client.info("server")["process_id"])
    assert await shared.count("message", "203.0.113.7") == 1
    os.kill(process, signal.SIGSTOP)
    try:
        for n in range(200):  # were each of them to wait, it would take a minute
            assert await shared.count("message", "203.0.113.7") == n + 1
    finally:
        os.kill(process, signal.SIGCONT)
    seconds.now += LEFT_ALONE
    assert await shared.count("message", "203.0.113.7") >= 2  # its own count again


def test_it_takes_the_addresses_of_one_house_for_one() -> None:
    assert place_of("2001:db8:1:2::1") == place_of("2001:db8:1:2:ffff::9") != place_of("2001:db8:1:3::1")
    assert place_of("::ffff:203.0.113.7") == place_of("203.0.113.7") == "203.0.113.7"
    assert place_of("a socket") == "a socket"


# the routes


async def posts(service: Service, path: str, count: int, **more: Any) -> list[int]:
    return [(await service.http.post(path, **more)).status_code for _ in range(count)]


@pytest.mark.parametrize("changes", [pytest.param({"chat_a_minute": 3}, id="3-a-minute")])
async def test_it_slows_the_page_down_kindly(service: Service) -> None:
    page = (await service.http.get("/chat", headers={"Accept-Language": "en"})).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf
    form = {"csrf": csrf[1], "body": "combien pour une personne seule"}
    fetched = {**HERE, "X-Requested-With": "fetch", "Accept-Language": "en"}
    assert await posts(service, "/chat/messages", 3, data=form, headers=fetched) == [202] * 3
    refused = await service.http.post("/chat/messages", data=form, headers=fetched)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"
    assert refused.json()["detail"].startswith("You are writing very fast. Wait one minute")
    plain = await service.http.post(
        "/chat/messages", data=form, headers={**HERE, **PAGE, "Accept-Language": "ar"}
    )
    assert plain.status_code == 429
    assert 'dir="rtl"' in plain.text
    assert "انتظر دقيقة واحدة" in plain.text
    elsewhere = {**ELSEWHERE, "X-Requested-With": "fetch"}
    assert await posts(service, "/chat/messages", 1, data=form, headers=elsewhere) == [202]
    assert len(await service.heard()) == 4
    assert [one for one in service.log if one["event"] == "too_many"] != []
    assert service.leaked("203.0.113.7") == []


@pytest.mark.parametrize("changes", [pytest.param({"sign_ins_a_minute": 4}, id="4-a-minute")])
async def test_it_slows_sign_ins_down_kindly(service: Service) -> None:
    form = {"email": "claire@example.org"}
    assert await posts(service, "/workspace/sign-in", 4, data=form, headers={**HERE, **PAGE}) == [200] * 4
    refused = await service.http.post("/workspace/sign-in", data=form, headers={**HERE, **PAGE})
    assert refused.status_code == 429
    assert "Attendez une minute" in refused.text
    assert await posts(service, "/workspace/sign-in", 1, data=form, headers={**ELSEWHERE, **PAGE}) == [200]


MISTAKES = {
    "/sms/inbound": 403, "/sms/status": 403, "/voice/inbound": 403, "/rdv-service-public/webhook": 403,
    "/rasa/actions?token=x": 403, "/chat/messages": 403, "/workspace/sign-in/a-link": 410,
}  # fmt: skip


@pytest.mark.parametrize("changes", [pytest.param({"mistakes_a_minute": 3}, id="3-a-minute")])
@pytest.mark.parametrize(("path", "status"), MISTAKES.items(), ids=list(MISTAKES))
async def test_it_tires_of_wrong_signatures_and_links(service: Service, path: str, status: int) -> None:
    assert await posts(service, path, 5, data={"a": "b"}, headers=HERE) == [*[status] * 3, 429, 429]
    assert len([one for one in service.log if one["event"] == "too_many"]) == 1


@pytest.mark.parametrize("changes", [pytest.param({"mistakes_a_minute": 1}, id="1-a-minute")])
async def test_it_always_takes_what_is_signed_from_the_same_address(service: Service) -> None:
    """Behind a proxy that says nothing, the carrier and the attacker have one address."""
    assert (await posts(service, "/sms/inbound", 4, data={"a": "b"}))[-1] == 429
    form = {"MessageSid": sid(), "From": phone(), "Body": "combien pour une personne seule"}
    assert (await service.post("/sms/inbound", form)).status_code == 200
    right = await service.http.post(f"/rasa/actions?token={ACTION_TOKEN}", json={})
    assert right.status_code != 429
    await service.settled()
    assert len(await service.answers()) == 1
    secret = await service.http.get("/calendar/wrong.ics")
    assert secret.status_code == 429


async def test_it_refuses_nobody_when_redis_is_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = RedisLimits(f"redis://127.0.0.1:{free_port()}", service.wiring.store.cipher.index)
    monkeypatch.setattr(service.wiring, "limits", gone)
    form = {"email": TEAM}
    assert await posts(service, "/workspace/sign-in", 2, data=form, headers={**HERE, **PAGE}) == [200] * 2
    assert [one["event"] for one in service.log if one["event"] == "limits_away"] == ["limits_away"]
