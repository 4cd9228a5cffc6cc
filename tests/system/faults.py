"""What breaks, for how long, and how it comes back: real processes, killed and frozen as the world does it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import redis
from fastapi import FastAPI

from gateway.adapters.database.jobs import LEASE
from gateway.commands.train import model
from tests.adapters.servers import served
from tests.system.fleet import Fleet
from tests.system.peers import Peer


@dataclass
class Site:
    """A fleet, and the two servers it stands on."""

    fleet: Fleet
    postgresql: Peer
    valkey: Peer


Fault = Callable[[Site], Iterator[None]]
FAULTS: dict[str, tuple[Fault, float]] = {}


def lasts(name: str, seconds: float) -> Callable[[Fault], Fault]:
    def kept(fault: Fault) -> Fault:
        FAULTS[name] = fault, seconds
        return fault

    return kept


@contextmanager
def broken(name: str, site: Site) -> Iterator[None]:
    """Broken as long as the block lasts, and at least for its time; mended after it."""
    fault, seconds = FAULTS[name]
    with contextmanager(fault)(site):
        end = time.monotonic() + seconds
        yield
        time.sleep(max(0.0, end - time.monotonic()))


def _killed(site: Site, name: str) -> Iterator[None]:
    site.fleet[name].kill()
    yield
    site.fleet[name].start()  # as systemd does


def _frozen(site: Site, name: str) -> Iterator[None]:
    site.fleet[name].send(signal.SIGSTOP)
    yield
    site.fleet[name].send(signal.SIGCONT)


@lasts("gateway-killed", 5)
def gateway_killed(site: Site) -> Iterator[None]:
    yield from _killed(site, "gateway1")


@lasts("gateway-frozen", 6)
def gateway_frozen(site: Site) -> Iterator[None]:
    yield from _frozen(site, "gateway1")


def _turns_in_hand(site: Site, then: signal.Signals) -> None:
    """It comes while the worker waits for Rasa, with several turns begun."""
    site.fleet["rasa1"].send(signal.SIGSTOP)
    time.sleep(1.5)
    site.fleet["worker1"].send(then)
    site.fleet["rasa1"].send(signal.SIGCONT)


@lasts("worker-killed", 4)
def worker_killed(site: Site) -> Iterator[None]:
    _turns_in_hand(site, signal.SIGKILL)
    yield from _killed(site, "worker1")


@lasts("worker-frozen", LEASE + 3)
def worker_frozen(site: Site) -> Iterator[None]:
    """Longer than its leases: others do its work, and it wakes up believing that it is still its own."""
    _turns_in_hand(site, signal.SIGSTOP)
    yield from _frozen(site, "worker1")


@lasts("rasa-killed", 6)
def rasa_killed(site: Site) -> Iterator[None]:
    yield from _killed(site, "rasa1")


@lasts("rasa-frozen", 10)
def rasa_frozen(site: Site) -> Iterator[None]:
    yield from _frozen(site, "rasa1")


@lasts("rasa-without-a-model", 8)
def rasa_without_a_model(site: Site) -> Iterator[None]:
    """It then answers `[]`, and a refusal to whoever looks at its state."""
    address = f"http://127.0.0.1:{site.fleet.rasas[0]}/model"
    httpx2.delete(address, timeout=30).raise_for_status()
    yield
    httpx2.put(address, json={"model_file": str(model())}, timeout=60).raise_for_status()


@lasts("rasa-answering-nothing", 8)
def rasa_answering_nothing(site: Site) -> Iterator[None]:
    """As after any error of its own: `[]` to every question, and all is well to whoever looks at its state."""
    nothing = FastAPI()

    @nothing.get("/status")
    async def status() -> dict[str, str]:
        return {"model_file": "model.tar.gz"}

    @nothing.get("/conversations/{who}/tracker")
    async def tracker(who: str) -> dict[str, object]:
        return {"sender_id": who, "events": []}

    @nothing.post("/{path:path}")
    async def answer(path: str) -> list[object]:
        del path
        return []

    site.fleet["rasa1"].kill()
    with served(nothing, site.fleet.rasas[0]):
        yield
    site.fleet["rasa1"].start()


@lasts("redis-killed", 6)
def redis_killed(site: Site) -> Iterator[None]:
    site.valkey.kill()
    yield
    site.valkey.start()


@lasts("redis-frozen", 8)
def redis_frozen(site: Site) -> Iterator[None]:
    site.valkey.send(signal.SIGSTOP)
    yield
    site.valkey.send(signal.SIGCONT)


@lasts("redis-flushed", 3)
def redis_flushed(site: Site) -> Iterator[None]:
    with redis.Redis.from_url(site.fleet.redis) as client:
        for _ in range(3):  # in the middle of whatever is being done
            client.flushall()
            time.sleep(0.5)
    yield


@lasts("postgresql-killed", 4)
def postgresql_killed(site: Site) -> Iterator[None]:
    site.postgresql.kill()
    yield
    site.postgresql.start()


@lasts("postgresql-restarted", 0)
def postgresql_restarted(site: Site) -> Iterator[None]:
    """As an upgrade of the system does: connections are closed in the middle of their work."""
    site.postgresql.end()
    site.postgresql.start()
    yield


def _carrier(fault: str) -> Fault:
    def wrong(site: Site) -> Iterator[None]:
        site.fleet.carrier.fault = fault
        yield
        site.fleet.carrier.fault = None

    return wrong


for _code in ("429", "500"):
    lasts(f"carrier-{_code}", 8)(_carrier(_code))
lasts("carrier-took-without-answer", 8)(_carrier("timeout"))


@lasts("carrier-took-without-answer-nor-list", 3)
def carrier_unlisted(site: Site) -> Iterator[None]:
    site.fleet.carrier.taken_unlisted = True
    yield
    site.fleet.carrier.taken_unlisted = False
