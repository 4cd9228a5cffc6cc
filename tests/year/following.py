"""What is followed up: invitations, contracts, obstacles, declarations; and campaigns."""

from datetime import date

from gateway.domain.campaign import Audience, Draft
from gateway.domain.nudge import About
from gateway.domain.nudge_changes import RemindMe
from gateway.domain.obstacle import Share, SharedObstacle
from gateway.usecases.campaigning import Progress, launch, plan_some
from gateway.usecases.inviting import ask_to_sign, invite, no_more
from gateway.usecases.nudge_recording import follow_obstacle, record_nudge_change
from tests.year.almanac import PARIS
from tests.year.drawing import DAYS, MINUTES, Drawing
from tests.year.facts import CampaignFacts, Matter, Somebody
from tests.year.world import END, wall

OBSTACLES = ("mobility", "childcare", "housing", "money", "health", "legal", "digital")


class Following(Drawing):
    async def invites(self, her: Somebody) -> None:
        if her.number.last != "hers":
            return
        async with self.product.store.transaction() as tx:
            now = self.world.clock.at
            asked = await invite(tx, await tx.conversation(her.conversation, now), her.referent, True, now)
        if not asked.wrong:
            await self._open(her, "invitation", "referent")

    async def asks_to_sign(self, her: Somebody) -> None:
        if her.number.last != "hers":
            return
        async with self.product.store.transaction() as tx:
            now = self.world.clock.at
            asked = await ask_to_sign(tx, await tx.conversation(her.conversation, now), now)
        if not asked.wrong:
            await self._open(her, "contract", "")
            if self.some(40):
                self.world.after(self.chance.randint(1, 15) * DAYS, lambda: self.signs(her))

    async def signs(self, her: Somebody) -> None:
        async with self.product.store.transaction() as tx:
            who = await tx.conversation(her.conversation, self.world.clock.at)
            await no_more(tx, who, About.CONTRACT, "done", self.world.clock.at)
        self.facts.closed(her, self.world.now(), "contract")

    async def tells(self, her: Somebody) -> None:
        """What stands in her way; and again, later, at times."""
        if her.number.last != "hers":
            return
        kind = self.chance.choice(OBSTACLES)
        told = Share(SharedObstacle(kind, 2, {}, self.world.clock.at.date().isoformat(), "sms", "1"))
        async with self.product.store.transaction() as tx:
            who = await tx.conversation(her.conversation, self.world.clock.at)
            await follow_obstacle(tx, who, told, self.world.clock.at)
        await self._open(her, "obstacle", kind)
        if self.some(25):
            self.world.after(self.chance.randint(1, 20) * DAYS, lambda: self.tells(her))

    async def wants_declaration(self, her: Somebody) -> None:
        """In one of the next three months; from the next quarter on when the fifth is over."""
        if her.number.last != "hers":
            return
        month = self.world.clock.at.astimezone(her.zone).date().replace(day=1)
        for _ in range(self.chance.randint(0, 2)):
            month = _later(month, 1)
        while month + 4 * DAYS <= self.world.clock.at.astimezone(PARIS).date():
            month = _later(month, 3)
        async with self.product.store.transaction() as tx:
            who = await tx.conversation(her.conversation, self.world.clock.at)
            await record_nudge_change(tx, who, RemindMe(month), self.world.clock.at)
        while month < END.date():
            await self._open(her, "declaration", month.isoformat(), month)
            month = _later(month, 3)

    async def _open(self, her: Somebody, about: str, what: str, due_on: date | None = None) -> None:
        async with self.product.store.transaction() as tx:
            found = await tx.open_follow_ups(her.conversation, about)
        mine = [one for one in found if about != "obstacle" or one.values["kind"] == what]
        mine = [one for one in mine if what != "referent" or one.values["why"] == what]
        self.facts.opened(Matter(mine[0].id, about, her, self.world.now(), what, due_on))

    # campaigns

    def _campaigns(self) -> None:
        for number, (day, hour, rate, stop, audience) in enumerate(
            (
                (25, 10, 0.5, None, Audience(mine=False)),
                (89, 19, 0.05, None, Audience(mine=True)),  # ends the day after
                (
                    124,
                    18,
                    0.05,
                    None,
                    Audience(mine=True),
                ),  # the clocks change that night, then comes Easter Monday
                (200, 11, 0.2, 40, Audience(mine=False)),  # somebody stops it
                (202, 14, 1.0, None, Audience(mine=True)),
            ),
            start=1,
        ):
            self.world.at(
                wall(day, hour, 30),
                lambda n=number, r=rate, s=stop, a=audience: self.campaigns(n, r, s, a),  # type: ignore[misc]
            )

    async def campaigns(self, number: int, rate: float, stop: int | None, audience: Audience) -> None:
        now, store, rules = self.world.clock.at, self.product.store, self.product.rules
        async with store.transaction() as tx:
            draft = Draft(audience, text=f"campagne {number}")
            assert await launch(tx, draft, 1, f"t{number}", 0, rules.quiet, now) is not None
        to = [p for p in self.facts.people if p.by_sms and (not audience.mine or p.referent == 1)]
        self.facts.campaigns.append(CampaignFacts(number, self.world.now(), to, id=number))
        progress: Progress | None = Progress(now)
        while progress:
            async with store.transaction() as tx:
                progress = await plan_some(tx, rules, number, progress, rate, now)
        if stop:
            self.world.after(stop * MINUTES, lambda: self.stops_campaign(number))

    async def stops_campaign(self, number: int) -> None:
        async with self.product.store.transaction() as tx:
            await tx.stop_campaign(number, 1, self.world.clock.at)
        self.world.campaign(number).stopped = self.world.now()


def _later(month: date, by: int) -> date:
    years, month_before = divmod(month.month - 1 + by, 12)
    return date(month.year + years, month_before + 1, 1)
