"""Names and messages that look like templates: said, written and shown as they are, everywhere, and never filled in."""

import html
import re
from collections.abc import AsyncIterator
from datetime import date, time

import pytest

from gateway.adapters.mail import written
from gateway.domain.appointment import Opening
from gateway.domain.people import Beneficiary
from gateway.domain.text import as_name
from gateway.ports import Mail
from gateway.usecases.importing import import_beneficiaries, import_referents
from tests.web.desk import Known
from tests.web.office import CLAIRE, NIORT, Office, opened
from tests.web.service import FORM, SENDER, Service, phone, sid

# One of each language that could fill it in. 7 * 191 is 1337.
NAMES = {
    "jinja": "{{7*191}}", "jinja-block": "{%print(7*191)%}", "ours": "{number}", "ours-twice": "{{number}}",
    "attribute": "{0.__class__}", "percent": "%s%(service)s%n", "dollar": "${7*191}", "python": "#{7*191}",
    "a-menu-line": "label:faq/debt", "our-mark": "=1", "a-bar": "Am|ina|x", "colon": "next:obstacle/money",
    "markup": "<img/src=x>", "quote": "\"'><svg/onload=x>", "a-payload": "/restart", "a-date": "slot:2026|phone|x",
}  # fmt: skip
SAID = ["jinja", "ours", "percent", "a-bar", "a-menu-line", "quote"]  # each a whole conversation
FILLED = ("1337", "__class__ of", "class '")


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


async def named(office: Office, name: str) -> Known:
    """Claire and one of her people have this name; so does the place where they meet."""
    desk = office.desk
    await desk.referent(CLAIRE, f"{name} Moreau", NIORT)
    person = await desk.person(name, CLAIRE)
    async with desk.store.transaction() as tx:
        await tx.save_opening(
            Opening(office.claire, date(2026, 11, 26), time(9), time(12), place=f"{name} rue du Lac")
        )
    return person


async def tells(office: Office, person: Known, text: str) -> str:
    service = office.desk.service
    before = len(await service.answers())
    form = {"MessageSid": sid(), "From": person.phone, "Body": text}
    assert (await service.post("/sms/inbound", form)).status_code == 200
    await service.settled()
    return "\n".join(service.text_of(row) for row in (await service.answers())[before:])


@pytest.mark.parametrize("name", [NAMES[kind] for kind in SAID], ids=SAID)
async def test_it_says_names_as_they_are(office: Office, name: str) -> None:
    person, service = await named(office, name), office.desk.service
    service.assistant.said["qui me suit dans ce service"] = "utter_who_is_my_referent"
    said = [
        await tells(office, person, text) for text in ("qui me suit dans ce service", "RDV", "1", "RDV", "0")
    ]
    everything = "\n".join(said)
    assert name in said[0]
    assert name in everything
    assert "rue du Lac" in said[2]  # it is booked: no name stood in the way of the menu
    assert not [one for one in FILLED if one in everything]
    if "{" in name:
        assert SENDER not in everything
    # what her referent reads: mails, the invitation in her calendar, the feed that it follows
    mails = [str(mail["text"]) for mail in service.mails]
    assert any(name in text for text in mails)
    assert not [one for one in FILLED for text in mails if one in text]
    assert not [mail for mail in service.mails if name in str(mail["subject"])]
    async with office.desk.store.transaction() as tx:
        secret = await tx.calendar_secret(office.claire)
    feed = (await service.http.get(f"/calendar/{secret}.ics")).text.replace("\r\n ", "")
    assert f"{name} rue du Lac".replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,") in feed
    assert feed.count("BEGIN:VEVENT") == 1
    assert not [one for one in FILLED if one in feed]


async def test_it_shows_names_as_they_are(office: Office) -> None:
    people = {name: await office.desk.person(name, CLAIRE) for name in NAMES.values()}
    for hours, person in enumerate(people.values(), 1):
        await office.desk.meets(person, office.claire, hours=hours)
    pages = ["/workspace", "/workspace/week", "/workspace/people", "/workspace/access"]
    for path in [*(person.page for person in people.values()), *pages]:
        page = (await office.browser.get(path)).text
        assert not [one for one in (*FILLED, "<svg/onload", "<img/src") if one in page], path
    listed = html.unescape((await office.browser.get("/workspace/people")).text)
    for name, person in people.items():
        assert name in listed
        assert name in html.unescape((await office.browser.get(person.page)).text)


