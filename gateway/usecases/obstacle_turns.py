"""The turns about what stands in her way: told, asked, shown, and what is near her."""

from dataclasses import dataclass, field, replace

from gateway.domain.conversation import Outcome, Reply
from gateway.domain.obstacle import Obstacles
from gateway.ports import Services
from gateway.usecases import assessing, learning, locating
from gateway.usecases.assessing import Assessing
from gateway.usecases.composing import MENU, Composing
from gateway.usecases.finding import NO_SERVICES, described, nearby
from gateway.usecases.reading import several


@dataclass(frozen=True, kw_only=True)
class ObstacleTurns(Composing):
    obstacles: Obstacles = field(default_factory=Obstacles)
    services: Services = NO_SERVICES

    def _assessing(self) -> Assessing:
        here = locating.home(self.who, self.territory)
        return Assessing(self.obstacles, self.who, self.today, here.insee if here else "")

    async def _near_her(self, named: str, service_id: str = "") -> Outcome:
        """What is near her for that kind of obstacle: three names by number, then one in full."""
        kind = self.obstacles.kinds.get(named)
        if kind is None:
            return self._compose(MENU, self._guess())
        if service_id:
            one = await self.services.one(service_id)
            said = described(one) if one else (Reply("utter_no_service"),)
            return replace(
                self._say(*said, keep=True), changes=self._assessing().looked_at(f"service {service_id}")
            )
        here = locating.home(self.who, self.territory)
        if here is None:
            asked = replace(self.who.state, asking=f"{locating.SERVICES} {kind.id}")
            return self._say(Reply("utter_ask_commune"), state=asked)
        reply = await nearby(self.services, kind, self.who, here, self.territory, self.today)
        return self._say(reply)

    def _discreet(self, outcome: Outcome) -> Outcome:
        """A turn about her health or about justice: her words are erased once answered."""
        names = [r.response for r in outcome.replies]
        sensitive = self._assessing().personal(outcome)
        words = outcome.heard and not outcome.urgent and any(learning.personal(name) for name in names)
        return replace(
            outcome,
            personal=sensitive,
            erase=sensitive or words,
            sensitive=outcome.sensitive or sensitive or words,
        )

    async def _several(self, text: str) -> Outcome | None:
        """ "1 et 4", while the list of what can stand in her way is on her screen."""
        kinds = assessing.shown_kinds(self.who.state.menu)
        picked = several(text, kinds, self.words.vocabularies.digits)
        return self._tell(self._assessing().picked(picked)) if picked else None
