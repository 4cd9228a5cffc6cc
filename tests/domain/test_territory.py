"""The real file of the Deux-Sèvres, and what people write when they are asked where they live."""

from pathlib import Path

import pytest
from hypothesis import given

from gateway.adapters.territory_files import read_territory
from gateway.domain.territory import NOWHERE, Body, Territory
from tests.domain.test_text import ANY_TEXT

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here() -> Territory:
    return read_territory(ROOT, "79")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Niort", "Niort"), ("niort", "Niort"), ("j'habite à Niort", "Niort"), ("NIORT 79000", "Niort"), ("nior", "Niort"),
        ("Bressuir", "Bressuire"), ("bresuire svp", "Bressuire"), ("Partenay", "Parthenay"), ("je vis a thouars", "Thouars"),
        ("St Maixent l'École", "Saint-Maixent-l'École"), ("saint maixent l ecole", "Saint-Maixent-l'École"),
        ("l'absie", "L'Absie"), ("absie", "L'Absie"), ("I live in Melle", "Melle"), ("Aigonnay", "Aigondigné"),
        ("Argenton-les-Vallées", "Argentonnay"), ("79230", "Aiffres"), ("79 000", "Niort"), ("٧٩٠٠٠", "Niort"), ("۷۹۰۰۰", "Niort"),
    ],
)  # fmt: skip
def test_it_finds_her_commune(said: str, name: str, here: Territory) -> None:
    assert [c.name for c in here.find(said).communes][:1] == [name]


def test_it_asks_when_a_postal_code_spans_several_areas(here: Territory) -> None:
    spanning = {
        code
        for commune in here.communes.values()
        for code in commune.postal_codes
        if len({c.epci for c in here.communes.values() if code in c.postal_codes}) > 1
    }
    assert len(spanning) == 13
    for code in spanning:
        found = here.find(code).communes
        assert 1 < len(found) <= 8
        assert all(code in c.postal_codes for c in found)


@pytest.mark.parametrize("said", ["75011", "86000 Poitiers", "33000", "٧٥٠١١"])
def test_it_knows_a_place_elsewhere(said: str, here: Territory) -> None:
    assert here.find(said).outside


@pytest.mark.parametrize(
    "said",
    [
        "",
        "je ne sais pas",
        "rsa",
        "quand est payé le rsa ?",
        "79999",
        "👍",
        "oui",
        "Tours",
        "jardin",
        "c'est loin ?",
        "Je dois 10000 euros à la CAF, que faire ?",
    ],
)
def test_it_finds_nothing_in_what_is_no_place(said: str, here: Territory) -> None:
    found = here.find(said)
    assert not found.communes
    assert not found.outside


def test_it_knows_which_bodies_serve_each_commune(here: Territory) -> None:
    assert len(here.communes) == 252
    for commune in here.communes.values():
        assert set(commune.bodies) == set(Body)
        assert {certainty for _, certainty in commune.bodies.values()} <= {"high", "medium", "low"}


@given(ANY_TEXT)
def test_it_never_fails_on_any_text(text: str) -> None:
    read = _TERRITORY.find(text)
    assert not (read.communes and read.outside)
    assert not NOWHERE.find(text).communes


_TERRITORY = read_territory(ROOT, "79")
