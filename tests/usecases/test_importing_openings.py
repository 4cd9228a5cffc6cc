"""Openings come in by CSV, with the dates and hours that spreadsheets write."""

from dataclasses import dataclass, field, replace
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.appointment import Kind, Opening
from gateway.settings import ROOT
from gateway.usecases.importing import Imported
from gateway.usecases.importing_openings import import_openings
from tests.usecases.fakes import CLAIRE, NOW, FakeStore

PARIS = ZoneInfo("Europe/Paris")
TITLES = "referent_email;starts_at;ends_at;slot_minutes;place;kind;repeat;until;notice_hours;horizon_days\n"
MORNING = Opening(1, date(2026, 12, 1), time(9), time(12), id=1)


@dataclass
class Store(FakeStore):
    openings: dict[int, Opening] = field(default_factory=dict)

    async def openings_of(self, referent_id: int) -> list[Opening]:
        return [o for o in self.openings.values() if o.referent_id == referent_id]

    async def save_opening(self, new: Opening) -> int:
        keys = [(o.day, o.start, o.end, o.weekly) for o in self.openings.values()]
        key = (new.day, new.start, new.end, new.weekly)
        number = keys.index(key) + 1 if key in keys else len(keys) + 1
        self.openings[number] = replace(new, id=number)
        return number


@pytest.fixture
def store() -> Store:
    return Store(referents={CLAIRE.email: CLAIRE})


async def imported(store: Store, *lines: str) -> Imported:
    content = TITLES + "".join(f"{CLAIRE.email};{line}\n" for line in lines)
    return await import_openings(store, content.encode(), PARIS, NOW)  # type: ignore[arg-type]


def reasons(done: Imported) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in done.refused]


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        pytest.param("2026-12-01T09:00", "2026-12-01T12:00", id="ISO"),
        pytest.param("2026-12-01 09:00:00", "2026-12-01 12:00:00", id="ISO, seconds"),
        pytest.param("2026-12-01T09:00+01:00", "2026-12-01T11:00Z", id="ISO, offsets"),
        pytest.param("01/12/2026 09:00", "01/12/2026 12:00:00", id="French"),
        pytest.param("1/12/2026 9h", "01/12/2026 12h00", id="French, h"),
        pytest.param("01/12/26 à 9 h 00", "01.12.2026 12:00", id="French, as people write"),
        pytest.param("46357,375", "46357,5", id="Excel, in France"),
        pytest.param("46357.375", "46357.5", id="Excel, elsewhere"),
        pytest.param("46357,3750000001", "46357,4999999999", id="Excel, not quite"),
    ],
)
async def test_it_reads_the_hours_of_spreadsheets(starts_at: str, ends_at: str, store: Store) -> None:
    done = await imported(store, f"{starts_at};{ends_at}")
    assert (done.kept, reasons(done)) == (1, [])
    assert list(store.openings.values()) == [MORNING]


@pytest.mark.parametrize(
    ("written", "hour"),
    [("2026-07-01T07:00Z", time(9)), ("2026-12-01T08:00Z", time(9)), ("2026-10-25T01:00Z", time(2))],
)
async def test_it_takes_an_offset_to_the_clock_on_the_wall(written: str, hour: time, store: Store) -> None:
    later = written.replace(":00Z", ":30Z")
    done = await imported(store, f"{written};{later}")
    assert reasons(done) == []
    assert store.openings[1].start == hour


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("", Kind.IN_PERSON), ("in_person", Kind.IN_PERSON), ("présentiel", Kind.IN_PERSON),
        ("Sur place", Kind.IN_PERSON), ("phone", Kind.PHONE), ("Téléphone", Kind.PHONE), ("tel", Kind.PHONE),
        ("video", Kind.VIDEO), ("VISIO", Kind.VIDEO), ("vidéo", Kind.VIDEO),
    ],
)  # fmt: skip
async def test_it_reads_how_they_meet(written: str, kind: Kind, store: Store) -> None:
    await imported(store, f"2026-12-01T09:00;2026-12-01T12:00;30;Mairie;{written}")
    assert store.openings[1] == replace(MORNING, kind=kind, place="Mairie")


