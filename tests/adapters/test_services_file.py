"""A data·inclusion v1 file: each bad row is told, every good one is kept."""

import contextlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.services_file import EVERY, read_services
from gateway.domain.service import Service, Wanted, suitable
from gateway.errors import BadRow
from gateway.settings import ROOT

GARAGE: Mapping[str, Any] = {
    "id": "exemple--garage", "source": "exemple", "nom": "Le Garage (exemple)", "date_maj": "2026-05-01",
    "telephone": "+33536490001", "horaires_accueil": "Mo-Fr 09:00-12:00", "commune": "Niort",
    "code_insee": "79191", "code_postal": "79000", "adresse": "1 rue Imaginaire",
}  # fmt: skip
REPAIR: Mapping[str, Any] = {
    "id": "exemple--repair", "source": "exemple", "structure_id": "exemple--garage", "nom": "Réparer (exemple)",
    "description": "Réparer sa voiture.", "date_maj": "2026-06-01",
    "thematiques": ["mobilite--entretenir-reparer-son-vehicule"], "mobilisable_par": ["usagers"],
    "modes_accueil": ["en-presentiel"], "zone_eligibilite": ["79"],
}  # fmt: skip


def read(*services: Any, structures: Any = (GARAGE,)) -> tuple[list[Service], list[str]]:
    content = json.dumps({"structures": list(structures), "services": list(services)})
    kept, refused = read_services(content.encode())
    return kept, [str(row) for row in refused]


def repair(**changes: Any) -> Service:
    (kept,), refused = read({**REPAIR, **changes})
    assert refused == []
    return kept


def test_it_reads_a_service_and_its_structure() -> None:
    assert repair() == Service(
        id="exemple--repair", name="Réparer (exemple)", structure="Le Garage (exemple)",
        thematiques=("mobilite--entretenir-reparer-son-vehicule",), phone="05 36 49 00 01",
        hours="Mo-Fr 09:00-12:00", commune="79191", address="1 rue Imaginaire, Niort", zones=("79",),
        remote=False, in_person=True, by_users=True, updated_on=date(2026, 6, 1), fictional=True,
    )  # fmt: skip


def test_it_reads_a_list_of_services_with_their_structure_inside() -> None:
    inside = [
        {**REPAIR, "structure": GARAGE},
        {**REPAIR, "id": "exemple--2", "structure_id": "exemple--none"},
    ]
    kept, refused = read_services(json.dumps(inside).encode())
    assert (kept[0], refused) == (repair(), [])
    assert (kept[1].structure, kept[1].phone, kept[1].commune) == ("", "", "")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "BOM"])
def test_it_reads_utf_8(mark: bytes) -> None:
    content = json.dumps([{**REPAIR, "nom": "Épicerie d’été"}], ensure_ascii=False).encode()
    assert [s.name for s in read_services(mark + content)[0]] == ["Épicerie d’été"]


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        pytest.param("+33536490002", "05 36 49 00 02", id="E.164"),
        pytest.param("0536490002", "05 36 49 00 02", id="in one piece"),
        pytest.param("06.39.98.00.02", "06 39 98 00 02", id="dots"),
        pytest.param("05 36 49 00 02 / 05 36 49 00 03", "05 36 49 00 02", id="two numbers"),
        pytest.param("05 36 49 00 02 (accueil)", "05 36 49 00 02", id="a word after"),
        pytest.param("3949", "3949", id="short"),
        pytest.param("39 49", "3949", id="short, spaced"),
        pytest.param(None, "05 36 49 00 01", id="absent: its structure's"),
        pytest.param("", "05 36 49 00 01", id="empty: its structure's"),
        pytest.param("à l'accueil", "05 36 49 00 01", id="no number: its structure's"),
    ],
)
def test_it_writes_a_phone_number_for_a_person(typed: str | None, phone: str) -> None:
    assert repair(telephone=typed).phone == phone


def test_it_takes_the_hours_of_the_service_first() -> None:
    assert repair(horaires_accueil="Tu 14:00-18:00").hours == "Tu 14:00-18:00"