async def test_it_passes_her_referents_words_on_as_they_are(office: Office) -> None:
    """And what she wrote is shown so on her page, and in the search of a referent."""
    service, amina = office.desk.service, office.amina
    for text in NAMES.values():
        await tells(office, amina, f"bonjour {text}")
        sent = await office.browser.form(f"{amina.page}/messages", {"text": f"Bonjour {text}"})
        assert sent.status_code in (200, 303)
        await service.settled()
        assert service.text_of((await service.answers())[-1]) == f"Bonjour {text}"
        page = (await office.browser.get(amina.page)).text
        assert html.unescape(page).count(text) >= 2
        found = await office.browser.get("/workspace/people", params={"q": text, "search": text})
        assert found.status_code == 200
        shown = page + found.text
        assert not [one for one in (*FILLED, "<svg/onload", "<img/src") if one in shown], text


@pytest.mark.parametrize("text", NAMES.values(), ids=list(NAMES))
async def test_it_shows_a_page_her_words_as_they_are(standing: Service, text: str) -> None:
    page = (await standing.http.get("/chat")).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf
    await standing.http.post("/chat/messages", data={"csrf": csrf[1], "body": f"bonjour {text}"})
    shown = (await standing.http.get("/chat")).text
    assert f"bonjour {text}" in html.unescape(shown)
    assert "<svg/onload" not in shown
    assert not [one for one in FILLED if one in shown]


# addresses


@pytest.mark.parametrize(
    "query", ["{{7*191}}", "<svg/onload=x>", '"><svg/onload=x>', "%00", "%ff", "../../etc"]
)
@pytest.mark.parametrize("path", ["/nowhere/{}", "/workspace/people/{}", "/workspace/sign-in?next={}", "/calendar/{}.ics", "/chat?x={}", "/workspace?said={}", "/workspace/sign-in/{}?next={}"])  # fmt: skip
async def test_it_repeats_nothing_of_an_address(standing: Service, path: str, query: str) -> None:
    answer = await standing.http.get(path.replace("{}", query), headers={"Accept": "text/html"})
    assert answer.status_code < 500
    assert "<svg/onload" not in answer.text
    assert "1337" not in answer.text


@pytest.mark.parametrize("after", ["https://attaque.example.org", "//attaque.example.org", "/\\attaque.example.org", "/workspace/../../x", "javascript:alert(1)", "/workspace/%0d%0aSet-Cookie:x=1", "/workspace//attaque.example.org"])  # fmt: skip
async def test_it_leads_nobody_elsewhere(service: Service, after: str) -> None:
    page = await service.http.get("/workspace/sign-in", params={"next": after})
    assert html.escape(after) not in page.text
    posted = await service.http.post(
        "/workspace/sign-in/x", content=f"next={after}", headers={"Content-Type": FORM}
    )
    assert "location" not in posted.headers
    assert "attaque" not in posted.text


# lines and headers


BROKEN = "Amina\nTéléphone : +33639980666\r\nBcc: attaque@example.org"


def test_it_writes_a_name_on_one_line() -> None:
    assert as_name(BROKEN) == "Amina Téléphone : +33639980666 Bcc: attaque@example.org"
    assert len(as_name("A" * 5000)) == 80


async def test_it_imports_names_on_one_line(office: Office) -> None:
    store, now, number = office.desk.store, office.desk.now, phone()
    people = f'phone,first_name,referent_email\n{number},"{BROKEN}",{CLAIRE}\n'
    assert (await import_beneficiaries(store, people.encode(), lambda typed: typed, now)).kept == 1
    referents = f'email,name,structure\npaul.girard@example.org,"{BROKEN}","{BROKEN}"\n'
    assert (await import_referents(store, referents.encode(), now)).kept == 1
    async with store.transaction() as tx:
        name = await tx.beneficiary_named(number)
        paul = await tx.referent(office.paul)
    assert paul
    assert [text.count("\n") for text in (name, paul.name, paul.structure)] == [0, 0, 0]


@pytest.mark.parametrize(
    "template", ["callback", "number", "untold", "unbound", "pace", "obstacle", "silent"]
)
def test_it_fills_no_name_into_a_subject(template: str) -> None:
    values = {
        "first_name": "{{7*191}}",
        "phone": "+33639980001",
        "reason": "asked",
        "why": "loop",
        "language": "fr",
    }
    subject, text = written(Mail(1, "equipe@example.org", template, values))
    assert "{{" not in subject
    assert "1337" not in text
    assert "{{7*191}}" in text


async def test_it_keeps_a_person_of_any_name(office: Office) -> None:
    """What a name may do to a table, whatever else it does."""
    for name in (*NAMES.values(), "'; DROP TABLE message; --", "\\", "😀", "\u202eanima"):
        number = phone()
        async with office.desk.store.transaction() as tx:
            await tx.save_beneficiary(Beneficiary(number, name, "fr", "79000", name[:40]), CLAIRE)
            assert await tx.beneficiary_named(number) == name