async def test_it_reads_what_is_optional(store: Store) -> None:
    line = "2026-12-01T09:00;2026-12-01T12:00;45,0;MDS;phone;Hebdomadaire;30/06/2027;24;90"
    assert reasons(await imported(store, line)) == []
    assert store.openings[1] == replace(
        MORNING, slot_minutes=45, place="MDS", kind=Kind.PHONE, weekly=True, until=date(2027, 6, 30),
        notice_hours=24, horizon_days=90,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("demain;2026-12-01T12:00", "starts_at illisible : écrivez par exemple 01/12/2026 09:00"),
        ("2026-12-01T09:00;", "ends_at illisible : écrivez par exemple 01/12/2026 09:00"),
        ("31/02/2026 09:00;31/02/2026 12:00", "starts_at illisible : écrivez par exemple 01/12/2026 09:00"),
        ("2026-12-01T12:00;2026-12-01T09:00", "la fin est avant le début"),
        ("2026-12-01T09:00;2026-12-01T09:00", "la fin est avant le début"),
        ("2026-12-01T22:00;2026-12-02T01:00", "le début et la fin doivent être le même jour"),
        ("2026-12-01T09:02;2026-12-01T12:00", "heures et durées vont de 5 en 5 minutes"),
        ("2026-12-01T09:00:30;2026-12-01T12:00", "heures et durées vont de 5 en 5 minutes"),
        ("2026-12-01T09:00;2026-12-01T12:00;7", "heures et durées vont de 5 en 5 minutes"),
        ("2026-12-01T09:00;2026-12-01T12:00;485", "slot_minutes : un nombre de 5 à 480"),
        ("2026-12-01T09:00;2026-12-01T12:00;0", "slot_minutes : un nombre de 5 à 480"),
        ("2026-12-01T09:00;2026-12-01T12:00;une heure", "slot_minutes : un nombre de 5 à 480"),
        ("2026-12-01T09:00;2026-12-01T09:20;30", "la plage est plus courte qu'un créneau"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;fax", "kind inconnu : in_person, phone ou video"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;daily", "repeat inconnu : weekly, ou rien"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;;2027-01-01", "until sans repeat : écrivez weekly dans repeat"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;weekly;2026-11-01", "until est avant le premier jour"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;weekly;jamais", "until illisible : écrivez par exemple 01/12/2026 09:00"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;;;-1", "notice_hours : un nombre de 0 à 720"),
        ("2026-12-01T09:00;2026-12-01T12:00;;;;;;;0", "horizon_days : un nombre de 1 à 366"),
    ],
)  # fmt: skip
async def test_it_says_what_is_wrong_and_keeps_the_others(line: str, reason: str, store: Store) -> None:
    done = await imported(store, line, "2026-12-01T09:00;2026-12-01T12:00")
    assert (done.kept, reasons(done)) == (1, [(2, reason)])
    assert list(store.openings.values()) == [MORNING]


async def test_it_says_that_it_knows_no_such_referent(store: Store) -> None:
    content = TITLES + "nobody@example.org;2026-12-01T09:00;2026-12-01T12:00\n"
    done = await import_openings(store, content.encode(), PARIS, NOW)  # type: ignore[arg-type]
    assert reasons(done) == [(2, "référent inconnu : importez d'abord les référents")]


async def test_it_takes_the_first_of_two_rows_for_one_time(store: Store) -> None:
    done = await imported(
        store, "2026-12-01T09:00;2026-12-01T12:00;30;MDS", "01/12/2026 9h;01/12/2026 12h;20;Mairie"
    )
    assert (done.kept, reasons(done)) == (1, [(3, "plage déjà présente ligne 2")])
    assert store.openings[1].place == "MDS"


async def test_it_keeps_openings_that_overlap(store: Store) -> None:
    done = await imported(store, "2026-12-01T09:00;2026-12-01T12:00", "2026-12-01T11:00;2026-12-01T14:00")
    assert (done.kept, reasons(done)) == (2, [])


async def test_it_changes_nothing_the_second_time(store: Store) -> None:
    line = "2026-12-01T09:00;2026-12-01T12:00;30;MDS;phone;weekly"
    await imported(store, line)
    store.openings[1] = replace(
        store.openings[1], exceptions=frozenset({date(2026, 12, 8)})
    )  # in the workspace
    before = dict(store.openings)
    assert (await imported(store, line)).kept == 1
    assert store.openings == before


async def test_it_reads_what_the_demonstration_ships(store: Store) -> None:
    store.referents["paul.girard@example.org"] = CLAIRE
    content = (ROOT / "demonstration" / "openings.csv").read_bytes()
    done = await import_openings(store, content, PARIS, NOW)  # type: ignore[arg-type]
    assert reasons(done) == []
    assert all(o.weekly and o.until is None and o.notice_hours == 4 for o in store.openings.values())


@given(st.text(st.sampled_from("0123456789/-:hT ,.+Zà"), max_size=24))
async def test_it_reads_any_cell_or_says_that_it_cannot(written: str) -> None:
    store = Store(referents={CLAIRE.email: CLAIRE})
    cell = written.replace(";", "")
    done = await imported(store, f'"{cell}";"{cell}"')
    assert done.kept == 0  # it would end when it begins
    assert len(done.refused) == 1
