"""A referent at her desk: people she follows, and a browser that is signed in as her."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx2
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Absence, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from tests.web.service import Service, phone

HTMX = {"HX-Request": "true"}


@dataclass
class Known:
    """Somebody whom the service knows: `pseudonym` is her name in addresses."""

    conversation_id: int
    pseudonym: str
    phone: str
    first_name: str
    beneficiary_id: int | None = None

    @property
    def page(self) -> str:
        return f"/workspace/people/{self.pseudonym}"


class Browser:
    """One browser. `form` posts with the token of the page that it reads first."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.http.get(path, **more)

    async def read(self, path: str) -> str:
        answer = await self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return shown(answer)

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await self.get("/workspace/people")).text)
        assert found
        return found[1]

    async def form(self, path: str, fields: Mapping[str, str] | None = None, **more: Any) -> httpx2.Response:
        return await self.http.post(path, data={"csrf": await self.csrf(), **(fields or {})}, **more)

    @property
    def cookie(self) -> str:
        return self.http.cookies.get("workspace", "")


def shown(answer: httpx2.Response) -> str:
    """What a page says, tags apart, in single spaces."""
    bare = re.sub(r"<(script|style|title).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(unescape(bare).split())


class Desk:
    def __init__(self, service: Service) -> None:
        self.service, self.store = service, service.wiring.store
        self._browsers: list[httpx2.AsyncClient] = []

    @property
    def now(self) -> datetime:
        return self.service.wiring.clock.now()

    def later(self, **wait: float) -> None:
        """Moves the product's clock."""
        self.service.wiring.clock.move_to(self.now + timedelta(**wait))

    async def referent(self, email: str, name: str, structure: str = "", leads: bool = False) -> int:
        async with self.store.transaction() as tx:
            saved = await tx.save_referent(Referent(email, name, structure=structure))
            await tx.db.execute(update(t.referent).where(t.referent.c.id == saved).values(leads=leads))
        return saved

    async def person(self, first_name: str, referent_email: str = "", language: str = "fr") -> Known:
        number = phone()
        async with self.store.transaction() as tx:
            person = Beneficiary(number, first_name, language, "79000", "Niort")
            beneficiary = await tx.save_beneficiary(person, referent_email)
        known = await self.stranger(number)
        return Known(known.conversation_id, known.pseudonym, number, first_name, beneficiary)

    async def stranger(self, number: str = "") -> Known:
        """A number that writes, bound to nobody."""
        number = number or phone()
        async with self.store.transaction() as tx:
            here = await tx.conversation_at(Channel.SMS, number, self.now)
            who = await tx.conversation(here, self.now)
        return Known(here, who.pseudonym, number, "")

    async def meets(self, known: Known, referent_id: int, **wait: float) -> int:
        """An appointment of hers with this referent. Its id."""
        starts_at = self.now.replace(minute=0, second=0, microsecond=0) + timedelta(**(wait or {"days": 1}))
        slot = TimeSlot(starts_at, starts_at + timedelta(minutes=30), referent_id, place="7 rue du Lac")
        async with self.store.transaction() as tx:
            booked = await tx.book(known.conversation_id, known.beneficiary_id, slot, self.now)
        assert booked
        return booked.id

    async def away(self, referent_id: int, substitute_id: int, hours: float = 1.0) -> None:
        length = timedelta(hours=hours)
        async with self.store.transaction() as tx:
            await tx.save_absence(Absence(referent_id, self.now - length, self.now + length, substitute_id))

    async def signed(self, referent_id: int) -> Browser:
        """A browser in which she is signed in."""
        token = secrets.token_urlsafe(32)
        async with self.store.transaction() as tx:
            await tx.start_session(referent_id, token, self.now)
        http = self.browser()
        http.cookies.set("workspace", token, domain="127.0.0.1", path="/workspace")
        return Browser(http)

    def browser(self) -> httpx2.AsyncClient:
        http = self.service.another_browser()
        http.headers["Accept"] = "text/html"
        self._browsers.append(http)
        return http

    async def close(self) -> None:
        for http in self._browsers:
            await http.aclose()
