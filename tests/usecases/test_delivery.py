"""A message leaves: each answer of the carrier has its consequence."""

from datetime import timedelta

import pytest

from gateway.errors import NumberUnreachable, OptedOut, SendLater, SendUnsure
from gateway.usecases.delivery import (
    BAD_NUMBER,
    GIVE_UP,
    Settled,
    hand_over,
    next_message,
    note_status,
    settle,
)
from tests.usecases.fakes import AMINA_PHONE, CLAIRE, NOW, TEAM, FakeCarrier, FakeStore, conversation

WHO = conversation(referent=CLAIRE)


@pytest.fixture
async def store() -> FakeStore:
    """One message waits."""
    store = FakeStore(conversations={1: WHO})
    await store.add_outbound(WHO, 1, "Bonjour", ["utter_welcome"], NOW)
    return store


async def once(store: FakeStore, carrier: FakeCarrier, after: timedelta = timedelta()) -> Settled | None:
    message = await next_message(store, 1)  # type: ignore[arg-type]
    if message is None:
        return None
    result = await hand_over(store, carrier, message)  # type: ignore[arg-type]
    return await settle(store, 1, message, result, TEAM, NOW + after)  # type: ignore[arg-type]


async def test_it_sends_in_order_and_keeps_the_carriers_number(store: FakeStore) -> None:
    await store.add_outbound(WHO, 2, "Encore", [], NOW)
    carrier = FakeCarrier()
    while await once(store, carrier):
        pass
    assert carrier.sent == [(AMINA_PHONE, "Bonjour"), (AMINA_PHONE, "Encore")]
    assert [(row["status"], row["sid"]) for row in store.outbound] == [("sent", "SM1"), ("sent", "SM2")]
    assert carrier.looked == []


async def test_it_marks_a_message_before_the_carrier_is_asked(store: FakeStore) -> None:
    """A crash from there on leaves "maybe sent", never "not sent"."""
    await next_message(store, 1)  # type: ignore[arg-type]
    assert store.outbound[0]["unsure"]
    carrier = FakeCarrier()
    await once(store, carrier)
    assert carrier.looked == [(AMINA_PHONE, "Bonjour", NOW - timedelta(minutes=1))]


async def test_it_sends_nothing_once_the_right_to_send_is_over(store: FakeStore) -> None:
    """Frozen since it took the message: by now another process may have sent it, and only the list can tell."""
    message, carrier = await next_message(store, 1), FakeCarrier()  # type: ignore[arg-type]
    assert message
    result = await hand_over(store, carrier, message, lambda: False)  # type: ignore[arg-type]
    assert isinstance(result, SendUnsure)
    assert carrier.sent == []
    await settle(store, 1, message, result, TEAM, NOW)  # type: ignore[arg-type]
    await once(store, carrier)
    assert carrier.sent == [(AMINA_PHONE, "Bonjour")]
    assert carrier.looked != []


async def test_it_sends_again_later_what_the_carrier_refused_for_now(store: FakeStore) -> None:
    carrier = FakeCarrier([SendLater(20429)])
    done = await once(store, carrier)
    assert done is not None
    assert done.retry_in is not None
    assert (store.outbound[0]["status"], store.outbound[0]["unsure"]) == ("queued", False)
    await once(store, carrier)
    assert carrier.sent == [(AMINA_PHONE, "Bonjour")]
    assert carrier.looked == []  # certainly not sent: no need to look


async def test_it_looks_before_it_sends_again_what_may_have_left(store: FakeStore) -> None:
    carrier = FakeCarrier([SendUnsure()])
    await once(store, carrier)
    assert store.outbound[0]["unsure"]
    carrier.already = ["SM99"]
    await once(store, carrier)
    assert carrier.sent == []
    assert (store.outbound[0]["status"], store.outbound[0]["sid"]) == ("sent", "SM99")


async def test_it_sends_what_had_not_left_after_all(store: FakeStore) -> None:
    carrier = FakeCarrier([SendUnsure()])
    await once(store, carrier)
    await once(store, carrier)
    assert (len(carrier.looked), carrier.sent) == (1, [(AMINA_PHONE, "Bonjour")])


async def test_it_does_not_take_an_earlier_twin_for_this_message(store: FakeStore) -> None:
    """The same menu was sent a minute ago: that one is known, this one is still to be sent."""
    carrier = FakeCarrier()
    await once(store, carrier)
    await store.add_outbound(WHO, 2, "Bonjour", [], NOW)
    carrier.failures, carrier.already = [SendUnsure()], ["SM1"]
    await once(store, carrier)
    await once(store, carrier)
    assert len(carrier.sent) == 2
    assert [row["sid"] for row in store.outbound] == ["SM1", "SM2"]


async def test_it_waits_when_the_carrier_cannot_say_what_left(store: FakeStore) -> None:
    class Mute(FakeCarrier):
        async def find_recent(self, *_: object) -> list[str]:
            raise SendLater

    carrier = Mute([SendUnsure()])
    await once(store, carrier)
    done = await once(store, carrier)
    assert done is not None
    assert done.retry_in is not None
    assert carrier.sent == []


