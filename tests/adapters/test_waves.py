"""Waves of nudges, on both databases: each is said once, whoever dies, and nobody waits for another."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from gateway.adapters.database import tables as t
from gateway.adapters.database.jobs import LEASE
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.domain.nudge import Planned
from gateway.domain.verdict import BUSY
from gateway.errors import NumberUnreachable, OptedOut, SendFailed, SendLater, SendUnsure
from gateway.usecases.delivery import note_status
from gateway.waves import AT_ONCE, REFUSED, UNREADABLE, Waves
from tests.adapters.conftest import LeaseClock
from tests.adapters.nudged import NudgingService, paris, wave_by_wave
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW, TEAM, FakeCarrier
from tests.usecases.nudge_store import RULES

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NUDGE = "utter_nudge/contract"


@pytest.fixture
def service(store: DatabaseStore) -> NudgingService:
    return NudgingService(store)


async def due_now(service: NudgingService, *people: int, about: str = "contract", at: datetime = NOW) -> None:
    """Something is open for each of them, and its first nudge is due then."""
    for who in people:
        await service.opens(who, about, kind="mobility")
    async with service.store.transaction() as tx:
        for who in people:
            (open_,) = await tx.open_follow_ups(who, about)
            await tx.forget_planned(about, open_.id)
            one = Planned(about, about, open_.id, open_.version, who, open_.beneficiary_id, 1, at)
            await tx.plan_nudges([(one, True)])


async def states(service: NudgingService) -> list[str]:
    return sorted(row["state"] for row in await service.store.rows(t.nudge))


# once


async def test_it_is_said_once(service: NudgingService) -> None:
    amina = await service.amina()
    await due_now(service, amina)
    for _ in range(3):
        await service.drain(MINUTE)
    assert service.carrier.sent == [(AMINA_PHONE, f"fr:{NUDGE}")]
    assert await service.statuses() == ["sent"]
    assert await service.waiting() == []
    assert await states(service) == ["planned", "said"]  # the second one, in a week


async def test_nothing_is_due(service: NudgingService) -> None:
    assert await service.waves.wave() is None
    await due_now(service, await service.amina(), at=NOW + MINUTE)
    assert await service.waves.wave() is None


async def test_a_wave_is_some_dozens(service: NudgingService) -> None:
    await due_now(service, *await service.people(AT_ONCE + 5))
    assert [await service.waves.wave() for _ in range(3)] == [AT_ONCE, 5, None]
    assert len({to for to, _ in service.carrier.sent}) == AT_ONCE + 5


async def test_two_workers_over_the_same_nudges_say_each_once(postgresql_store: DatabaseStore) -> None:
    carrier = FakeCarrier()
    first, second = (NudgingService(postgresql_store, carrier=carrier) for _ in range(2))
    people = await first.people(150)
    await due_now(first, *people)

    async def all_of_it(service: NudgingService) -> int:
        said = 0
        while (dealt := await service.waves.wave()) is not None:
            said += dealt
            await asyncio.sleep(0)
        return said

    async with asyncio.timeout(60):
        dealt = await asyncio.gather(*(all_of_it(service) for service in (first, second, first, second)))
    assert sum(dealt) == 150
    assert len(carrier.sent) == len({to for to, _ in carrier.sent}) == 150
    assert set(await first.statuses()) == {"sent"}


async def test_two_nudges_of_one_person_are_not_said_by_two_workers(postgresql_store: DatabaseStore) -> None:
    """Two are due in the same minute; whoever takes the second knows of the first."""
    carrier = FakeCarrier()
    services = [NudgingService(postgresql_store, carrier=carrier) for _ in range(4)]
    amina = await services[0].amina()
    await due_now(services[0], amina)
    await due_now(services[0], amina, about="obstacle")
    await asyncio.gather(*(service.waves.wave() for service in services))
    await wave_by_wave(*services)
    assert len(carrier.sent) == 1


# who dies


class Died(BaseException):
    """The process was killed: nothing after it runs."""


async def dies_while_sending(service: NudgingService, monkeypatch: pytest.MonkeyPatch, sent: bool) -> None:
    """Killed after the wave was stored: before the carrier was asked, or after it said yes."""

    async def killed(waves: Waves, messages: Any, _owner: str) -> None:
        for message in messages if sent else ():
            service.carrier.already.append(await service.carrier.send(message.address, message.text))
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(Waves, "_send", killed)
        with pytest.raises(Died):
            await service.waves.wave()


async def test_what_was_stored_and_not_sent_leaves_once_the_lease_has_ended(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await due_now(service, await service.amina())
    await dies_while_sending(service, monkeypatch, sent=False)
    await service.drain()
    assert service.carrier.sent == []  # the lease is not over
    lease_clock.seconds += LEASE + 1
    for _ in range(3):
        await service.drain(2 * MINUTE)
    assert service.said == [NUDGE]
    assert len(service.carrier.looked) == 1  # the carrier was asked first
    assert await service.waiting() == []


async def test_what_the_carrier_has_is_not_sent_twice(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await due_now(service, await service.amina())
    await dies_while_sending(service, monkeypatch, sent=True)
    lease_clock.seconds += LEASE + 1
    for _ in range(3):
        await service.drain(2 * MINUTE)
    assert service.said == [NUDGE]
    assert await service.statuses() == ["sent"]
    assert await states(service) == ["planned", "said"]


async def test_what_could_not_be_noted_is_not_sent_twice(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away when the carrier has said yes."""

    async def away(*_: Any) -> Any:
        raise OSError("away")

    await due_now(service, await service.amina())
    with monkeypatch.context() as patch:
        patch.setattr("gateway.adapters.database.store.DatabaseTransaction.mark_all_sent", away)
        with pytest.raises(OSError, match="away"):
            await service.waves.wave()
    service.carrier.already = ["SM1"]
    lease_clock.seconds += LEASE + 1
    for _ in range(3):
        await service.drain(2 * MINUTE)
    assert service.said == [NUDGE]
    assert await service.statuses() == ["sent"]


