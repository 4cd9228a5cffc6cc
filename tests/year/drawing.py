"""What all that happens draws from: one chance, one world."""

from datetime import datetime, timedelta

from tests.year.world import World, wall

REFERENTS = 40
MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Drawing:
    def __init__(self, world: World) -> None:
        self.world = world
        self.chance, self.facts, self.product = world.chance, world.facts, world.product

    def some(self, percent: float) -> bool:
        return self.chance.random() * 100 < percent

    def any_time(self, first: int = 1, last: int = 360) -> datetime:
        """By day or in the evening, on a quarter of an hour."""
        day, hour = self.chance.randint(first, last), self.chance.randint(7, 21)
        return wall(day, hour, self.chance.choice((0, 15, 30, 45)))
