"""An office for the tests of her work: Claire and Paul work together, Léa elsewhere; Claire follows Amina."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from gateway.domain.appointment import Appointment, Opening
from tests.web.desk import Browser, Desk, Known
from tests.web.service import Service

CLAIRE, PAUL, LEA = "claire.moreau@example.org", "paul.girard@example.org", "lea.noir@example.org"
NIORT = "MDS de Niort"
TUESDAY = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # nine o'clock in Paris
THURSDAY = date(2026, 11, 26)


@dataclass
class Office:
    desk: Desk
    claire: int
    paul: int
    lea: int
    amina: Known
    browser: Browser  # Claire's

    async def appointment(self, appointment_id: int) -> Appointment:
        async with self.desk.store.transaction() as tx:
            found = await tx.appointment(appointment_id)
        assert found
        return found

    async def open(self, referent_id: int, day: date, start: time = time(9), end: time = time(12)) -> int:
        async with self.desk.store.transaction() as tx:
            return await tx.save_opening(Opening(referent_id, day, start, end, place="7 rue du Lac"))

    async def rows(self, table: Any) -> list[Any]:
        return await self.desk.service.rows(table)

    async def mails_to(self, email: str) -> list[str]:
        """Their subjects, oldest first."""
        await self.desk.service.settled()
        return [str(mail["subject"]) for mail in self.desk.service.mails if mail["to"] == email]


@asynccontextmanager
async def opened(service: Service) -> AsyncIterator[Office]:
    service.wiring.clock.move_to(TUESDAY)
    desk = Desk(service)
    claire = await desk.referent(CLAIRE, "Claire Moreau", NIORT)
    paul = await desk.referent(PAUL, "Paul Girard", NIORT)
    lea = await desk.referent(LEA, "Léa Noir", "MDS de Parthenay")
    amina = await desk.person("Amina", CLAIRE)
    yield Office(desk, claire, paul, lea, amina, await desk.signed(claire))
    await desk.close()


def fields(html: str, action: str) -> dict[str, str]:
    """Hidden fields of the form that posts there."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', html, re.DOTALL)
    assert form, action
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))


def slots(html: str) -> list[str]:
    """What a page offers to choose from."""
    return re.findall(r'<option value="(\d+\.\d+\.\d+)"', html)