@pytest.mark.parametrize("found_at", ["2026-11-24 20:30", "2026-11-25 03:00"])
async def test_what_is_found_at_night_waits_for_the_morning(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch, found_at: str
) -> None:
    """Killed at 19:59, started again in the night: what had not left does not wake her."""
    await due_now(service, await service.amina(), at=paris("2026-11-24 19:59"))
    service.clock.at = paris("2026-11-24 19:59")
    await dies_while_sending(service, monkeypatch, sent=False)
    lease_clock.seconds += LEASE + 1
    service.clock.at = paris(found_at)
    await service.worker.drain()
    assert service.carrier.sent == []
    await service.until("2026-11-25 08:05")
    assert service.said == [NUDGE]


async def test_what_is_found_after_stop_does_not_leave(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await due_now(service, await service.amina())
    await dies_while_sending(service, monkeypatch, sent=False)
    await service.says("STOP")
    lease_clock.seconds += LEASE + 1
    for _ in range(3):
        await service.drain(2 * MINUTE)
    assert service.said == ["utter_stop_confirmed"]
    assert (await service.fates())["contract"] == "ended stopped"


async def test_what_is_found_when_the_appointment_has_begun_does_not_leave(
    service: NudgingService, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.books(await service.amina(), "2026-11-26 14:30")
    service.clock.at = paris("2026-11-26 08:00")
    await dies_while_sending(service, monkeypatch, sent=False)
    lease_clock.seconds += LEASE + 1
    service.clock.at = paris("2026-11-26 14:30")
    await service.worker.drain()
    assert service.carrier.sent == []


async def test_a_wave_that_cannot_be_stored_says_nothing_and_is_tried_again(
    service: NudgingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise OSError("away")

    await due_now(service, *await service.people(3))
    with monkeypatch.context() as patch:
        patch.setattr("gateway.adapters.database.store.DatabaseTransaction.say_nudges", away)
        await service.waves.wave()
    assert service.carrier.sent == []
    await service.drain(UNREADABLE)
    assert len(service.carrier.sent) == 3


async def test_the_loop_goes_on_after_a_failure(
    service: NudgingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.worker.SWEEP_EVERY", 0.01)
    await due_now(service, await service.amina())
    real, tries = service.store.transaction, 0

    def flaky() -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("away")
        return real()

    monkeypatch.setattr(service.store, "transaction", flaky)
    loop = asyncio.create_task(service.worker.nudge_forever())
    async with asyncio.timeout(20):
        while not service.carrier.sent:
            await asyncio.sleep(0.01)
    loop.cancel()
    assert service.said == [NUDGE]


# the carrier fails


async def test_a_carrier_that_is_full_is_asked_again_later(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([SendLater(20429)]))
    await due_now(service, await service.amina())
    await service.drain()
    assert service.carrier.sent == []
    await service.drain(REFUSED)
    assert service.said == [NUDGE]
    assert await service.statuses() == ["cancelled", "sent"]
    assert await service.waiting() == []
    assert service.carrier.looked == []  # it said no: there is nothing to look for


async def test_what_was_refused_in_the_evening_waits_for_the_morning(store: DatabaseStore) -> None:
    """The carrier is away from 19:59 on: at its return it is night."""
    service = NudgingService(store, carrier=FakeCarrier([SendLater()] * 3))
    await due_now(service, await service.amina(), at=paris("2026-11-24 19:59"))
    await service.until("2026-11-25 07:59")
    assert service.carrier.sent == []
    await service.until("2026-11-25 08:05")
    assert service.said == [NUDGE]


async def test_what_was_refused_is_not_said_after_stop(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([SendLater()]))
    await due_now(service, await service.amina())
    await service.drain()
    await service.says("STOP")
    await service.drain(HOUR)
    assert service.said == ["utter_stop_confirmed"]
    assert (await service.fates())["contract"] == "ended stopped"


async def test_a_welcome_that_was_refused_comes_with_the_next_try(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([SendLater(20429)]))
    await due_now(service, await service.somebody(KARIM_PHONE, welcomed=False))
    await service.drain()
    await service.drain(REFUSED)
    assert service.said == [f"utter_welcome + {NUDGE}"]


@pytest.mark.parametrize("already", [["SM99"], []])
async def test_a_doubt_is_settled_with_the_carrier_first(store: DatabaseStore, already: list[str]) -> None:
    """A time-out, or a 500: it has it, or has not."""
    service = NudgingService(store, carrier=FakeCarrier([SendUnsure()], already=already))
    await due_now(service, await service.amina())
    for _ in range(4):
        await service.drain(2 * MINUTE)
    assert service.said == ([] if already else [NUDGE])
    assert (await service.statuses())[-1] == "sent"
    assert len(service.carrier.looked) == 1
    assert (await service.fates())["contract"] == "said"


async def test_a_doubt_of_the_evening_is_settled_then_and_said_in_the_morning(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([SendUnsure()]))
    last_second = paris("2026-11-24 19:59:59")
    await due_now(service, await service.amina(), at=last_second)
    service.clock.at = last_second
    await service.until("2026-11-25 07:59")
    assert (service.carrier.sent, len(service.carrier.looked)) == ([], 1)
    await service.until("2026-11-25 08:05")
    assert service.said == [NUDGE]


async def test_an_error_that_nobody_knows_is_a_doubt_too(
    store: DatabaseStore, lease_clock: LeaseClock
) -> None:
    service = NudgingService(store, carrier=FakeCarrier([KeyError("a field is missing")], already=["SM99"]))
    await due_now(service, await service.amina())
    with capture_logs() as logs:
        await service.drain()
    assert [line["error"] for line in logs if line["event"] == "nudge_unsure"] == ["KeyError"]
    lease_clock.seconds += LEASE + 1
    await service.drain(MINUTE)
    assert (service.carrier.sent, await service.statuses()) == ([], ["sent"])


async def test_one_failure_does_not_touch_the_others(store: DatabaseStore) -> None:
    failures: list[Exception] = [
        SendFailed(21617),
        SendLater(20429),
        NumberUnreachable(21614),
        OptedOut(21610),
    ]
    service = NudgingService(store, carrier=FakeCarrier(failures))
    await due_now(service, *await service.people(10))
    await service.drain()
    assert len(service.carrier.sent) == 6
    assert sorted(await service.statuses()) == ["cancelled", *["failed"] * 3, *["sent"] * 6]
    await service.drain(REFUSED)
    assert len(service.carrier.sent) == 7


async def test_who_stopped_at_the_carrier_is_written_to_no_more(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([OptedOut(21610)]))
    amina = await service.amina()
    await due_now(service, amina)
    await service.drain()
    (stopped,) = await store.rows(t.opt_out)
    assert (stopped["topic"], stopped["source"]) == ("all", "carrier")
    await service.drain(8 * DAY)
    assert await service.fates() == {"contract": "said", "contract 2": "ended stopped"}
    assert service.carrier.sent == []


async def test_a_dead_number_is_told_to_who_follows_her_and_ends_the_rest(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([NumberUnreachable(21614)]))
    amina = await service.amina()
    await service.books(amina, "2026-11-26 14:30")
    await due_now(service, amina)
    await service.until("2026-12-20 12:00")
    assert await service.mails() == [(CLAIRE.email, "number")]
    assert service.carrier.sent == []
    fates = await service.fates()
    assert {fates[kind] for kind in ("two_days", "morning", "afterwards", "contract 2")} == {
        "ended number_failed"
    }


async def test_a_number_that_nobody_follows_is_told_to_the_team(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([NumberUnreachable(21614)]))
    await due_now(service, await service.somebody(KARIM_PHONE))
    await service.drain()
    assert await service.mails() == [(TEAM, "number")]


async def test_a_report_that_comes_before_the_carriers_number_is_noted(service: NudgingService) -> None:
    await note_status(service.store, "SM1", "undelivered", 30005, TEAM, service.clock.now())
    await due_now(service, await service.amina())
    for _ in range(3):
        await service.drain(MINUTE)
    assert await service.statuses() == ["undelivered"]
    assert await service.mails() == [(CLAIRE.email, "number")]
    assert await service.waiting() == []


# she writes meanwhile


async def test_a_message_of_hers_that_comes_while_it_is_sent_is_its_answer(service: NudgingService) -> None:
    class Meanwhile(FakeCarrier):
        async def send(self, to: str, text: str) -> str:
            if not self.sent:
                jobs = await service.says("deux a")
                for job in jobs:
                    await service.worker.do(job)
            return await super().send(to, text)

    service.carrier = service.worker.carrier = service.waves.carrier = Meanwhile()
    await due_now(service, await service.amina())
    await service.drain()
    assert service.said == [NUDGE, "utter_deux_a"]  # each once, hers after what she answered
    answered = {row["step"]: row["answered_at"] for row in await service.store.rows(t.nudge)}
    assert answered == {1: NOW, 2: None}
    assert await service.waiting() == []


async def test_nothing_is_said_to_who_has_just_written(service: NudgingService) -> None:
    amina = await service.amina()
    await service.says("un")
    await service.drain()
    await due_now(service, amina)
    await service.drain()
    assert service.said == ["utter_un"]
    await service.drain(BUSY)
    assert service.said == ["utter_un", NUDGE]


async def test_what_she_was_answered_and_has_not_left_goes_first(store: DatabaseStore) -> None:
    service = NudgingService(store, carrier=FakeCarrier([SendLater(20429)] * 2))
    amina = await service.amina()
    await service.says("un")
    await service.drain()
    assert await service.statuses() == ["queued"]
    await due_now(service, amina)
    service.clock.at += BUSY  # she is silent; her answer still waits for the carrier
    await service.waves.wave()
    assert service.carrier.sent == []
    await service.drain(BUSY + MINUTE)
    await service.drain(BUSY + MINUTE)
    assert service.said == ["utter_un", NUDGE]


# the pace


class Seconds:
    """The machine's clock, as the pace sees it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


async def test_two_workers_keep_one_pace(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, carrier = Seconds(), FakeCarrier()
    monkeypatch.setattr("gateway.waves.time", clock)
    first, second = (NudgingService(store, carrier=carrier, rate=5) for _ in range(2))
    await due_now(first, *await first.people(22))
    sent = []
    for _ in range(5):
        for _ in range(3):
            for service in (first, second):
                await service.waves.wave()
        sent.append(len(carrier.sent))
        clock.now += 1
    assert sent == [5, 10, 15, 20, 22]


async def test_what_is_not_said_costs_nothing(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stopped does not make the others wait."""
    clock = Seconds()
    monkeypatch.setattr("gateway.waves.time", clock)
    service = NudgingService(store, rate=5)
    people = await service.people(10)
    await due_now(service, *people)
    async with store.transaction() as tx:
        for who in people[:5]:
            await tx.opt_out(who, "message", NOW)
    assert [await service.waves.wave() for _ in range(3)] == [5, 5, None]
    assert len(service.carrier.sent) == 5


async def test_an_answer_does_not_wait_for_the_pace(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.waves.time", Seconds())
    service = NudgingService(store, rate=1)
    people = await service.people(3)
    await due_now(service, *people)
    await service.waves.wave()
    await service.says("un")
    for job in await service.worker.due():
        await service.worker.do(job)
    for job in await service.worker.due():
        await service.worker.do(job)
    assert service.said[-1].endswith("utter_un")
    assert len(service.carrier.sent) == 2


# one that cannot be said


async def test_one_without_words_keeps_nobody_waiting(service: NudgingService) -> None:
    one, two, three = await service.people(3)
    await due_now(service, one, three)
    await due_now(service, two, about="obstacle")
    service.words.simple -= {"utter_nudge/obstacle"}
    with capture_logs() as logs:
        await service.drain()
    assert service.said == [NUDGE] * 2
    assert [line["kind"] for line in logs if line["event"] == "nudge_broken"] == ["obstacle"]
    await service.drain(MINUTE)
    service.words.simple |= {"utter_nudge/obstacle"}
    await service.drain(HOUR)
    assert service.said == [NUDGE] * 2 + ["utter_nudge/obstacle"]


async def test_one_that_cannot_be_read_keeps_nobody_waiting(service: NudgingService) -> None:
    """Sealed with a key that was lost: the people around it are written to, and it is not tried at once again."""
    people = await service.people(9)
    await due_now(service, *people)
    sealed = Cipher(new_key()).seal(KARIM_PHONE)
    async with service.store.transaction() as tx:
        lost = update(t.conversation).where(t.conversation.c.id == people[4])
        await tx.db.execute(lost.values(address_sealed=sealed))
    with capture_logs() as logs:
        assert await service.waves.wave() == 9
        assert await service.waves.wave() is None
    assert len(service.carrier.sent) == 8
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["nudge_unreadable"]
    assert "639" not in str(logs)
    service.clock.at += UNREADABLE
    assert await service.waves.wave() == 1
    assert len(service.carrier.sent) == 8


async def test_one_that_cannot_be_read_is_let_go_after_a_week(service: NudgingService) -> None:
    (who,) = await service.people(1)
    await due_now(service, who)
    async with service.store.transaction() as tx:
        await tx.db.execute(update(t.conversation).values(address_sealed=Cipher(new_key()).seal("x")))
    service.clock.at += 7 * DAY
    await service.waves.wave()
    assert await service.fates() == {"contract": "ended too_late"}
    assert await service.waves.wave() is None


async def test_a_kind_that_the_departement_switched_off_is_not_said(service: NudgingService) -> None:
    await due_now(service, await service.amina())
    off = replace(RULES, kinds={name: kind for name, kind in RULES.kinds.items() if name != "contract"})
    service.waves.rules = off
    await service.drain()
    assert service.carrier.sent == []
    assert await service.fates() == {"contract": "ended no_longer_true"}
