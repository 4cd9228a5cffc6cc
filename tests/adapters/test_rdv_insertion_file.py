"""A file made for rdv-insertion, or exported by it: the columns are those of its public code, the people invented."""

from pathlib import Path
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.phone import e164
from gateway.adapters.rdv_insertion_file import read_layout
from gateway.adapters.territory_files import read_territory
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, Referent
from gateway.errors import BadRow, NotReady
from gateway.settings import ROOT
from gateway.usecases.importing import Imported, import_beneficiaries
from gateway.usecases.importing_rdv_insertion import RdvInsertion
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW

READER = RdvInsertion(read_layout(ROOT, "79"), read_territory(ROOT, "79"), e164)
CLAIRE = "claire.moreau@example.org"

# What a département's tool exports for it (db/seeds.rb, docs/resources): titles on two lines, semicolons, Windows.
MADE_FOR_IT = (
    "N° Allocataire;Civilité;Nom bénéficiaire;Prénom bénéficiaire;\"Date de\nNaissance\";Adresse;CP Ville;Rôle;ID IODAS;"
    "NIR;\"Adresses\nMails\";\"N°\nTéléphones\";Référents;Tags\r\n"
    "SECRETA;Madame;SECRETE;Amina;02/01/1990;3 rue Secrète;79000 NIORT ;dem;IODAS99;290017900000199;secrete@example.org;"
    f"639980001;{CLAIRE};Secret\r\n"
    "SECRETB;Monsieur;SECRET;Karim;03/01/1990;4 rue Secrète;79200 PARTHENAY CEDEX;conjoint;IODAS98;;;"
    "05 49 00 00 02 / 06 39 98 00 02;;\r\n"
).encode("cp1252")  # fmt: skip

# What it exports itself (app/services/exporters/generate_users_csv.rb).
EXPORTED = (
    "Civilité,Nom,Prénom,Numéro CAF,ID interne au département,ID France Travail,Email,Adresse,CP,Ville,Téléphone,"
    "Date de naissance,Date de création,Date d'entrée flux,Rôle,Dernière invitation envoyée le,Statut,Référent(s),"
    "Nombre d'organisations,Tags\n"
    'madame,SECRETE,Amina,SECRETA,IODAS99,,secrete@example.org,"3 rue Secrète, Niort, 79000",79000,Niort,+33639980001,'
    f'02/01/1990,05/01/2026,,demandeur,06/01/2026,Rendez-vous honoré,"inconnu@example.org, {CLAIRE}",1,Secret\n'
    'monsieur,SECRET,Karim,SECRETB,IODAS98,,,"4 rue Secrète, Parthenay, 79200",,,+33639980002,,,,conjoint,,,,1,\n'
).encode("utf-8-sig")

# The contacts of the Cnaf (docs/resources/Fichier_de_contacts_test): capitals, and two numbers.
CONTACTS = (
    b"MATRICULE;ROLE PERSONNE;TYPE PERSONNE;NUMERO DEMANDE RSA;NOM RESPONSABLE DOSSIER;PRENOM RESPONSABLE DOSSIER;"
    b"NUMERO TELEPHONE DOSSIER;NUMERO TELEPHONE 2 DOSSIER;ADRESSE ELECTRONIQUE DOSSIER\n"
    b"SECRETA;DEMANDEUR;MADAME;1013473008;SECRETE;AMINA;549000001;639980001;secrete@example.org\n"
    b"SECRETB;DEMANDEUR;MONSIEUR;1013473009;SECRET;KARIM;639980002;;\n"
)

NEVER_KEPT = ("secrete", "secreta", "rue secr", "290017900000199", "iodas9", "/1990", "1013473008")


@pytest.fixture
async def office(store: DatabaseStore) -> DatabaseStore:
    async with store.transaction() as tx:
        await tx.save_referent(Referent(CLAIRE, "Claire Moreau"))
    return store


async def imported(store: DatabaseStore, content: bytes | str) -> Imported:
    raw = content.encode() if isinstance(content, str) else content
    return await READER.import_people(store, raw, NOW)  # type: ignore[arg-type]


def refusals(done: Imported) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in done.refused]


async def people(store: DatabaseStore) -> list[tuple[Any, ...]]:
    rows = sorted(await store.rows(t.beneficiary), key=lambda row: row["id"])
    opened = store.cipher.open
    return [
        (opened(r["phone_sealed"]), opened(r["first_name_sealed"]), r["postal_code"], r["commune"], r["referent_id"])
        for r in rows
    ]  # fmt: skip


@pytest.mark.parametrize("content", [MADE_FOR_IT, EXPORTED], ids=["made for it", "exported by it"])
async def test_it_keeps_what_we_need_and_nothing_else(content: bytes, office: DatabaseStore) -> None:
    done = await imported(office, content)
    assert (done.kept, refusals(done)) == (2, [])
    assert await people(office) == [
        (AMINA_PHONE, "Amina", "79000", "Niort", 1), (KARIM_PHONE, "Karim", "79200", "Parthenay", None),
    ]  # fmt: skip
    for table in t.metadata.sorted_tables:
        for row in await office.rows(table):
            opened = [office.cipher.open(v) if k.endswith("_sealed") else str(v) for k, v in row.items()]
            assert not [w for w in NEVER_KEPT if w in " ".join(opened).lower()], table.name


