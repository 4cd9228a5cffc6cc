"""Her day, her week, and what she does with an appointment."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Absence, Status, TimeSlot
from gateway.domain.calendars import CalendarAccount
from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary
from tests.web.desk import HTMX, shown
from tests.web.office import CLAIRE, LEA, NIORT, PAUL, THURSDAY, TUESDAY, Office, fields, opened, slots
from tests.web.service import Service


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


# her day and her week


async def test_it_shows_who_comes_today_by_hour(office: Office) -> None:
    karim = await office.desk.person("Karim", CLAIRE)
    await office.desk.meets(office.amina, office.claire, hours=3)
    await office.desk.meets(karim, office.claire, hours=1)
    await office.desk.meets(office.amina, office.claire, days=1)
    page = await office.browser.read("/workspace")
    assert "Aujourd'hui, mardi 24 novembre" in page
    assert page.index("10 h Karim") < page.index("12 h Amina")
    assert page.count("Sur place, 7 rue du Lac") == 2  # not tomorrow's


async def test_it_says_when_nobody_comes(office: Office) -> None:
    page = await office.browser.read("/workspace")
    assert "Pas de rendez-vous aujourd'hui." in page
    assert "Personne n'attend d'appel." in page


async def test_it_shows_no_day_of_another_referent(office: Office) -> None:
    await office.desk.meets(office.amina, office.lea, hours=1)
    assert "Pas de rendez-vous aujourd'hui." in await office.browser.read("/workspace")


async def test_it_warns_of_a_calendar_that_does_not_answer(office: Office) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.save_calendar(
            office.claire, CalendarAccount("https://agenda.example.org", "claire", "secret")
        )
        await tx.calendar_answered(office.claire, TUESDAY - timedelta(hours=2))
        await tx.calendar_failed(office.claire, "CalendarRefused", TUESDAY)
    page = await office.browser.read("/workspace")
    assert "Votre agenda ne répond plus. Il refuse l'adresse ou le mot de passe." in page
    assert "Dernière lecture : mardi 24 novembre à 7 h." in page
    async with office.desk.store.transaction() as tx:
        await tx.calendar_answered(office.claire, TUESDAY)
    assert "ne répond plus" not in await office.browser.read("/workspace")


async def test_it_shows_messages_that_did_not_arrive(office: Office) -> None:
    other = await office.desk.person("Oksana", LEA)
    async with office.desk.store.transaction() as tx:
        for known, status in ((office.amina, "failed"), (office.amina, "undelivered"), (other, "failed")):
            who = await tx.conversation(known.conversation_id, TUESDAY)
            sent = await tx.add_outbound(who, None, "bonjour", ["utter_greet"], TUESDAY)
            await tx.mark_attempt(sent)
            await tx.mark_sent(sent, f"SM{sent:032x}", TUESDAY)
            await tx.carrier_status(f"SM{sent:032x}", status, 30005)
    page = await office.browser.read("/workspace")
    assert "Messages non remis" in page
    assert "Amina : 2 messages, le dernier mardi 24 novembre à 9 h" in page
    assert "Oksana" not in page
    office.desk.later(days=8)
    later = await office.desk.signed(office.claire)
    assert "Messages non remis" not in await later.read("/workspace")


async def test_it_shows_seven_days(office: Office) -> None:
    await office.desk.meets(office.amina, office.claire, hours=-16)  # Monday at 17
    await office.desk.meets(office.amina, office.claire, days=5)  # Sunday at 9
    await office.desk.meets(office.amina, office.claire, days=6)  # the Monday after
    page = await office.browser.read("/workspace/week")
    assert "Du lundi 23 novembre au dimanche 29 novembre" in page
    assert page.count("Amina") == 2
    assert "17 h Amina , Sur place, 7 rue du Lac. À noter" in page
    after = await office.browser.read("/workspace/week?from=2026-11-30")
    assert after.count("Amina") == 1
    assert "Du lundi 30 novembre au dimanche 6 décembre" in after


@pytest.mark.parametrize("odd", ["", "hier", "2026-02-30", "0001-01-01", "9999-12-31", "2026-11-24T10:00"])
async def test_it_shows_this_week_when_the_day_cannot_be_read(office: Office, odd: str) -> None:
    assert "Du lundi 23 novembre" in await office.browser.read(f"/workspace/week?from={odd}")


async def test_it_keeps_days_whole_when_the_clocks_change(office: Office) -> None:
    """The last Sunday of October lasts 25 hours: its last appointment is its own."""
    office.desk.service.wiring.clock.move_to(datetime(2027, 10, 31, 6, 0, tzinfo=UTC))
    browser = await office.desk.signed(office.claire)
    await office.desk.meets(office.amina, office.claire, hours=16)  # at 22:00 UTC it is 23 in Paris
    assert "23 h Amina" in await browser.read("/workspace")


# the day of those whom she replaces, the week of those whom she leads


async def test_it_shows_a_substitute_who_comes_while_it_lasts(office: Office) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.save_absence(
            Absence(office.claire, TUESDAY - timedelta(hours=1), TUESDAY + timedelta(hours=4), office.paul)
        )
    inside = await office.desk.meets(office.amina, office.claire, hours=1)
    after = await office.desk.meets(office.amina, office.claire, hours=6)
    paul = await office.desk.signed(office.paul)
    for path in ("/workspace", "/workspace/week"):
        html = (await paul.get(path)).text
        assert "Pour Claire, absente" in html
        assert f"/workspace/appointments/{inside}" in html
        assert f"/workspace/appointments/{after}" not in html
        assert "10 h Amina" in await paul.read(path)
    office.desk.later(hours=2)
    action = f"/workspace/appointments/{inside}/status"
    sent = {**fields((await paul.get("/workspace")).text, action), "status": "seen"}
    assert (await paul.form(action, sent)).status_code == 303
    assert (await office.appointment(inside)).status is Status.SEEN
    office.desk.later(hours=3)
    for path in ("/workspace", "/workspace/week"):
        assert "Claire" not in await paul.read(path)
    assert (await paul.get(f"/workspace/appointments/{inside}")).status_code == 404


async def test_it_names_nobody_to_a_substitute_before_the_absence(office: Office) -> None:
    async with office.desk.store.transaction() as tx:
        await tx.save_absence(
            Absence(office.claire, TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3), office.paul)
        )
    await office.desk.meets(office.amina, office.claire, days=2, hours=1)
    paul = await office.desk.signed(office.paul)
    week = await paul.read("/workspace/week")
    assert "Pour Claire, absente 10 h Une personne que Claire reçoit, Sur place" in week
    assert "Amina" not in week
    assert "/workspace/appointments/" not in (await paul.get("/workspace/week")).text
    assert "Claire" not in await paul.read("/workspace")


async def test_it_opens_to_a_substitute_an_appointment_with_somebody_whom_another_follows(
    office: Office,
) -> None:
    oksana = await office.desk.person("Oksana", LEA)
    booked = await office.desk.meets(oksana, office.claire, hours=1)
    paul = await office.desk.signed(office.paul)
    assert (await paul.get(f"/workspace/appointments/{booked}")).status_code == 404
    await office.desk.away(office.claire, office.paul, hours=3)
    html = (await paul.get(f"/workspace/appointments/{booked}")).text
    assert "Oksana" in html
    assert oksana.pseudonym not in html


async def test_it_shows_a_lead_the_week_of_her_team_alone(office: Office) -> None:
    await office.desk.meets(office.amina, office.claire, days=1)
    lead = await office.desk.signed(await office.desk.referent("chef@example.org", "Nadia Roux", NIORT, True))
    html = (await lead.get("/workspace/week")).text
    assert "Amina" not in html
    assert f"?from=2026-11-23&amp;of={office.claire}" in html.replace("&of", "&amp;of")
    week = await lead.read(f"/workspace/week?of={office.claire}")
    assert "Claire Moreau, du lundi 23 novembre" in week
    assert "Amina" in week
    assert f"of={office.claire}" in (await lead.get(f"/workspace/week?of={office.claire}")).text
    for odd in (office.lea, 999, "x", "-1"):
        assert (await lead.get(f"/workspace/week?of={odd}")).status_code == 404
    assert "Semaines de l'équipe" not in (await office.browser.get("/workspace/week")).text
    assert (await office.browser.get(f"/workspace/week?of={office.paul}")).status_code == 404


# what became of it


OUTCOMES = {"seen": "Venue", "excused": "Absente, excusée", "noshow": "Absente"}


@pytest.mark.parametrize(("status", "words"), OUTCOMES.items(), ids=list(OUTCOMES))
async def test_it_notes_in_one_click_what_became_of_it(office: Office, status: str, words: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    action = f"/workspace/appointments/{booked}/status"
    page = (await office.browser.get("/workspace")).text
    answer = await office.browser.form(action, {**fields(page, action), "status": status})
    assert (answer.status_code, answer.headers["location"]) == (
        303, f"/workspace?said={status}#appointment-{booked}",
    )  # fmt: skip
    assert (await office.appointment(booked)).status == status
    assert f"C'est noté : {words.lower()}." in await office.browser.read(f"/workspace?said={status}")
    assert await office.rows(t.notice) == []  # she is told nothing
    (noted,) = [row for row in await office.rows(t.access) if row["action"] == "status"]
    assert noted["conversation_id"] == office.amina.conversation_id


async def test_it_changes_its_mind(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    action = f"/workspace/appointments/{booked}/status"
    for status in ("noshow", "excused", "seen"):
        page = (await office.browser.get(f"/workspace/appointments/{booked}")).text
        answer = await office.browser.form(action, {**fields(page, action), "status": status})
        assert answer.headers["location"] == f"/workspace/appointments/{booked}?said={status}"
    assert (await office.appointment(booked)).status is Status.SEEN


async def test_it_gives_htmx_the_page_to_choose_from(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    action = f"/workspace/appointments/{booked}/status"
    sent = {**fields((await office.browser.get("/workspace")).text, action), "status": "seen"}
    answer = await office.browser.form(action, sent, headers=HTMX, follow_redirects=True)
    assert answer.status_code == 200
    assert f'id="appointment-{booked}"' in answer.text
    assert 'id="said"' in answer.text


async def test_it_notes_nothing_before_it_begins(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=1)
    assert f"/appointments/{booked}/status" not in (await office.browser.get("/workspace")).text
    answer = await office.browser.form(
        f"/workspace/appointments/{booked}/status", {"status": "noshow", "sequence": "0"}
    )
    assert answer.status_code == 409
    assert (await office.appointment(booked)).status is Status.BOOKED


@pytest.mark.parametrize("status", ["booked", "revoked", "", "venue"])
async def test_it_notes_no_other_outcome(office: Office, status: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    answer = await office.browser.form(
        f"/workspace/appointments/{booked}/status", {"status": status, "sequence": "0"}
    )
    assert answer.status_code == 400
    assert (await office.appointment(booked)).status is Status.BOOKED


async def test_it_shows_what_happened_when_it_changed_meanwhile(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    action = f"/workspace/appointments/{booked}/status"
    old = fields((await office.browser.get("/workspace")).text, action)
    async with office.desk.store.transaction() as tx:
        await tx.set_status(booked, 0, Status.SEEN, TUESDAY)
    answer = await office.browser.form(action, {**old, "status": "noshow", "back": "appointment"})
    assert answer.status_code == 409
    assert "Ce rendez-vous a changé entre-temps : rien n'a été fait." in shown(answer)
    assert "État Venue" in shown(answer)
    assert (await office.appointment(booked)).status is Status.SEEN


@pytest.mark.parametrize("sequence", ["", "x", "-1", "1.5", "٣", "9" * 12])
async def test_it_refuses_a_form_without_its_sequence(office: Office, sequence: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    answer = await office.browser.form(
        f"/workspace/appointments/{booked}/status", {"status": "seen", "sequence": sequence}
    )
    assert answer.status_code == 400


# another time


async def test_it_moves_an_appointment_and_tells_everybody(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    key = slots(page)[1]
    answer = await office.browser.form(f"{path}/move", {**fields(page, f"{path}/move"), "slot": key})
    assert answer.headers["location"] == f"{path}?said=moved"
    now = await office.appointment(booked)
    assert now.starts_at == datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
    (notice,) = await office.rows(t.notice)
    assert (notice["kind"], notice["key"]) == ("moved", f"appointment:{booked}:{now.sequence}")
    assert any("déplacé" in subject for subject in await office.mails_to(CLAIRE))
    after = await office.browser.read(f"{path}?said=moved")
    assert "Rendez-vous du jeudi 26 novembre à 9 h 30" in after
    assert "Dernier changement le mardi 24 novembre à 9 h." in after
    assert "Nouvelle date : message traité le mardi 24 novembre" in after


async def test_it_tells_her_that_her_referent_moved_it(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    sent = {**fields(page, f"{path}/move"), "slot": slots(page)[0]}
    await office.browser.form(f"{path}/move", sent)
    await office.desk.service.settled()
    said = await office.desk.service.said_to(office.amina.phone)
    assert any("utter_referent_moved" in names for names in said)


async def test_it_shows_the_present_state_when_she_moved_it_herself(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    old = {**fields(page, f"{path}/move"), "slot": slots(page)[0]}
    at = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    async with office.desk.store.transaction() as tx:
        await tx.move(booked, 0, TimeSlot(at, at + timedelta(minutes=30), office.claire), TUESDAY)
    answer = await office.browser.form(f"{path}/move", old)
    assert answer.status_code == 409
    assert "Ce rendez-vous a changé entre-temps" in shown(answer)
    assert "Rendez-vous du vendredi 27 novembre à 10 h" in shown(answer)
    assert await office.rows(t.notice) == []


async def test_it_says_when_the_time_was_taken_meanwhile(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    karim = await office.desk.person("Karim", CLAIRE)
    await office.desk.meets(karim, office.claire, days=2)  # Thursday at nine
    answer = await office.browser.form(
        f"{path}/move", {**fields(page, f"{path}/move"), "slot": slots(page)[0]}
    )
    assert answer.status_code == 409
    assert "Cette heure n'est pas libre : rien n'a été fait." in shown(answer)
    assert (await office.appointment(booked)).starts_at == TUESDAY + timedelta(days=1)


@pytest.mark.parametrize("slot", ["", "1", "1.2.3", "1.1795593600.30", "a.b.c", "9" * 300])
async def test_it_moves_to_no_time_that_is_not_offered(office: Office, slot: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    answer = await office.browser.form(
        f"/workspace/appointments/{booked}/move", {"slot": slot, "sequence": "0"}
    )
    assert answer.status_code == 409
    assert (await office.appointment(booked)).sequence == 0


async def test_it_gives_one_place_to_one_of_two_referents_who_move_at_once(office: Office) -> None:
    """Claire and who leads the team click at the same moment: one change, one notice."""
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    lead = await office.desk.referent("chef@example.org", "Nadia Roux", NIORT, leads=True)
    other = await office.desk.signed(lead)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    both = await asyncio.gather(
        office.browser.form(f"{path}/move", {"sequence": "0", "slot": slots(page)[0]}),
        other.form(f"{path}/move", {"sequence": "0", "slot": slots(page)[1]}),
    )
    assert sorted(answer.status_code for answer in both) == [303, 409]
    assert (await office.appointment(booked)).sequence == 1
    assert len(await office.rows(t.notice)) == 1


async def test_it_entrusts_an_appointment_to_the_substitute(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    async with office.desk.store.transaction() as tx:
        await tx.save_absence(
            Absence(office.claire, TUESDAY + timedelta(hours=12), TUESDAY + timedelta(days=2), office.paul)
        )
    assert (await office.appointment(booked)).referent_id == office.claire  # nothing moves silently
    page = (await office.browser.get("/workspace/openings")).text
    assert "Confier à Paul Girard" in page
    action = f"/workspace/appointments/{booked}/move"
    answer = await office.browser.form(action, fields(page, action))
    assert answer.headers["location"] == f"/workspace/appointments/{booked}?said=moved"
    now = await office.appointment(booked)
    assert (now.referent_id, now.starts_at) == (office.paul, TUESDAY + timedelta(days=1))
    assert any("nouveau rendez-vous" in subject for subject in await office.mails_to(PAUL))
    assert any("annulé" in subject for subject in await office.mails_to(CLAIRE))


@pytest.mark.parametrize("why", ["away", "busy", "meets"])
async def test_it_entrusts_nothing_to_a_substitute_who_is_not_free(office: Office, why: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    starts_at = TUESDAY + timedelta(days=1)
    async with office.desk.store.transaction() as tx:
        await tx.save_absence(Absence(office.claire, TUESDAY, TUESDAY + timedelta(days=2), office.paul))
    path, offered = f"/workspace/appointments/{booked}", f"{office.paul}.{int(starts_at.timestamp())}.30"
    assert slots((await office.browser.get(path)).text) == [offered]
    stretch = (starts_at + timedelta(minutes=20), starts_at + timedelta(hours=3))
    async with office.desk.store.transaction() as tx:
        if why == "away":
            await tx.save_absence(Absence(office.paul, *stretch))
        elif why == "busy":
            await tx.replace_busy(office.paul, [stretch])
        else:
            karim = await tx.conversation_at(Channel.SMS, "+33639984001", TUESDAY)
            assert await tx.book(karim, None, TimeSlot(*stretch, office.paul), TUESDAY)
    assert slots((await office.browser.get(path)).text) == []
    assert "Confier à" not in await office.browser.read("/workspace/openings")
    answer = await office.browser.form(f"{path}/move", {"sequence": "0", "slot": offered})
    assert answer.status_code == 409
    assert (await office.appointment(booked)).referent_id == office.claire


# the end of it


async def test_it_cancels_and_tells_her(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    answer = await office.browser.form(f"{path}/cancel", fields(page, f"{path}/cancel"))
    assert answer.headers["location"] == f"{path}?said=revoked"
    assert (await office.appointment(booked)).status is Status.REVOKED
    assert await office.rows(t.occupied) == []
    (notice,) = await office.rows(t.notice)
    assert notice["kind"] == "revoked"
    assert any("annulé" in subject for subject in await office.mails_to(CLAIRE))
    assert "Annulé par le service" in await office.browser.read(path)


@pytest.mark.parametrize("verb", ["move", "cancel"])
async def test_it_changes_nothing_that_has_begun(office: Office, verb: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, hours=0)
    await office.open(office.claire, THURSDAY)
    path = f"/workspace/appointments/{booked}"
    assert f"{path}/{verb}" not in (await office.browser.get(path)).text
    slot = f"{office.claire}.{int(datetime(2026, 11, 26, 8, tzinfo=UTC).timestamp())}.30"
    answer = await office.browser.form(f"{path}/{verb}", {"sequence": "0", "slot": slot})
    assert answer.status_code == 409
    assert (await office.appointment(booked)).status is Status.BOOKED
    assert await office.rows(t.notice) == []


async def test_it_warns_that_she_wrote_stop(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    async with office.desk.store.transaction() as tx:
        await tx.opt_out(office.amina.conversation_id, "message", TUESDAY)
    path = f"/workspace/appointments/{booked}"
    assert "Aucun message ne part" in await office.browser.read(path)
    answer = await office.browser.form(f"{path}/cancel", {"sequence": "0"})
    assert answer.headers["location"] == f"{path}?said=revoked-untold"
    assert "prévenez la personne autrement." in await office.browser.read(f"{path}?said=revoked-untold")
    assert await office.rows(t.notice) == []


async def test_it_tells_nothing_to_a_number_that_is_no_longer_hers(office: Office) -> None:
    """ "This is not me" was said from there."""
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    async with office.desk.store.transaction() as tx:
        await tx.unbind(office.amina.conversation_id)
    path = f"/workspace/appointments/{booked}"
    html = (await office.browser.get(path)).text
    assert "Amina" in html
    assert office.amina.pseudonym not in html  # whoever answers there now is not hers to see
    for other in ("/workspace/week", "/workspace"):
        assert "Une personne sans nom" not in await office.browser.read(other)
    assert "Amina" in await office.browser.read("/workspace/week")
    await office.browser.form(f"{path}/cancel", {"sequence": "0"})
    assert (await office.appointment(booked)).status is Status.REVOKED
    assert await office.rows(t.notice) == []


UNTOLD = {
    "dead": {"number_error": 30005},
    "web": {"channel": "web"},
}


@pytest.mark.parametrize("change", UNTOLD.values(), ids=list(UNTOLD))
async def test_it_says_to_reach_her_otherwise_when_no_message_would_arrive(
    office: Office, change: dict[str, Any]
) -> None:
    stranger = await office.desk.stranger()
    booked = await office.desk.meets(stranger, office.claire, days=1)
    await office.open(office.claire, THURSDAY)
    path, book = f"/workspace/appointments/{booked}", f"{stranger.page}/appointments"
    assert "reçoit un message" in await office.browser.read(path)
    assert "reçoit un message" in await office.browser.read(book)
    async with office.desk.store.transaction() as tx:
        here = t.conversation.c.id == stranger.conversation_id
        await tx.db.execute(update(t.conversation).where(here).values(**change))
    for page in (await office.browser.read(path), await office.browser.read(book)):
        assert "Aucun message ne part" in page
        assert "reçoit un message" not in page
    answer = await office.browser.form(f"{path}/cancel", {"sequence": "0"})
    assert answer.headers["location"] == f"{path}?said=revoked-untold"
    assert await office.rows(t.notice) == []


async def test_it_names_nobody_to_who_follows_the_next_holder_of_the_number(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    async with office.desk.store.transaction() as tx:
        karim = await tx.save_beneficiary(Beneficiary("+33639984002", "Karim"), LEA)
        here = t.beneficiary.c.id
        index = office.desk.store.cipher.index
        numbers = {karim: index(office.amina.phone), office.amina.beneficiary_id: index("+33639984002")}
        for person, phone in ((karim, "x"), *reversed(numbers.items())):  # the key is unique
            await tx.db.execute(update(t.beneficiary).where(here == person).values(phone_index=phone))
    lea = await office.desk.signed(office.lea)
    assert "Karim" in await lea.read("/workspace/people")
    assert (await lea.get(f"/workspace/appointments/{booked}")).status_code == 404
    assert "Amina" in await office.browser.read(f"/workspace/appointments/{booked}")


# a new one


async def test_it_books_for_her(office: Office) -> None:
    await office.open(office.claire, THURSDAY)
    async with office.desk.store.transaction() as tx:
        await tx.wait(office.amina.conversation_id, [office.claire], TUESDAY)
    path = f"{office.amina.page}/appointments"
    page = (await office.browser.get(path)).text
    answer = await office.browser.form(path, {"slot": slots(page)[0]})
    (booked,) = await office.rows(t.appointment)
    assert answer.headers["location"] == f"/workspace/appointments/{booked['id']}?said=booked"
    assert booked["beneficiary_id"] == office.amina.beneficiary_id
    assert booked["referent_id"] == office.claire
    (notice,) = await office.rows(t.notice)
    assert notice["kind"] == "booked"
    values = office.desk.store.cipher.open_json(notice["values_sealed"])
    assert values == {"appointment": booked["id"], "sequence": 0}
    assert await office.rows(t.waiting) == []  # she has her place
    assert any("nouveau rendez-vous" in subject for subject in await office.mails_to(CLAIRE))


async def test_it_books_one_place_once(office: Office) -> None:
    await office.open(office.claire, THURSDAY, time(9), time(9, 30))
    path = f"{office.amina.page}/appointments"
    (slot,) = slots((await office.browser.get(path)).text)
    first = await office.browser.form(path, {"slot": slot})
    second = await office.browser.form(path, {"slot": slot})
    assert (first.status_code, second.status_code) == (303, 409)
    assert "Cette heure n'est pas libre" in shown(second)
    assert len(await office.rows(t.appointment)) == 1


async def test_it_says_when_there_is_no_free_time(office: Office) -> None:
    page = await office.browser.read(f"{office.amina.page}/appointments")
    assert "Aucun créneau libre." in page


# whose it is


async def test_it_hides_the_appointments_of_others(office: Office) -> None:
    oksana = await office.desk.person("Oksana", LEA)
    booked = await office.desk.meets(oksana, office.lea, days=1)
    path = f"/workspace/appointments/{booked}"
    await office.open(office.lea, THURSDAY)
    assert (await office.browser.get(path)).status_code == 404
    for verb in ("status", "move", "cancel"):
        sent = {"sequence": "0", "status": "seen", "slot": "1.1.30"}
        assert (await office.browser.form(f"{path}/{verb}", sent)).status_code == 404
    assert (await office.browser.get(f"{oksana.page}/appointments")).status_code == 404
    assert (await office.browser.form(f"{oksana.page}/appointments", {"slot": "1.1.30"})).status_code == 404
    assert (await office.appointment(booked)).sequence == 0


@pytest.mark.parametrize("name", ["0", "abc", "99999", "-1", "1.5"])
async def test_it_knows_no_such_appointment(office: Office, name: str) -> None:
    answer = await office.browser.get(f"/workspace/appointments/{name}")
    assert answer.status_code in (404, 422)
    assert (await office.browser.get(f"/workspace/appointments/{'9' * 30}")).status_code in (404, 422)


async def test_it_writes_each_visit_in_the_audit_log(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    await office.browser.read(f"/workspace/appointments/{booked}")
    (row,) = await office.rows(t.access)
    assert (row["action"], row["referent_id"]) == ("appointment", office.claire)


@pytest.mark.parametrize("verb", ["status", "move", "cancel"])
async def test_it_takes_no_form_from_elsewhere(office: Office, verb: str) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    answer = await office.browser.http.post(
        f"/workspace/appointments/{booked}/{verb}", data={"sequence": "0", "status": "seen"}
    )
    assert answer.status_code == 403
    assert (await office.appointment(booked)).sequence == 0


async def test_it_writes_no_name_in_its_log(office: Office) -> None:
    booked = await office.desk.meets(office.amina, office.claire, days=1)
    path = f"/workspace/appointments/{booked}"
    page = (await office.browser.get(path)).text
    await office.browser.form(f"{path}/cancel", fields(page, f"{path}/cancel"))
    await office.desk.service.settled()
    assert office.desk.service.leaked("Amina", office.amina.phone, CLAIRE) == []