@pytest.mark.parametrize(
    ("place", "commune", "address"),
    [
        pytest.param({"code_insee": "79049", "commune": "Bressuire"}, "79049", "Bressuire", id="commune"),
        pytest.param(
            {"code_insee": "79049", "commune": "Bressuire", "adresse": "2 rue Imaginaire"},
            "79049", "2 rue Imaginaire, Bressuire", id="all",
        ),
        pytest.param({"adresse": "2 rue Imaginaire"}, "", "2 rue Imaginaire", id="street only: no mix of two places"),
    ],
)  # fmt: skip
def test_it_takes_the_place_of_the_service_first(place: dict[str, str], commune: str, address: str) -> None:
    found = repair(**place)
    assert (found.commune, found.address) == (commune, address)


@pytest.mark.parametrize(
    ("modes", "remote", "in_person"),
    [
        (["a-distance"], True, False),
        (["en-presentiel"], False, True),
        (["a-distance", "en-presentiel"], True, True),
        (None, False, True),
        ([], False, True),
    ],
)
def test_it_knows_what_can_be_had_without_going(
    modes: list[str] | None, remote: bool, in_person: bool
) -> None:
    found = repair(modes_accueil=modes)
    assert (found.remote, found.in_person) == (remote, in_person)


@pytest.mark.parametrize(
    ("who", "by_users"),
    [(["usagers"], True), (["professionnels", "usagers"], True), (["professionnels"], False), (None, False)],
)
def test_it_knows_whether_she_may_call_herself(who: list[str] | None, by_users: bool) -> None:
    assert repair(mobilisable_par=who).by_users is by_users


@pytest.mark.parametrize(
    ("given", "zones"),
    [(["99100"], ("france",)), (["france", "99100"], ("france",)), (["79", "200041317"], ("79", "200041317")),
     (None, ())],
)  # fmt: skip
def test_it_reads_zones(given: list[str] | None, zones: tuple[str, ...]) -> None:
    assert repair(zone_eligibilite=given).zones == zones


def test_it_writes_on_one_line_what_a_screen_shows() -> None:
    found = repair(nom=" Réparer\n sa\u00a0voi\u0000ture ", horaires_accueil="Mo-Fr\t09:00-12:00")
    assert (found.name, found.hours) == ("Réparer sa voiture", "Mo-Fr 09:00-12:00")
    assert not found.fictional


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nom": "ab"}, "nom : trop court"),
        ({"nom": "x" * 151}, "nom : trop long"),
        ({"nom": "\u200b \u200b"}, "nom illisible"),
        ({"date_maj": "hier"}, "date_maj : valeur illisible"),
        ({"date_maj": "1999-01-01"}, "date_maj : valeur refusée"),
        ({"thematiques": ["velo"]}, "thematiques : valeur inconnue « velo »"),
        ({"mobilisable_par": []}, "mobilisable_par : valeur illisible"),
        ({"publics": ["tous-publics", "femmes"]}, "publics : valeur refusée"),
        ({"zone_eligibilite": ["Deux-Sèvres"]}, "zone_eligibilite : code illisible"),
        ({"code_insee": "7919"}, "code_insee : code illisible"),
        ({"nom": None, "date_maj": None}, "nom : valeur illisible, et d'autres champs"),
    ],
)
def test_it_tells_a_bad_row_and_keeps_the_others(changes: dict[str, Any], reason: str) -> None:
    kept, refused = read({**REPAIR, **changes}, {**REPAIR, "id": "exemple--2"})
    assert [s.id for s in kept] == ["exemple--2"]
    assert refused == [f"service 1 : {reason} (exemple--repair)"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (3, "service 2 : ce n'est pas un objet JSON"),
        ({}, "service 2 : source : champ absent, et d'autres champs"),
        ({k: v for k, v in REPAIR.items() if k != "id"}, "service 2 : id : champ absent"),
        ({**REPAIR, "id": ""}, "service 2 : identifiant illisible"),
        ({**REPAIR, "id": "a\u0000b"}, "service 2 : identifiant illisible (ab)"),
        ({**REPAIR, "id": "x" * 201}, f"service 2 : identifiant illisible ({'x' * 200})"),
        (REPAIR, "service 2 : identifiant déjà présent plus haut (exemple--repair)"),
    ],
)
def test_it_tells_where_a_bad_row_is(row: Any, told: str) -> None:
    kept, refused = read(REPAIR, row)
    assert ([s.id for s in kept], refused) == (["exemple--repair"], [told])


