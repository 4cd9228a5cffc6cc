"""A few people who text while the rest goes on: how long each waits for an answer."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2
from twilio.request_validator import RequestValidator

# Ten turns: seven free texts, three answers to the menu that the text before has shown.
TURNS = (
    "slt cmb c le rsa svp", "1", "g oublié de faire ma declaration", "je voudrais de l'aide pour passer le permis",
    "2", "c koi le contrat d'engagement", "qui peut garder mon fils quand je travaille", "1",
    "je cherche des cours de français près de chez moi", "ou trouver a manger gratuit",
)  # fmt: skip

PATIENCE = 30.0  # seconds; then her answer is lost


@dataclass
class Talkers:
    """`phones` text one after the other, `rate` texts a second over all of them. `waits`: seconds; None: no answer."""

    http: httpx2.AsyncClient
    gateway: str
    carrier: str
    token: str
    sender: str
    phones: Sequence[str]
    rate: float
    waits: list[float | None] = field(default_factory=list)

    async def meet(self) -> None:
        """A first text of each, not counted."""
        for phone in self.phones:
            await self._turn(phone, "bonjour")

    async def talk(self, over: asyncio.Event) -> None:
        """Until it is `over`. Whoever still waits for an answer does not text meanwhile: another one does."""
        talking: dict[str, asyncio.Task[None]] = {}
        said = dict.fromkeys(self.phones, 0)
        began, tick = time.perf_counter(), 0
        while not over.is_set():
            free = [phone for phone in self.phones if phone not in talking or talking[phone].done()]
            for phone in sorted(free, key=lambda one: said[one])[:1]:
                text = TURNS[said[phone] % len(TURNS)]
                said[phone] += 1
                talking[phone] = asyncio.create_task(self._counted(phone, text))
            tick += 1
            await asyncio.sleep(max(0.0, began + tick / self.rate - time.perf_counter()))
        await asyncio.gather(*talking.values())

    async def _counted(self, phone: str, text: str) -> None:
        self.waits.append(await self._turn(phone, text))

    async def _turn(self, phone: str, text: str) -> float | None:
        form = {
            "MessageSid": f"SM{os.urandom(16).hex()}", "From": phone, "To": self.sender, "Body": text,
            "NumMedia": "0",
        }  # fmt: skip
        url = f"{self.gateway}/sms/inbound"
        signed = {"X-Twilio-Signature": RequestValidator(self.token).compute_signature(url, form)}
        started = time.perf_counter()
        (await self.http.post(url, data=form, headers=signed)).raise_for_status()
        asked = {"to": phone, "since": str(started)}
        try:
            answer = await self.http.get(f"{self.carrier}/next", params=asked, timeout=PATIENCE)
        except httpx2.TimeoutException:
            return None
        return float(answer.json()["moment"]) - started
