"""What is near her for one obstacle: three services at most, then one in full."""

from collections.abc import Sequence
from datetime import date

from gateway.domain.conversation import Conversation, Reply
from gateway.domain.obstacle import ObstacleKind
from gateway.domain.service import Service, Wanted
from gateway.domain.territory import Commune, Territory
from gateway.ports import Services

# Answers that say that she goes nowhere by herself.
STILL = {("mobility", "means", "foot"), ("mobility", "means", "none"), ("mobility", "distance", "commune")}


class NoServices:
    """Nothing was imported."""

    async def near(self, wanted: Wanted) -> Sequence[Service]:
        return ()

    async def one(self, service_id: str) -> Service | None:
        return None


NO_SERVICES = NoServices()


async def nearby(
    services: Services,
    kind: ObstacleKind,
    who: Conversation,
    here: Commune,
    territory: Territory,
    today: str,
) -> Reply:
    """Their names by number; when there is none, a person."""
    found = await services.near(wanted(kind, who, here, territory, today))
    if not found:
        return Reply("utter_no_service")
    lines = [[f"={s.name}", f"SERVICE {kind.id} {s.id}"] for s in found]
    return Reply("utter_services", {"lines": [*lines, ["text:utter_appointment_title", "/book_appointment"]]})


def wanted(kind: ObstacleKind, who: Conversation, here: Commune, territory: Territory, today: str) -> Wanted:
    neighbours = {c.insee for c in territory.communes.values() if c.epci == here.epci}
    return Wanted(
        thematiques=kind.thematiques,
        today=date.fromisoformat(today),
        commune=here.insee,
        zones=(here.insee, here.epci, here.insee[:2]),
        neighbours=frozenset(neighbours - {here.insee}),
        still=_still(who),
    )


def _still(who: Conversation) -> bool:
    told = [(s.kind, q, a) for s in who.shared for q, a in s.answers.items()]
    if now := who.state.assessment:
        told += [(now.kind, q, a) for q, a in now.answers.items()]
    return bool(STILL & set(told))


def described(service: Service) -> tuple[Reply, ...]:
    """One SMS: name, phone or address, opening hours; an example says that it is one."""
    contact = service.phone or service.address
    said = Reply("utter_service", {"name": service.name, "contact": contact, "hours": service.hours})
    return (said, Reply("utter_service_fictional")) if service.fictional else (said,)