def test_it_keeps_a_service_whose_structure_is_bad() -> None:
    bad = {**GARAGE, "date_maj": None}
    told = "date_maj : valeur illisible (exemple--garage)"
    kept, refused = read(REPAIR, structures=(3, bad))
    assert (kept[0].structure, kept[0].phone) == ("", "")
    assert refused == ["structure 1 : ce n'est pas un objet JSON", f"structure 2 : {told}"]
    _, inside = read_services(json.dumps([REPAIR, {**REPAIR, "id": "x--2", "structure": bad}]).encode())
    assert [(row.line, str(row)) for row in inside] == [(2, f"structure 2 : {told}")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "ligne 1 : ce n'est pas du JSON"),
        (b"[\n{,", "ligne 2 : ce n'est pas du JSON"),
        (b"phone,first_name\n", "ligne 1 : ce n'est pas du JSON"),
        (b'["\xe9"]', "ligne 1 : ce n'est pas du JSON en UTF-8"),
        (b"[" * 200_000, "ligne 1 : ce n'est pas du JSON en UTF-8"),
        (b"3", "ligne 1 : il faut une liste de services"),
        (b'{"structures": []}', "ligne 1 : il faut une liste de services"),
        (b'{"services": {}}', "ligne 1 : il faut une liste de services"),
        (b'{"services": [], "structures": 3}', "ligne 1 : il faut une liste de services"),
    ],
)
def test_it_refuses_what_is_no_such_file(content: bytes, told: str) -> None:
    with pytest.raises(BadRow, match=f"^{re.escape(told)}"):
        read_services(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(REPAIR)), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*sorted(REPAIR), "structure", "telephone", "adresse"]), _JSON))
def test_it_raises_nothing_whatever_the_row(changes: dict[str, Any]) -> None:
    kept, refused = read_services(json.dumps([{**REPAIR, **changes}]).encode())
    assert kept or refused


@given(st.binary(max_size=200))
def test_it_raises_nothing_but_a_bad_row_whatever_the_file(content: bytes) -> None:
    with contextlib.suppress(BadRow):
        read_services(content)


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    rows = [{**REPAIR, "id": f"exemple--{n}"} for n in range(2 * EVERY)]
    read_services(json.dumps(rows).encode(), lambda read, rows: told.append((read, rows)))
    assert told == [(EVERY, 2 * EVERY), (2 * EVERY, 2 * EVERY)]


# what the demonstration ships

FICTION = ("01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49", "06 39 98")  # Arcep's


def shipped() -> list[Service]:
    kept, refused = read_services((ROOT / "demonstration" / "services.json").read_bytes())
    assert refused == []
    return kept


def test_the_demonstration_says_that_it_invents() -> None:
    for service in shipped():
        assert service.fictional
        assert service.structure.endswith("(exemple)")
        assert service.phone.startswith(FICTION)
        assert service.hours


@pytest.mark.parametrize(
    "theme",
    ["mobilite--acceder-a-un-vehicule", "famille--garde-denfants", "numerique--acceder-a-des-services-en-ligne",
     "logement-hebergement--reduire-les-impayes-de-loyer", "lecture-ecriture-calcul--maitriser-le-francais",
     "equipement-et-alimentation--alimentation", "sante--acces-aux-soins",
     "preparer-sa-candidature--realiser-un-cv-et-ou-une-lettre-de-motivation"],
)  # fmt: skip
def test_the_demonstration_has_something_for_each_need(theme: str) -> None:
    zones = ("79", "200041317", "200040244", "200041333", "247900798")
    assert suitable(shipped(), Wanted((theme,), date(2026, 11, 23), zones=zones))


@pytest.mark.parametrize("name", ["voiture-prescription", "permis-vienne", "ordinateurs"])
def test_the_demonstration_has_what_is_never_shown(name: str) -> None:
    (hidden,) = [s for s in shipped() if s.id == f"exemple--{name}"]
    wanted = Wanted(hidden.thematiques, date(2026, 11, 23), "79191", ("79191", "200041317", "79"))
    assert suitable([hidden], wanted) == []
