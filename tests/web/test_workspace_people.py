"""The people whom a referent follows: the list, a person's page, writing to her, answering in the robot's place."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.domain.conversation import Channel
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import CallbackRequest
from gateway.web.workspace.access import written
from tests.web.desk import HTMX, Browser, Desk, Known, shown
from tests.web.page import Page
from tests.web.service import Service, sid

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # eleven o'clock in Paris
NIGHT = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)


@pytest.fixture
async def desk(service: Service) -> AsyncIterator[Desk]:
    service.wiring.clock.move_to(MONDAY)
    desk = Desk(service)
    yield desk
    await desk.close()


@pytest.fixture
async def claire(desk: Desk) -> int:
    return await desk.referent("claire@example.org", "Claire Moreau", "CMS Niort")


@pytest.fixture
async def browser(desk: Desk, claire: int) -> Browser:
    return await desk.signed(claire)


@pytest.fixture
async def amina(desk: Desk, claire: int) -> Known:
    return await desk.person("Amina", "claire@example.org", "ar")


async def changed(desk: Desk, known: Known, **values: Any) -> None:
    async with desk.store.transaction() as tx:
        here = t.conversation.c.id == known.conversation_id
        await tx.db.execute(update(t.conversation).where(here).values(**values))


async def stopped(desk: Desk, known: Known) -> None:
    async with desk.store.transaction() as tx:
        await tx.opt_out(known.conversation_id, "message", desk.now)


async def says(desk: Desk, known: Known, text: str) -> None:
    form = {"MessageSid": sid(), "From": known.phone, "To": "+33939980079", "Body": text, "NumMedia": "0"}
    await desk.service.post("/sms/inbound", form)
    await desk.service.settled()


async def asks(desk: Desk, known: Known, reason: str) -> None:
    async with desk.store.transaction() as tx:
        message = await tx.add_inbound(known.conversation_id, sid(), "0", 0, "", desk.now)
        assert message
        await tx.close_inbound(message, desk.now)
        await tx.add_callback(CallbackRequest(known.conversation_id, message, reason, desk.now))


async def ours(desk: Desk, known: Known) -> list[Any]:
    rows = await desk.service.answers()
    return [row for row in rows if row["conversation_id"] == known.conversation_id]


# the list


async def test_it_lists_her_people_and_nobody_elses(desk: Desk, amina: Known, browser: Browser) -> None:
    await desk.referent("paul@example.org", "Paul Petit", "CMS Niort")
    await desk.person("Karim", "paul@example.org")
    page = await browser.read("/workspace/people")
    assert "Amina" in page
    assert "Niort, arabe" in page
    assert "Pas de rendez-vous prévu" in page
    assert "Karim" not in page
    assert "1 personne." in page


async def test_it_tells_the_next_appointment_in_the_hours_of_paris(
    desk: Desk, amina: Known, claire: int, browser: Browser
) -> None:
    await desk.meets(amina, claire, days=1, hours=3)
    assert "Prochain rendez-vous : mardi 24 novembre à 14 h" in (
        await browser.read("/workspace/people")
    ).replace("\xa0", " ")


async def test_it_shows_what_needs_her_and_puts_it_first(desk: Desk, claire: int, browser: Browser) -> None:
    people = {
        name: await desk.person(name, "claire@example.org")
        for name in ("Calme", "Danger", "Rappel", "Stop", "Numero", "Reprise")
    }
    await asks(desk, people["Danger"], "danger")
    await asks(desk, people["Rappel"], "asked")
    await stopped(desk, people["Stop"])
    await changed(desk, people["Numero"], number_error=30005)
    await changed(desk, people["Reprise"], taken_by=claire)
    page = await browser.read("/workspace/people")
    order = sorted(people, key=lambda name: page.index(f"{name} "))
    assert order[:4] == ["Danger", "Rappel", "Numero", "Reprise"]
    for badge in ("Danger signalé", "À rappeler", "Numéro à vérifier", "STOP", "Vous répondez"):
        assert badge in page


@pytest.mark.parametrize(
    ("typed", "found"),
    [("ami", ["Amina"]), ("AMI", ["Amina"]), ("élo", ["Élodie"]), ("elo", ["Élodie"]), ("luc", ["Jean Luc"]),
     ("mina", []), ("", ["Amina", "Jean Luc", "Élodie"]), ("<script>", [])],
)  # fmt: skip
async def test_it_finds_people_by_the_beginning_of_a_first_name(
    desk: Desk, claire: int, browser: Browser, typed: str, found: list[str]
) -> None:
    for name in ("Amina", "Élodie", "Jean Luc"):
        await desk.person(name, "claire@example.org")
    answer = await browser.form("/workspace/people", {"first_name": typed})
    names = re.findall(r'<h2><a href="[^"]+">([^<]+)</a>', answer.text)
    assert sorted(names) == sorted(found)
    assert "<script>" not in answer.text.replace('<script src="/static/htmx.min.js" defer>', "")


async def test_it_shows_a_lead_who_follows_whom(desk: Desk, amina: Known) -> None:
    lead = await desk.signed(await desk.referent("lea@example.org", "Léa Roux", "CMS Niort", leads=True))
    assert "Suivie par Claire" in await lead.read("/workspace/people")
    assert "Suivie par Claire" in await lead.read(amina.page)


# her page


async def test_it_shows_her_words_and_ours_with_language_and_direction(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    await says(desk, amina, "كم مبلغ الدعم؟ <b>")
    await says(desk, amina, "merci 05 49 06 79 79")
    html = (await browser.get(amina.page)).text
    assert '<p class="text" lang="ar" dir="auto">كم مبلغ الدعم؟ &lt;b&gt;</p>' in html
    assert '<p class="text" dir="auto">merci <bdi dir="ltr">05 49 06 79 79</bdi></p>' in html
    assert re.search(r'<p class="text" lang="ar" dir="rtl">[^<]*[؀-ۿ]', html)  # ours
    page = await browser.read(amina.page)
    assert "Amina 11 h" in page.replace("\xa0", " ")
    assert "Le robot 11 h – " in page.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("queued", None, "en attente d'envoi"), ("sent", None, "envoyé"), ("delivered", None, "reçu"),
        ("failed", 30005, "échec : le numéro n'est plus attribué"),
        ("undelivered", 30003, "échec : téléphone éteint ou sans réseau"),
        ("failed", 12345, "échec : raison inconnue"), ("cancelled", None, "non envoyé : elle a écrit STOP"),
    ],
)  # fmt: skip
async def test_it_tells_what_became_of_our_messages(
    desk: Desk, amina: Known, browser: Browser, status: str, code: int | None, told: str
) -> None:
    async with desk.store.transaction() as tx:
        who = await tx.conversation(amina.conversation_id, desk.now)
        sent = await tx.add_outbound(who, None, "Bonjour", (), desk.now)
        changes = {"status": status, "error_code": code}
        await tx.db.execute(update(t.message).where(t.message.c.id == sent).values(**changes))
    assert f"– {told}" in await browser.read(amina.page)


async def test_it_shows_that_there_was_a_personal_message_and_no_word_of_it(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    async with desk.store.transaction() as tx:
        hers = await tx.add_inbound(amina.conversation_id, sid(), "mes genoux", 0, "", desk.now)
        assert hers
        await tx.close_inbound(hers, desk.now, erase=True)
        who = await tx.conversation(amina.conversation_id, desk.now)
        await tx.add_outbound(who, hers, "un médecin à Niort", (), desk.now, personal=True)
    page = await browser.read(amina.page)
    assert page.count("message personnel effacé") == 2
    assert "genoux" not in page
    assert "médecin" not in page


async def test_it_shows_old_messages_page_by_page(desk: Desk, amina: Known, browser: Browser) -> None:
    async with desk.store.transaction() as tx:
        for n in range(130):
            message = await tx.add_inbound(amina.conversation_id, sid(), f"texte-{n}.", 0, "", desk.now)
            await tx.close_inbound(message or 0, desk.now)
    seen, path = [], amina.page
    while path:
        html = (await browser.get(path)).text
        seen += re.findall(r"texte-(\d+)\.", html)
        older = re.search(r'href="(\?before=\d+)#messages">Messages plus anciens', html)
        path = amina.page + older[1] if older else ""
    assert sorted(map(int, seen)) == list(range(130))


async def test_it_shows_what_she_shared_in_the_words_that_she_chose(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    told = SharedObstacle("mobility", 2, {"means": "lift", "gone": "x"}, "2026-11-20", "sms", "2026-11-23")
    async with desk.store.transaction() as tx:
        await tx.share_obstacle(amina.conversation_id, told, desk.now)
        await tx.share_obstacle(
            amina.conversation_id, SharedObstacle("gone", None, {}, "2026-11-20", "sms", "1"), desk.now
        )
    page = await browser.read(amina.page)
    assert "Me déplacer" in page
    assert "Cela la bloque ? Beaucoup" in page
    assert "On m'emmène" in page
    assert "Partagé le vendredi 20 novembre" in page


async def test_it_shows_what_she_shared_to_her_referent_alone(
    desk: Desk, amina: Known, claire: int, browser: Browser
) -> None:
    nour = await desk.referent("nour@example.org", "Nour Haddad", "CMS Bressuire")
    lea = await desk.referent("lea@example.org", "Léa Roux", "CMS Niort", leads=True)
    await desk.away(claire, nour)
    told = SharedObstacle("mobility", 2, {}, "2026-11-20", "sms", "2026-11-23")
    async with desk.store.transaction() as tx:
        await tx.share_obstacle(amina.conversation_id, told, desk.now)
    for other in (nour, lea):
        signed = await desk.signed(other)
        page = await signed.read(amina.page)
        assert "Me déplacer" not in page
        assert "Elle le dit à son référent, et à lui seul." in page
        assert "Amina" not in await signed.read("/workspace/obstacles")
    page = await browser.read(amina.page)
    assert "Me déplacer" in page
    assert "à lui seul" not in page


async def test_it_lists_whose_number_is_somebody_elses_without_a_link(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    async with desk.store.transaction() as tx:
        await tx.unbind(amina.conversation_id)
    page = await browser.read("/workspace/people")
    assert "1 personne. Amina Numéro à vérifier Quelqu'un d'autre répond à ce numéro." in page
    assert amina.pseudonym not in (await browser.get("/workspace/people")).text
    for typed, found in (("ami", True), ("zo", False)):
        assert (
            "Numéro à vérifier" in (await browser.form("/workspace/people", {"first_name": typed})).text
        ) is found


async def test_it_shows_her_appointments_those_to_come_apart(
    desk: Desk, amina: Known, claire: int, browser: Browser
) -> None:
    coming = await desk.meets(amina, claire, days=2)
    past = await desk.meets(amina, claire, days=-2)
    html = (await browser.get(amina.page)).text
    before, after = html.split("Rendez-vous passés ou annulés")
    assert f"/workspace/appointments/{coming}" in before
    assert f"/workspace/appointments/{past}" in after


async def test_it_shows_when_she_stopped_and_came_back(desk: Desk, amina: Known, browser: Browser) -> None:
    await stopped(desk, amina)
    assert "Depuis lundi 23 novembre à 11 h, écrit par elle. Toujours en cours." in (
        await browser.read(amina.page)
    ).replace("\xa0", " ")
    desk.later(hours=9)
    async with desk.store.transaction() as tx:
        await tx.opt_in(amina.conversation_id, "message", desk.now)
    assert "Levé lundi 23 novembre à" in await browser.read(amina.page)


async def test_it_shows_who_asks_for_a_call_and_lets_her_close_it(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    await asks(desk, amina, "danger")
    html = (await browser.get(amina.page)).text
    assert "Urgent : à rappeler" in html
    assert re.search(r'action="/workspace/callbacks/\d+/close"', html)


async def test_it_names_nobody_behind_a_number_that_is_not_bound(
    desk: Desk, claire: int, browser: Browser
) -> None:
    stranger = await desk.stranger()
    await desk.meets(stranger, claire)
    page = await browser.read(stranger.page)
    assert "Une personne sans nom" in page
    assert "Ce numéro n'est rattaché à personne" in page


async def test_it_is_a_page_for_everybody(desk: Desk, amina: Known, browser: Browser) -> None:
    """One title, one main, labels, no script or style in the page: the rest is for the browser tests."""
    await says(desk, amina, "bonjour")
    for path in ("/workspace/people", amina.page, "/workspace/access"):
        html = (await browser.get(path)).text
        page = Page.read(html)
        assert (page.lang, page.tags.count("h1"), page.tags.count("main")) == ("fr", 1, 1)
        assert page.inline == []
        assert [a for a in page.addresses if not re.match(r"(/(?!/)|#|\?|tel:|data:image/svg)", a)] == []
        assert 'aria-current="page"' in html or path == "/workspace/access"
        ids = re.findall(r'\sid="([^"]+)"', html)
        assert len(ids) == len(set(ids))
        for named in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', html):
            assert set(named.split()) <= set(ids)
        for field in re.findall(r"<(?:input|textarea|select)[^>]+>", html):
            known = re.search(r'\sid="([^"]+)"', field)
            assert 'type="hidden"' in field or (known and f'for="{known[1]}"' in html)


# writing to her


async def test_it_sends_her_words_as_they_are(desk: Desk, amina: Known, browser: Browser) -> None:
    text = "Bonjour Amina, votre forêt à 10 € ? Claire"
    answer = await browser.form(f"{amina.page}/messages", {"text": f"  {text}\r\n"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{amina.page}?done=sent")
    await desk.service.settled()
    assert [m["body"] for m in desk.service.carried if m["to"] == amina.phone] == [text]
    page = await browser.read(f"{amina.page}?done=sent")
    assert "Votre message part." in page
    assert "Claire 11 h – " in page.replace("\xa0", " ")
    assert text in page
    (row,) = await ours(desk, amina)
    assert row["written_by"] is not None
    assert row["responses"] == []
    assert desk.service.leaked(text, amina.phone, "Amina") == []


async def test_it_leaves_her_menu_as_it_was(desk: Desk, amina: Known, browser: Browser) -> None:
    await says(desk, amina, "menu")

    async def state() -> Any:
        async with desk.store.transaction() as tx:
            return (await tx.conversation(amina.conversation_id, desk.now)).state

    before = await state()
    assert before.menu
    await browser.form(f"{amina.page}/messages", {"text": "Bonjour"})
    assert await state() == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Bonjour", "7 caractères, 1 SMS, environ 0,08 €."),
        ("x", "1 caractère, 1 SMS"),
        ("a" * 161, "161 caractères, 2 SMS, environ 0,16 €."),
        ("ê" * 71, "71 caractères, 2 SMS, environ 0,16 €. Sans accents rares (ê, ç, œ…) ni émojis, ce serait 1 SMS."),
        ("مرحبا", "5 caractères, 1 SMS"),
        ("a" * 500, "4 SMS, environ 0,32 €. C'est long : 3 SMS au plus se lisent bien."),
        ("   ", "Un message court coûte un seul SMS."),
    ],
)  # fmt: skip
async def test_it_weighs_a_text_while_she_writes(
    desk: Desk, amina: Known, browser: Browser, text: str, told: str
) -> None:
    answer = await browser.form(f"{amina.page}/messages/weigh", {"text": text}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.strip().startswith('<p class="weight')  # the region around it stays
    assert '<div id="weight" aria-live="polite">' in (await browser.get(amina.page)).text
    assert told in shown(answer)
    assert await ours(desk, amina) == []


async def test_it_counts_no_sms_for_a_web_page(desk: Desk, claire: int, browser: Browser) -> None:
    async with desk.store.transaction() as tx:
        here = await tx.conversation_at(Channel.WEB, "a-web-session", desk.now)
        who = await tx.conversation(here, desk.now)
    web = Known(here, who.pseudonym, "", "")
    await desk.meets(web, claire)
    answer = await browser.form(f"{web.page}/messages/weigh", {"text": "a" * 500}, headers=HTMX)
    assert shown(answer) == "500 caractères."
    assert "SMS" not in (await browser.read(web.page)).split("Lui écrire")[1].split("Qui lui répond")[0]
    answer = await browser.form(f"{web.page}/messages", {"text": "a" * 500})
    assert answer.status_code == 303  # nothing to ask: it costs nothing


@pytest.mark.parametrize("at", [MONDAY, NIGHT], ids=["day", "night"])
async def test_it_sends_the_words_of_a_double_click_once(
    desk: Desk, amina: Known, claire: int, browser: Browser, at: datetime
) -> None:
    desk.service.wiring.clock.move_to(at)
    browser = await desk.signed(claire)
    csrf = await browser.csrf()
    both = await asyncio.gather(
        *(
            browser.http.post(f"{amina.page}/messages", data={"csrf": csrf, "text": text})
            for text in ("Oui", "Oui ")
        )
    )
    assert [answer.status_code for answer in both] == [303, 303]
    assert both[0].headers["location"] == both[1].headers["location"]

    async def kept() -> int:
        notices = [row for row in await desk.service.rows(t.notice) if row["kind"] == "written"]
        return len(await ours(desk, amina)) + len(notices)

    assert await kept() == 1
    await browser.form(f"{amina.page}/messages", {"text": "Non"})
    await browser.form(f"{amina.page}/messages", {"text": "Oui"})
    assert await kept() == 3  # said again after something else
    desk.later(seconds=11)
    await browser.form(f"{amina.page}/messages", {"text": "Oui"})
    assert await kept() == 4


@pytest.mark.parametrize(("language", "told"), [("", ""), ("fr", ""), ("ar", "Elle lit : arabe")])
async def test_it_says_what_she_reads_when_it_is_known(
    desk: Desk, claire: int, browser: Browser, language: str, told: str
) -> None:
    known = await desk.person("Sofia", "claire@example.org", language)
    page = await browser.read(known.page)
    assert f"sans traduction{'. ' if told else ''}{told}." in page


async def test_it_weighs_without_javascript_and_keeps_the_text(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    answer = await browser.form(f"{amina.page}/messages/weigh", {"text": "ê" * 71})
    assert "2 SMS" in shown(answer)
    assert f">{'ê' * 71}</textarea>" in answer.text


async def test_it_asks_before_it_sends_a_long_one(desk: Desk, amina: Known, browser: Browser) -> None:
    long = "a" * 500
    asked = await browser.form(f"{amina.page}/messages", {"text": long})
    assert "Ce message est long" in shown(asked)
    assert "Envoyer quand même (4 SMS)" in shown(asked)
    assert long in asked.text
    assert await ours(desk, amina) == []
    answer = await browser.form(f"{amina.page}/messages", {"text": long, "anyway": "yes"})
    assert answer.status_code == 303
    assert len(await ours(desk, amina)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [("  ", "Écrivez d'abord"), ("\x00\x07", "Écrivez d'abord"), ("a" * 1700, "1 600 caractères au plus")],
)
async def test_it_refuses_what_cannot_be_a_message(
    desk: Desk, amina: Known, browser: Browser, text: str, told: str
) -> None:
    answer = await browser.form(f"{amina.page}/messages", {"text": text, "anyway": "yes"})
    assert told in shown(answer)
    assert await ours(desk, amina) == []


async def test_it_writes_nothing_after_stop(desk: Desk, amina: Known, browser: Browser) -> None:
    await stopped(desk, amina)
    page = await browser.read(amina.page)
    assert "Elle a écrit STOP" in page
    assert "Votre message" not in page
    answer = await browser.form(f"{amina.page}/messages", {"text": "Bonjour quand même"})
    assert "nous ne pouvons plus lui écrire" in shown(answer)
    assert "Bonjour quand même" in shown(answer)
    assert await ours(desk, amina) == []


async def test_it_writes_nothing_to_a_dead_number(desk: Desk, amina: Known, browser: Browser) -> None:
    await changed(desk, amina, number_error=30005)
    answer = await browser.form(f"{amina.page}/messages", {"text": "Bonjour"})
    assert "Demandez-lui le bon" in shown(answer)
    assert await ours(desk, amina) == []


async def test_it_keeps_her_words_until_the_morning(desk: Desk, amina: Known, browser: Browser) -> None:
    desk.service.wiring.clock.move_to(NIGHT)
    answer = await browser.form(f"{amina.page}/messages", {"text": "À demain"})
    assert answer.headers["location"].endswith("?done=morning")
    page = (await browser.read(f"{amina.page}?done=morning")).replace("\xa0", " ")
    assert "Il partira mardi 24 novembre à 8 h : la nuit" in page
    await desk.service.wiring.worker.drain()
    assert [m for m in desk.service.carried if m["to"] == amina.phone] == []
    desk.service.wiring.clock.move_to(datetime(2026, 11, 24, 7, 0, tzinfo=UTC))
    await desk.service.wiring.worker.drain()
    assert [m["body"] for m in desk.service.carried if m["to"] == amina.phone] == ["À demain"]


async def test_it_answers_at_night_whoever_has_just_written(
    desk: Desk, amina: Known, browser: Browser
) -> None:
    desk.service.wiring.clock.move_to(NIGHT)
    await says(desk, amina, "vous êtes là ?")
    answer = await browser.form(f"{amina.page}/messages", {"text": "Oui, je suis là"})
    assert answer.headers["location"].endswith("?done=sent")
    await desk.service.settled()
    assert "Oui, je suis là" in [m["body"] for m in desk.service.carried if m["to"] == amina.phone]


# answering in the robot's place


async def test_it_silences_the_robot_and_gives_it_back(
    desk: Desk, amina: Known, claire: int, browser: Browser
) -> None:
    answer = await browser.form(f"{amina.page}/take-over")
    assert answer.headers["location"] == f"{amina.page}?done=taken"
    page = await browser.read(f"{amina.page}?done=taken")
    assert "C'est à vous : le robot se tait." in page
    assert "Rendre au robot" in page
    (row,) = await desk.service.rows(t.conversation)
    assert row["taken_by"] == claire
    answer = await browser.form(f"{amina.page}/give-back")
    assert answer.headers["location"] == f"{amina.page}?done=back"
    (row,) = await desk.service.rows(t.conversation)
    assert row["taken_by"] is None
    await desk.service.wiring.worker.drain()
    told = [name for names in await desk.service.said_to(amina.phone) for name in names]
    assert [name for name in told if name != "utter_welcome"] == [
        "utter_person_answers",
        "utter_robot_is_back",
    ]


async def test_it_says_nothing_when_nobody_had_taken_over(desk: Desk, amina: Known, browser: Browser) -> None:
    await browser.form(f"{amina.page}/give-back")
    assert await desk.service.rows(t.notice) == []


async def test_it_tells_a_colleague_who_answers(desk: Desk, amina: Known, browser: Browser) -> None:
    lea = await desk.referent("lea@example.org", "Léa Roux", "CMS Niort", leads=True)
    await (await desk.signed(lea)).form(f"{amina.page}/take-over")
    page = await browser.read(amina.page)
    assert "Reprise par un collègue" in page
    assert "Léa. Le robot se tait." in page
    await browser.form(f"{amina.page}/take-over")
    assert "Vous répondez" in await browser.read(amina.page)


# the audit log


async def test_it_notes_every_visit_and_every_act(
    desk: Desk, amina: Known, claire: int, browser: Browser
) -> None:
    await browser.get(amina.page)
    await browser.form(f"{amina.page}/messages", {"text": "Bonjour"})
    await browser.form(f"{amina.page}/take-over")
    await browser.form(f"{amina.page}/give-back")
    await browser.form(f"{amina.page}/messages", {"text": ""})  # refused, but her page is shown
    rows = await desk.service.rows(t.access)
    assert [row["action"] for row in rows] == ["read", "write", "take_over", "give_back", "read"]
    assert {(row["referent_id"], row["conversation_id"]) for row in rows} == {(claire, amina.conversation_id)}


async def test_it_notes_nothing_for_whom_the_page_was_not(desk: Desk, amina: Known) -> None:
    paul = await desk.signed(await desk.referent("paul@example.org", "Paul Petit", "CMS Niort"))
    assert (await paul.get(amina.page)).status_code == 404
    assert (await paul.form(f"{amina.page}/take-over")).status_code == 404
    assert await desk.service.rows(t.access) == []


async def test_it_tells_her_who_looked(desk: Desk, amina: Known, browser: Browser) -> None:
    lea = await desk.signed(await desk.referent("lea@example.org", "Léa Roux", "CMS Niort", leads=True))
    await lea.get(amina.page)
    await browser.get(amina.page)
    page = await browser.read("/workspace/access")
    assert "Léa Roux page consultée Amina" in page
    assert "Vous page consultée Amina" in page
    assert "Toutes les visites de cette page" in await browser.read(
        f"/workspace/access?person={amina.pseudonym}"
    )


async def test_it_gives_the_log_as_a_file(desk: Desk, amina: Known, browser: Browser) -> None:
    lea = await desk.signed(await desk.referent("lea@example.org", "=Léa Roux", "CMS Niort", leads=True))
    await lea.get(amina.page)
    answer = await browser.get("/workspace/access.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert header[:5] == ["date", "heure", "qui", "action", "personne"]
    assert row == ["23/11/2026", "11:00:00", "'=Léa Roux", "page consultée", "Amina", amina.pseudonym]


@pytest.mark.parametrize("cell", ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_it_gives_a_spreadsheet_nothing_to_compute(cell: str) -> None:
    ((read,),) = csv.reader(io.StringIO(written([(cell,)]).lstrip("\ufeff"), newline=""), delimiter=";")
    assert read == f"'{cell}".replace("\t", " ").replace("\r", " ")


async def test_it_gives_nobody_the_log_of_somebody_elses_person(desk: Desk, amina: Known) -> None:
    paul = await desk.signed(await desk.referent("paul@example.org", "Paul Petit", "CMS Niort"))
    for path in ("/workspace/access", "/workspace/access.csv"):
        assert (await paul.get(f"{path}?person={amina.pseudonym}")).status_code == 404


async def test_it_shows_a_substitute_her_people_only_while_it_lasts(
    desk: Desk, amina: Known, claire: int
) -> None:
    nour = await desk.referent("nour@example.org", "Nour Haddad", "CMS Bressuire")
    browser = await desk.signed(nour)
    assert (await browser.get(amina.page)).status_code == 404
    await desk.away(claire, nour)
    assert (await browser.get(amina.page)).status_code == 200
    desk.later(hours=2)
    assert (await browser.get(amina.page)).status_code == 404
