"""People come in by CSV, as a spreadsheet writes it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.phone import e164
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from gateway.errors import BadRow
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents
from gateway.usecases.reading_csv import rows
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW, FakeStore


class Store(FakeStore):
    async def calendar_secret(self, referent_id: int) -> str:
        return f"secret-{referent_id}"


@pytest.fixture
def store() -> FakeStore:
    return Store()


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
    return await import_referents(store, raw, NOW)  # type: ignore[arg-type]


async def beneficiaries(store: FakeStore, lines: str) -> Imported:
    return await import_beneficiaries(store, (BENEFICIARIES + lines).encode(), read_phone, NOW)  # type: ignore[arg-type]


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
        pytest.param(REFERENTS.replace(",", "\t").encode(), id="tabs"),
        pytest.param(REFERENTS.replace(",", "\t").encode("utf-16"), id="Excel's Unicode text"),
        pytest.param(
            b"\xfe\xff" + REFERENTS.replace(",", "\t").encode("utf-16-be"), id="UTF-16, big end first"
        ),
        pytest.param(("sep=,\r\n" + REFERENTS).encode(), id="sep="),
        pytest.param(("\n\n" + REFERENTS.replace("\n", "\n,,,,\n")).encode(), id="empty lines anywhere"),
        pytest.param(REFERENTS.replace("\n", ",,,,\n").encode(), id="columns without a title"),
        pytest.param(REFERENTS.replace("email,name", " E-Mail ,NOM").encode(), id="titles in French"),
        pytest.param(
            REFERENTS.replace("phone,structure", "Téléphone, STRUCTURE").encode(), id="titles with accents"
        ),
        pytest.param(
            REFERENTS.replace("communes\n", "communes,more\n").encode(), id="a line shorter than the titles"
        ),
    ],
)
async def test_it_reads_what_spreadsheets_write(content: bytes, store: FakeStore) -> None:
    done = await referents(store, content)
    assert (done.kept, refusals(done)) == (1, [])
    assert list(store.referents.values()) == [CLAIRE]


async def test_it_reads_the_letters_of_windows(store: FakeStore) -> None:
    await referents(store, "email;name\nzoe@example.org;Zoé Lefèvre – Œuvre\n".encode("cp1252"))
    assert store.referents["zoe@example.org"].name == "Zoé Lefèvre – Œuvre"


async def test_it_writes_to_a_referent_who_is_new_and_to_no_other(store: FakeStore) -> None:
    await referents(store, "email,name\na@example.org,Anne\n")
    await referents(store, "email,name\nA@example.org,Anne Petit\nb@example.org,Paul\n")
    assert [(mail.to, mail.template) for mail in store.mails.values()] == [
        ("a@example.org", "referent"), ("b@example.org", "referent"),
    ]  # fmt: skip


async def test_it_tells_bad_rows_with_their_line_and_keeps_the_others(store: FakeStore) -> None:
    done = await referents(
        store, "email,name\nnobody,Paul\npaul@example.org,\n\nanne@example.org,Anne\nanne example.org,Anne\n"
    )
    assert done.kept == 1
    assert refusals(done) == [
        (2, "adresse e-mail illisible"), (3, "nom absent"), (6, "adresse e-mail illisible"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "email",
    ["anne@example.org.", "anne@example", "anne.@example.org", "anne@kim@example.org", "änne@example.org",
     "anne@exämple.org", "Anne <anne@example.org>", "anne@example..org", "\u212aim@example.org"],
)  # fmt: skip
async def test_it_refuses_an_address_that_no_mail_can_go_to(email: str, store: FakeStore) -> None:
    done = await referents(store, f"email,name\n{email},Anne\n")
    assert refusals(done) == [(2, "adresse e-mail illisible")]


@pytest.mark.parametrize(
    "email", ["anne.le-goff+rsa@ccas.mairie-niort.example.org", "a_1@xn--exmple-cua.org"]
)
async def test_it_takes_an_address_that_mail_can_go_to(email: str, store: FakeStore) -> None:
    assert (await referents(store, f"email,name\n{email},Anne\n")).kept == 1


async def test_it_counts_the_lines_of_a_quoted_field(store: FakeStore) -> None:
    done = await referents(store, 'email,name,structure\na@example.org,Anne,"CCAS\nde Niort"\nbad,Paul,x\n')
    assert refusals(done) == [(4, "adresse e-mail illisible")]


async def test_it_keeps_a_formula_as_the_text_that_it_is(store: FakeStore) -> None:
    formula = "=HYPERLINK(1+1)"
    await referents(store, f'email,name,structure\na@example.org,{formula},"=1+1"\n')
    assert store.referents["a@example.org"] == Referent("a@example.org", formula, structure="=1+1")


async def test_it_says_where_a_quote_was_forgotten(store: FakeStore) -> None:
    with pytest.raises(BadRow, match="ligne 3 : ligne illisible"):
        await referents(store, 'email,name\na@example.org,Anne\n"b@example.org,Paul\n')
    assert store.referents == {}  # nothing of what follows the quote is lost without a word


@pytest.mark.parametrize(
    ("written", "leads"),
    [("oui", True), ("Yes", True), ("1", True), ("", False), ("non", False), ("0", False)],
)
async def test_it_knows_who_leads_a_team(written: str, leads: bool, store: FakeStore) -> None:
    await referents(store, f"email,name,team lead\na@example.org,Anne,{written}\n")
    assert store.referents["a@example.org"].leads is leads


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("mail,name\n", "colonne absente : email"),
        ("name\n", "colonne absente : email"),
        ("", "colonne absente : email, name"),
        ("email|name\n", "colonne absente : email, name"),
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


async def test_it_gives_each_of_them_a_page_in_the_workspace(store: FakeStore) -> None:
    await beneficiaries(store, f"06 39 98 00 01,Amina,fr,,,,\n{KARIM_PHONE},Karim,ar,,,,\nbad,,,,,,\n")
    assert [(c.channel, c.address) for c in store.conversations.values()] == [
        (Channel.SMS, AMINA_PHONE), (Channel.SMS, KARIM_PHONE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    ["0639980001", "06 39 98 00 01", "06.39.98.00.01", "639980001", "0033639980001", "33639980001",
     "+33 6 39 98 00 01", "+33 (0)6 39 98 00 01", '="0639980001"', "'0639980001"],
)  # fmt: skip
async def test_it_reads_a_number_however_the_spreadsheet_left_it(typed: str, store: FakeStore) -> None:
    cell = typed.replace('"', '""')
    content = f'phone;first_name\n"{cell}";Amina\n'.encode()
    done = await import_beneficiaries(store, content, e164, NOW)  # type: ignore[arg-type]
    assert refusals(done) == []
    assert list(store.beneficiaries) == [AMINA_PHONE]


async def test_it_does_with_a_phone_number_alone(store: FakeStore) -> None:
    done = await import_beneficiaries(store, f"phone\n{AMINA_PHONE}\n".encode(), read_phone, NOW)  # type: ignore[arg-type]
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


async def test_it_gives_nobody_the_page_of_who_had_her_number_before(store: FakeStore) -> None:
    await beneficiaries(store, f"{AMINA_PHONE},Amina,fr,,,,\n")
    done = await beneficiaries(store, f"{AMINA_PHONE},Léa,fr,,,,\n{KARIM_PHONE},Karim,fr,,,,\n")
    assert (done.kept, refusals(done)) == (
        1, [(2, "ce numéro est celui d'une autre personne : à vérifier avec elle")],
    )  # fmt: skip
    assert store.beneficiaries[AMINA_PHONE][0].first_name == "Amina"


@pytest.mark.parametrize("spelling", ["AMINA", "Amina B.", "Amïna-Lou", ""])
async def test_it_knows_her_by_another_spelling(spelling: str, store: FakeStore) -> None:
    await beneficiaries(store, f"{AMINA_PHONE},Amina,fr,,,,\n")
    done = await beneficiaries(store, f"{AMINA_PHONE},{spelling},fr,79000,,,\n")
    assert (done.kept, refusals(done)) == (1, [])


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
