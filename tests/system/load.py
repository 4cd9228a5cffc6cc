"""People who write at a steady pace while something breaks, and the judge who counts afterwards."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.system.fleet import Carrier

RATE = 10.0  # messages a second
REPEATED = 10  # one message in so many is posted again by the carrier, to another door
PEOPLE = 40  # each writes every four seconds: nobody is told that she writes too fast
PATIENCE = 2.0  # seconds of the proxy for one gateway, then it asks the next
FREE = {
    "Quel est le montant du RSA pour une personne seule ?": "utter_faq/rsa_amount",
    "Où peut-on recevoir un colis alimentaire ?": "utter_faq/food_aid",
    "kelles aides pour mes trajets svp": "utter_faq/transport_help",
}
LINES = [*FREE, "MENU", *FREE, "AIDE", *list(FREE)[:1], "MENU"]  # seven in ten are free text

# (port of a gateway, phone, text, sid, patience) → HTTP status, -1 when nobody answered
Post = Callable[..., int]

_phones = itertools.count(100)
_sids = itertools.count(1)


@dataclass(frozen=True)
class Text:
    sid: str
    phone: str
    body: str


@dataclass
class Load:
    """`doors`: ports of the gateways, between which the proxy shares what comes in."""

    post: Post
    doors: Sequence[int]
    carrier: Carrier
    people: list[str] = field(default_factory=lambda: [f"+3363998{next(_phones):04}" for _ in range(PEOPLE)])
    texts: list[Text] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    retried: int = 0  # the first door did not take it
    repeated: int = 0

    @property
    def missed(self) -> list[Text]:
        """With the carrier, and not with us."""
        return [text for text in self.texts if text.sid not in self.acknowledged]

    def told(self, began: float) -> str:
        """In one line. `began`: monotonic seconds."""
        return (
            f"{len(self.texts)} messages et {self.repeated} répétés, {self.retried} essais de plus, "
            f"{len(self.missed)} rattrapés, {time.monotonic() - began:.0f} s en tout"
        )

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self.carrier.heard.clear()  # of others, who are not judged here
        over = threading.Event()
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._writes, args=(number, began, over))
            for number in range(len(self.people))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _writes(self, number: int, began: float, over: threading.Event) -> None:
        """One person: a message is handed over, or given up, before her next."""
        for turn in itertools.count():
            at = began + (number + turn * len(self.people)) / RATE
            if over.wait(max(0.0, at - time.monotonic())):
                return
            sid = f"SM{next(_sids):032x}"
            self._handed_over(Text(sid, self.people[number], LINES[(number + turn) % len(LINES)]))

    def _handed_over(self, text: Text) -> None:
        self.texts.append(text)
        self.carrier.hears(text.phone, text.body, text.sid)
        number = int(text.sid.removeprefix("SM"), 16)
        # The proxy asks a second gateway; the carrier, once more, its second address, which is the same.
        for tries in range(4):
            if self._posted(text, number + tries):
                self.acknowledged.add(text.sid)
                break
            self.retried += 1
        if number % REPEATED == 0:
            self.repeated += 1
            if self._posted(text, number + 1):
                self.acknowledged.add(text.sid)

    def _posted(self, text: Text, door: int) -> bool:
        port = self.doors[door % len(self.doors)]
        return self.post(port, text.phone, text.body, text.sid, patience=PATIENCE) == 200


@dataclass(frozen=True)
class Verdict:
    """What must be nought. `doubled` leaves out what the carrier took, did not answer and did not list: nobody can know those."""

    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    excused: int = 0  # answered with "later", though something could have answered
    beside: int = 0  # answered with something else than what was asked


@dataclass(frozen=True)
class _Reply:
    to: str  # sid of her message
    sid: str  # with the carrier
    names: list[str]


def judged(load: Load, rows: Callable[..., list[Any]]) -> tuple[Verdict, int]:
    """By what the carrier holds and what the database says. Also how many were doubled and could not be known."""
    of = {text.sid: text for text in load.texts}
    replies = [reply for reply in _replies(rows) if reply.to in of]
    by_carrier = {reply.sid: reply for reply in replies}
    arrived = [row for row in list(load.carrier.messages.values()) if row["to"] in set(load.people)]
    known = [row for row in arrived if row["sid"] in by_carrier]
    unknown = [row for row in arrived if row["sid"] not in by_carrier]
    unknowable = [row for row in unknown if row["sid"] in load.carrier.unlisted]
    answered = Counter(by_carrier[row["sid"]].to for row in known)
    said = [(name, of[reply.to].body) for reply in replies for name in reply.names]
    verdict = Verdict(
        lost=len(of.keys() - answered.keys()),
        doubled=sum(count - 1 for count in answered.values()) + len(unknown) - len(unknowable),
        out_of_order=_out_of_order(load, [of[by_carrier[row["sid"]].to] for row in known]),
        excused=sum(name == "utter_later" for name, _ in said),
        beside=sum(
            body in FREE and name.startswith("utter_faq/") and not name.startswith(FREE[body])
            for name, body in said
        ),
    )
    return verdict, len(unknowable)


def _replies(rows: Callable[..., list[Any]]) -> list[_Reply]:
    found = rows(
        "SELECT hers.sid, ours.sid, ours.responses FROM message ours JOIN message hers ON hers.id = ours.in_reply_to"
    )
    return [
        _Reply(to, sid or "", json.loads(names) if isinstance(names, str) else names)
        for to, sid, names in found
    ]


def _out_of_order(load: Load, answered: Sequence[Text]) -> int:
    """Of what each person wrote and we took at once, in the order in which its answers reached her."""
    written = {text.sid: place for place, text in enumerate(load.texts)}
    wrong, last = 0, dict[str, int]()
    for text in answered:
        if text.sid in load.acknowledged:
            wrong += written[text.sid] < last.get(text.phone, -1)
            last[text.phone] = written[text.sid]
    return wrong
