"""Numbers die or change hands; workers, carriers and clocks fail."""

from gateway.domain.external import Person
from gateway.domain.people import Beneficiary
from gateway.usecases.delivery import note_status
from tests.usecases.fakes import TEAM
from tests.year.drawing import DAYS, HOURS, MINUTES, Drawing
from tests.year.facts import Somebody
from tests.year.world import NEW_NUMBERS, wall


class Accidents(Drawing):
    async def is_not_her(self, her: Somebody) -> None:
        await self.world.writes(her, "pas moi")

    async def dies(self, her: Somebody) -> None:
        """Her number: the carrier says so at once, or in a report on the last message."""
        if self.some(60) or not her.texts:
            self.world.carrier.dead.add(her.phone)
            return
        await note_status(
            self.product.store, her.texts[-1].sid, "undelivered", 30005, TEAM, self.world.clock.at
        )
        her.number.becomes("dead", self.world.now())

    async def gives_number_away(self, her: Somebody) -> None:
        """Another tool knows her new number; an import then gives the old one to somebody else."""
        async with self.product.store.transaction() as tx:
            number = int(her.phone[-4:])
            name, new = f"Prénom{number}", f"+3363998{NEW_NUMBERS + number}"
            await tx.save_external_beneficiary(Person(str(number + 1), her.phone, name), self.world.now())
            await tx.save_external_beneficiary(Person(str(number + 1), new, name), self.world.now())
            await tx.save_beneficiary(Beneficiary(her.phone, "Zoé", "fr", "79000", "Niort"), "r2@example.org")
        her.number.becomes("another", self.world.now())

    # machines

    def _machines(self) -> None:
        self.world.at(wall(71, 9, 30), self.worker_goes)
        self.world.at(wall(161, 10, 21), self.clock_goes_back)
        for day in range(5, 360, 9):
            hour, minute = self.chance.choice(((8, 0), (9, 59), (10, 0), (18, 0), (19, 0), (11, 30)))
            self.world.at(wall(day, hour, minute) - MINUTES, self.worker_will_die)
        for day in range(8, 360, 16):
            hour = self.chance.choice((7, 9, 18, 19))
            self.world.at(wall(day, hour, 55), self.carrier_troubles)
        for day in (60, 300):
            self.world.at(wall(day, 8), self.nothing_is_free)

    async def worker_goes(self) -> None:
        self.world.goes_away(2 * DAYS)

    async def worker_will_die(self) -> None:
        self.world.carrier.dies_after = self.chance.choice((0, 1, 3, 10))

    async def clock_goes_back(self) -> None:
        self.world.puts_clock_back(HOURS)

    async def carrier_troubles(self) -> None:
        """It refuses for a while, or does not answer; once in a way, across the evening."""
        self.world.carrier.trouble = self.chance.choice(("refuses", "lost", "taken"))
        lasts = self.chance.choice((10, 20, 130)) * MINUTES
        self.facts.trouble.append((self.world.clock.at, self.world.clock.at + lasts))
        self.world.after(lasts, self.carrier_is_well)

    async def carrier_is_well(self) -> None:
        self.world.carrier.trouble = ""

    async def nothing_is_free(self) -> None:
        self.product.diary.empty = True
        self.facts.nothing_free.append((self.world.clock.at, self.world.clock.at + 12 * DAYS))
        self.world.after(12 * DAYS, self.something_is_free)

    async def something_is_free(self) -> None:
        self.product.diary.empty = False
