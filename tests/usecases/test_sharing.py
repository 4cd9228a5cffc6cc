"""What others see: her referent what she agreed to, the département numbers of five people at least."""

from dataclasses import replace

import pytest

from gateway.adapters.obstacle_files import read_obstacles
from gateway.adapters.territory_files import epci_names, read_territory
from gateway.domain.conversation import Inbound, Outcome
from gateway.domain.obstacle import Share, SharedObstacle, Withdraw
from gateway.figures import as_csv, as_svg
from gateway.ports import SharedBy
from gateway.settings import ROOT
from gateway.usecases.conversation import TurnToTake, end, record_turn
from gateway.usecases.sharing import LEAST, PERSONAL, counts, for_referent, totals
from tests.usecases.fakes import AMINA, CLAIRE, NOW, TEAM, FakeStore, conversation

OBSTACLES = read_obstacles(ROOT / "bot" / "obstacles.yml")
DEUX_SEVRES = read_territory(ROOT, "79")
NIORT, BRESSUIRE = "79191", "79049"
NO_CAR = SharedObstacle(
    "mobility", 3, {"means": "none"}, "2026-11-23", "sms", "2026-11-23", ("faq/transport_help",), (), NIORT
)


def told(kind: str, people: range, severity: int | None = 2, commune: str = NIORT) -> list[SharedBy]:
    obstacle = replace(NO_CAR, kind=kind, severity=severity, commune=commune)
    return [SharedBy(f"p{i}", "", obstacle) for i in people]


async def recorded(store: FakeStore, outcome: Outcome, **who: object) -> FakeStore:
    person = conversation(beneficiary=AMINA, referent=CLAIRE, **who)  # type: ignore[arg-type]
    turn = TurnToTake(person, Inbound(7, "SM7", "1", NOW), "")
    await record_turn(store, turn, outcome, TEAM, NOW)  # type: ignore[arg-type]
    return store


async def test_it_tells_the_referent_once_without_a_word_of_what_it_is() -> None:
    store = await recorded(FakeStore(), Outcome(text="ok", changes=(Share(NO_CAR),)))
    (mail,) = store.mails.values()
    assert (mail.to, mail.template) == (CLAIRE.email, "obstacle")
    assert not {"mobility", "none", "3"} & set(mail.values.values())
    again = await recorded(FakeStore(), Outcome(text="ok", changes=(Share(NO_CAR),)), shared=(NO_CAR,))
    assert again.mails == {}


async def test_it_deletes_what_she_takes_back() -> None:
    store = FakeStore(shared={(1, "mobility"): NO_CAR})
    await recorded(store, Outcome(text="ok", changes=(Withdraw("mobility"),)))
    assert store.shared == {}


async def test_it_erases_her_words_of_a_personal_turn() -> None:
    store = await recorded(FakeStore(), Outcome(text="ok", personal=True, erase=True))
    assert store.erased == [7]


async def test_it_unbinds_a_number_and_tells_who_followed_that_person() -> None:
    store = await recorded(
        FakeStore(shared={(1, "mobility"): NO_CAR}), Outcome(text="ok", unbind=True), shared=(NO_CAR,)
    )
    assert (store.unbound, store.shared) == ([1], {})
    assert [m.template for m in store.mails.values()] == ["unbound"]


def test_it_gives_the_referent_the_codes_that_other_tools_read() -> None:
    (entry,) = for_referent([SharedBy("p1", "Amina", NO_CAR)], OBSTACLES)
    assert entry["france_travail"] == {"contrainte": "23", "situations": ["6"], "impact": "FORT"}
    assert "mobilite--financer-ma-mobilite" in entry["data_inclusion"]
    assert (entry["first_name"], entry["severity"], entry["shared_on"]) == ("Amina", 3, "2026-11-23")


@pytest.mark.parametrize("severity", [1, 2, 3])
def test_it_says_the_impact_as_france_travail_does(severity: int) -> None:
    (entry,) = for_referent([SharedBy("p1", "", replace(NO_CAR, severity=severity))], OBSTACLES)
    assert entry["france_travail"]["impact"] == {1: "FAIBLE", 2: "MOYEN", 3: "FORT"}[severity]


def test_it_never_shows_fewer_than_five_people() -> None:
    rows = [*told("mobility", range(6), 3), *told("mobility", range(10, 12), 1), *told("money", range(3))]
    found = counts(rows, OBSTACLES, DEUX_SEVRES)
    assert {(c.kind, c.severity, c.people) for c in found} == {("mobility", "*", 8), ("money", "*", None)}


def test_it_merges_places_when_one_of_them_is_too_small() -> None:
    rows = [*told("mobility", range(6)), *told("mobility", range(10, 13), commune=BRESSUIRE)]
    (count,) = counts(rows, OBSTACLES, DEUX_SEVRES)
    assert (count.epci, count.people) == ("*", 9)


def test_it_keeps_places_and_severities_apart_when_they_are_large_enough() -> None:
    rows = [*told("mobility", range(5), 1), *told("mobility", range(10, 15), 3)]
    assert [(c.severity, c.people) for c in counts(rows, OBSTACLES, DEUX_SEVRES)] == [("1", 5), ("3", 5)]


def test_it_counts_health_and_justice_together_without_severity() -> None:
    rows = [
        *told("health", range(3)),
        *told("legal", range(10, 13)),
        *told("mental_health", range(20, 22), None),
    ]
    (count,) = counts(rows, OBSTACLES, DEUX_SEVRES)
    assert (count.kind, count.severity, count.people) == (PERSONAL, "", 8)


def test_it_counts_a_person_once_in_a_cell() -> None:
    rows = [*told("mobility", range(5)), *told("mobility", range(5))]
    assert [c.people for c in counts(rows, OBSTACLES, DEUX_SEVRES)] == [5]


def test_it_draws_and_tabulates_the_same_figures() -> None:
    found = counts([*told("mobility", range(7)), *told("money", range(2))], OBSTACLES, DEUX_SEVRES)
    table = as_csv(found, {"mobility": "Me déplacer"}, epci_names(ROOT, "79"))
    assert "2026-11;CA du Niortais;Me déplacer;2;7" in table
    assert f"money;toutes;<{LEAST}" in table
    picture = as_svg(totals(found), {"mobility": "Me <déplacer>"}, "Ce qui bloque")
    assert "Me &lt;déplacer&gt;" in picture
    assert ">7</text>" in picture
    assert "money" not in picture


def test_it_draws_nothing_as_a_sentence() -> None:
    assert "Aucun nombre" in as_svg({}, {}, "Ce qui bloque")


async def test_it_comes_back_for_what_was_not_sent_when_the_conversation_ended() -> None:
    store = FakeStore(conversations={1: conversation()})
    assert not await end(store, 1, OBSTACLES, NOW)  # type: ignore[arg-type]
    await recorded(store, Outcome(text="Un médecin vous suit ?", personal=True))
    assert await end(store, 1, OBSTACLES, NOW)  # type: ignore[arg-type]
