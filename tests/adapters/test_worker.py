"""The work of a process, on both databases: nothing lost, nothing doubled, always an answer."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from gateway.adapters.database import tables as t
from gateway.adapters.database.jobs import LEASE
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.domain.conversation import Channel, Reply
from gateway.errors import AssistantSilent, MailLater, MailRefused, NumberUnreachable, SendLater, SendUnsure
from gateway.ports import Question
from gateway.turns import PATIENCE
from gateway.usecases import delivery
from gateway.usecases.delivery import note_status
from gateway.worker import Worker
from tests.adapters.conftest import LeaseClock
from tests.adapters.work import Echo, Service
from tests.usecases.fakes import (
    AMINA,
    AMINA_PHONE,
    CLAIRE,
    KARIM_PHONE,
    NOW,
    TEAM,
    FakeAssistant,
    FakeCarrier,
)
from tests.usecases.test_offering import FakeDiary, slot

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def service(store: DatabaseStore) -> Service:
    return Service(store)


async def test_it_answers_and_sends_once(service: Service) -> None:
    await service.says("combien")
    await service.drain()
    await service.drain(MINUTE)
    assert service.carrier.sent == [(AMINA_PHONE, "fr:utter_welcome + fr:utter_combien")]
    assert await service.statuses() == ["sent"]
    assert await service.waiting() == []


async def test_it_answers_each_person_and_each_message_in_order(service: Service) -> None:
    for text in ("un", "deux a", "trois"):
        await service.says(text)
    await service.says("quatre", address=KARIM_PHONE)
    await service.drain()
    hers = [text for to, text in service.carrier.sent if to == AMINA_PHONE]
    assert hers == ["fr:utter_welcome + fr:utter_un", "fr:utter_deux_a", "fr:utter_trois"]
    assert len(service.carrier.sent) == 4


async def test_it_answers_what_comes_while_it_answers(service: Service) -> None:
    async def another(question: Question) -> None:
        if question.text == "un":
            await service.says("encore un")

    service.assistant.before = another  # type: ignore[attr-defined]
    await service.says("un")
    await service.drain()
    assert service.texts == ["fr:utter_un", "fr:utter_encore_un"]


async def test_it_says_nothing_about_a_repeat(service: Service) -> None:
    await service.says("un", sid="SM-in")
    await service.drain()
    assert await service.says("un", sid="SM-in") == ()
    await service.drain(DAY)
    assert service.texts == ["fr:utter_un"]


async def test_it_does_a_job_once_however_often_it_is_rung(service: Service) -> None:
    (job,) = await service.says("un")
    for _ in range(5):
        await service.worker.do(job)
    await service.worker.do(404)
    assert len(service.assistant.asked) == 1


# the assistant fails


async def test_it_tries_again_then_apologises_and_asks_for_a_person(store: DatabaseStore) -> None:
    service = Service(store, assistant=FakeAssistant())
    await service.says("un")
    for _ in range(PATIENCE - 1):
        await service.drain(MINUTE)
    assert service.carrier.sent == []
    await service.drain(MINUTE)
    assert service.texts == ["fr:utter_later"]
    assert [mail.values["reason"] for mail in service.mailer.sent] == ["unanswered"]
    assert [q.again for q in service.assistant.asked] == [False, True, True, True]
    assert await service.waiting() == []


async def test_it_answers_as_soon_as_the_assistant_is_back(store: DatabaseStore) -> None:
    service = Service(store, assistant=FakeAssistant())
    await service.says("un")
    await service.drain()
    service.assistant.says["un"] = [Reply("utter_thanks")]
    await service.drain(MINUTE)
    assert service.texts == ["fr:utter_thanks"]
    assert service.mailer.sent == []


class Broken(FakeAssistant):
    async def answer(self, question: Question) -> Sequence[Reply]:
        raise KeyError("a response that does not exist")


async def test_it_apologises_for_its_own_mistakes_too(store: DatabaseStore) -> None:
    service = Service(store, assistant=Broken())
    await service.says("un")
    for _ in range(PATIENCE + 1):
        await service.drain(MINUTE)
    assert service.texts == ["fr:utter_later"]
    assert await service.waiting() == []


async def test_it_answers_the_next_message_after_an_apology(store: DatabaseStore) -> None:
    service = Service(store, assistant=FakeAssistant({"deux a": [Reply("utter_thanks")]}))
    await service.says("un")
    await service.says("deux a")
    for _ in range(PATIENCE):
        await service.drain(MINUTE)
    assert service.texts == ["fr:utter_later", "fr:utter_thanks"]


async def test_it_looks_for_an_answer_it_had_before_it_died(
    service: Service, lease_clock: LeaseClock
) -> None:
    """Killed between the assistant's answer and its storing."""
    (job,) = await service.says("un")
    async with service.store.transaction() as tx:
        assert await tx.claim(job, service.clock.now(), "a worker that died")
    lease_clock.seconds += LEASE + 1
    await service.drain()
    assert [q.again for q in service.assistant.asked] == [True]
    assert service.texts == ["fr:utter_un"]


