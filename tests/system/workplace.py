"""A demonstration without its robot, and what its referents find in their workspace."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from playwright.sync_api import Locator, Page
from pydantic import SecretStr

from gateway.adapters.database.store import DatabaseTransaction
from gateway.commands.database import asked
from gateway.domain.appointment import Absence, Opening, TimeSlot
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import CallbackRequest, Referent
from gateway.domain.questions import KeptQuestion, Kind
from gateway.settings import Settings

CLAIRE, NADIA = "claire.moreau@example.org", "nadia.roux@example.org"
TEAM = "Maison départementale des solidarités de Niort"
AMINA, KARIM = "+33639980001", "+33639980002"
TUESDAY = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # nine o'clock in Paris
HALF_AN_HOUR = timedelta(minutes=30)

_elsewhere = ThreadPoolExecutor(1)  # Playwright has a loop in this thread


@dataclass
class Workplace:
    """Claire follows Amina and Karim; Nadia leads her team."""

    url: str
    var: Path

    def __post_init__(self) -> None:
        self.http = httpx2.Client(base_url=self.url, timeout=60)
        kept = json.loads((self.var / "secrets.json").read_text())
        self.settings = Settings(var=self.var, secret_keys=SecretStr(kept["secret_keys"]), database_url="")
        nadia = Referent(NADIA, "Nadia Roux", "+33639980052", TEAM, leads=True)
        self.stored(lambda tx: tx.save_referent(nadia))

    def stored[T](self, work: Callable[[DatabaseTransaction], Awaitable[T]]) -> T:
        return _elsewhere.submit(asked, self.settings, work).result()

    def clock(self, now: datetime) -> None:
        answer = self.http.post("/simulator/api/clock", json={"now": now.isoformat()})
        answer.raise_for_status()

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.http.get("/simulator/api/clock").json()["now"])

    def texts(self, phone: str, body: str) -> None:
        self.http.post("/simulator/api/messages", json={"from": phone, "body": body}).raise_for_status()

    def received(self, phone: str) -> Sequence[str]:
        """Once all that is due is done."""
        self.clock(self.now)
        rows = self.http.get("/simulator/api/messages", params={"phone": phone}).json()
        return [row["body"] for row in rows if row["direction"] == "out"]

    def session(self, email: str) -> str:
        """The cookie of a browser in which she is signed in."""
        token = secrets.token_urlsafe(32)

        async def started(tx: DatabaseTransaction) -> None:
            referent = await tx.referent_id(email)
            assert referent
            await tx.start_session(referent, token, TUESDAY)

        self.stored(started)
        return token

    def person(self, phone: str) -> str:
        """The address of her page."""

        async def found(tx: DatabaseTransaction) -> str:
            here = await tx.conversation_at(Channel.SMS, phone, TUESDAY)
            return f"/workspace/people/{(await tx.conversation(here, TUESDAY)).pseudonym}"

        return self.stored(found)

    def appointment(self, phone: str, starts_at: datetime) -> str:
        """The address of an appointment of hers with Claire."""

        async def booked(tx: DatabaseTransaction) -> str:
            claire = await tx.referent_id(CLAIRE)
            assert claire
            here = await tx.conversation_at(Channel.SMS, phone, TUESDAY)
            who = await tx.conversation(here, TUESDAY)
            assert who.beneficiary
            slot = TimeSlot(starts_at, starts_at + HALF_AN_HOUR, claire, place="7 rue du Lac")
            made = await tx.book(here, who.beneficiary.id, slot, TUESDAY)
            assert made
            return f"/workspace/appointments/{made.id}"

        return self.stored(booked)

    def busy_day(self) -> dict[str, str]:
        """Something on every page. Addresses of the pages that name something."""
        begun = self.appointment(AMINA, TUESDAY + timedelta(hours=-1))
        coming = self.appointment(KARIM, TUESDAY + timedelta(days=1, hours=6))
        question = self.stored(_all_that_waits)
        return {
            "begun": begun,
            "coming": coming,
            "person": self.person(AMINA),
            "book": f"{self.person(AMINA)}/appointments",
            "question": f"/workspace/questions/{question}?search=rendez",
        }


async def _all_that_waits(tx: DatabaseTransaction) -> int:
    claire, nadia = await tx.referent_id(CLAIRE), await tx.referent_id(NADIA)
    assert claire
    for phone, reason in ((AMINA, "danger"), (KARIM, "language")):
        here = await tx.conversation_at(Channel.SMS, phone, TUESDAY)
        message = await tx.add_inbound(here, f"SM{secrets.token_hex(16)}", "à l'aide", 0, "", TUESDAY)
        assert message
        await tx.close_inbound(message, TUESDAY)
        await tx.add_callback(CallbackRequest(here, message, reason, TUESDAY))
        told = SharedObstacle(
            "mobility", 2, {"means": "none"}, "2026-11-20", "sms", "2026-11-23", commune="79191"
        )
        await tx.share_obstacle(here, told, TUESDAY)
        who = await tx.conversation(here, TUESDAY)
        sent = await tx.add_outbound(who, message, "Bonjour", ["utter_greet"], TUESDAY)
        await tx.mark_attempt(sent)
        await tx.mark_failed(sent, 30005)
    away = TUESDAY + timedelta(days=1)
    await tx.save_absence(Absence(claire, away, away + timedelta(days=1), nadia))
    opening = (await tx.openings_of(claire))[0]
    await tx.save_opening(_without_next_monday(opening))
    await tx.save_calendar(claire, CalendarAccount("https://agenda.example.org", "claire", "secret"))
    await tx.calendar_failed(claire, "CalendarRefused", TUESDAY)
    weighed = (("faq/school", 0.4), ("faq/food_aid", 0.3))
    await tx.keep_question(KeptQuestion(Kind.ASKED_AGAIN, "ar", "كم المبلغ", weighed, TUESDAY.date()))
    return (await tx.questions())[-1].id


def _without_next_monday(opening: Opening) -> Opening:
    days = {opening.day + timedelta(days=7 * n) for n in range(4, 6)}
    return replace(opening, exceptions=frozenset(days))


def tab_to(page: Page, wanted: Locator) -> None:
    """With the Tab key alone; and one sees where one is."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            outline = wanted.evaluate("node => getComputedStyle(node).outlineStyle")
            assert outline != "none", "the focus cannot be seen"
            return
    raise AssertionError(f"no way there by the keyboard: {wanted}")
