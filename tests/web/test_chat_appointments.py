"""An appointment from the page: the same conversation, without a number to call and without anything personal."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Kind, Opening, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from tests.web.service import Service
from tests.web.test_chat import says

PARIS = ZoneInfo("Europe/Paris")
PAUL = Referent("paul.girard@example.org", "Paul Girard", communes=("Parthenay",))


async def opens(service: Service, kind: Kind = Kind.IN_PERSON) -> int:
    """Paul receives in three days, from 9 to 11."""
    day = (service.wiring.clock.now().astimezone(PARIS) + timedelta(days=3)).date()
    async with service.wiring.store.transaction() as tx:
        paul = await tx.save_referent(PAUL)
        await tx.save_opening(Opening(paul, day, time(9), time(11), 30, kind, "12 rue du Parc"))
    return paul


async def test_it_books_from_the_page(service: Service) -> None:
    await opens(service)
    assert "Où habitez-vous" in (await says(service.http, "RDV")).said()[-1]
    page = await says(service.http, "Parthenay")
    assert "Choisissez un moment avec Paul" in page.said()[-1]
    assert [b.value for b in page.buttons] == ["1", "2", "3", "4", "5", "0"]
    page = await says(service.http, "2")
    assert "C'est noté" in page.said()[-1]
    assert "12 rue du Parc" in page.said()[-1]
    (booked,) = await service.rows(t.appointment)
    assert (booked["status"], booked["beneficiary_id"]) == ("booked", None)
    page = await says(service.http, "RDV")
    assert "Votre rendez-vous" in page.said()[-1]
    assert service.carried == []
    await service.settled()
    assert [mail["to"] for mail in service.mails] == [PAUL.email]


async def test_nobody_calls_a_page(service: Service) -> None:
    await opens(service, Kind.PHONE)
    await says(service.http, "RDV")
    page = await says(service.http, "Parthenay")
    assert "téléphone" not in page.said()[-1]
    assert await service.rows(t.appointment) == []


@pytest.mark.parametrize("asked", ["RDV", "MES FREINS"])
async def test_it_tells_a_page_nothing_of_anybody_appointment(service: Service, asked: str) -> None:
    """Amina has an appointment; somebody at a page is not known to be Amina."""
    paul, now = await opens(service), service.wiring.clock.now()
    async with service.wiring.store.transaction() as tx:
        await tx.save_beneficiary(
            Beneficiary("+33639980001", "Amina", "fr", "79200", "Parthenay"), PAUL.email
        )
        hers = await tx.conversation_at(Channel.SMS, "+33639980001", now)
        who = await tx.conversation(hers, now)
        assert who.beneficiary
        at = now + timedelta(days=3)
        slot = TimeSlot(at, at + timedelta(minutes=30), paul, place="12 rue du Parc")
        assert await tx.book(hers, who.beneficiary.id, slot, now)
    page = await says(service.http, asked)
    assert "12 rue du Parc" not in page.said()[-1]
    assert "Amina" not in page.said()[-1]
