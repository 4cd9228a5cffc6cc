"""Time goes by: from one event of people's lives, or one thing that the product has to do, to the next."""

import heapq
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from gateway.domain.appointment import Appointment
from gateway.domain.conversation import Channel
from gateway.usecases.conversation import receive
from tests.usecases.fakes import FakeClock
from tests.year.almanac import PARIS
from tests.year.facts import CampaignFacts, Facts, History, Hours, Matter, Meeting, Moment, Somebody, Text
from tests.year.product import Died, LeaseClock, Product
from tests.year.stand_ins import Carrier

SAID = re.compile(r"utter_nudge/(\w+)(?:\.\w+)?(\{.*?\})")
CAMPAIGN = re.compile(r"campagne (\d+)")
START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
END = START + timedelta(days=368)
NEW_NUMBERS = 5000  # from +33 6 39 98 50 00 on
Deed = Callable[[], Awaitable[None]]
SETTLED = {"done", "no", "help"}  # answers after which nothing more is asked about it


class World:
    """`answers`: what somebody does when a text reaches her."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311 the same year for the same seed
        self.clock = FakeClock(START)
        self.facts = Facts()
        self.carrier = Carrier(self.clock, self._sent, self._refused)
        self.leases = LeaseClock()
        self.product = Product(self.clock, self.carrier, self.leases)
        self.put_back = timedelta(0)
        self.back_at: datetime | None = None  # when a worker comes again
        self.answers: Callable[[Somebody, Text], None] = lambda _her, _text: None
        self._order, self._number, self._sid = count(1), count(), count(1)
        self._unheard: list[Somebody] = []  # wrote while nobody answered
        self._deeds: list[tuple[datetime, int, Deed]] = []

    # time

    def at(self, moment: datetime, deed: Deed) -> None:
        heapq.heappush(self._deeds, (max(moment, self.clock.at), next(self._number), deed))

    def after(self, wait: timedelta, deed: Deed) -> None:
        self.at(self.clock.at + wait, deed)

    def now(self) -> Moment:
        return Moment(next(self._order), self.clock.at, self.clock.at + self.put_back)

    async def live(self) -> None:
        while True:
            due = self.back_at or _looked_at(await self.product.next_due())
            first = self._deeds[0][0] if self._deeds else None
            moment = min((at for at in (due, first) if at), default=None)
            if moment is None or moment > END:
                return
            self.clock.at = max(self.clock.at, moment)
            while self._deeds and self._deeds[0][0] <= self.clock.at:
                await heapq.heappop(self._deeds)[2]()
            if self.back_at and self.clock.at >= self.back_at:
                self.back_at = None
                self.product.starts_anew()
            if not self.back_at:
                await self._work()
            while self._unheard and not self.back_at:
                await self.looks_at(self._unheard.pop())

    async def _work(self) -> None:
        try:
            await self.product.work()
        except Died:
            gone = self.chance.choice((1, 2, 20, 90, 300, 700))
            self.goes_away(timedelta(minutes=gone))

    def goes_away(self, wait: timedelta) -> None:
        self.back_at = self.clock.at + wait
        self.facts.away.append((self.clock.at, self.back_at))

    def puts_clock_back(self, by: timedelta) -> None:
        self.facts.put_back.append((self.clock.at - by, self.clock.at))
        self.clock.at -= by
        self.put_back += by
        self.carrier.put_back = self.put_back

    # the carrier

    def _sent(self, to: str, body: str, sid: str) -> None:
        her = self.facts.by_phone.get(to)
        said, campaign = SAID.search(body), CAMPAIGN.search(body)
        about: dict[str, Any] = json.loads(said[2]) if said else {}
        text = Text(
            self.now(), to, body, sid, said[1] if said else "campaign" if campaign else "",
            about.get("follow_up") or about.get("appointment") or 0,
            datetime.fromisoformat(about["when"]) if "when" in about else None,
            int(campaign[1]) if campaign else 0,
        )  # fmt: skip
        if her is None and to.startswith("+3363998") and int(to[-4:]) >= NEW_NUMBERS:
            return  # the new number of one who gave hers away
        if her is None or not her.by_sms:
            self.facts.strays.append(body)
            return
        her.texts.append(text)
        if text.kind:
            self.answers(her, text)

    def _refused(self, to: str) -> None:
        self.facts.tried_dead.append((self.now(), to))
        self.facts.by_phone[to].number.becomes("dead", self.now())

    # what she writes

    async def writes(self, her: Somebody, body: str) -> None:
        """A digit while nobody answers would mean we know not what: she keeps it."""
        nobody_listens = self.back_at or her.stopped.last or her.taken.last
        if her.number.last in ("dead", "another") or (body.isdigit() and nobody_listens):
            return
        if body.isdigit() and not await self._chooses(her, body):
            return
        now = self.now()
        her.wrote.append(now)
        if body in ("STOP", "START"):
            her.stopped.becomes(body == "STOP", now)
        elif body == "pas moi":
            her.number.becomes("nobody", now)
            self.closes_all(her, now)
        elif body == "veux mourir":
            her.dangers.append(now)
        received = await receive(
            self.product.store, channel=Channel.SMS, address=her.phone, sid=f"IN{next(self._sid)}", text=body,
            now=self.clock.at,
        )  # fmt: skip
        if self.back_at:
            self._unheard.append(her)
            return
        for job in received.jobs:
            await self.product.worker.do(job)
        await self.looks_at(her)

    async def _chooses(self, her: Somebody, digit: str) -> bool:
        """What that line stands for, as she reads it. False: there is no such line."""
        async with self.product.store.transaction() as tx:
            menu = (await tx.conversation(her.conversation, self.clock.at)).state.menu
        payload = next((line.payload for line in menu if line.digit == digit), "")
        if payload.startswith("NUDGED "):
            _, _, _, number, does = payload.split(" ")
            if does in SETTLED:
                self.settles(her, int(number))
        return bool(payload)

    def settles(self, her: Somebody, number: int) -> None:
        """A declaration that is done is so for this quarter: the one whose month has come last."""
        now = self.now()
        mine = [one for one in her.matters if one.id == number]
        quarters = [one for one in mine if one.due_on and one.due_on <= now.at.astimezone(her.zone).date()]
        for one in quarters[-1:] or mine:
            one.closed = one.closed or now

    def closes_all(self, her: Somebody, now: Moment) -> None:
        for one in list(self.facts.open_matters(her)):
            one.closed = now

    # what the product's tables hold of her

    async def looks_at(self, her: Somebody) -> None:
        """Her appointments, and whether she stopped in the middle of something, after a turn of hers."""
        async with self.product.store.transaction() as tx:
            for one in await tx.appointments_of_conversation(her.conversation):
                self.meets(her, one)
            talks = await tx.open_follow_ups(her.conversation, "talk")
        now = self.now()
        known = list(self.facts.open_matters(her, "talk"))
        if known and not (talks and talks[0].opened_at == known[0].opened.at):
            self.facts.closed(her, now, "talk")
        if talks and talks[0].opened_at == self.clock.at:
            self.facts.opened(Matter(talks[0].id, "talk", her, now))

    def meets(self, her: Somebody, one: Appointment) -> None:
        hours, now = Hours(one.starts_at, one.ends_at, one.status.value, one.kind.value), self.now()
        self.product.diary.taken.add((one.referent_id, one.starts_at))
        meeting = self.facts.meetings.get(one.id)
        if meeting is None:
            meeting = Meeting(one.id, her, History(Hours(one.starts_at, one.ends_at, "", "")))
            self.facts.meetings[one.id] = meeting
            her.meetings.append(meeting)
        if meeting.known.last == hours:
            return
        meeting.known.becomes(hours, now)
        if hours.status == "booked":
            her.booked.append(now)
            self.facts.closed(her, now, "invitation")
            self.facts.closed(her, now, "talk")

    async def changed(self, her: Somebody, id_: int) -> None:
        async with self.product.store.transaction() as tx:
            one = await tx.appointment(id_)
        assert one
        self.meets(her, one)

    def campaign(self, number: int) -> CampaignFacts:
        return next(one for one in self.facts.campaigns if one.number == number)


def _looked_at(due: datetime | None) -> datetime | None:
    """A worker looks each second; here every five minutes, so that waves are of several."""
    return due and due + timedelta(seconds=-due.timestamp() % 300)


def wall(day: int, hour: int, minute: int = 0) -> datetime:
    """So many days after the start, on the clock of Paris."""
    on = START.astimezone(PARIS).date() + timedelta(days=day)
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=PARIS).astimezone(UTC)