async def test_it_changes_nothing_when_storing_fails(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> int:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.adapters.database.store.DatabaseTransaction.add_outbound", broken)
        await service.says("je veux mourir")
        await service.drain()
    assert service.mailer.sent == []
    assert await service.store.rows(t.callback) == []
    await service.drain(MINUTE)
    assert len(service.carrier.sent) == len(service.mailer.sent) == 1


# the carrier fails


async def test_it_sends_once_what_the_carrier_took_without_a_word(store: DatabaseStore) -> None:
    service = Service(store, carrier=FakeCarrier([SendUnsure()], already=["SM99"]))
    await service.says("un")
    await service.drain()
    assert await service.statuses() == ["queued"]
    await service.drain(MINUTE)
    assert (service.carrier.sent, await service.statuses()) == ([], ["sent"])


async def test_it_sends_once_when_it_died_while_sending(service: Service, lease_clock: LeaseClock) -> None:
    """Killed between the carrier's yes and its noting."""
    await service.says("un")
    (job,) = await service.worker.due()
    await service.worker.do(job)
    (deliver,) = await service.worker.due()
    async with service.store.transaction() as tx:
        assert await tx.claim(deliver, service.clock.now(), "a worker that died")
        message = await tx.next_outbound(1)
        assert message is not None
        await tx.mark_attempt(message.id)
    service.carrier.already = ["SM99"]
    lease_clock.seconds += LEASE + 1
    await service.drain()
    assert service.carrier.sent == []
    assert await service.statuses() == ["sent"]


async def test_it_sends_once_when_it_was_frozen_before_it_sent(
    service: Service, lease_clock: LeaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker takes its work over, and it wakes up with the message in its hands."""
    await service.says("un")
    other, hand_over = Service(service.store, carrier=service.carrier), delivery.hand_over

    async def after_a_long_sleep(*arguments: Any) -> Any:
        monkeypatch.setattr(delivery, "hand_over", hand_over)
        lease_clock.seconds += LEASE + 1
        await other.drain()
        assert len(service.carrier.sent) == 1
        return await hand_over(*arguments)

    monkeypatch.setattr(delivery, "hand_over", after_a_long_sleep)
    await service.drain()
    assert await service.calm()
    assert service.texts == ["fr:utter_un"]


async def test_it_keeps_order_while_the_carrier_is_full(store: DatabaseStore) -> None:
    service = Service(store, carrier=FakeCarrier([SendLater(20429), SendLater(20429)]))
    await service.says("un")
    await service.drain()
    await service.says("deux a")
    for _ in range(3):
        await service.drain(MINUTE)
    assert service.texts == ["fr:utter_un", "fr:utter_deux_a"]


async def test_it_tells_somebody_of_a_number_that_refuses(store: DatabaseStore) -> None:
    service = Service(store, carrier=FakeCarrier([NumberUnreachable(21614)]))
    await service.says("un")
    await service.drain()
    assert [(mail.to, mail.template) for mail in service.mailer.sent] == [(TEAM, "number")]
    assert await service.statuses() == ["failed"]


async def test_it_keeps_its_lease_through_many_slow_messages(
    service: Service, lease_clock: LeaseClock
) -> None:
    rival = Service(service.store)
    beside: list[int] = []

    class Slow(FakeCarrier):
        async def send(self, to: str, text: str) -> str:
            lease_clock.seconds += LEASE - 1
            beside.extend(await rival.worker.due())
            return await super().send(to, text)

    for text in ("un", "deux a", "trois"):
        await service.says(text)
    (converse,) = await service.worker.due()
    await service.worker.do(converse)
    slow = Service(service.store, carrier=Slow())
    await slow.drain()
    assert len(slow.carrier.sent) == 3
    assert beside == []


async def test_it_applies_a_report_that_came_before_the_carriers_number(service: Service) -> None:
    await note_status(service.store, "SM1", "undelivered", 30005, TEAM, service.clock.now())
    await service.says("un")
    for _ in range(3):
        await service.drain(MINUTE)
    assert await service.statuses() == ["undelivered"]
    assert [mail.template for mail in service.mailer.sent] == ["number"]
    assert await service.waiting() == []


async def test_it_forgets_a_report_about_nothing_of_ours(service: Service) -> None:
    await note_status(service.store, "SM404", "delivered", None, TEAM, service.clock.now())
    for _ in range(3):
        await service.drain(DAY)
    assert await service.waiting() == []
    assert await service.store.rows(t.early_status) == []


# STOP, mails, forgetting


async def test_it_lets_nothing_leave_after_a_stop_but_its_confirmation(store: DatabaseStore) -> None:
    service = Service(store, carrier=FakeCarrier([SendLater(20429)]))
    await service.says("un")
    await service.drain()
    await service.says("STOP")
    await service.drain(MINUTE)
    assert service.texts == ["fr:utter_stop_confirmed"]
    assert await service.statuses() == ["cancelled", "sent"]
    await service.says("deux a")
    await service.says("trois")
    await service.drain(MINUTE)
    assert service.texts[1:] == ["fr:utter_stopped_reminder"]


async def test_it_writes_a_mail_when_the_server_is_back(service: Service) -> None:
    service.mailer.failures = [MailLater("away")] * 3
    await service.says("appelez moi")
    for _ in range(5):
        await service.drain(timedelta(hours=1))
    assert [mail.to for mail in service.mailer.sent] == [TEAM]
    assert [row["sent_at"] is not None for row in await service.store.rows(t.mail)] == [True]
    assert await service.waiting() == []


async def test_it_gives_up_a_mail_that_is_refused_for_good(service: Service) -> None:
    service.mailer.failures = [MailRefused("SMTPRecipientsRefused")]
    await service.says("appelez moi")
    with capture_logs() as logs:
        for _ in range(3):
            await service.drain(timedelta(hours=1))
    (said,) = [line for line in logs if line["event"] == "mail_refused"]
    assert (said["mail"], said["template"]) == (1, "callback")
    assert service.mailer.sent == []
    assert [row["sent_at"] for row in await service.store.rows(t.mail)] == [None]
    assert await service.waiting() == []


async def test_it_tries_a_mail_for_three_days(service: Service) -> None:
    service.mailer.failures = [MailLater("away")] * 1000
    await service.says("appelez moi")
    await service.drain()
    for _ in range(3):
        await service.drain(timedelta(hours=23))
    assert await service.waiting() == ["mail"]
    await service.drain(timedelta(hours=4))
    assert await service.waiting() == []
    service.mailer.failures = []
    await service.drain(timedelta(days=1))
    assert service.mailer.sent == []


@pytest.mark.parametrize(("minutes", "sent"), [(14, 1), (16, 0)])
async def test_it_sends_no_link_that_is_too_old(minutes: int, sent: int, service: Service) -> None:
    async with service.store.transaction() as tx:
        mail = await tx.add_mail("sign_in:x", "claire@example.org", "sign_in", {"token": "x"}, NOW)
        assert mail
        await tx.arm("mail", mail, NOW)
    await service.drain(timedelta(minutes=minutes))
    assert len(service.mailer.sent) == sent
    assert await service.waiting() == []


async def test_it_has_the_assistant_forget_after_half_an_hour(service: Service) -> None:
    await service.says("un")
    await service.drain()
    await service.drain(timedelta(minutes=29))
    assert service.assistant.forgotten == []
    await service.drain(timedelta(minutes=2))
    assert len(service.assistant.forgotten) == 1


async def test_it_waits_half_an_hour_after_the_last_message(service: Service) -> None:
    await service.says("un")
    await service.drain()
    await service.says("deux a")
    await service.drain(timedelta(minutes=20))
    await service.drain(timedelta(minutes=20))
    assert service.assistant.forgotten == []
    await service.drain(timedelta(minutes=20))
    assert len(service.assistant.forgotten) == 1


async def test_it_tries_to_forget_until_it_is_done(service: Service) -> None:
    class Away(Echo):
        async def forget(self, pseudonym: str) -> None:
            if len(self.forgotten) < 2:
                self.forgotten.append("")
                raise AssistantSilent
            await super().forget(pseudonym)

    service.worker.assistant = service.assistant = Away()
    await service.says("un")
    for _ in range(5):
        await service.drain(timedelta(hours=1))
    assert len(service.assistant.forgotten) == 3


# a process among others


async def test_it_is_not_stopped_by_a_job_it_cannot_read(service: Service) -> None:
    """Sealed with a key that was lost: the others' work goes on, and this one waits."""
    async with service.store.transaction() as tx:
        await tx.conversation_at(Channel.SMS, KARIM_PHONE, service.clock.now())
    sealed = Cipher(new_key()).seal(KARIM_PHONE)
    async with service.store.transaction() as tx:
        await tx.db.execute(update(t.conversation).values(address_sealed=sealed))
    await service.says("perdu", address=KARIM_PHONE)
    await service.says("un")
    for job in await service.worker.due():
        await service.worker.do(job)
    await service.drain()
    assert service.texts == ["fr:utter_un"]
    assert await service.worker.due() == []  # not again at once
    await service.drain(DAY)


async def test_it_goes_on_when_the_doorbell_is_down(service: Service) -> None:
    class Down:
        async def ring(self, job_id: int) -> None:
            raise ConnectionError

    worker: Worker = service.worker
    worker.queue = Down()
    await service.says("un")
    await service.drain()
    assert service.texts == ["fr:utter_un"]


async def test_somebody_calls_her_when_what_she_chooses_is_always_taken(store: DatabaseStore) -> None:
    """The diary says free and the database says taken, again and again: she is not left without an answer."""
    service = Service(store)
    async with store.transaction() as tx:
        claire = await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(AMINA, CLAIRE.email)
        karim = await tx.conversation_at(Channel.SMS, KARIM_PHONE, NOW)
        taken = slot(2, referent=claire)
        assert await tx.book(karim, None, taken, NOW)
    service.worker.diary = FakeDiary([taken])
    await service.says("RDV")
    await service.drain()
    await service.says("1")
    await service.drain()
    assert service.texts[-1] == "fr:utter_later"
    assert await service.waiting() == []
    assert [row["reason"] for row in await store.rows(t.callback)] == ["unanswered"]
