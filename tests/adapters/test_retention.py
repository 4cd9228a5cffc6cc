"""What was kept long enough goes: each line of the table, on both databases; what is a day younger stays."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Any

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.external import external_event
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Kind, TimeSlot
from gateway.domain.conversation import Channel
from gateway.domain.external import Person
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.domain.questions import KeptQuestion
from gateway.domain.questions import Kind as Unknown
from gateway.settings import Settings
from gateway.usecases.retention import SETTINGS, TABLE, Line, days_of
from tests.adapters.held import ACCOUNT, CLAIRE, DAY, HOUR, add, change, everything, service
from tests.adapters.work import Service
from tests.usecases.fakes import AMINA_PHONE, KARIM_PHONE, NOW, TEAM

LINES = {line.id: line for line in TABLE}
Told = Callable[[DatabaseStore, int, datetime], Awaitable[None]]


async def message(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        added = await tx.add_inbound(who, f"SM{at:%Y%m%d}", "un secret", 0, "", at)
        assert added
        await tx.close_inbound(added, at)


async def question(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        await tx.keep_question(KeptQuestion(Unknown.ASKED_AGAIN, "fr", "un secret", (), at.date()))


async def mail(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        await tx.add_mail(f"callback:{at:%Y%m%d}", CLAIRE.email, "callback", {"first_name": "Amina"}, at)


async def callback(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        added = await tx.add_inbound(who, f"SMcall{at:%Y%m%d}", "appelez-moi", 0, "", at)
        assert added
        await tx.add_callback(CallbackRequest(who, added, "asked", at))
    await change(store, t.callback, t.callback.c.message_id == added, closed_at=at)


async def appointment(store: DatabaseStore, who: int, at: datetime) -> None:
    slot = TimeSlot(at - HOUR, at, 1, Kind.IN_PERSON, "CCAS")
    async with store.transaction() as tx:
        made = await tx.book(who, None, slot, at)
        assert made
        await tx.note_event(1, made.id, 0, "etag")


async def notice(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        added = await tx.add_notice(f"written:{at:%Y%m%d}", who, "written", {"text": "un secret"}, at)
        assert added
        await tx.close_notice(added, at)


async def nudge(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(
        store, t.nudge, key=f"morning:{at:%Y%m%d}", kind="morning", about="appointment", matter_id=1, version=1,
        conversation_id=who, beneficiary_id=1, step=1, capped=True, due_at=at, planned_at=at, said_at=at,
        state="said", message_id=1,
    )  # fmt: skip


async def follow_up(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(
        store, t.follow_up, key=f"invitation:{at:%Y%m%d}", about="invitation", conversation_id=who, beneficiary_id=1,
        values_sealed=store.cipher.seal_json({"why": "un secret"}), opened_at=at, closed_at=at, outcome="done",
    )  # fmt: skip


async def opt_out(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.opt_out, conversation_id=who, topic="news", source="message", at=at, ended_at=at)


async def consent(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(
        store, t.consent, conversation_id=who, purpose="share_obstacle", subject_index="x", given_at=at,
        channel="sms", version="1", withdrawn_at=at,
    )  # fmt: skip


async def access(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.access, referent_id=1, conversation_id=who, at=at, action="read")


async def sign_in(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.sign_in, token_index=f"{at}", referent_id=1, expires_at=at)


async def session(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.session, token_index=f"{at}", referent_id=1, created_at=at, seen_at=at)


async def early_status(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        await tx.keep_early_status(f"SM{at:%Y%m%d}", "sent", None, at)


async def hold(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.hold, referent_id=1, starts_at=at, conversation_id=who, until=at)


async def external(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        await tx.is_news("rdv_service_public", "user", f"{at:%Y%m%d}", at)


async def page(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        session = await tx.conversation_at(Channel.WEB, f"session {at}", at)
    await message(store, session, at)


async def person(store: DatabaseStore, who: int, at: datetime) -> None:
    """The referent was told of her a month ago."""
    async with store.transaction() as tx:
        phone = f"+336399801{at.day:02}"
        await tx.save_beneficiary(Beneficiary(phone, "Sami"), CLAIRE.email)
        hers = await tx.conversation_at(Channel.SMS, phone, at)
        await tx.warned([hers], NOW - 31 * DAY)
    await message(store, hers, at)


async def job(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(store, t.job, kind="notice", subject=at.toordinal(), due_at=at, state="done")


async def campaign(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(
        store, t.campaign, referent_id=1, token=f"{at}", created_at=at, starts_at=at,
        text_sealed=store.cipher.seal("un secret"),
    )  # fmt: skip


async def numberless(store: DatabaseStore, who: int, at: datetime) -> None:
    await add(
        store, t.beneficiary, phone_index=f"{at}", phone_sealed=store.cipher.seal(""), referent_id=1,
        first_name_sealed=store.cipher.seal("Sami"), no_number_since=at,
    )  # fmt: skip


async def referent(store: DatabaseStore, who: int, at: datetime) -> None:
    async with store.transaction() as tx:
        gone = await tx.save_referent(Referent(f"paul{at:%Y%m%d}@example.org", "Paul Girard", "+33639980079"))
        await tx.save_calendar(gone, ACCOUNT)
    await change(store, t.referent, t.referent.c.id == gone, idle_since=at)


# Line of the table → what is of that age, where it is, and the columns that show it is still there.
CASES: dict[str, tuple[Told, Any, Callable[[Any], bool]]] = {
    "messages": (message, t.message, lambda row: row["text_sealed"] == "un secret"),
    "questions": (question, t.question, lambda row: True),
    "mails": (mail, t.mail, lambda row: "Amina" in row["values_sealed"]),
    "callbacks": (callback, t.callback, lambda row: True),
    "appointments": (appointment, t.appointment, lambda row: True),
    "notices": (notice, t.notice, lambda row: True),
    "nudges": (nudge, t.nudge, lambda row: row["beneficiary_id"] == 1),
    "follow_ups": (follow_up, t.follow_up, lambda row: "un secret" in row["values_sealed"]),
    "opt_outs": (opt_out, t.opt_out, lambda row: True),
    "consents": (consent, t.consent, lambda row: True),
    "accesses": (access, t.access, lambda row: True),
    "sign_ins": (sign_in, t.sign_in, lambda row: True),
    "sessions": (session, t.session, lambda row: True),
    "early_statuses": (early_status, t.early_status, lambda row: True),
    "holds": (hold, t.hold, lambda row: True),
    "jobs": (job, t.job, lambda row: row["kind"] == "notice"),
    "campaigns": (campaign, t.campaign, lambda row: row["text_sealed"] == "un secret"),
    "external_events": (external, external_event, lambda row: True),
    "pages": (page, t.conversation, lambda row: row["channel"] == "web"),
    "people": (person, t.beneficiary, lambda row: row["first_name_sealed"] == "Sami"),
    "no_numbers": (numberless, t.beneficiary, lambda row: row["first_name_sealed"] == "Sami"),
    "referents": (referent, t.referent, lambda row: row["name_sealed"] == "Paul Girard"),
}


@pytest.fixture
async def amina(store: DatabaseStore) -> int:
    async with store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(Beneficiary(AMINA_PHONE, "Amina"), CLAIRE.email)
        who = await tx.conversation_at(Channel.SMS, AMINA_PHONE, NOW)
        await tx.add_inbound(who, "SM-today", "bonjour", 0, "", NOW)
    return who


async def still(store: DatabaseStore, line: str) -> int:
    _, table, there = CASES[line]
    return len([row for row in (await everything(store))[table.name] if there(row)])


async def tidied(store: DatabaseStore, **kept_days: int) -> None:
    worker = service(store).worker
    worker.kept_days = kept_days
    await worker.tidy()


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.id)
async def test_it_erases_what_was_kept_long_enough(store: DatabaseStore, amina: int, line: Line) -> None:
    made, table, _ = CASES[line.id]
    await made(store, amina, NOW - line.days * DAY - DAY)
    await made(store, amina, NOW - line.days * DAY + DAY)
    rows = len(await store.rows(table))
    assert await still(store, line.id) == 2
    await tidied(store)
    assert await still(store, line.id) == 1
    kept_for_counts = line.id in ("messages", "mails", "nudges", "follow_ups", "campaigns", "referents")
    if line.id != "mails":  # one more tells the referent who has been quiet
        assert len(await store.rows(table)) == rows - (not kept_for_counts)


def test_it_has_a_case_for_each_line() -> None:
    assert list(CASES) == [line.id for line in TABLE]


async def test_it_keeps_the_figures_of_what_it_unlinks(store: DatabaseStore, amina: int) -> None:
    old = NOW - 800 * DAY
    await nudge(store, amina, old)
    await follow_up(store, amina, old)
    await tidied(store)
    (said,), (followed,) = await store.rows(t.nudge), await store.rows(t.follow_up)
    assert (said["kind"], said["state"], said["said_at"]) == ("morning", "said", old)
    assert (followed["about"], followed["outcome"], followed["opened_at"]) == ("invitation", "done", old)
    for row in (said, followed):
        assert (row["beneficiary_id"], row["key"]) == (None, f"old:{row['id']}")
        assert row["conversation_id"] != amina
    assert (said["message_id"], said["matter_id"]) == (None, 0)


async def test_it_still_counts_an_old_campaign(store: DatabaseStore, amina: int) -> None:
    await campaign(store, amina, NOW - 800 * DAY)
    await nudge(store, amina, NOW - 800 * DAY)
    await change(store, t.nudge, t.nudge.c.matter_id == 1, about="campaign")
    await tidied(store)
    async with store.transaction() as tx:
        assert (await tx.campaign_results([1]))[1].said == 1


async def test_it_keeps_the_words_of_a_campaign_that_is_not_over(store: DatabaseStore, amina: int) -> None:
    await campaign(store, amina, NOW - 800 * DAY)
    await nudge(store, amina, NOW - 800 * DAY)
    await change(store, t.nudge, t.nudge.c.matter_id == 1, about="campaign", state="planned")
    await tidied(store)
    assert await still(store, "campaigns") == 1


async def test_it_keeps_a_job_that_is_to_be_done(store: DatabaseStore, amina: int) -> None:
    await job(store, amina, NOW - 800 * DAY)
    await change(store, t.job, t.job.c.kind == "notice", state="ready")
    await tidied(store)
    assert await still(store, "jobs") == 1


async def test_it_changes_nothing_the_second_time(store: DatabaseStore, amina: int) -> None:
    for line, (made, _, _) in CASES.items():
        await made(store, amina, NOW - LINES[line].days * DAY - DAY)
    await tidied(store)
    before = await everything(store)
    await tidied(store)
    assert await everything(store) == before


async def test_it_keeps_a_message_that_waits_for_its_answer(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        await tx.add_inbound(amina, "SM-old", "un secret", 0, "", NOW - 400 * DAY)
    await tidied(store)
    assert await still(store, "messages") == 1


async def test_it_comes_in_between_when_there_is_much(
    store: DatabaseStore, amina: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.usecases.retention.AT_ONCE", 2)
    for n in range(5):
        await message(store, amina, NOW - 400 * DAY - n * DAY)
    await tidied(store)
    assert await still(store, "messages") == 0


async def test_it_obeys_the_settings_of_the_departement(store: DatabaseStore, amina: int) -> None:
    await message(store, amina, NOW - 40 * DAY)
    await tidied(store, messages=60)
    assert await still(store, "messages") == 1
    await tidied(store, messages=30)
    assert await still(store, "messages") == 0


def test_it_has_the_defaults_of_the_table_in_the_settings() -> None:
    kept = Settings(_env_file=None).kept_days  # type: ignore[call-arg]
    assert set(kept) == set(SETTINGS)
    assert {line: LINES[line].days for line in kept} == kept
    assert [days_of(line, kept) for line in TABLE] == [line.days for line in TABLE]


async def test_it_goes_on_when_one_line_fails(
    store: DatabaseStore, amina: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> int:
        raise OSError("gone")

    await message(store, amina, NOW - 400 * DAY)
    await access(store, amina, NOW - 2000 * DAY)
    monkeypatch.setattr("gateway.adapters.database.retention.Retention._emptied", away)
    await tidied(store)
    assert (await still(store, "messages"), await still(store, "accesses")) == (1, 0)


# people of whom nothing was heard


async def quiet(store: DatabaseStore, phone: str, name: str, since: datetime, referent: str = "") -> int:
    async with store.transaction() as tx:
        await tx.save_beneficiary(Beneficiary(phone, name), referent)
        return await tx.conversation_at(Channel.SMS, phone, since)


async def test_it_tells_who_follows_them_a_month_before(store: DatabaseStore, amina: int) -> None:
    who = await quiet(store, KARIM_PHONE, "Karim", NOW - 720 * DAY, CLAIRE.email)
    alone = await quiet(store, "+33639980003", "Sami", NOW - 720 * DAY)
    talking = service(store)
    await talking.drain()
    told = {mail.to: mail.values for mail in talking.mailer.sent if mail.template == "quiet"}
    async with store.transaction() as tx:
        names = {one: (await tx.conversation(one, NOW)).pseudonym for one in (who, alone)}
    assert told[CLAIRE.email] == {"count": "1", "people": names[who], "on": "2026-12-23"}
    assert told[TEAM]["people"] == names[alone]
    await talking.drain(DAY)
    assert len([m for m in talking.mailer.sent if m.template == "quiet"]) == 2, "once a month"
    for _ in range(40):
        await talking.drain(DAY)
    left = {row["first_name_sealed"] for row in (await everything(store))["beneficiary"]}
    assert left == {"Amina"}


async def test_it_erases_nobody_before_anybody_was_told(store: DatabaseStore, amina: int) -> None:
    await quiet(store, KARIM_PHONE, "Karim", NOW - 2000 * DAY, CLAIRE.email)
    talking = service(store)
    for _ in range(29):
        await talking.drain(DAY)
    assert len(await store.rows(t.beneficiary)) == 2


async def test_it_counts_the_days_of_who_was_only_made_known_by_another_tool(
    store: DatabaseStore, amina: int
) -> None:
    async with store.transaction() as tx:
        await tx.save_external_beneficiary(Person("user-1", KARIM_PHONE, "Karim"), NOW)
    talking = service(store)
    await talking.drain()
    for _ in range(80):  # more than two years, a mail a month
        await talking.drain(10 * DAY)
    assert "Karim" not in {row["first_name_sealed"] for row in (await everything(store))["beneficiary"]}


async def test_it_tells_no_referent_of_a_number_that_changed_hands(store: DatabaseStore, amina: int) -> None:
    who = await quiet(store, KARIM_PHONE, "Karim", NOW - 720 * DAY, CLAIRE.email)
    async with store.transaction() as tx:
        await tx.unbind(who)
        assert await tx.quiet_people(Channel.SMS, NOW - DAY, 9) == [(who, None)]


@pytest.mark.parametrize("sign", ["message", "appointment"])
async def test_it_keeps_who_gave_a_sign_of_life(store: DatabaseStore, amina: int, sign: str) -> None:
    who = await quiet(store, KARIM_PHONE, "Karim", NOW - 2000 * DAY, CLAIRE.email)
    made = {"message": message, "appointment": appointment}[sign]
    await made(store, who, NOW - 100 * DAY)
    async with store.transaction() as tx:
        await tx.warned([who], NOW - 31 * DAY)
    await tidied(store)
    assert len(await store.rows(t.beneficiary)) == 2


async def left(store: DatabaseStore) -> set[str]:
    return {row["first_name_sealed"] for row in (await everything(store))["beneficiary"]}


async def days(talking: Service, number: int) -> None:
    for _ in range(number):
        await talking.drain(DAY)


async def test_it_gives_each_a_month_after_her_own_notice(store: DatabaseStore, amina: int) -> None:
    """Others were told of long ago; then the département shortens the time, and Karim is due at once."""
    await quiet(store, KARIM_PHONE, "Karim", NOW - 400 * DAY, CLAIRE.email)
    await quiet(store, "+33639980003", "Sami", NOW - 720 * DAY, CLAIRE.email)
    talking = service(store)
    await talking.drain()
    await days(talking, 33)
    assert await left(store) == {"Amina", "Karim"}
    talking.worker.kept_days = {"people": 365}
    await days(talking, 30)  # told of on the first of them
    assert await left(store) == {"Amina", "Karim"}
    await days(talking, 2)
    assert await left(store) == {"Amina"}


@pytest.mark.parametrize("sign", ["message", "appointment"])
async def test_it_starts_anew_with_who_gave_a_sign_after_the_notice(
    store: DatabaseStore, amina: int, sign: str
) -> None:
    who = await quiet(store, KARIM_PHONE, "Karim", NOW - 720 * DAY, CLAIRE.email)
    talking = service(store)
    await talking.drain()
    await {"message": message, "appointment": appointment}[sign](store, who, NOW + 5 * DAY)
    await talking.drain(6 * DAY)
    talking.worker.kept_days = {"people": 365}
    await message(store, amina, NOW + 400 * DAY)
    await talking.drain(400 * DAY)  # due, and told of a second time
    assert len([mail for mail in talking.mailer.sent if mail.template == "quiet"]) == 2
    await days(talking, 29)
    assert await left(store) == {"Amina", "Karim"}
    await days(talking, 2)
    assert await left(store) == {"Amina"}


# people without a number, and referents who are gone


async def numberless_person(store: DatabaseStore, now: datetime = NOW) -> int:
    """Another tool took her number away. Her row."""
    async with store.transaction() as tx:
        await tx.save_external_beneficiary(Person("user-1", KARIM_PHONE, "Karim"), now)
        await tx.save_external_beneficiary(Person("user-1", "", ""), now)
        found = await tx.external_beneficiary("user-1")
    assert found
    assert not found.phone
    return found.id


async def test_it_erases_whom_nobody_can_write_to(store: DatabaseStore, amina: int) -> None:
    karim = await numberless_person(store, NOW - 731 * DAY)
    await appointment(store, amina, NOW - 731 * DAY)
    await change(store, t.appointment, t.appointment.c.id == 1, beneficiary_id=karim)
    await nudge(store, amina, NOW)
    await follow_up(store, amina, NOW)
    for table in (t.nudge, t.follow_up):
        await change(store, table, table.c.beneficiary_id == 1, beneficiary_id=karim)
    await tidied(store, people=700)
    assert await left(store) == {"Amina"}
    for table in (t.appointment, t.event, t.nudge, t.follow_up):
        assert await store.rows(table) == [], table.name


async def test_it_keeps_who_comes_without_a_number(store: DatabaseStore, amina: int) -> None:
    karim = await numberless_person(store, NOW - 731 * DAY)
    await appointment(store, amina, NOW - 100 * DAY)
    await change(store, t.appointment, t.appointment.c.id == 1, beneficiary_id=karim)
    await tidied(store)
    assert await left(store) == {"Amina", "Karim"}


async def test_it_keeps_who_has_a_number_again(store: DatabaseStore, amina: int) -> None:
    await numberless_person(store, NOW - 731 * DAY)
    async with store.transaction() as tx:
        await tx.save_external_beneficiary(Person("user-1", KARIM_PHONE, ""), NOW)
    await tidied(store)
    assert await left(store) == {"Amina", "Karim"}


async def test_it_counts_from_the_first_time_that_her_number_was_taken(
    store: DatabaseStore, amina: int
) -> None:
    """That tool says it again at each change; who lost it before this was noted counts from the first look."""
    await numberless_person(store, NOW - 731 * DAY)
    async with store.transaction() as tx:
        await tx.save_external_beneficiary(Person("user-1", "", ""), NOW)
    await numberless(store, amina, NOW)
    await change(store, t.beneficiary, t.beneficiary.c.no_number_since == NOW, no_number_since=None)
    await tidied(store)
    assert await left(store) == {"Amina", "Sami"}
    rows = await store.rows(t.beneficiary)
    assert {row["no_number_since"] for row in rows} == {None, NOW}


async def paul_of(store: DatabaseStore) -> Any:
    """The second referent."""
    (found,) = [row for row in await store.rows(t.referent) if row["id"] == 2]
    return found


async def test_it_erases_the_calendar_of_a_referent_who_is_gone(store: DatabaseStore, amina: int) -> None:
    await referent(store, amina, NOW - 1096 * DAY)
    await tidied(store)
    paul = await paul_of(store)
    assert await still(store, "referents") == 0
    assert [store.cipher.open(paul[name]) for name in ("email_sealed", "name_sealed", "phone_sealed")] == [
        ""
    ] * 3
    assert (paul["calendar_index"], paul["calendar_sealed"]) == (None, None)
    assert await store.rows(t.calendar) == []
    async with store.transaction() as tx:  # she comes back: somebody new
        assert await tx.save_referent(Referent("paul@example.org", "Paul Girard")) == 3


@pytest.mark.parametrize("sign", ["person", "appointment", "session", "opening", "replaces"])
async def test_it_keeps_a_referent_who_works(store: DatabaseStore, amina: int, sign: str) -> None:
    await referent(store, amina, NOW - 2000 * DAY)
    if sign == "person":
        async with store.transaction() as tx:
            await tx.follow(1, 2)
    elif sign == "appointment":
        await appointment(store, amina, NOW + DAY)
        await change(store, t.appointment, t.appointment.c.id == 1, referent_id=2)
    elif sign == "session":
        await session(store, amina, NOW - DAY)
        await change(store, t.session, t.session.c.id == 1, referent_id=2)
    elif sign == "opening":
        await add(
            store, t.opening, referent_id=2, day=date(2020, 1, 6), start=time(9), end=time(12), slot_minutes=30,
            kind="in_person", weekly=True, notice_hours=1, horizon_days=30,
        )  # fmt: skip
    else:
        await add(store, t.absence, referent_id=1, starts_at=NOW, ends_at=NOW + DAY, substitute_id=2)
    await tidied(store)
    paul = await paul_of(store)
    assert (store.cipher.open(paul["name_sealed"]), paul["idle_since"]) == ("Paul Girard", None)


async def test_it_counts_the_days_of_a_referent_from_the_first_look(store: DatabaseStore, amina: int) -> None:
    async with store.transaction() as tx:
        await tx.save_referent(Referent("paul@example.org", "Paul Girard"))
    await tidied(store)
    assert (await paul_of(store))["idle_since"] == NOW
    assert await still(store, "referents") == 1
