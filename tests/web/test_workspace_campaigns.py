"""A message to many: the form, the preview with its cost, the launch, the stop, the results."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.domain.conversation import Channel, State
from gateway.domain.people import Beneficiary
from gateway.domain.verdict import Why
from gateway.web.workspace.campaign_rows import HELD, lasting
from gateway.web.workspace.campaigns import REFUSED
from tests.web.desk import Browser, Known, shown
from tests.web.office import CLAIRE, NIORT, PAUL, Office, opened
from tests.web.service import Service, phone, until

LIST, NEW = "/workspace/campaigns", "/workspace/campaigns/new"
OWN = "Atelier CV mardi à 14 h, 7 rue du Lac"
HOUSING = "utter_faq/housing_benefit"
NIGHT = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)  # a Saturday


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    """Claire follows Amina (fr) and Omar (ar), Paul follows Karim: all three know the service."""
    async with opened(service) as office:
        await welcomed(office, office.amina)
        yield office


@pytest.fixture
async def omar(office: Office) -> Known:
    return await person(office, "Omar", CLAIRE, "ar")


async def welcomed(office: Office, known: Known) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.save_state(known.conversation_id, State(welcomed=True))


async def person(office: Office, name: str, referent: str, language: str = "fr", **more: Any) -> Known:
    known = await office.desk.person(name, referent, language)
    await welcomed(office, known)
    if more:
        async with office.desk.store.transaction() as tx:
            here = t.beneficiary.c.id == known.beneficiary_id
            await tx.db.execute(update(t.beneficiary).where(here).values(**more))
    return known


async def previewed(browser: Browser, **fields: str) -> str:
    """What the page says."""
    answer = await browser.form(NEW, {"response": "", "text": "", **fields})
    assert answer.status_code == 200
    return plain(shown(answer))


async def launched(browser: Browser, **fields: str) -> Any:
    """The preview, then its button, as a browser sends it."""
    answer = await browser.form(NEW, {"response": "", "text": "", **fields})
    return await browser.form(LIST, hidden(answer.text))


def hidden(html: str) -> dict[str, str]:
    """The fields of the form that launches."""
    form = re.search(rf'<form method="post" action="{LIST}">.*?</form>', html, re.DOTALL)
    assert form, plain(html)
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
    return {unescape(name): unescape(value) for name, value in found}


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


async def campaigns(office: Office) -> list[Any]:
    return await office.rows(t.campaign)


async def sent(office: Office) -> Mapping[str, list[str]]:
    """Number → what the carrier took for it, once all has left."""

    async def left() -> bool:
        nudges = await office.rows(t.nudge)
        return bool(nudges) and all(row["state"] != "planned" for row in nudges)

    await until(left)
    await office.desk.service.settled()
    found: dict[str, list[str]] = {}
    for one in office.desk.service.carried:
        found.setdefault(one["to"], []).append(one["body"])
    return found


# the form


async def test_it_is_in_the_menu_and_offers_what_her_people_have(office: Office, omar: Known) -> None:
    await person(office, "Léo", CLAIRE, commune="Thouars", audience=["under_26", "night_worker"])
    await person(office, "Karim", PAUL, commune="Melle")
    assert f'href="{LIST}" aria-current="page"' in (await office.browser.get(NEW)).text
    page = await office.browser.read(NEW)
    assert "Les personnes que vous suivez (3)." in page
    for words in (
        "Niort (2)", "Thouars (1)", "Moins de 26 ans (1)", "night_worker (1)", "français (2)", "arabe (1)",
        "Aide pour le loyer (APL)",
    ):  # fmt: skip
        assert words in page
    assert "Melle" not in page
    assert "équipe" not in page


async def test_it_offers_every_message_of_the_content_files_and_no_other_sentence(office: Office) -> None:
    html = (await office.browser.get(NEW)).text
    offered = set(re.findall(r'<option value="(utter_[^"]+)"', html))
    words = office.desk.service.wiring.words
    assert HOUSING in offered
    assert all(words.has(name) for name in offered)
    assert not any("." in name or name.startswith("utter_welcome") for name in offered)


async def test_it_offers_a_lead_her_team(office: Office, omar: Known) -> None:
    await person(office, "Karim", PAUL, "tr")
    desk = office.desk
    lead = await desk.signed(await desk.referent("chef@example.org", "Marc Blanc", NIORT, leads=True))
    html = (await lead.get(NEW)).text
    assert 'value="team" checked' in html, "she follows nobody herself"
    assert "Les personnes de l'équipe (3)" in await lead.read(NEW)
    page = await previewed(lead, scope="team", text=OWN)
    assert "3 personnes le recevront" in page
    assert "Personne ne le recevra" in await previewed(lead, scope="mine", text=OWN)


async def test_it_gives_no_team_to_who_leads_none(office: Office, omar: Known) -> None:
    await person(office, "Karim", PAUL)
    assert "2 personnes le recevront" in await previewed(office.browser, scope="team", text=OWN)


# the preview


async def test_it_shows_a_message_in_each_language_and_what_it_costs(office: Office, omar: Known) -> None:
    answer = await office.browser.form(NEW, {"response": HOUSING, "text": ""})
    page = plain(shown(answer))
    words = office.desk.service.wiring.words
    assert "2 personnes le recevront" in page
    assert "Départ tout de suite" in page
    assert "Durée de l'envoi moins d'une minute" in page
    assert re.search(r"français 1 [12] GSM-7 [12] 0,\d\d €", page)
    assert re.search(r"arabe 1 [1-4] UCS-2 [1-4] 0,\d\d €", page)
    assert re.search(r'<blockquote class="sms" lang="ar" dir="rtl">[^<]*[؀-ۿ]', answer.text)
    assert words.text(HOUSING, "fr")[:20].replace("ê", "e") in unescape(page)
    assert "sans traduction. Une autre" not in page
    assert await campaigns(office) == []


async def test_it_says_that_her_own_words_go_as_they_are(office: Office, omar: Known) -> None:
    page = await previewed(office.browser, text=f"{OWN} <b>")
    assert "Vos mots partent tels quels, sans traduction." in page
    assert "lue par des personnes choisies : arabe (1)." in page
    assert page.count(f"{OWN} <b>") == 3, "in French, in Arabic, in the form"
    assert "français 1 1 GSM-7 1 0,08 €" in page
    assert "environ 0,16 €, 2 SMS" in page


async def test_it_adds_the_welcome_to_a_first_message(office: Office) -> None:
    await office.desk.person("Nadia", CLAIRE)
    page = await previewed(office.browser, text=OWN)
    assert "Un premier message commence par présenter le service." in page
    row = re.search(r"français, premier message 1 (\d) ", page)
    assert row
    assert int(row[1]) > 1


async def test_it_says_who_is_left_out(office: Office, omar: Known) -> None:
    people = [await person(office, name, CLAIRE) for name in ("Stop", "Info", "Mort", "Autre")]
    async with office.desk.store.transaction() as tx:
        await tx.opt_out(people[0].conversation_id, "message", office.desk.now)
        await tx.opt_out(people[1].conversation_id, "message", office.desk.now, "news")
        await tx.number_failed(people[2].conversation_id, 30005)
        await tx.unbind(people[3].conversation_id)
    page = await previewed(office.browser, text=OWN)
    assert "2 personnes le recevront" in page
    for why in ("stopped", "topic_off", "number_failed", "not_hers"):
        assert f"1 : {HELD[why]}" in page


def test_it_has_words_for_each_reason() -> None:
    assert set(Why) - {Why.NOTHING_FREE} <= set(HELD)


@pytest.mark.parametrize(
    ("filters", "people"),
    [
        ({"commune.Thouars": "yes"}, "1 personne le recevra"),
        ({"commune.Thouars": "yes", "commune.Niort": "yes"}, "3 personnes le recevront"),
        ({"language.ar": "yes"}, "1 personne le recevra"),
        ({"audience.under_26": "yes"}, "1 personne le recevra"),
        ({"audience.under_26": "yes", "language.ar": "yes"}, "Personne ne le recevra"),
        ({"commune.Nulle-part": "yes"}, "Personne ne le recevra"),
        ({"commune.\x00'; --": "yes"}, "Personne ne le recevra"),
    ],
)
async def test_it_filters(office: Office, omar: Known, filters: dict[str, str], people: str) -> None:
    await person(office, "Léo", CLAIRE, commune="Thouars", audience=["under_26"])
    answer = await office.browser.form(NEW, {"response": "", "text": OWN, **filters})
    assert people in shown(answer)
    for name in filters:
        if "\x00" not in name:
            assert re.search(rf'name="{re.escape(name)}" value="yes" checked', answer.text), "it stays ticked"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "empty"), ({"text": " \n "}, "empty"), ({"text": OWN, "response": HOUSING}, "both"),
        ({"response": "utter_welcome"}, "unknown"), ({"text": "x" * 1601}, "long"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("address", [NEW, LIST])
async def test_it_tells_what_is_wrong_and_keeps_what_was_written(
    office: Office, fields: dict[str, str], why: str, address: str
) -> None:
    form = {"token": "a" * 32, "seen": "1", "response": "", "text": "", **fields}
    answer = await office.browser.form(address, form)
    assert answer.status_code == 200
    assert REFUSED[why] in shown(answer)
    assert "le recevra" not in shown(answer)
    assert fields.get("text", "").strip() in unescape(answer.text)
    assert await campaigns(office) == []


async def test_it_waits_for_the_morning(office: Office) -> None:
    office.desk.service.wiring.clock.move_to(NIGHT)
    office.browser = await office.desk.signed(office.claire)
    assert "Départ lundi 30 novembre à 8 h" in await previewed(office.browser, text=OWN)
    answer = await launched(office.browser, text=OWN)
    assert "Le premier message part lundi 30 novembre à 8 h." in plain(
        await office.browser.read(answer.headers["location"])
    )
    (row,) = await campaigns(office)
    assert row["starts_at"] == datetime(2026, 11, 30, 7, 0, tzinfo=UTC)


# launched


async def test_it_sends_to_each_in_her_language_once(office: Office, omar: Known) -> None:
    await person(office, "Karim", PAUL)
    answer = await launched(office.browser, response=HOUSING)
    assert answer.status_code == 303
    page = await office.browser.read(answer.headers["location"])
    assert "C'est lancé." in page
    assert "Pour 2 personnes" in page
    found = await sent(office)
    assert set(found) == {office.amina.phone, omar.phone}
    assert all(len(texts) == 1 for texts in found.values())
    assert re.search(r"[؀-ۿ]", found[omar.phone][0])
    (row,) = await campaigns(office)
    assert (row["response"], row["people"], row["referent_id"]) == (HOUSING, 2, office.claire)
    page = await office.browser.read(answer.headers["location"].partition("?")[0])
    assert "Terminé" in page
    assert "Envoyés 2" in page
    assert "En attente 0" in page
    assert "Aide pour le loyer (APL), en français :" in page


async def test_it_sends_her_own_words_as_they_are_to_whom_nobody_ever_wrote(
    office: Office, omar: Known
) -> None:
    number = phone()
    async with office.desk.store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(number, "Nadia", "fr", "79000", "Niort"), CLAIRE)
        assert await tx.find_conversation(Channel.SMS, number) is None
    await launched(office.browser, text=f"{OWN} être là")
    found = await sent(office)
    assert found[office.amina.phone] == found[omar.phone] == [f"{OWN} être là"]
    (text,) = found[number]
    assert text.endswith(f"\n{OWN} être là")
    assert len(text) > len(OWN) + 50, "the service says who it is"


async def test_it_launches_once_what_is_sent_twice(office: Office, omar: Known) -> None:
    form = hidden((await office.browser.form(NEW, {"response": "", "text": OWN})).text)
    answers = [await office.browser.form(LIST, form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert (
        answers[0].headers["location"].partition("?")[0] == answers[1].headers["location"].partition("?")[0]
    )
    assert "rien ne part deux fois" in await office.browser.read(answers[1].headers["location"])
    assert len(await campaigns(office)) == 1
    assert {len(texts) for texts in (await sent(office)).values()} == {1}


async def test_it_shows_the_preview_again_when_the_people_have_changed(office: Office, omar: Known) -> None:
    form = hidden((await office.browser.form(NEW, {"response": "", "text": OWN})).text)
    await person(office, "Léo", CLAIRE)
    answer = await office.browser.form(LIST, form)
    assert answer.status_code == 200
    page = shown(answer)
    assert REFUSED["changed"] in page
    assert "3 personnes le recevront" in page
    assert await campaigns(office) == []
    again = await office.browser.form(LIST, hidden(answer.text))
    assert again.status_code == 303
    assert again.headers["location"].startswith(f"{LIST}/{form['token']}?")


async def test_it_sends_nothing_that_was_not_previewed(office: Office, omar: Known) -> None:
    form = {"token": "a" * 32, "response": "", "text": OWN}
    assert REFUSED["changed"] in shown(await office.browser.form(LIST, form))
    for token in ("", "x" * 32, "a" * 33, "../../"):
        assert (await office.browser.form(LIST, {**form, "seen": "2", "token": token})).status_code == 400
    assert await campaigns(office) == []


async def test_it_sends_to_nobody_only_when_there_is_somebody(office: Office) -> None:
    form = {"token": "a" * 32, "seen": "0", "response": "", "text": OWN, "language.ru": "yes"}
    assert REFUSED["nobody"] in shown(await office.browser.form(LIST, form))
    assert await campaigns(office) == []


async def test_it_asks_twice_before_a_long_text(office: Office) -> None:
    answer = await office.browser.form(NEW, {"response": "", "text": "a" * 500})
    assert "C'est long : 3 SMS au plus se lisent bien." in shown(answer)
    form = hidden(answer.text)
    assert REFUSED["heavy"] in shown(await office.browser.form(LIST, form))
    assert (await office.browser.form(LIST, {**form, "anyway": "yes"})).status_code == 303


async def test_it_takes_no_form_of_another_page(office: Office) -> None:
    for address in (NEW, LIST):
        answer = await office.browser.http.post(address, data={"text": OWN, "csrf": "x"})
        assert answer.status_code == 403
    assert await campaigns(office) == []


async def test_it_writes_no_text_and_no_number_in_the_log(office: Office, omar: Known) -> None:
    await launched(office.browser, text=OWN)
    await sent(office)
    assert office.desk.service.leaked(OWN, omar.phone, "Omar") == []


# stopped, counted


@pytest.fixture
def stands_still(office: Office) -> None:
    """Nothing leaves."""
    office.desk.service.wiring.worker.waves = None


async def planned(office: Office, people: int) -> list[Any]:
    async def all_there() -> bool:
        return len(await office.rows(t.nudge)) == people

    await until(all_there)
    await office.desk.service.settled()
    return await office.rows(t.nudge)


@pytest.mark.usefixtures("stands_still")
async def test_it_stops_in_one_click(office: Office, omar: Known) -> None:
    answer = await launched(office.browser, text=OWN)
    await planned(office, 2)
    address = answer.headers["location"].partition("?")[0]
    page = await office.browser.read(address)
    assert "En cours" in page
    assert "En attente 2" in page
    answer = await office.browser.form(f"{address}/stop")
    page = await office.browser.read(answer.headers["location"])
    assert "C'est arrêté. Les messages déjà partis ne reviennent pas." in page
    assert "Arrêté mardi 24 novembre à 9 h" in plain(page)
    assert "En attente 0" in page
    assert "2 : l'envoi a été arrêté" in page
    assert "Arrêter l'envoi" not in page
    assert {row["state"] for row in await office.rows(t.nudge)} == {"ended"}
    answer = await office.browser.form(f"{address}/stop")
    assert "Ce message était déjà arrêté." in await office.browser.read(answer.headers["location"])


@pytest.mark.usefixtures("stands_still")
async def test_it_counts_what_became_of_it_and_names_nobody(office: Office, omar: Known) -> None:
    await person(office, "Léo", CLAIRE)
    answer = await launched(office.browser, text=OWN)
    rows = await planned(office, 3)
    async with office.desk.store.transaction() as tx:
        who = await tx.conversation(rows[0]["conversation_id"], office.desk.now)
        message = await tx.add_outbound(who, None, OWN, (), office.desk.now)
        await tx.db.execute(update(t.message).where(t.message.c.id == message).values(status="delivered"))
        said = {"state": "said", "message_id": message, "answered_at": office.desk.now}
        await tx.db.execute(update(t.nudge).where(t.nudge.c.id == rows[0]["id"]).values(**said))
        await tx.end_nudges([(rows[1]["id"], "ended", "stopped")], office.desk.now)
    page = await office.browser.read(answer.headers["location"].partition("?")[0])
    for words in (
        "En attente 1", "Envoyés 1", "Reçus 1", "Non reçus 0", "Réponses 1", "STOP ensuite 0", "Pas envoyés 1",
        "1 : a écrit STOP", OWN, "les personnes que vous suivez",
    ):  # fmt: skip
        assert words in page
    for name in ("Amina", "Omar", "Léo"):
        assert name not in page


@pytest.mark.usefixtures("stands_still")
async def test_it_lists_her_campaigns_and_those_of_a_leads_team(office: Office, omar: Known) -> None:
    await launched(office.browser, text=OWN, **{"language.ar": "yes"})
    await planned(office, 1)
    page = await office.browser.read(LIST)
    assert "mardi 24 novembre à 9 h En cours Vos propres mots Pour 1 personne" in plain(page)
    assert "Envoyé par" not in page
    desk = office.desk
    paul = await desk.signed(office.paul)
    assert "Aucun message pour le moment." in await paul.read(LIST)
    lead = await desk.signed(await desk.referent("chef@example.org", "Marc Blanc", NIORT, leads=True))
    assert "Envoyé par Claire" in await lead.read(LIST)
    (row,) = await campaigns(office)
    page = await lead.read(f"{LIST}/{row['token']}")
    assert "langue : arabe" in page
    await lead.form(f"{LIST}/{row['token']}/stop")
    (row,) = await campaigns(office)
    assert row["stopped_by"] not in (None, office.claire)


@pytest.mark.parametrize("token", ["0" * 32, "new2", "%00", "x" * 400])
async def test_it_finds_no_campaign_of_another_name(office: Office, token: str) -> None:
    assert (await office.browser.get(f"{LIST}/{token}")).status_code == 404


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "moins d'une minute"), (60, "moins d'une minute"), (61, "environ 2 minutes"),
        (3600, "environ 1 h"), (31_000, "environ 8 h 37"), (36_060, "environ 10 h 01"),
    ],
)  # fmt: skip
def test_it_says_how_long_it_takes(seconds: int, said: str) -> None:
    assert plain(lasting(timedelta(seconds=seconds))) == said