async def test_it_still_doubts_after_the_carrier_could_not_say(store: FakeStore) -> None:
    """Not to be able to look is no proof that nothing left."""

    class MuteOnce(FakeCarrier):
        async def find_recent(self, *asked: object) -> list[str]:
            self.looked.append(asked)  # type: ignore[arg-type]
            if len(self.looked) == 1:
                raise SendLater
            return ["SM99"]

    carrier = MuteOnce([SendUnsure()])
    for _ in range(3):
        await once(store, carrier)
    assert carrier.sent == []
    assert store.outbound[0]["sid"] == "SM99"


async def test_it_waits_longer_each_time_and_never_very_long(store: FakeStore) -> None:
    carrier = FakeCarrier([SendLater(20429)] * 12)
    waits = []
    while carrier.failures:
        done = await once(store, carrier)
        assert done is not None
        assert done.retry_in is not None
        waits.append(done.retry_in)
    assert waits == sorted(waits)
    assert waits[0] <= timedelta(seconds=2)
    assert waits[-1] <= timedelta(minutes=5)


@pytest.mark.parametrize("failure", [SendLater(20429), SendUnsure()], ids=["refused", "unsure"])
async def test_it_gives_up_a_message_that_would_only_puzzle_her(store: FakeStore, failure: Exception) -> None:
    done = await once(store, FakeCarrier([failure]), GIVE_UP + timedelta(minutes=1))
    assert done is not None
    assert done.retry_in is None
    assert store.outbound[0]["status"] == "failed"
    assert await once(store, FakeCarrier()) is None


@pytest.mark.parametrize("failure", [SendLater(20429), SendUnsure()], ids=["refused", "unsure"])
async def test_it_tells_somebody_when_it_gives_up(store: FakeStore, failure: Exception) -> None:
    """A failure always has an owner."""
    await once(store, FakeCarrier([failure]), GIVE_UP + timedelta(minutes=1))
    assert [(mail.to, mail.template) for mail in store.mails.values()] == [(CLAIRE.email, "undelivered")]
    assert not store.failing  # her number is not to blame


async def test_it_takes_the_carriers_stop_for_a_stop(store: FakeStore) -> None:
    done = await once(store, FakeCarrier([OptedOut(21610)]))
    assert done == Settled()
    assert store.stopped == [(1, "carrier")]
    assert (store.outbound[0]["status"], store.outbound[0]["code"]) == ("failed", 21610)
    assert store.mails == {}


@pytest.mark.parametrize("code", sorted(BAD_NUMBER))
async def test_it_tells_the_referent_once_about_a_bad_number(store: FakeStore, code: int) -> None:
    await store.add_outbound(WHO, 2, "Encore", [], NOW)
    carrier = FakeCarrier([NumberUnreachable(code), NumberUnreachable(code)])
    first, second = await once(store, carrier), await once(store, carrier)
    assert first is not None
    assert second is not None
    assert (list(first.ring), list(second.ring)) == ([1], [])
    assert [(mail.to, mail.template) for mail in store.mails.values()] == [(CLAIRE.email, "number")]
    assert [row["status"] for row in store.outbound] == ["failed", "failed"]
    assert store.failing == {1: code}


# delivery reports


async def report(store: FakeStore, status: str, code: int | None = None, sid: str = "SM1") -> list[int]:
    return list(await note_status(store, sid, status, code, TEAM, NOW))  # type: ignore[arg-type]


async def test_it_notes_what_the_carrier_reports(store: FakeStore) -> None:
    await once(store, FakeCarrier())
    assert await report(store, "delivered") == []
    assert store.outbound[0]["status"] == "delivered"


@pytest.mark.parametrize("code", sorted(BAD_NUMBER))
async def test_it_tells_the_referent_about_a_bad_number_reported_later(store: FakeStore, code: int) -> None:
    await once(store, FakeCarrier())
    assert await report(store, "undelivered", code) == [1]
    assert await report(store, "undelivered", code) == []
    assert len(store.mails) == 1


async def test_it_takes_a_stop_that_is_reported_later(store: FakeStore) -> None:
    await once(store, FakeCarrier())
    await report(store, "failed", 21610)
    assert store.stopped == [(1, "carrier")]


async def test_it_leaves_a_phone_that_is_only_switched_off_alone(store: FakeStore) -> None:
    await once(store, FakeCarrier())
    assert await report(store, "undelivered", 30003) == []
    assert (store.mails, store.stopped) == ({}, [])


async def test_it_ignores_a_report_about_nothing_of_ours(store: FakeStore) -> None:
    assert await report(store, "delivered", sid="SM404") == []
    assert store.outbound[0]["status"] == "queued"


@pytest.mark.parametrize(("code", "mails", "stops"), [(30005, 1, 0), (21610, 0, 1)])
async def test_it_forgets_no_bad_news_that_came_too_early(
    store: FakeStore, code: int, mails: int, stops: int
) -> None:
    """The report outran our own note of the carrier's number."""
    await report(store, "undelivered", code)
    await once(store, FakeCarrier())
    assert store.outbound[0]["status"] == "undelivered"
    assert (len(store.mails), len(store.stopped)) == (mails, stops)
