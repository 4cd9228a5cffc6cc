"""Which services are shown: open to her, described lately, near her or at a distance."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.domain.service import FRESH, SHOWN, Service, Wanted, suitable

TODAY = date(2026, 11, 23)
NIORT, CHAURAY, THOUARS = "79191", "79081", "79329"
CARS = "mobilite--acceder-a-un-vehicule"
RENTAL = Service(
    "exemple--1", "Location de voitures (exemple)",
    thematiques=(CARS,), commune=NIORT, zones=("79",), updated_on=TODAY,
)  # fmt: skip
AMINA = Wanted((CARS,), TODAY, NIORT, (NIORT, "200041317", "79"), frozenset({NIORT, CHAURAY}))
STILL = replace(AMINA, still=True)


def shown(*services: Service, to: Wanted = AMINA) -> list[str]:
    return [s.id for s in suitable(services, to)]


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        pytest.param({}, True, id="in her commune"),
        pytest.param({"thematiques": ("famille--garde-denfants",)}, False, id="another theme"),
        pytest.param({"thematiques": ()}, False, id="no theme"),
        pytest.param({"thematiques": ("famille--garde-denfants", CARS)}, True, id="one theme of two"),
        pytest.param({"by_users": False}, False, id="for professionals"),
        pytest.param({"updated_on": TODAY - FRESH}, True, id="just fresh"),
        pytest.param({"updated_on": TODAY - FRESH - timedelta(days=1)}, False, id="stale"),
        pytest.param({"zones": ("200041317",)}, True, id="her intercommunalité"),
        pytest.param({"zones": (NIORT,)}, True, id="her commune only"),
        pytest.param({"zones": ("france",)}, True, id="everywhere"),
        pytest.param({"zones": ("86", "17")}, False, id="other départements"),
        pytest.param({"zones": ()}, True, id="here, for whom is not said"),
        pytest.param({"zones": (), "commune": CHAURAY}, True, id="next to her, for whom is not said"),
        pytest.param({"zones": (), "commune": THOUARS}, False, id="far, for whom is not said"),
        pytest.param({"zones": (), "commune": THOUARS, "remote": True}, True, id="remote, for whom is not said"),
    ],
)  # fmt: skip
def test_it_shows_what_she_may_use(changes: dict[str, object], fits: bool) -> None:
    assert shown(replace(RENTAL, **changes)) == (["exemple--1"] if fits else [])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "by_car", "without"),
    [
        pytest.param({}, True, True, id="in her commune"),
        pytest.param({"commune": CHAURAY}, True, True, id="in the next one"),
        pytest.param({"commune": THOUARS}, True, False, id="an hour away"),
        pytest.param({"commune": ""}, True, False, id="nobody knows where"),
        pytest.param({"commune": THOUARS, "remote": True}, True, True, id="an hour away, or by phone"),
        pytest.param({"commune": THOUARS, "remote": True, "in_person": False}, True, True, id="by phone only"),
    ],
)  # fmt: skip
def test_it_sends_nobody_far_who_cannot_go(changes: dict[str, object], by_car: bool, without: bool) -> None:
    service = replace(RENTAL, **changes)  # type: ignore[arg-type]
    assert [bool(shown(service, to=AMINA)), bool(shown(service, to=STILL))] == [by_car, without]


def test_it_shows_the_nearest_then_the_freshest() -> None:
    far = replace(RENTAL, id="far", commune=THOUARS)
    phone = replace(RENTAL, id="phone", remote=True, in_person=False)
    near = replace(RENTAL, id="near", commune=CHAURAY)
    older = replace(RENTAL, id="older", updated_on=TODAY - timedelta(days=30))
    assert shown(far, phone, near, older)[:3] == ["older", "near", "phone"]
    assert shown(older, RENTAL, near) == ["exemple--1", "older", "near"]
    assert shown(far) == ["far"]


def test_it_shows_three_at_most_in_a_steady_order() -> None:
    many = [replace(RENTAL, id=f"exemple--{n}") for n in (5, 3, 1, 4, 2)]
    assert shown(*many) == shown(*reversed(many)) == ["exemple--1", "exemple--2", "exemple--3"]
    assert len(shown(*many)) == SHOWN


def test_it_finds_no_place_near_a_person_whose_commune_is_unknown() -> None:
    lost = Wanted((CARS,), TODAY, still=True)
    assert shown(replace(RENTAL, commune="", zones=()), to=lost) == []
    assert shown(replace(RENTAL, zones=("france",), remote=True), to=lost) == ["exemple--1"]
