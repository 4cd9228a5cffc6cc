"""What stands for the words, the carrier, the diary and the seals."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import yaml

from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher
from gateway.domain.appointment import Appointment, TimeSlot
from gateway.domain.conversation import Channel, Reply
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.menu import Choice
from gateway.errors import NumberUnreachable, OptedOut, SendLater, SendUnsure
from gateway.ports import Free, Rendered
from gateway.settings import ROOT
from tests.usecases.fakes import FakeClock, FakeWords
from tests.year.almanac import PARIS, day_of_rest

NUDGES = ROOT / "bot" / "nudges"


class PlainCipher(Cipher):
    """Keeps what it is given: a year is long, and nothing here is anybody's."""

    def __init__(self) -> None:
        pass

    def seal(self, text: str) -> bytes:
        return text.encode()

    def seal_undated(self, text: str) -> bytes:
        return text.encode()

    def open(self, sealed: bytes | None) -> str:
        return bytes(sealed).decode() if sealed else ""

    def index(self, value: str) -> str:
        return value


@dataclass
class NamedWords(FakeWords):
    """A response is rendered as its name, with what it is about."""

    written: set[str] = field(default_factory=set)

    def has(self, response: str) -> bool:
        return response in self.written or not response.startswith(("utter_nudge/", "utter_simple/"))

    def render(self, replies: Sequence[Reply], language: str, channel: Channel, today: str) -> Rendered:
        menu: tuple[Choice, ...] = ()
        for reply in replies:
            menu = self._menu(reply) or menu
        return Rendered(" + ".join(_named(reply) for reply in replies), menu)


def _named(reply: Reply) -> str:
    about = {
        name: reply.values[name] for name in ("appointment", "when", "follow_up") if name in reply.values
    }
    return f"{reply.response}{json.dumps(about) if about else ''}"


def named_words() -> NamedWords:
    written = set[str]()
    for path in sorted(NUDGES.glob("*.yml")):
        written |= set(yaml.safe_load(path.read_text())["responses"])
    french = yaml.safe_load((ROOT / "locales" / "fr" / "keywords.yml").read_text())
    return NamedWords(vocabularies=Vocabularies((Vocabulary.of("fr", french),)), written=written)


@dataclass
class Carrier:
    """`trouble`: refuses (it says no), lost (no answer, not taken), taken (no answer, taken). `dies_after`: so many sends."""

    clock: FakeClock
    sent: Callable[[str, str, str], None]
    refused: Callable[[str], None]
    put_back: timedelta = timedelta(0)
    trouble: str = ""
    dead: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    dies_after: int | None = None
    died: asyncio.Event = field(default_factory=asyncio.Event)
    taken: dict[tuple[str, str], list[tuple[datetime, str]]] = field(default_factory=dict)
    count: int = 0

    async def send(self, to: str, text: str) -> str:
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after < 0:
                self.died.set()
                await asyncio.Event().wait()
        if to in self.dead:
            self.refused(to)
            raise NumberUnreachable(21614)
        if to in self.stopped:
            raise OptedOut(21610)
        if self.trouble in ("refuses", "lost"):
            raise SendLater(20429) if self.trouble == "refuses" else SendUnsure()
        self.count += 1
        sid = f"SM{self.count}"
        self.taken.setdefault((to, text), []).append((self.clock.at + self.put_back, sid))
        self.sent(to, text, sid)
        if self.trouble == "taken":
            raise SendUnsure
        return sid

    async def find_recent(self, to: str, text: str, since: datetime) -> Sequence[str]:
        if self.trouble:
            raise SendLater
        return [sid for at, sid in self.taken.get((to, text), ()) if at >= since]


@dataclass
class TenDays:
    """A diary: each referent receives at four times a day, where nobody is yet."""

    store: DatabaseStore
    taken: set[tuple[int, datetime]] = field(default_factory=set)
    empty: bool = False

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        async with self.store.transaction() as tx:
            return await tx.upcoming(conversation_id, now)

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        slots = list[TimeSlot]()
        today = now.astimezone(PARIS).date()
        for day in (today + timedelta(days=n) for n in range(1, 11)):
            for referent in () if self.empty or day_of_rest(day) else referents:
                for hour, minute in ((9, 20), (11, 50), (14, 20), (16, 50)):
                    at = datetime.combine(day, time(hour, minute), PARIS).astimezone(UTC)
                    if (referent, at) not in self.taken:
                        slots.append(TimeSlot(at, at + timedelta(minutes=10), referent))
        return Free(sorted(slots), names=dict.fromkeys(referents, "Claire"))

    async def referents_of(self, commune: str) -> Sequence[int]:
        return ()

    async def somebody_opens(self, now: datetime) -> bool:
        return True