async def test_it_takes_the_number_that_can_be_texted(office: DatabaseStore) -> None:
    assert refusals(await imported(office, CONTACTS)) == []
    assert [row[:2] for row in await people(office)] == [(AMINA_PHONE, "AMINA"), (KARIM_PHONE, "KARIM")]


async def test_it_gives_each_a_page_in_the_workspace(office: DatabaseStore) -> None:
    await imported(office, CONTACTS)
    async with office.transaction() as tx:
        assert await tx.find_conversation(Channel.SMS, AMINA_PHONE)
        assert await tx.find_conversation(Channel.SMS, KARIM_PHONE)


async def test_it_leaves_alone_what_the_file_does_not_say(office: DatabaseStore) -> None:
    titles = "phone,first_name,language,postal_code,commune,referent_email,audience\n"
    row = f"{AMINA_PHONE},Amina,ar,79000,Niort,{CLAIRE},new_rsa\n"
    await import_beneficiaries(office, (titles + row).encode(), e164, NOW)  # type: ignore[arg-type]
    await imported(office, "N° Téléphones;Prénom;CP Ville\n0639980001;;79200 Parthenay\n")
    async with office.transaction() as tx:
        who = await tx.conversation(await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW), NOW)
    assert who.beneficiary == Beneficiary(
        AMINA_PHONE, "Amina", "ar", "79200", "Parthenay", ("new_rsa",), id=1
    )
    assert who.referent is not None
    assert who.referent.email == CLAIRE


async def test_it_gives_nobody_the_page_of_who_had_her_number_before(office: DatabaseStore) -> None:
    await imported(office, CONTACTS)
    done = await imported(office, "N° Téléphones;Prénom\n0639980001;Léa\n0639980002;Karim\n")
    assert (done.kept, refusals(done)) == (
        1, [(2, "ce numéro est celui d'une autre personne : à vérifier avec elle")],
    )  # fmt: skip
    assert [row[:2] for row in await people(office)] == [(AMINA_PHONE, "AMINA"), (KARIM_PHONE, "Karim")]


async def test_it_changes_nothing_the_second_time(office: DatabaseStore) -> None:
    once = await imported(office, MADE_FOR_IT), await people(office)
    assert (await imported(office, MADE_FOR_IT), await people(office)) == once


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (";Karim;", "pas de numéro de mobile lisible"),
        ("05 49 00 00 01;Karim;", "pas de numéro de mobile lisible"),
        ("3,364E+10;Karim;", "pas de numéro de mobile lisible"),
        ("0639980001;Karim;", "numéro déjà présent ligne 2"),
        ("0639980002;Karim;nobody@example.org", "référent inconnu : importez d'abord les référents"),
        ("0639980002;Karim;Mme Moreau", "référent inconnu : importez d'abord les référents"),
    ],
)
async def test_it_says_what_is_wrong_and_keeps_the_others(
    row: str, reason: str, office: DatabaseStore
) -> None:
    done = await imported(office, f"Numéro(s) de téléphone;Prénom;Référent\n0639980001;Amina;\n{row}\n;;\n")
    assert (done.kept, refusals(done)) == (1, [(3, reason)])


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("4 rue Secrète 79000 Niort", ("79000", "Niort")),
        ("4 rue Secrète, Niort, 79000", ("79000", "Niort")),
        ("BP 10015, 79022 NIORT CEDEX 9", ("79022", "Niort")),
        ("79400 ST MAIXENT L ECOLE", ("79400", "Saint-Maixent-l'École")),
        ("rue de Niort", ("", "")),
        ("4 rue Secrète 75007 PARIS", ("75007", "")),
        ("79000", ("79000", "")),
        ("", ("", "")),
    ],
)
async def test_it_cuts_the_commune_out_of_the_address(
    address: str, place: tuple[str, str], office: DatabaseStore
) -> None:
    await imported(office, f'Téléphone;Adresse\n0639980001;"{address}"\n')
    assert [row[2:4] for row in await people(office)] == [place]


@pytest.mark.parametrize(
    ("said", "language"), [("Arabe", "ar"), ("FRANÇAIS", "fr"), ("dari", "fa"), ("klingon", ""), ("", "")]
)
async def test_it_reads_a_language_by_its_name(said: str, language: str, office: DatabaseStore) -> None:
    await imported(office, f"Téléphone;Langue\n0639980001;{said}\n")
    assert [row["language"] for row in await office.rows(t.beneficiary)] == [language]


async def test_it_says_which_column_it_looked_for(office: DatabaseStore) -> None:
    with pytest.raises(BadRow, match="ligne 1 : colonne absente : N° Téléphones ou "):
        await imported(office, "Nom;Prénom\nSecrète;Amina\n")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (None, "rdv_insertion.yml est absent"),
        ("columns: {phone: [Tel], nir: [NIR]}", "nir à vérifier"),
        ("columns: {first_name: [Prénom]}", "phone à vérifier"),
        ("columns: {phone: [Tel]}\nlanguages: {klingon: tlh}", "tlh à vérifier"),
    ],
)
def test_it_says_what_is_wrong_with_the_map_of_columns(
    written: str | None, told: str, tmp_path: Path
) -> None:
    if written:
        folder = tmp_path / "territories" / "79"
        folder.mkdir(parents=True)
        (folder / "rdv_insertion.yml").write_text(written)
    with pytest.raises(NotReady, match=told):
        read_layout(tmp_path, "79")
