"""Her time: what she opens, what it gives, why it gives nothing, and when she is away."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.domain.appointment import Absence, Kind, Opening, Status
from tests.web.desk import shown
from tests.web.office import PAUL, THURSDAY, TUESDAY, Office, opened
from tests.web.service import Service, until

OPENINGS = "/workspace/openings"
WEEKLY = {
    "repeat": "weekly", "day": "2026-11-26", "start": "09:00", "end": "10:30", "slot_minutes": "30",
    "kind": "in_person", "place": "7 rue du Lac", "notice_hours": "4", "horizon_days": "60", "until": "",
}  # fmt: skip
ONCE = {**WEEKLY, "repeat": "once"}
AWAY = {
    "first_day": "2026-11-25",
    "first_hour": "",
    "last_day": "2026-11-27",
    "last_hour": "",
    "substitute": "",
}


@pytest.fixture
async def office(service: Service) -> AsyncIterator[Office]:
    async with opened(service) as office:
        yield office


async def openings(office: Office) -> list[Opening]:
    async with office.desk.store.transaction() as tx:
        return list(await tx.openings_of(office.claire))


async def absences(office: Office) -> list[Absence]:
    async with office.desk.store.transaction() as tx:
        return list(await tx.absences_of(office.claire, TUESDAY))


async def opened_as(office: Office, **about: Any) -> int:
    """Straight into the database, as an import would."""
    values = {"day": THURSDAY, "start": time(9), "end": time(10, 30), **about}
    async with office.desk.store.transaction() as tx:
        return await tx.save_opening(Opening(office.claire, **values))


# opening


async def test_it_opens_time_each_week(office: Office) -> None:
    answer = await office.browser.form(OPENINGS, {**WEEKLY, "until": "2026-12-31"})
    assert answer.headers["location"] == f"{OPENINGS}?said=opened"
    (one,) = await openings(office)
    assert (one.weekly, one.day, one.start, one.end) == (True, THURSDAY, time(9), time(10, 30))
    assert (one.slot_minutes, one.kind, one.place) == (30, Kind.IN_PERSON, "7 rue du Lac")
    assert (one.until, one.notice_hours, one.horizon_days) == (date(2026, 12, 31), 4, 60)
    page = await office.browser.read(f"{OPENINGS}?said=opened")
    assert "La plage est ouverte." in page
    assert "Chaque jeudi, de 9 h à 10 h 30" in page
    assert "Jusqu'au jeudi 31 décembre." in page
    assert "Prochains créneaux : jeudi 26 novembre, 9 h, 9 h 30, 10 h." in page


async def test_it_opens_time_once(office: Office) -> None:
    await office.browser.form(OPENINGS, {**ONCE, "kind": "phone", "place": ""})
    (one,) = await openings(office)
    assert (one.weekly, one.kind) == (False, Kind.PHONE)
    page = await office.browser.read(OPENINGS)
    assert "Jeudi 26 novembre, de 9 h à 10 h 30" in page
    assert "Vos prochains créneaux libres jeudi 26 novembre : 9 h, 9 h 30, 10 h" in page


WRONG = {
    "no-day": ("day", {"day": ""}),
    "odd-day": ("day", {"day": "26/11/2026"}),
    "no-such-day": ("day", {"day": "2026-02-30"}),
    "odd-year": ("day", {"day": "0001-01-01"}),
    "past-day": ("day", {"repeat": "once", "day": "2026-11-23"}),
    "no-hour": ("start", {"start": ""}),
    "odd-hour": ("start", {"start": "25:00"}),
    "zoned-hour": ("start", {"start": "09:00+01:00"}),
    "three-minutes": ("start", {"start": "09:03"}),
    "seconds": ("end", {"end": "10:30:15"}),
    "end-before-start": ("end", {"start": "10:00", "end": "09:00"}),
    "end-at-start": ("end", {"start": "09:00", "end": "09:00"}),
    "no-length": ("slot_minutes", {"slot_minutes": ""}),
    "zero-length": ("slot_minutes", {"slot_minutes": "0"}),
    "negative-length": ("slot_minutes", {"slot_minutes": "-30"}),
    "seven-minutes": ("slot_minutes", {"slot_minutes": "7"}),
    "too-long": ("slot_minutes", {"slot_minutes": "120"}),
    "huge-length": ("slot_minutes", {"slot_minutes": "9" * 40}),
    "other-digits": ("slot_minutes", {"slot_minutes": "٣٠"}),
    "odd-kind": ("kind", {"kind": "pigeon"}),
    "long-place": ("place", {"place": "x" * 201}),
    "odd-notice": ("notice_hours", {"notice_hours": "bientôt"}),
    "long-notice": ("notice_hours", {"notice_hours": "721"}),
    "no-horizon": ("horizon_days", {"horizon_days": "0"}),
    "far-horizon": ("horizon_days", {"horizon_days": "367"}),
    "until-before": ("until", {"until": "2026-11-25"}),
    "until-once": ("until", {"repeat": "once", "until": "2026-12-31"}),
    "odd-until": ("until", {"until": "noël"}),
}


@pytest.mark.parametrize(("field", "change"), WRONG.values(), ids=list(WRONG))
async def test_it_says_what_is_wrong_beside_the_field(
    office: Office, field: str, change: dict[str, str]
) -> None:
    answer = await office.browser.form(OPENINGS, {**WEEKLY, **change})
    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert f'name="{field}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert await openings(office) == []
    kept = {**WEEKLY, **change}["place"] if field != "place" else WEEKLY["start"]
    assert f'value="{kept}"' in answer.text  # nothing has to be typed again


async def test_it_opens_the_same_time_once(office: Office) -> None:
    """A second time would put back the days that she took out."""
    await opened_as(office, weekly=True, exceptions=frozenset({date(2026, 12, 3)}))
    answer = await office.browser.form(OPENINGS, WEEKLY)
    assert answer.status_code == 422
    assert "Cette plage est déjà ouverte." in shown(answer)
    (one,) = await openings(office)
    assert one.exceptions == {date(2026, 12, 3)}


async def armed(office: Office) -> int:
    """How often those who wait for Claire were to be told of free time."""
    rows = [r for r in await office.rows(t.job) if (r["kind"], r["subject"]) == ("opened", office.claire)]
    return sum(row["rearmed"] for row in rows)


async def test_it_looks_for_who_waits_whenever_time_is_freed(office: Office) -> None:
    await office.browser.form(OPENINGS, WEEKLY)
    assert await armed(office) == 1
    (opening,) = await openings(office)
    path = f"{OPENINGS}/{opening.id}/exceptions"
    await office.browser.form(path, {"day": "2026-12-03"})
    assert await armed(office) == 1
    await office.browser.form(path, {"day": "2026-12-03", "restore": "yes"})
    assert await armed(office) == 2
    await office.browser.form("/workspace/absences", AWAY)
    (away,) = await absences(office)
    assert await armed(office) == 2
    await office.browser.form(f"/workspace/absences/{away.id}/delete")
    assert await armed(office) == 3


async def test_it_tells_who_waits_that_time_is_open(office: Office) -> None:
    karim = await office.desk.person("Karim", "claire.moreau@example.org")
    async with office.desk.store.transaction() as tx:
        for known in (office.amina, karim):
            await tx.wait(known.conversation_id, [office.claire], TUESDAY)
    await office.browser.form(OPENINGS, ONCE)

    async def told() -> bool:
        return len(await office.rows(t.notice)) == 2

    await until(told)  # by the job: whoever waits is looked for again later
    notices = await office.rows(t.notice)
    assert [(row["kind"], row["conversation_id"]) for row in notices] == [
        ("freed", office.amina.conversation_id),
        ("freed", karim.conversation_id),
    ]
    opened = office.desk.store.cipher.open_json
    offered = [opened(row["values_sealed"])["starts_at"] for row in notices]
    assert offered == ["2026-11-26T08:00:00+00:00", "2026-11-26T08:30:00+00:00"]  # one place each


async def test_it_closes_an_opening_and_keeps_its_appointments(office: Office) -> None:
    opening = await opened_as(office)
    booked = await office.desk.meets(office.amina, office.claire, days=2)
    answer = await office.browser.form(f"{OPENINGS}/{opening}/delete")
    assert answer.headers["location"] == f"{OPENINGS}?said=closed"
    assert await openings(office) == []
    assert (await office.appointment(booked)).status is Status.BOOKED


async def test_it_touches_no_opening_of_another_referent(office: Office) -> None:
    theirs = await office.open(office.lea, THURSDAY)
    async with office.desk.store.transaction() as tx:
        away = await tx.save_absence(Absence(office.lea, TUESDAY, TUESDAY + timedelta(days=1)))
    for path, more in (
        (f"{OPENINGS}/{theirs}/delete", {}),
        (f"{OPENINGS}/{theirs}/exceptions", {"day": "2026-12-03"}),
        (f"/workspace/absences/{away}/delete", {}),
    ):
        assert (await office.browser.form(path, more)).status_code == 404
    assert len(await office.rows(t.opening)) == 1
    assert len(await office.rows(t.absence)) == 1
    page = await office.browser.read(OPENINGS)
    assert "Pas encore de plage." in page
    assert "Pas d'absence prévue." in page


# days taken out


async def test_it_takes_a_day_out_and_puts_it_back(office: Office) -> None:
    opening = await opened_as(office, weekly=True)
    path = f"{OPENINGS}/{opening}/exceptions"
    answer = await office.browser.form(path, {"day": "2026-12-03"})
    assert answer.headers["location"] == f"{OPENINGS}?said=excepted"
    assert (await openings(office))[0].exceptions == {date(2026, 12, 3)}
    assert "jeudi 3 décembre Remettre" in await office.browser.read(OPENINGS)
    await office.browser.form(path, {"day": "2026-12-03", "restore": "yes"})
    assert (await openings(office))[0].exceptions == frozenset()


@pytest.mark.parametrize("day", ["", "demain", "2026-12-04"], ids=["none", "odd", "friday"])
async def test_it_takes_out_only_a_day_that_it_has(office: Office, day: str) -> None:
    opening = await opened_as(office, weekly=True)
    answer = await office.browser.form(f"{OPENINGS}/{opening}/exceptions", {"day": day})
    assert answer.status_code == 422
    assert f'id="day-{opening}-wrong"' in answer.text
    assert (await openings(office))[0].exceptions == frozenset()


# what it gives


async def test_it_shows_the_next_free_time(office: Office) -> None:
    await opened_as(office)
    await office.desk.meets(office.amina, office.claire, days=2)  # Thursday at nine
    page = await office.browser.read(OPENINGS)
    assert "Vos prochains créneaux libres jeudi 26 novembre : 9 h 30, 10 h Vos plages" in page


async def test_it_says_that_nobody_can_book(office: Office) -> None:
    assert "Les personnes ne peuvent pas prendre rendez-vous avec vous." in await office.browser.read(
        OPENINGS
    )


NOTHING = {
    "over": ({"day": date(2026, 11, 20)}, "Cette plage est passée."),
    "ended": (
        {"day": date(2026, 11, 12), "weekly": True, "until": date(2026, 11, 19)}, "Cette plage est passée.",
    ),
    "later": ({"day": date(2027, 2, 4), "horizon_days": 30}, "Ses créneaux se proposent 30 jours avant."),
    "excepted": (
        {"weekly": True, "until": THURSDAY, "exceptions": frozenset({THURSDAY})}, "Tous ses jours sont retirés.",
    ),
    "too-soon": (
        {"day": date(2026, 11, 24), "notice_hours": 8}, "il reste moins de temps que le délai demandé.",
    ),
    "holiday": (
        {"day": date(2026, 12, 25), "weekly": True, "until": date(2026, 12, 25)}, "ces jours sont fériés.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("about", "why"), NOTHING.values(), ids=list(NOTHING))
async def test_it_says_why_an_opening_gives_nothing(office: Office, about: dict[str, Any], why: str) -> None:
    await opened_as(office, **about)
    assert why in await office.browser.read(OPENINGS)


async def test_it_says_that_all_is_taken(office: Office) -> None:
    await opened_as(office, end=time(9, 30))
    await office.desk.meets(office.amina, office.claire, days=2)
    assert "tout est pris, ou occupé dans votre agenda." in await office.browser.read(OPENINGS)


async def test_it_says_that_she_is_away(office: Office) -> None:
    await opened_as(office)
    await office.browser.form("/workspace/absences", AWAY)
    page = await office.browser.read(OPENINGS)
    assert "Aucun créneau : vous êtes en absence." in page


async def test_it_says_that_another_opening_has_this_time(office: Office) -> None:
    await opened_as(office, start=time(9), end=time(12))
    await opened_as(office, start=time(9, 15), end=time(11, 15), kind=Kind.PHONE)
    page = await office.browser.read(OPENINGS)
    assert page.count("une autre plage couvre déjà ces heures.") == 1


# away


async def test_it_notes_an_absence_of_whole_days(office: Office) -> None:
    answer = await office.browser.form("/workspace/absences", {**AWAY, "substitute": str(office.paul)})
    assert answer.headers["location"] == f"{OPENINGS}?said=away#absences"
    (away,) = await absences(office)
    assert away.starts_at == datetime(2026, 11, 24, 23, tzinfo=UTC)  # midnight in Paris
    assert away.ends_at == datetime(2026, 11, 27, 23, tzinfo=UTC)
    assert away.substitute_id == office.paul
    page = await office.browser.read(OPENINGS)
    assert "Du mercredi 25 novembre au vendredi 27 novembre inclus" in page
    assert "Paul Girard reçoit vos personnes." in page


async def test_it_notes_an_absence_of_some_hours(office: Office) -> None:
    hours = {"first_day": "2026-11-25", "first_hour": "14:00", "last_day": "2026-11-25", "last_hour": "16:30"}
    await office.browser.form("/workspace/absences", hours)
    (away,) = await absences(office)
    assert away.ends_at - away.starts_at == timedelta(hours=2, minutes=30)
    page = await office.browser.read(OPENINGS)
    assert "Du mercredi 25 novembre à 14 h au mercredi 25 novembre à 16 h 30" in page
    await office.browser.form(f"/workspace/absences/{away.id}/delete")
    assert await absences(office) == []


WRONG_ABSENCES = {
    "no-day": ("first_day", {"first_day": ""}),
    "odd-last": ("last_day", {"last_day": "vendredi"}),
    "upside-down": ("last_day", {"last_day": "2026-11-24"}),
    "same-hour": (
        "last_day", {"last_day": "2026-11-25", "first_hour": "10:00", "last_hour": "10:00"},
    ),
    "past": ("last_day", {"first_day": "2026-11-01", "last_day": "2026-11-02"}),
    "odd-hour": ("first_hour", {"first_hour": "09:02"}),
    "nobody": ("substitute", {"substitute": "999"}),
    "not-a-number": ("substitute", {"substitute": "paul"}),
}  # fmt: skip


@pytest.mark.parametrize(("field", "change"), WRONG_ABSENCES.values(), ids=list(WRONG_ABSENCES))
async def test_it_says_what_is_wrong_with_an_absence(
    office: Office, field: str, change: dict[str, str]
) -> None:
    answer = await office.browser.form("/workspace/absences", {**AWAY, **change})
    assert answer.status_code == 422
    assert f'id="{field}-wrong"' in answer.text
    assert await absences(office) == []


async def test_it_takes_a_substitute_of_the_same_team_alone(office: Office) -> None:
    page = (await office.browser.get(OPENINGS)).text
    assert "Paul Girard" in page
    assert "Léa Noir" not in page
    answer = await office.browser.form("/workspace/absences", {**AWAY, "substitute": str(office.lea)})
    assert answer.status_code == 422
    answer = await office.browser.form("/workspace/absences", {**AWAY, "substitute": str(office.claire)})
    assert answer.status_code == 422


async def test_it_lists_the_appointments_of_an_absence_and_moves_none(office: Office) -> None:
    inside = await office.desk.meets(office.amina, office.claire, days=2)
    outside = await office.desk.meets(office.amina, office.claire, days=7)
    await office.browser.form("/workspace/absences", {**AWAY, "substitute": str(office.paul)})
    page = (await office.browser.get(OPENINGS)).text
    assert f"/workspace/appointments/{inside}/move" in page
    assert f"/workspace/appointments/{inside}#move" in page
    assert f"/workspace/appointments/{outside}" not in page
    assert (await office.appointment(inside)).sequence == 0
    assert await office.mails_to(PAUL) == []


async def test_it_proposes_another_hour_when_nobody_replaces_her(office: Office) -> None:
    inside = await office.desk.meets(office.amina, office.claire, days=2)
    await office.browser.form("/workspace/absences", AWAY)
    page = (await office.browser.get(OPENINGS)).text
    assert "Confier à" not in page
    assert f"/workspace/appointments/{inside}#move" in page


async def test_it_tells_her_all_day_that_she_is_away(office: Office) -> None:
    await office.browser.form("/workspace/absences", {**AWAY, "first_day": "2026-11-24"})
    page = await office.browser.read("/workspace")
    assert "Vous êtes en absence jusqu'au vendredi 27 novembre inclus." in page
    week = await office.browser.read("/workspace/week")
    assert week.count("Vous êtes en absence ce jour-là.") == 4
