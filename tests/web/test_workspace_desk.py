"""What waits on her desk: calls, questions to label, what was shared, figures, her settings."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from gateway.adapters.content_files import read_training_lines
from gateway.adapters.database import tables as t
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import CallbackRequest
from gateway.domain.questions import KeptQuestion, Kind
from gateway.errors import CalendarRefused
from gateway.settings import ROOT
from gateway.web.workspace.questions import learned
from tests.web.desk import HTMX, Browser, Known, shown
from tests.web.office import CLAIRE, LEA, NIORT, TUESDAY, Office, opened
from tests.web.service import Service

CALLS, QUESTIONS, SETTINGS = "/workspace/callbacks", "/workspace/questions", "/workspace/settings"


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


@pytest.fixture
async def lead(office: Office) -> Browser:
    """Nadia leads the team of Niort."""
    return await office.desk.signed(
        await office.desk.referent("nadia.roux@example.org", "Nadia Roux", NIORT, leads=True)
    )


async def asks(office: Office, known: Known, reason: str, hours: float = 1.0) -> int:
    """She asked so many hours ago. The row's id."""
    at = TUESDAY - timedelta(hours=hours)
    async with office.desk.store.transaction() as tx:
        sid = f"SM{len(await office_messages(tx)):032x}"
        message = await tx.add_inbound(known.conversation_id, sid, "appelez-moi", 0, "", at)
        await tx.close_inbound(message, at)
        await tx.add_callback(CallbackRequest(known.conversation_id, message, reason, at))
    return int((await office.rows(t.callback))[-1]["id"])


async def office_messages(tx: Any) -> list[Any]:
    return list((await tx.db.execute(t.message.select())).all())


# who asked to be called back


async def test_it_shows_danger_first_then_the_oldest(office: Office) -> None:
    karim = await office.desk.person("Karim", CLAIRE, language="ar")
    sofia = await office.desk.person("Sofia", CLAIRE)
    await asks(office, office.amina, "asked", hours=2)
    await asks(office, sofia, "appointment", hours=30)
    await asks(office, karim, "danger", hours=0.5)
    page = await office.browser.read(CALLS)
    assert page.index("Urgent : Karim") < page.index("Sofia") < page.index("Amina")
    assert "Danger : les numéros d'urgence lui ont été donnés" in page
    assert "Langue : arabe" in page
    assert "Depuis lundi 23 novembre à 3 h" in page
    html = (await office.browser.get(CALLS)).text
    assert f'href="tel:{karim.phone}"' in html
    assert f'href="{karim.page}"' in html
    today = await office.browser.read("/workspace")
    assert "Urgent : Karim" in today


async def test_it_makes_one_line_of_all_that_she_asked(office: Office) -> None:
    await asks(office, office.amina, "appointment", hours=5)
    await asks(office, office.amina, "danger", hours=1)
    page = await office.browser.read(CALLS)
    assert page.count("C'est fait") == 1
    assert "Urgent : Amina" in page
    assert "Demande un rendez-vous" in page
    assert "Depuis mardi 24 novembre à 4 h" in page


async def test_it_closes_what_was_dealt_with_and_nothing_newer(office: Office) -> None:
    await asks(office, office.amina, "asked", hours=5)
    shown_last = await asks(office, office.amina, "appointment", hours=3)
    newer = await asks(office, office.amina, "danger", hours=0)
    answer = await office.browser.form(f"{CALLS}/{shown_last}/close")
    assert answer.headers["location"] == f"{CALLS}?said=called"
    rows = {row["id"]: row for row in await office.rows(t.callback)}
    assert [row["closed_by"] for row in rows.values()] == [office.claire, office.claire, None]
    assert rows[newer]["closed_at"] is None
    again = await office.browser.form(f"{CALLS}/{shown_last}/close", {"back": "today"})
    assert again.headers["location"] == "/workspace?said=called-already"
    assert "callback" in [row["action"] for row in await office.rows(t.access)]


async def test_it_shows_no_call_of_another_referent(office: Office) -> None:
    oksana = await office.desk.person("Oksana", LEA)
    theirs = await asks(office, oksana, "danger")
    assert "Oksana" not in await office.browser.read(CALLS)
    assert (await office.browser.form(f"{CALLS}/{theirs}/close")).status_code == 404
    assert (await office.rows(t.callback))[0]["closed_at"] is None
    assert (await office.browser.form(f"{CALLS}/12345/close")).status_code == 404


