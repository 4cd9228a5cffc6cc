"""People come in by CSV, as a spreadsheet writes it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.people import Beneficiary, Referent
from gateway.errors import BadRow
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents, rows
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, FakeStore

CLAIRE_ROW = "claire.moreau@example.org,Claire Moreau,+33639980090,CCAS de Niort,Niort;Chauray"
REFERENTS = f"email,name,phone,structure,communes\n{CLAIRE_ROW}\n"
BENEFICIARIES = "phone,first_name,language,postal_code,commune,referent_email,audience\n"


def read_phone(typed: str) -> str | None:
    kept = typed.replace(" ", "")
    return (
        f"+33{kept[1:]}"
        if kept.startswith("0") and len(kept) == 10
        else kept
        if kept.startswith("+")
        else None
    )


async def referents(store: FakeStore, content: str | bytes) -> Imported:
    raw = content.encode() if isinstance(content, str) else content
    return await import_referents(store, raw)  # type: ignore[arg-type]


async def beneficiaries(store: FakeStore, lines: str) -> Imported:
    return await import_beneficiaries(store, (BENEFICIARIES + lines).encode(), read_phone)  # type: ignore[arg-type]


def refusals(done: Imported) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in done.refused]


CLAIRE = Referent(
    "claire.moreau@example.org", "Claire Moreau", "+33639980090", "CCAS de Niort", ("Niort", "Chauray")
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(REFERENTS.encode(), id="commas"),
        pytest.param(
            REFERENTS.replace("Niort;Chauray", "Niort|Chauray").replace(",", ";").encode(), id="semicolons"
        ),
        pytest.param(b"\xef\xbb\xbf" + REFERENTS.encode(), id="BOM"),
        pytest.param(REFERENTS.replace("\n", "\r\n").encode(), id="Windows lines"),
        pytest.param(REFERENTS.replace("\n", "\r").encode(), id="old lines"),
        pytest.param(REFERENTS.replace("Niort;Chauray", '"Niort; Chauray"').encode(), id="quotes"),
        pytest.param((REFERENTS + "\n\n").encode(), id="empty lines at the end"),
        pytest.param(REFERENTS.strip().encode(), id="no line break at the end"),
        pytest.param(REFERENTS.replace("Claire Moreau", "  Claire Moreau ").encode(), id="spaces"),
        pytest.param(REFERENTS.replace("Claire", "Cla\0ire").encode(), id="NUL"),
    ],
)
async def test_it_reads_what_spreadsheets_write(content: bytes, store: FakeStore) -> None:
    done = await referents(store, content)
    assert (done.kept, refusals(done)) == (1, [])
    assert list(store.referents.values()) == [CLAIRE]


async def test_it_reads_the_letters_of_windows(store: FakeStore) -> None:
    await referents(store, "email;name\nzoe@example.org;Zoé Lefèvre – Œuvre\n".encode("cp1252"))
    assert store.referents["zoe@example.org"].name == "Zoé Lefèvre – Œuvre"


async def test_it_tells_bad_rows_with_their_line_and_keeps_the_others(store: FakeStore) -> None:
    done = await referents(
        store, "email,name\nnobody,Paul\npaul@example.org,\n\nanne@example.org,Anne\nanne example.org,Anne\n"
    )
    assert done.kept == 1
    assert refusals(done) == [
        (2, "adresse e-mail illisible"), (3, "nom absent"), (6, "adresse e-mail illisible"),
    ]  # fmt: skip


async def test_it_counts_the_lines_of_a_quoted_field(store: FakeStore) -> None:
    done = await referents(store, 'email,name,structure\na@example.org,Anne,"CCAS\nde Niort"\nbad,Paul,x\n')
    assert refusals(done) == [(4, "adresse e-mail illisible")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("mail,name\n", "colonne absente : email"),
        ("name\n", "colonne absente : email"),
        ("", "colonne absente : email, name"),
        ("email\tname\n", "colonne absente : email, name"),
    ],
)
async def test_it_refuses_a_file_without_its_columns(content: str, reason: str, store: FakeStore) -> None:
    with pytest.raises(BadRow, match=f"ligne 1 : {reason}"):
        await referents(store, content)


async def test_it_imports_people_and_whom_they_are_followed_by(store: FakeStore) -> None:
    await referents(store, REFERENTS)
    done = await beneficiaries(
        store,
        "06 39 98 00 01,Amina,fr,79000,Niort,Claire.Moreau@example.org,new_rsa;under_26\n"
        f"{KARIM_PHONE},Karim,ar,,,,\n",
    )
    assert (done.kept, refusals(done)) == (2, [])
    assert store.beneficiaries == {
        AMINA_PHONE: (
            Beneficiary(AMINA_PHONE, "Amina", "fr", "79000", "Niort", ("new_rsa", "under_26")),
            "Claire.Moreau@example.org",
        ),
        KARIM_PHONE: (Beneficiary(KARIM_PHONE, "Karim", "ar"), ""),
    }


async def test_it_does_with_a_phone_number_alone(store: FakeStore) -> None:
    done = await import_beneficiaries(store, f"phone\n{AMINA_PHONE}\n".encode(), read_phone)  # type: ignore[arg-type]
    assert done.kept == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("12,Amina,fr,,,,", "numéro de téléphone illisible"),
        (",Amina,fr,,,,", "numéro de téléphone illisible"),
        (f"{AMINA_PHONE},Amina,fr,,,paul@example.org,", "référent inconnu : importez d'abord les référents"),
    ],
)
async def test_it_says_what_is_wrong_with_a_person(line: str, reason: str, store: FakeStore) -> None:
    done = await beneficiaries(store, f"{KARIM_PHONE},Karim,fr,,,,\n{line}\n")
    assert (done.kept, refusals(done)) == (1, [(3, reason)])


@pytest.mark.parametrize("language", ["klingon", "français", "xx"])
async def test_it_refuses_a_language_that_nothing_can_be_said_in(language: str, store: FakeStore) -> None:
    done = await beneficiaries(store, f"{AMINA_PHONE},Amina,{language},,,,\n")
    assert done.kept == 0
    ((line, reason),) = refusals(done)
    assert line == 2
    assert "langue" in reason


async def test_it_takes_the_first_of_two_rows_for_one_number(store: FakeStore) -> None:
    done = await beneficiaries(store, "06 39 98 00 01,Amina,fr,,,,\n+33639980001,Aminata,fr,,,,\n")
    assert (done.kept, refusals(done)) == (1, [(3, "numéro déjà présent ligne 2")])
    assert store.beneficiaries[AMINA_PHONE][0].first_name == "Amina"


async def test_it_changes_nothing_the_second_time(store: FakeStore) -> None:
    lines = f"{AMINA_PHONE},Amina,fr,79000,Niort,claire.moreau@example.org,all\n"
    once = [await referents(store, REFERENTS), await beneficiaries(store, lines)]
    before = (dict(store.referents), dict(store.beneficiaries))
    twice = [await referents(store, REFERENTS), await beneficiaries(store, lines)]
    assert once == twice
    assert (store.referents, store.beneficiaries) == before


@given(st.binary(max_size=200).map(lambda tail: b"email,name\n" + tail))
def test_it_raises_nothing_but_bad_rows_whatever_the_file(content: bytes) -> None:
    _read_all(content)


@given(st.text(st.sampled_from('email,name;"\r\n\t\0éa'), max_size=80))
def test_it_raises_nothing_but_bad_rows_whatever_the_header(content: str) -> None:
    _read_all(content.encode())


def _read_all(content: bytes) -> None:
    with contextlib.suppress(BadRow):
        lines = [line for line, _ in rows(content, ("email", "name"))]
        assert lines == sorted(set(lines))
