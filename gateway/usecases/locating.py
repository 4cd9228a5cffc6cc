"""Where she lives: asked once, when an answer can name the body that serves her commune."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.conversation import Conversation, Reply, State
from gateway.domain.territory import Body, Commune, Territory
from gateway.ports import Words

NEAR = "NEAR"  # payload of the choice "Près de chez moi": NEAR <body>
COMMUNE = "COMMUNE"  # payload of a commune picked by number: COMMUNE <INSEE code> <body>

SERVICES = "services"  # asked for in order to name what is near her
APPOINTMENT = "appointment"  # or to find who receives her

AGAIN = "?"  # after a name we do not know, she is asked once more; then she speaks of something else

Asked = tuple[tuple[Reply, ...], State]


def home(who: Conversation, territory: Territory) -> Commune | None:
    """What she said, else what her referent imported."""
    if who.state.commune in territory.communes:
        return territory.communes[who.state.commune]
    if person := who.beneficiary:
        for known in (person.commune, person.postal_code):
            communes = territory.find(known).communes
            if len(communes) == 1:
                return communes[0]
    return None


def located(
    replies: Sequence[Reply], who: Conversation, territory: Territory, words: Words
) -> tuple[Reply, ...]:
    """The same replies; an answer that depends on the place is told which body to name."""
    here = home(who, territory)
    if here is None:
        return tuple(replies)
    said = []
    for reply in replies:
        body = words.sourced(reply.response).get("near")
        place = here.bodies.get(Body(body)) if body else None
        said.append(replace(reply, values={**reply.values, "near": list(place)}) if place else reply)
    return tuple(said)


def near(body: str, who: Conversation, territory: Territory) -> Asked:
    """She wants to know which one is hers: told, or asked where she lives."""
    here = home(who, territory)
    if here is None:
        return (Reply("utter_ask_commune"),), replace(who.state, asking=body)
    return (_place(here, body),), who.state


def answered(text: str, who: Conversation, territory: Territory) -> Asked | None:
    """Her answer to "where do you live"; None when it is something else: that is then dealt with."""
    state = who.state
    found = territory.find(text)
    if len(found.communes) == 1:
        return _settled(found.communes[0], state)
    if found.communes:
        choices = [
            [str(i), c.name, f"{COMMUNE} {c.insee} {state.asking.removesuffix(AGAIN)}"]
            for i, c in enumerate(sorted(found.communes, key=lambda c: c.name), 1)
        ]
        return (Reply("utter_which_commune", {"choices": choices}),), state
    if found.outside:
        return (Reply("utter_commune_outside"),), replace(state, asking="")
    if len(text.split()) <= 2 and not state.asking.endswith(AGAIN):
        return (Reply("utter_commune_unknown"),), replace(state, asking=state.asking + AGAIN)
    return None


def picked(choice: str, who: Conversation, territory: Territory) -> Asked:
    """`choice`: INSEE code and body, as in the payload. The list stays on her screen: she may pick again."""
    insee, _, body = choice.partition(" ")
    if insee not in territory.communes:
        return (Reply("utter_near_unknown"),), replace(who.state, asking="")
    return _settled(territory.communes[insee], replace(who.state, asking=body))


def _settled(commune: Commune, state: State) -> Asked:
    if state.asking.startswith((SERVICES, APPOINTMENT)):  # nothing to name: what she asked for comes instead
        return (), replace(state, commune=commune.insee, asking="")
    return (_place(commune, state.asking.removesuffix(AGAIN)),), replace(
        state, commune=commune.insee, asking=""
    )


def _place(commune: Commune, body: str) -> Reply:
    name, certainty = commune.bodies.get(Body(body or Body.MISSION_LOCALE), ("", "low"))
    if not name:
        return Reply("utter_near_unknown")
    sure = certainty in ("high", "medium")
    return Reply("utter_near" if sure else "utter_near_unsure", {"place": name, "commune": commune.name})