async def test_it_gives_the_calls_of_nobody_to_who_leads(office: Office, lead: Browser) -> None:
    stranger = await office.desk.stranger()
    asked = await asks(office, stranger, "asked")
    assert "Personne n'attend d'appel." in await office.browser.read(CALLS)
    assert (await office.browser.form(f"{CALLS}/{asked}/close")).status_code == 404
    page = await lead.read(CALLS)
    assert "Une personne sans nom" in page
    assert f'href="{stranger.page}"' not in (await lead.get(CALLS)).text  # no page of her to open
    assert (await lead.form(f"{CALLS}/{asked}/close")).status_code == 303


async def test_it_says_that_a_page_has_no_number(office: Office, lead: Browser) -> None:
    async with office.desk.store.transaction() as tx:
        here = await tx.conversation_at(Channel.WEB, "a-web-session", TUESDAY)
    await asks(office, Known(here, "", "", ""), "danger")
    html = (await lead.get(CALLS)).text
    assert "Pas de numéro : cette personne écrit depuis le site" in html
    assert "a-web-session" not in html


async def test_it_gives_htmx_the_list_without_it(office: Office) -> None:
    asked = await asks(office, office.amina, "asked")
    answer = await office.browser.form(f"{CALLS}/{asked}/close", headers=HTMX, follow_redirects=True)
    assert answer.status_code == 200
    assert 'id="to-call"' in answer.text
    assert "Personne n'attend d'appel." in answer.text


# questions not understood


async def question(office: Office, text: str, *candidates: str) -> int:
    weighed = tuple((name, 0.4) for name in candidates)
    async with office.desk.store.transaction() as tx:
        await tx.keep_question(KeptQuestion(Kind.ASKED_AGAIN, "fr", text, weighed, date(2026, 11, 23)))
    return int((await office.rows(t.question))[-1]["id"])


async def test_it_labels_a_question_with_a_meaning_that_was_weighed(office: Office, lead: Browser) -> None:
    asked = await question(office, "jvoudré la cantine", "faq/food_aid", "faq/school")
    page = await lead.read(QUESTIONS)
    assert "jvoudré la cantine" in page
    assert "Aucun nom, aucun numéro n'est gardé avec elles." in page
    assert "redemandée" in page
    assert "Aide pour manger" in page
    answer = await lead.form(f"{QUESTIONS}/{asked}/label", {"intent": "faq/food_aid"})
    assert answer.headers["location"] == f"{QUESTIONS}?said=labelled"
    assert (await office.rows(t.question))[0]["intent"] == "faq/food_aid"
    after = await lead.read(QUESTIONS)
    assert "Aucune question en attente." in after
    assert "1 question déjà classée" in after


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("creche", "crèche"),
        ("CRÈCHE", "crèche"),
        ("rendez vous", "Prendre rendez-vous"),
        ("au revoir", "Au revoir"),
    ],
)
async def test_it_finds_a_topic_by_its_words(office: Office, lead: Browser, search: str, found: str) -> None:
    asked = await question(office, "une place pour le petit")
    page = await lead.get(f"{QUESTIONS}/{asked}", params={"search": search})
    assert found in shown(page)


async def test_it_finds_no_topic_for_words_that_none_has(office: Office, lead: Browser) -> None:
    asked = await question(office, "une place pour le petit")
    page = await lead.read(f"{QUESTIONS}/{asked}?search=xylophone")
    assert "Aucun sujet. Essayez un autre mot." in page


async def test_it_rewrites_what_could_be_recognised(office: Office, lead: Browser) -> None:
    asked = await question(office, "je suis Amina du 4 rue du Lac")
    rewritten = {"intent": "faq/school", "text": "une place à l'école, appelez le 06 39 98 00 01"}
    await lead.form(f"{QUESTIONS}/{asked}/label", rewritten)
    row = (await office.rows(t.question))[0]
    assert office.desk.store.cipher.open(row["text_sealed"]) == "une place à l'école, appelez le …"


async def test_it_deletes_a_question(office: Office, lead: Browser) -> None:
    asked = await question(office, "bla bla")
    answer = await lead.form(f"{QUESTIONS}/{asked}/delete")
    assert answer.headers["location"] == f"{QUESTIONS}?said=deleted"
    assert await office.rows(t.question) == []
    gone = await lead.form(f"{QUESTIONS}/{asked}/delete")
    assert gone.headers["location"] == f"{QUESTIONS}?said=gone"
    assert (await lead.get(f"{QUESTIONS}/{asked}")).status_code == 404


@pytest.mark.parametrize("intent", ["", "faq", "faq/nothing", "/restart", "menu/rsa_more", "language_other"])
async def test_it_labels_with_a_known_meaning_alone(office: Office, lead: Browser, intent: str) -> None:
    asked = await question(office, "bla bla")
    assert (await lead.form(f"{QUESTIONS}/{asked}/label", {"intent": intent})).status_code == 400
    assert (await office.rows(t.question))[0]["intent"] == ""


