"""What works: the page, its plots and its files."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import func, insert, select

from gateway.adapters.database import tables as t
from gateway.web.workspace import plots
from tests.web.desk import Browser, Known, shown
from tests.web.office import CLAIRE, NIORT, TUESDAY, Office, opened
from tests.web.service import Service

PAGE, FILE = "/workspace/results", "/workspace/results.csv"
DAY = timedelta(days=1)
AT = TUESDAY - 20 * DAY


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


@pytest.fixture
async def lead(office: Office) -> Browser:
    """Nadia leads the team of Niort."""
    nadia = await office.desk.referent("nadia.roux@example.org", "Nadia Roux", NIORT, leads=True)
    return await office.desk.signed(nadia)


async def nudged(
    office: Office, known: Known, kind: str = "invitation", times: int = 1, at: datetime = AT, **more: Any
) -> None:
    """So many of a kind were said to her, unless `state` says otherwise; each message arrived and was of 2 segments."""
    async with office.desk.store.transaction() as tx:
        begun = (await tx.db.execute(select(func.count()).select_from(t.nudge))).scalar_one()
        to = await tx.conversation(known.conversation_id, at)
        for number in range(begun, begun + times):
            message = await tx.add_outbound(to, None, "Bonjour", (), at)
            here = t.message.c.id == message
            await tx.db.execute(t.message.update().where(here).values(status="delivered", segments=2))
            values = {
                "key": f"{kind}:{number}", "kind": kind, "about": "invitation", "matter_id": number, "version": 0,
                "conversation_id": known.conversation_id, "beneficiary_id": known.beneficiary_id, "step": 1,
                "capped": True, "due_at": at, "planned_at": at, "state": "said", "said_at": at,
                "message_id": message,
            }  # fmt: skip
            await tx.db.execute(insert(t.nudge).values({**values, **more}))


async def compared(office: Office, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    """Claire's people: so many of so many acted, with the message and without."""
    for state, (acted, people) in (("control", theirs), ("said", ours)):
        for number in range(people):
            known = await office.desk.person("Zoé", CLAIRE)
            did = AT + DAY if number < acted else None
            await nudged(office, known, state=state, acted_at=did)


def cells(html: str, caption: str) -> dict[str, list[str]]:
    """The rows of the table with this caption, by their first cell."""
    (table,) = [one for one in re.findall(r"<table.*?</table>", unescape(html), re.DOTALL) if caption in one]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', table)
    said = {name: re.findall(r"<td>(.*?)</td>", rest) for name, rest in rows}
    return {
        name: [re.sub(r"<[^>]+>", " ", one).replace("\xa0", " ") for one in row] for name, row in said.items()
    }


BECAME, SIDES, MONTHS = "Ce que sont devenus les messages", "Personnes qui ont agi", "Les douze derniers mois"


async def lines(browser: Browser, query: str = "") -> list[dict[str, str]]:
    answer = await browser.get(f"{FILE}{query}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))


async def test_it_says_what_became_of_each_kind(office: Office) -> None:
    await nudged(office, office.amina, times=2, answered_at=AT + DAY, acted_at=AT + DAY)
    await nudged(office, office.amina, stopped_at=AT + DAY)
    await nudged(office, office.amina, at=TUESDAY - DAY, acted_at=TUESDAY)
    await nudged(office, office.amina, "two_days", at=TUESDAY - DAY)
    await nudged(office, office.amina, "campaign")
    await nudged(office, office.amina, "relance <maison>")
    answer = await office.browser.get(PAGE)
    assert "<maison>" not in answer.text
    found = cells(answer.text, BECAME)
    assert list(found) == [
        "Rappel deux jours avant", "Invitation", "Messages à plusieurs", "relance <maison>",
    ]  # fmt: skip
    assert found["Invitation"] == [
        "4", "4 (100 %)", "0 (0 %)", "2 (50 %)", "2 sur 3 (67 %)", "1 (25 %)", "8", "0,64 €",
    ]  # fmt: skip
    assert found["Rappel deux jours avant"][4] == "trop tôt"
    assert found["Messages à plusieurs"][4] == "–", "it asks for no act"
    page = shown(answer)
    assert "Depuis le mercredi 26 août 2026" in page
    assert "On ne compte que les messages d'il y a 7 jours ou plus" in page
    assert "Tout le monde reçoit les messages" in page


async def test_it_shows_an_empty_page_before_anything_was_said(office: Office) -> None:
    page = await office.browser.read(PAGE)
    assert "Aucun message de ce genre pour le moment." in page
    assert "Mois par mois" not in page
    assert await lines(office.browser) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [("?period=30", 1), ("", 3), ("?period=90", 3), ("?period=365", 7), ("?period=", 3), ("?period=7%27", 3)],
)
async def test_it_counts_the_period_that_is_chosen(office: Office, query: str, said: int) -> None:
    midnight = datetime.fromisoformat("2026-08-26T00:00+02:00")  # ninety days before, on the wall
    await nudged(office, office.amina, at=TUESDAY - DAY)
    await nudged(office, office.amina, times=2, at=midnight)
    await nudged(office, office.amina, times=4, at=midnight - timedelta(seconds=1))
    assert cells((await office.browser.get(f"{PAGE}{query}")).text, BECAME)["Invitation"][0] == str(said)
    (line,) = await lines(office.browser, query)
    assert line["envoyés"] == str(said)


