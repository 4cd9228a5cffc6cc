"""What two thousand people do in a year, drawn beforehand or as texts reach them."""

from gateway.domain.conversation import Channel
from gateway.domain.nudge_changes import HourChosen, TopicStopped
from gateway.domain.people import Beneficiary, Referent
from gateway.ports import Transaction
from gateway.usecases.nudge_recording import record_nudge_change
from gateway.usecases.taking_over import give_back, take_over
from tests.year.accidents import Accidents
from tests.year.almanac import OVERSEAS
from tests.year.appointments import Appointments
from tests.year.drawing import DAYS, HOURS, MINUTES, REFERENTS
from tests.year.facts import Somebody, Text
from tests.year.following import Following
from tests.year.world import World

# What she answers to each kind, and how many of a hundred answer.
REPLIES = {
    "two_days": (22, ["1"] * 8 + ["2", "2", "3", "3", "bonjour"]),
    "morning": (14, ["1"] * 6 + ["2", "3", "bonjour"]),
    "documents": (8, ["1", "bonjour"]),
    "afterwards": (18, ["1"] * 4 + ["2", "3"]),
    "invitation": (30, ["1", "1", "1", "bonjour"]),
    "invitation_again": (30, ["1", "1", "bonjour"]),
    "noshow": (35, ["1", "1", "bonjour"]),
    "obstacle": (45, ["1", "2", "2", "3"]),
    "declaration": (50, ["1", "1", "1", "2", "2", "3"]),
    "contract": (40, ["1", "2", "2", "3"]),
    "unfinished": (40, ["1", "2", "bonjour"]),
    "campaign": (3, ["bonjour"]),
}  # fmt: skip