async def test_it_proposes_only_meanings_that_have_lines(office: Office) -> None:
    """What is labelled here must find a place among the lines to learn."""
    known = set(read_training_lines(ROOT, "fr"))
    proposed = set(learned(office.desk.service.wiring.words))
    assert proposed <= known
    assert len(known - proposed) <= 2  # what means nothing outside a conversation


async def test_it_escapes_what_people_wrote(office: Office, lead: Browser) -> None:
    asked = await question(office, "<script>alert(1)</script>", "faq/school")
    for path in (QUESTIONS, f"{QUESTIONS}/{asked}?search=<script>"):
        assert "<script>alert" not in (await lead.get(path)).text
        assert "?search=<script>" not in (await lead.get(path)).text


# what was shared, and the figures


async def shares(office: Office, known: Known, kind: str, severity: int | None = 2, **answers: str) -> None:
    told = SharedObstacle(kind, severity, answers, "2026-11-20", "sms", "2026-11-23", commune="79191")
    async with office.desk.store.transaction() as tx:
        await tx.share_obstacle(known.conversation_id, told, TUESDAY)


async def test_it_shows_what_her_people_shared(office: Office) -> None:
    karim = await office.desk.person("Karim", CLAIRE)
    oksana = await office.desk.person("Oksana", LEA)
    await shares(office, office.amina, "mobility", 1, means="none")
    await shares(office, karim, "childcare", 3)
    await shares(office, oksana, "money", 3)
    page = await office.browser.read("/workspace/obstacles")
    assert page.index("Karim") < page.index("Amina")  # what blocks most comes first
    assert "Oksana" not in page
    assert "Impossible d'y aller" in page
    assert "Un peu" in page
    assert "France Travail : contrainte 23, situation 6, impact faible" in page
    noted = [(row["action"], row["conversation_id"]) for row in await office.rows(t.access)]
    assert noted == [("read", office.amina.conversation_id), ("read", karim.conversation_id)]
    assert f'href="{karim.page}"' in (await office.browser.get("/workspace/obstacles")).text


async def test_it_shows_figures_and_hides_small_numbers(office: Office, lead: Browser) -> None:
    for number in range(7):
        known = await office.desk.person(f"Prénom{number}", CLAIRE if number % 2 else LEA)
        await shares(office, known, "mobility", 2)
        if number < 3:
            await shares(office, known, "childcare", 1)
    page = await lead.read("/workspace/figures")
    assert "Me déplacer 7" in page
    assert "<5" in page
    assert "Prénom" not in page
    picture = await lead.get("/workspace/figures.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert ">7<" in picture.text
    assert ">3<" not in picture.text
    table = await lead.get("/workspace/figures.csv")
    rows = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0] == ["mois", "intercommunalité", "frein", "gravité", "personnes"]
    assert {row[-1] for row in rows[1:]} == {"7", "<5"}
    assert any("Niortais" in row[1] for row in rows[1:])  # the name of the place, not its number


async def test_it_counts_nothing_yet(office: Office, lead: Browser) -> None:
    assert "Rien à compter pour le moment." in await lead.read("/workspace/figures")
    assert (await lead.get("/workspace/figures.svg")).status_code == 200


LEADERS_ONLY = [QUESTIONS, "/workspace/figures", "/workspace/figures.svg", "/workspace/figures.csv"]


@pytest.mark.parametrize("path", LEADERS_ONLY)
async def test_it_keeps_some_pages_for_who_leads(office: Office, path: str) -> None:
    assert (await office.browser.get(path)).status_code == 404


async def test_it_lets_nobody_else_label(office: Office) -> None:
    asked = await question(office, "bla bla")
    for path, more in (
        (f"{QUESTIONS}/{asked}/label", {"intent": "faq/school"}),
        (f"{QUESTIONS}/{asked}/delete", {}),
    ):
        assert (await office.browser.form(path, more)).status_code == 404
    assert (await office.rows(t.question))[0]["intent"] == ""


# her settings