async def test_it_shows_one_kind_alone(office: Office) -> None:
    await nudged(office, office.amina, times=2)
    await nudged(office, office.amina, "contract")
    one = (await office.browser.get(f"{PAGE}?kind=contract")).text
    assert list(cells(one, BECAME)) == ["Contrat d'engagement à signer"]
    assert cells(one, MONTHS)["Novembre 2026"][0] == "1"
    assert '<option value="invitation">Invitation</option>' in one
    assert '<option value="contract" selected>' in one
    unknown = (await office.browser.get(f"{PAGE}?kind=%3Cscript%3E")).text
    assert list(cells(unknown, BECAME)) == ["Invitation", "Contrat d'engagement à signer"]
    assert "%3Cscript" not in unknown


async def test_it_counts_nobody_elses_people(office: Office, lead: Browser) -> None:
    karim = await office.desk.person("Karim", "paul.girard@example.org")
    elsewhere = await office.desk.person("Sara", "lea.noir@example.org")
    for known, times in ((office.amina, 5), (karim, 6), (elsewhere, 7)):
        await nudged(office, known, times=times)
    said = {}
    for who, browser in (
        ("claire", office.browser), ("paul", await office.desk.signed(office.paul)), ("lead", lead),
    ):  # fmt: skip
        (line,) = await lines(browser)
        said[who] = line["envoyés"]
    assert said == {"claire": "5", "paul": "6", "lead": "11"}


async def test_it_hides_few_when_a_team_is_counted(office: Office, lead: Browser) -> None:
    await nudged(office, office.amina, times=5, acted_at=AT + DAY)
    await nudged(office, office.amina, times=3, answered_at=AT + DAY)
    await nudged(office, office.amina, "contract", times=4, at=AT - 30 * DAY, acted_at=AT)
    own, team = await office.browser.get(PAGE), await lead.get(PAGE)
    assert "Seules vos personnes sont comptées." in shown(own)
    assert "Sous 5, le nombre reste caché." in shown(team)
    few = "moins de 5"
    assert cells(own.text, BECAME)["Contrat d'engagement à signer"][0] == "4"
    found = cells(team.text, BECAME)
    assert found["Contrat d'engagement à signer"] == [few] * 7 + ["–"]
    assert found["Invitation"] == [
        "8", "8 (100 %)", few, few, "5 sur 8 (62 %)", few, "16", "1,28 €",
    ]  # fmt: skip
    assert cells(team.text, MONTHS)["Octobre 2026"] == [few, few]
    for query in ("", "?by=month"):
        contract, invitation = sorted(await lines(lead, query), key=lambda line: line["message"])
        told = {
            contract[name] for name in ("envoyés", "reçus", "réponses", "STOP", "SMS", "fait sous 7 jours")
        }
        assert told == {few}
        assert contract["fait sous 7 jours (%)"] == contract["coût (€)"] == ""
        assert (invitation["envoyés"], invitation["réponses"]) == ("8", few)
        assert invitation["gardés sans message"] == "0"


async def test_it_hides_few_obstacles_from_her_own_referent(office: Office) -> None:
    """What she only told the robot is for nobody, and these nudges follow from it."""
    await nudged(office, office.amina, "obstacle", times=4, about="obstacle")
    html = (await office.browser.get(PAGE)).text
    assert cells(html, BECAME)["Suivi d'un frein"][0] == "moins de 5"
    assert cells(html, MONTHS)["Novembre 2026"][0] == "moins de 5"
    (line,) = await lines(office.browser)
    assert line["envoyés"] == "moins de 5"


async def test_it_compares_with_those_left_without(office: Office) -> None:
    await compared(office, (18, 24), (6, 20))
    answer = await office.browser.get(PAGE)
    ours, theirs, difference, finding = cells(answer.text, SIDES)["Invitation"]
    assert (ours, theirs) == ("18 sur 24 (75 %)", "6 sur 20 (30 %)")
    assert difference.split() == ["+45", "points", "entre", "+15", "et", "+65"]
    assert finding == "Le message aide, très probablement."
    assert "Le hasard trompe encore une fois sur vingt." in shown(answer)
    (line,) = await lines(office.browser)
    assert [line[name] for name in list(line)[-6:]] == [
        "24", "18", "20", "6", "entre +15 et +65", "Le message aide, très probablement.",
    ]  # fmt: skip