class Life(Appointments, Following, Accidents):
    def __init__(self, world: World, people: int) -> None:
        super().__init__(world)
        self.many = people
        world.answers = self.reads

    async def begins(self) -> None:
        """Everybody is there, and what will happen is drawn."""
        async with self.product.store.transaction() as tx:
            for n in range(1, REFERENTS + 1):
                lead = Referent(f"r{n}@example.org", f"Claire R{n}", structure="CMS", leads=n == 1)
                await tx.save_referent(lead)
            for n in range(self.many):
                self.facts.add(await self._comes(tx, n))
            for n in range(self.many // 40):
                self.facts.add(await self._opens_a_page(tx, n))
        for her in self.facts.people:
            self._year_of(her)
        self._campaigns()
        self._machines()

    async def _comes(self, tx: Transaction, n: int) -> Somebody:
        postal_code = self.chance.choice(list(OVERSEAS)) if self.some(8) else "79000"
        her = Somebody(f"+3363998{n:04d}", postal_code, 1 + n % REFERENTS)
        new = Beneficiary(her.phone, f"Prénom{n}", "fr", postal_code, "Niort")
        her.beneficiary = await tx.save_beneficiary(new, f"r{her.referent}@example.org")
        her.conversation = await tx.conversation_at(Channel.SMS, her.phone, self.world.clock.at)
        return her

    async def _opens_a_page(self, tx: Transaction, n: int) -> Somebody:
        her = Somebody(f"page-{n}", "79000", 1 + n % REFERENTS, by_sms=False)
        her.conversation = await tx.conversation_at(Channel.WEB, her.phone, self.world.clock.at, "fr")
        return her

    def _year_of(self, her: Somebody) -> None:
        for _ in range(self.chance.choice((0, 0, 0, 1, 1, 1, 1, 2, 2, 3))):
            self._an_appointment(her)
        if not her.by_sms:
            return
        for percent, deed in (
            (12, self.invites), (12, self.asks_to_sign), (20, self.tells), (15, self.wants_declaration),
            (8, self.asks_for_time), (12, self.chats), (8, self.chooses_hour), (3, self.fears), (2, self.is_taken_over),
            (6, self.stops), (8, self.stops_a_topic), (2, self.is_not_her), (2, self.dies), (1, self.gives_number_away),
        ):  # fmt: skip
            if self.some(percent):
                self.world.at(self.any_time(), lambda deed=deed: deed(her))  # type: ignore[misc]

    async def asks_for_time(self, her: Somebody) -> None:
        await self.world.writes(her, "RDV")
        if self.some(45):
            self.world.after(2 * MINUTES, lambda: self.world.writes(her, "1"))

    # what she writes

    async def chats(self, her: Somebody) -> None:
        await self.world.writes(her, "bonjour")
        if self.some(40):
            self.world.after(self.chance.randint(1, 40) * MINUTES, lambda: self.chats(her))

    async def fears(self, her: Somebody) -> None:
        """And then she speaks of something else."""
        await self.world.writes(her, "veux mourir")
        if self.some(70):
            then, wait = self.chance.choice(("RDV", "bonjour")), self.chance.randint(1, 50) * MINUTES
            self.world.after(wait, lambda: self.world.writes(her, then))

    async def chooses_hour(self, her: Somebody) -> None:
        hour = self.chance.choice((9, 12, 15, 18))
        async with self.product.store.transaction() as tx:
            who = await tx.conversation(her.conversation, self.world.clock.at)
            await record_nudge_change(tx, who, HourChosen(hour), self.world.clock.at)
        her.hour.becomes(hour, self.world.now())

    async def stops(self, her: Somebody) -> None:
        if self.some(30):
            self.world.carrier.stopped.add(her.phone)  # the carrier deals with it, and tells us when we try
        await self.world.writes(her, "STOP")
        if self.some(40):
            self.world.after(self.chance.randint(1, 60) * DAYS, lambda: self.starts(her))

    async def starts(self, her: Somebody) -> None:
        self.world.carrier.stopped.discard(her.phone)
        await self.world.writes(her, "START")
        for topic in her.topics_off.values():
            topic.becomes(False, self.world.now())

    async def stops_a_topic(self, her: Somebody) -> None:
        topic = self.chance.choice(("reminder", "follow_up", "news"))
        await self._topic(her, topic, True)
        if self.some(40):
            self.world.after(self.chance.randint(1, 60) * DAYS, lambda: self._topic(her, topic, False))

    async def _topic(self, her: Somebody, topic: str, off: bool) -> None:
        async with self.product.store.transaction() as tx:
            who = await tx.conversation(her.conversation, self.world.clock.at)
            await record_nudge_change(tx, who, TopicStopped(topic, off), self.world.clock.at)
        her.topics_off[topic].becomes(off, self.world.now())

    def reads(self, her: Somebody, text: Text) -> None:
        """A text has come: she answers, or not."""
        percent, replies = REPLIES[text.kind]
        if self.some(percent):
            answer = self.chance.choice(replies)
            wait = self.chance.choice((3, 10, 40, 90, 300, 900)) * MINUTES
            self.world.after(wait, lambda: self._replies(her, answer))
        elif self.some(1):
            deed = self.chance.choice((self.stops, self.fears))
            self.world.after(self.chance.choice((5, 100)) * MINUTES, lambda: deed(her))

    async def _replies(self, her: Somebody, answer: str) -> None:
        await self.world.writes(her, answer)
        if answer in ("2", "3") and self.some(70):  # the time slots, or "do you cancel?"
            self.world.after(2 * MINUTES, lambda: self.world.writes(her, "1"))

    async def is_taken_over(self, her: Somebody) -> None:
        async with self.product.store.transaction() as tx:
            now = self.world.clock.at
            who, referent = await tx.conversation(her.conversation, now), await tx.referent(her.referent)
            assert referent
            await take_over(tx, who, referent, now)
        her.taken.becomes(True, self.world.now())
        self.world.after(self.chance.choice((1, 5, 20)) * HOURS, lambda: self.is_given_back(her))

    async def is_given_back(self, her: Somebody) -> None:
        async with self.product.store.transaction() as tx:
            now = self.world.clock.at
            await give_back(tx, await tx.conversation(her.conversation, now), now)
        her.taken.becomes(False, self.world.now())