class StandInCalendar:
    """Answers, or refuses."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails, self.accounts = fails, list[CalendarAccount]()

    def opened(self, account: CalendarAccount) -> "StandInCalendar":
        self.accounts.append(account)
        return self

    async def __aenter__(self) -> "StandInCalendar":
        if self.fails:
            raise self.fails
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def busy(self, since: Any, until: Any) -> list[Any]:
        return []


ACCOUNT = {"url": "https://agenda.example.org/claire/", "username": "claire", "password": "tres-secret"}


async def test_it_gives_a_new_address_to_her_calendar(office: Office) -> None:
    first = (await office.browser.get(SETTINGS)).text
    async with office.desk.store.transaction() as tx:
        secret = await tx.calendar_secret(office.claire)
    assert f"/calendar/{secret}.ics" in first
    answer = await office.browser.form(f"{SETTINGS}/feed")
    assert answer.headers["location"] == f"{SETTINGS}?said=feed"
    assert secret not in (await office.browser.get(SETTINGS)).text
    assert (await office.browser.get(f"/calendar/{secret}.ics")).status_code == 404


async def test_it_links_her_calendar_and_never_shows_its_password(office: Office) -> None:
    calendar = office.desk.service.wiring.worker.calendars = StandInCalendar()  # type: ignore[assignment]
    answer = await office.browser.form(f"{SETTINGS}/calendar", ACCOUNT)
    assert answer.headers["location"] == f"{SETTINGS}?said=answers"
    assert calendar.accounts[0] == CalendarAccount(*ACCOUNT.values())
    page = (await office.browser.get(f"{SETTINGS}?said=answers")).text
    assert "Votre agenda répond." in page
    assert "Dernière lecture mardi 24 novembre" in page.replace("\xa0", " ")
    assert "tres-secret" not in page
    (row,) = await office.rows(t.calendar)
    assert b"tres-secret" not in bytes(row["password_sealed"])
    await office.browser.form(f"{SETTINGS}/calendar/forget")
    assert await office.rows(t.calendar) == []


async def test_it_says_why_her_calendar_does_not_answer(office: Office) -> None:
    office.desk.service.wiring.worker.calendars = StandInCalendar(CalendarRefused("401"))  # type: ignore[assignment]
    answer = await office.browser.form(f"{SETTINGS}/calendar", ACCOUNT)
    assert answer.headers["location"] == f"{SETTINGS}?said=CalendarRefused"
    page = await office.browser.read(SETTINGS)
    assert "Il refuse l'adresse ou le mot de passe. Dernier essai mardi 24 novembre à 9 h. Jamais lu." in page
    assert "Votre agenda ne répond plus." in await office.browser.read("/workspace")
    office.desk.service.wiring.worker.calendars = StandInCalendar()  # type: ignore[assignment]
    again = await office.browser.form(f"{SETTINGS}/calendar/try")
    assert again.headers["location"] == f"{SETTINGS}?said=answers"
    assert "Votre agenda ne répond plus." not in await office.browser.read("/workspace")


WRONG = {
    "no-address": ("url", {"url": ""}),
    "no-host": ("url", {"url": "https://"}),
    "a-file": ("url", {"url": "file:///etc/passwd"}),
    "broken": ("url", {"url": "https://[::1"}),
    "no-name": ("username", {"username": " "}),
    "no-password": ("password", {"password": ""}),
}


@pytest.mark.parametrize(("field", "change"), WRONG.values(), ids=list(WRONG))
async def test_it_says_what_is_wrong_with_an_account(
    office: Office, field: str, change: dict[str, str]
) -> None:
    answer = await office.browser.form(f"{SETTINGS}/calendar", {**ACCOUNT, **change})
    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert "tres-secret" not in answer.text
    assert await office.rows(t.calendar) == []


async def test_it_closes_her_other_sessions(office: Office) -> None:
    other = await office.desk.signed(office.claire)
    theirs = await office.desk.signed(office.lea)
    page = await office.browser.read(SETTINGS)
    assert page.count("Fermer la session") == 2
    assert page.count("Celle-ci, ouverte") == 1
    mine, second, strangers = (row["id"] for row in await office.rows(t.session))
    answer = await office.browser.form(f"{SETTINGS}/sessions/{second}/end")
    assert answer.headers["location"] == f"{SETTINGS}?said=ended"
    assert (await other.get("/workspace")).status_code == 303  # to the sign-in
    assert (await office.browser.form(f"{SETTINGS}/sessions/{strangers}/end")).status_code == 404
    assert (await theirs.get("/workspace")).status_code == 200
    await office.browser.form(f"{SETTINGS}/sessions/{mine}/end")
    assert (await office.browser.get("/workspace")).status_code == 303


PAGES = [
    "/workspace",
    "/workspace/week",
    CALLS,
    "/workspace/openings",
    "/workspace/obstacles",
    SETTINGS,
    *LEADERS_ONLY,
]


@pytest.mark.parametrize("path", PAGES)
async def test_it_opens_nothing_to_a_stranger(office: Office, path: str) -> None:
    http = office.desk.browser()
    answer = await http.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/workspace/sign-in")