async def test_it_keeps_small_sides_of_a_team_hidden_and_says_what_follows(
    office: Office, lead: Browser
) -> None:
    await compared(office, (18, 24), (2, 20))
    found = cells((await lead.get(PAGE)).text, SIDES)["Invitation"]
    assert found == ["18 sur 24 (75 %)", "moins de 5 sur 20", "–", "Le message aide, très probablement."]
    (line,) = await lines(lead)
    assert line["dont fait sans message"] == "moins de 5"
    assert line["écart en points"] == ""


async def test_it_says_when_it_is_too_early_or_too_few_to_compare(office: Office) -> None:
    await nudged(office, office.amina, state="control", at=TUESDAY - DAY)
    page = await office.browser.read(PAGE)
    assert "Il est trop tôt pour comparer." in page
    office.desk.later(days=8)
    page = await (await office.desk.signed(office.claire)).read(PAGE)
    assert "Trop peu de personnes pour le dire." in page


async def test_it_follows_the_months(office: Office) -> None:
    for month, times, acted in ((12, 3, 0), (6, 4, 2), (11, 1, 1)):
        at = TUESDAY.replace(year=2025 if month == 12 else 2026, month=month, day=2)
        await nudged(office, office.amina, times=times - acted, at=at)
        await nudged(office, office.amina, times=acted, at=at, acted_at=at + DAY)
    await nudged(office, office.amina, times=9, at=datetime.fromisoformat("2025-11-30T23:59+01:00"))
    html = (await office.browser.get(PAGE)).text
    found = cells(html, MONTHS)
    assert next(iter(found)) == "Décembre 2025"
    assert list(found)[-1] == "Novembre 2026"
    assert found["Décembre 2025"] == ["3", "0 sur 3 (0 %)"]
    assert found["Juin 2026"] == ["4", "2 sur 4 (50 %)"]
    assert found["Novembre 2026"] == ["1", "1 sur 1 (100 %)"]
    assert found["Juillet 2026"] == ["0", "–"]
    by_month = await lines(office.browser, "?by=month")
    assert [(line["mois"], line["envoyés"]) for line in by_month] == [
        ("2025-12", "3"), ("2026-06", "4"), ("2026-11", "1"),
    ]  # fmt: skip


async def test_it_gives_a_spreadsheet_nothing_to_compute(office: Office) -> None:
    await nudged(office, office.amina, "=1+1")
    await compared(office, (1, 20), (19, 20))
    for query in ("", "?by=month"):
        found = await lines(office.browser, query)
        assert "'=1+1" in {line["message"] for line in found}
        assert not [cell for line in found for cell in line.values() if cell[:1] in ("=", "+", "-", "@")]


async def test_it_draws_plots_that_can_be_read_aloud_and_have_no_style(office: Office) -> None:
    await nudged(office, office.amina, times=3, acted_at=AT + DAY)
    await nudged(office, office.amina, state="control")
    html = (await office.browser.get(PAGE)).text
    drawn = re.findall(r"<svg class=\"plot\".*?</svg>", html, re.DOTALL)
    assert len(drawn) == 3
    for one in drawn:
        picture = ElementTree.fromstring(one)  # noqa: S314 our own
        named = picture.attrib["aria-labelledby"].split()
        assert picture.attrib["role"] == "img"
        assert [child.attrib.get("id") for child in picture[:2]] == named
        assert all(child.text for child in picture[:2])
    assert not re.search(r"<[^>]+ (style|on\w+)=", html)
    assert len(set(re.findall(r' id="([^"]+)"', html))) == len(re.findall(r' id="([^"]+)"', html))


# shapes


def test_it_draws_bars_as_long_as_their_shares() -> None:
    drawn = plots.bars(
        [("Un", [(0.5, "50 %"), (1.0, "100 %")]), ("Deux", [(0.0, "0 %"), (None, "trop tôt")])]
    )
    long = {one.look: one.width for one in drawn.rects}
    assert long["full"] * 2 == long["hollow"] == long["track"]
    assert [one.look for one in drawn.rects].count("track") == 4
    assert len(drawn.rects) == 6, "nothing and unknown have no bar"
    assert [one.text for one in drawn.labels] == ["Un", "50 %", "100 %", "Deux", "0 %", "trop tôt"]
    assert all(one.y + one.height <= drawn.height for one in drawn.rects)
    assert all(one.x + one.width <= plots.WIDTH for one in drawn.rects)


def test_it_draws_a_line_that_stops_where_nothing_is_known() -> None:
    drawn = plots.over_time([("J", 10, 1.0), ("F", 5, 0.0), ("M", None, None), ("A", 0, 0.5)])
    high, half = drawn.rects
    assert high.height == 2 * half.height
    assert high.y + high.height == half.y + half.height
    (first, second), (alone,) = drawn.lines
    assert first[1] < alone[1] < second[1] < drawn.height
    assert first[0] < second[0] < alone[0] < plots.WIDTH
    assert [one.text for one in drawn.labels[:2]] == ["10", "0"]


def test_it_draws_nothing_of_nothing() -> None:
    assert plots.bars([]).height == 0
    assert plots.over_time([("J", 0, None)] * 12).rects == []
