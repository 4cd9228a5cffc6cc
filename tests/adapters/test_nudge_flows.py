"""Nudges from their cause to their end, day after day, on both databases."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.diary import DatabaseDiary
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.appointment import Appointment, Kind, Opening, Status, TimeSlot
from gateway.domain.obstacle import Assessment
from gateway.usecases.planning import appointment_changed, close_follow_ups
from tests.adapters.nudged import NudgingService, paris
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, KARIM_PHONE, PARIS
from tests.usecases.nudge_store import RULES

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MEET = " + utter_meet_somewhere"
TWO_DAYS, MORNING, AFTERWARDS = (
    f"utter_nudge/two_days{MEET}",
    f"utter_nudge/morning{MEET}",
    "utter_nudge/afterwards",
)
CONTRACT = "utter_nudge/contract"


@pytest.fixture
def service(store: DatabaseStore) -> NudgingService:
    """It is Monday the 23rd of November, 10 h."""
    return NudgingService(store)


@pytest.fixture
async def amina(service: NudgingService) -> int:
    return await service.amina()


async def becomes(service: NudgingService, theirs: Appointment, status: Status) -> None:
    now = service.clock.now()
    async with service.store.transaction() as tx:
        known = await tx.appointment(theirs.id)
        assert known
        after = await tx.set_status(theirs.id, known.sequence, status, now)
        assert after
        await appointment_changed(tx, after, now)
    await service.worker.drain()


async def moves(service: NudgingService, theirs: Appointment, to: str) -> None:
    now, start = service.clock.now(), paris(to)
    async with service.store.transaction() as tx:
        known = await tx.appointment(theirs.id)
        assert known
        after = await tx.move(theirs.id, known.sequence, TimeSlot(start, start + HOUR, 1), now)
        assert after
        await appointment_changed(tx, after, now)
    await service.worker.drain()


async def gone_at(service: NudgingService) -> list[str]:
    """When each nudge was said, on the clock of Paris."""
    said = [row["said_at"] for row in await service.store.rows(t.nudge) if row["state"] == "said"]
    return [f"{at.astimezone(PARIS):%Y-%m-%d %H:%M}" for at in sorted(said)]


# her appointment


async def test_she_is_reminded_twice_and_asked_how_it_went(service: NudgingService, amina: int) -> None:
    await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-12-20 12:00")
    assert service.said == [TWO_DAYS, MORNING, AFTERWARDS]
    assert await gone_at(service) == ["2026-11-24 10:00", "2026-11-26 08:00", "2026-11-26 17:00"]
    assert await service.waiting() == []


async def test_reminders_move_with_it(service: NudgingService, amina: int) -> None:
    theirs = await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-25 12:00")
    await moves(service, theirs, "2026-12-03 09:00")
    await service.until("2026-12-20 12:00")
    assert await gone_at(service) == [
        "2026-11-24 10:00", "2026-12-01 10:00", "2026-12-03 08:00", "2026-12-03 12:00",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [Status.EXCUSED, Status.REVOKED])
async def test_a_cancellation_ends_them(service: NudgingService, amina: int, status: Status) -> None:
    theirs = await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-24 12:00")
    await becomes(service, theirs, status)
    await service.until("2026-12-20 12:00")
    assert service.said == [TWO_DAYS]


async def test_it_is_looked_at_anew_when_it_leaves(service: NudgingService, amina: int) -> None:
    """Cancelled a moment ago: the job that forgets its reminders has not run yet."""
    theirs = await service.books(amina, "2026-11-26 14:30")
    service.clock.at = paris("2026-11-24 10:00")
    async with service.store.transaction() as tx:
        assert await tx.set_status(theirs.id, theirs.sequence, Status.EXCUSED, service.clock.now())
    assert await service.waves.wave() == 1
    assert service.carrier.sent == []
    assert (await service.fates())["two_days"] == "ended no_longer_true"


async def test_nothing_is_said_after_its_start(service: NudgingService, amina: int) -> None:
    """Nobody was at work that morning."""
    await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-25 12:00")
    service.clock.at = paris("2026-11-26 14:30")
    await service.worker.drain()
    assert service.said == [TWO_DAYS]
    assert (await service.fates())["morning"] == "ended too_late"


async def test_who_did_not_come_is_never_asked_how_it_went(store: DatabaseStore) -> None:
    service, amina = await with_time_to_offer(store)
    theirs = await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-26 15:30")
    await becomes(service, theirs, Status.NOSHOW)
    await service.until("2026-11-27 10:00")
    assert service.said[2:] == ["utter_nudge/noshow + utter_choose_time"]


async def test_how_it_went_is_asked_of_who_came(service: NudgingService, amina: int) -> None:
    theirs = await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-26 18:00")
    await becomes(service, theirs, Status.SEEN)
    await service.until("2026-11-28 10:00")
    assert service.said == [TWO_DAYS, MORNING, AFTERWARDS]
    acted = {row["kind"] for row in await service.store.rows(t.nudge) if row["acted_at"]}
    assert acted == {"two_days", "morning", "afterwards"}


# manners


async def test_what_is_due_in_the_night_is_said_the_evening_before(
    service: NudgingService, amina: int
) -> None:
    await service.books(amina, "2026-11-26 08:10")
    await service.until("2026-11-26 09:00")
    assert await gone_at(service) == ["2026-11-24 10:00", "2026-11-25 19:00"]


async def test_two_a_week_and_reminders_apart(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")  # due on the 26th
    await service.opens(amina, "obstacle", kind="mobility")  # on the 30th
    await service.opens(amina, "declaration", due_on=date(2026, 11, 23))  # on the 27th
    await service.books(amina, "2026-11-30 14:30")
    await service.until("2026-12-02 12:00")
    assert service.said == [CONTRACT, "utter_nudge/declaration", TWO_DAYS, MORNING, AFTERWARDS]
    await service.until("2026-12-03 10:00")
    assert service.said[5:] == ["utter_nudge/obstacle"]  # a week after the first of the two


async def test_two_at_the_same_hour_are_apart(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.books(amina, "2026-11-28 14:30")
    await service.until("2026-11-27 12:00")
    assert await gone_at(service) == ["2026-11-26 10:00", "2026-11-26 12:00"]


async def test_stop_ends_them_all_and_start_brings_back_what_is_to_come(
    service: NudgingService, amina: int
) -> None:
    await service.books(amina, "2026-11-26 14:30")
    await service.opens(amina, "contract")
    await service.says("STOP")
    await service.until("2026-11-26 09:00")
    assert service.said == ["utter_stop_confirmed"]
    assert (await service.fates())["two_days"] == "ended stopped"
    await service.says("START")
    await service.until("2026-11-26 18:00")
    assert service.said[-1] == AFTERWARDS


async def test_stop_rappel_keeps_the_rest(service: NudgingService, amina: int) -> None:
    await service.books(amina, "2026-11-26 14:30")
    await service.opens(amina, "contract")
    await service.says("STOP RAPPEL")
    await service.until("2026-11-28 09:00")
    assert service.said == ["utter_topic_off/reminder", CONTRACT]
    fates = await service.fates()
    assert {fates[kind] for kind in ("two_days", "morning", "afterwards")} == {"ended topic_off"}


async def test_a_nudge_that_made_her_stop_is_counted(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-26 11:00")
    await service.says("STOP")
    await service.worker.drain()
    rows = {row["step"]: row for row in await service.store.rows(t.nudge)}
    assert rows[1]["stopped_at"] == service.clock.now()


async def test_her_hour_is_kept_the_second_time_too(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-26 12:00")
    await service.says("HEURE")
    await service.worker.drain()
    await service.says("4")
    await service.until("2026-12-12 12:00")
    assert await gone_at(service) == ["2026-11-26 10:00", "2026-12-03 18:00"]


async def test_it_is_not_me_ends_what_was_hers(service: NudgingService, amina: int) -> None:
    await service.books(amina, "2026-11-26 14:30")
    await service.opens(amina, "contract")
    async with service.store.transaction() as tx:
        await tx.unbind(amina)
    await service.until("2026-12-20 09:00")
    assert service.carrier.sent == []
    assert set((await service.fates()).values()) == {"ended not_hers"}


async def test_what_was_booked_before_we_knew_her_name_is_not_told_to_who_has_her_number_now(
    service: NudgingService, amina: int
) -> None:
    await service.books(amina, "2026-11-26 14:30")
    async with service.store.transaction() as tx:
        await tx.db.execute(t.appointment.update().values(beneficiary_id=None))
        await tx.unbind(amina)
        (theirs,) = (
            await tx.db.execute(t.appointment.select().with_only_columns(t.appointment.c.beneficiary_id))
        ).scalars()
    assert theirs is not None
    await service.until("2026-12-20 09:00")
    assert service.carrier.sent == []


async def test_a_number_that_another_person_has_now_gets_nothing_of_hers(
    service: NudgingService, amina: int
) -> None:
    await service.books(amina, "2026-11-26 14:30")
    await service.opens(amina, "contract")
    async with service.store.transaction() as tx:  # an import: her new number
        await tx.db.execute(
            t.beneficiary.update().values(phone_index=tx.cipher.index(KARIM_PHONE), phone_sealed=tx.cipher.seal(KARIM_PHONE))
        )  # fmt: skip
    await service.until("2026-12-20 09:00")
    assert service.carrier.sent == []


async def test_somebody_in_danger_is_left_in_peace(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-25 15:00")
    await service.says("je veux mourir")
    await service.until("2026-11-26 14:59")
    assert service.said == ["utter_danger_suicide"]
    await service.until("2026-11-26 15:00")
    assert service.said == ["utter_danger_suicide", CONTRACT]


async def test_nothing_comes_between_her_and_her_referent(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    async with service.store.transaction() as tx:
        await tx.take_over(amina, 1, service.clock.now())
    await service.until("2026-11-27 09:00")
    assert service.carrier.sent == []
    async with service.store.transaction() as tx:
        await tx.take_over(amina, None, service.clock.now())
    await service.until("2026-11-27 12:00")
    assert service.said == [CONTRACT]


# answers


async def test_a_digit_ends_it(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-26 11:00")
    await service.says("1")
    await service.until("2026-12-20 12:00")
    assert service.said == [CONTRACT, "utter_nudge_over"]
    assert [row["outcome"] for row in await service.store.rows(t.follow_up)] == ["done"]
    (row,) = await service.store.rows(t.nudge)
    assert (row["answered_at"], row["acted_at"]) == (paris("2026-11-26 11:00"), paris("2026-11-26 11:00"))
    assert await service.mails() == []


async def test_silence_is_told_to_her_referent_once(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2027-01-20 12:00")
    assert service.said == [CONTRACT, CONTRACT]
    (mail,) = service.mailer.sent
    assert (mail.to, mail.template) == (CLAIRE.email, "silent")
    assert (mail.values["first_name"], mail.values["kind"]) == ("Amina", "contract")
    assert await service.fates() == {"contract": "said", "contract 2": "said", "contract 3": "told"}


async def test_who_answered_anything_is_not_told_of(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-26 11:00")
    await service.says("2")  # not yet
    await service.until("2027-01-20 12:00")
    assert service.said == [CONTRACT, "utter_nudge_over", CONTRACT]
    assert await service.mails() == []


async def test_nobody_is_told_twice_of_one_silence(store: DatabaseStore) -> None:
    """Two workers, one after the other, over the same last step."""
    service, other = NudgingService(store), NudgingService(store)
    await service.opens(await service.amina(), "contract")
    await service.until("2026-12-04 10:00")
    other.clock.at = service.clock.at = paris("2026-12-10 10:00")
    for one in (service, other, service):
        await one.waves.wave()
    assert [row["template"] for row in await store.rows(t.mail)] == ["silent"]


async def test_a_choice_to_be_helped_calls_somebody(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "contract")
    await service.until("2026-11-26 11:00")
    await service.says("3")
    await service.until("2026-12-20 12:00")
    assert await service.mails() == [(CLAIRE.email, "callback")]
    assert service.said.count(CONTRACT) == 1


# each quarter


async def test_the_declaration_comes_back_each_quarter(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "declaration", due_on=date(2026, 12, 1))
    await service.until("2026-12-05 11:00")
    await service.says("1")  # done
    await service.until("2027-03-06 12:00")
    assert await gone_at(service) == ["2026-12-05 10:00", "2027-03-05 10:00"]


async def test_it_comes_back_after_a_quarter_without_an_answer(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "declaration", due_on=date(2026, 12, 1))
    await service.until("2027-03-06 12:00")
    assert await gone_at(service) == ["2026-12-05 10:00", "2026-12-12 10:00", "2027-03-05 10:00"]
    assert await service.mails() == []


async def test_it_comes_back_when_she_starts_again(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "declaration", due_on=date(2026, 12, 1))
    await service.says("STOP RELANCE")
    await service.until("2026-12-20 12:00")
    assert "utter_nudge/declaration" not in service.said
    await service.says("1")  # put back
    await service.until("2027-03-06 12:00")
    assert service.said[-1] == "utter_nudge/declaration"
    assert await gone_at(service) == ["2027-03-05 10:00"]


async def test_an_old_answer_does_not_skip_a_quarter(service: NudgingService, amina: int) -> None:
    """ "Fait" comes after the next quarter has begun."""
    await service.opens(amina, "declaration", due_on=date(2026, 12, 1))
    await service.until("2026-12-21 12:00")
    await service.says("1")
    await service.until("2027-03-05 11:00")
    assert (await gone_at(service))[-1] == "2027-03-05 10:00"


# time slots


async def with_time_to_offer(store: DatabaseStore, slots: int = 6) -> tuple[NudgingService, int]:
    """Claire receives on a few days; Amina is hers."""
    service = NudgingService(store, diary=DatabaseDiary(store, PARIS, lambda years: frozenset()))
    amina = await service.amina()
    async with store.transaction() as tx:
        for number in range(slots):
            day = date(2026, 12, 7) + number * DAY
            start = paris(f"{day} 09:00").astimezone(PARIS).time()
            end = paris(f"{day} 09:30").astimezone(PARIS).time()
            await tx.save_opening(Opening(1, day, start, end, 30, Kind.IN_PERSON))
    return service, amina


async def invited(service: NudgingService, who: int) -> None:
    await service.opens(who, "invitation", why="referent")
    await service.worker.drain()


async def test_what_is_offered_is_held_and_chosen_by_its_number(store: DatabaseStore) -> None:
    service, amina = await with_time_to_offer(store)
    await invited(service, amina)
    assert service.said == ["utter_nudge/invitation + utter_choose_time"]
    held = await store.rows(t.hold)
    assert {row["conversation_id"] for row in held} == {amina}
    assert len(held) == 3
    service.clock.at += MINUTE
    await service.says("1")
    await service.worker.drain()
    assert service.said[-1] == "utter_booked + utter_meet_somewhere + utter_change_hint"
    (booked,) = await store.rows(t.appointment)
    assert booked["starts_at"] == paris("2026-12-07 09:00")
    assert [row["outcome"] for row in await store.rows(t.follow_up)] == ["done"]
    assert {row["acted_at"] for row in await store.rows(t.nudge) if row["kind"] == "invitation"} == {
        service.clock.now()
    }
    await service.until("2026-12-04 12:00")
    assert len(service.said) == 2  # nobody invites her any more


async def test_two_people_of_one_wave_are_not_offered_the_same(store: DatabaseStore) -> None:
    service, amina = await with_time_to_offer(store)
    async with store.transaction() as tx:
        await tx.save_beneficiary(replace(AMINA, phone=KARIM_PHONE, id=2), CLAIRE.email)
    karim = await service.somebody(KARIM_PHONE)
    for who in (amina, karim):
        await service.opens(who, "invitation", why="referent")
    assert await service.waves.wave() == 2
    held = [(row["conversation_id"], row["starts_at"]) for row in await store.rows(t.hold)]
    assert len({at for _, at in held}) == len(held) == 6


async def test_nothing_is_free_and_nobody_is_invited_to_choose_among_nothing(store: DatabaseStore) -> None:
    service, amina = await with_time_to_offer(store, slots=0)
    await invited(service, amina)
    await service.until("2026-11-25 12:00")
    assert service.carrier.sent == []
    async with store.transaction() as tx:
        start, end = paris("2026-12-07 09:00").astimezone(PARIS), paris("2026-12-07 10:00").astimezone(PARIS)
        await tx.save_opening(Opening(1, start.date(), start.time(), end.time(), 30, Kind.IN_PERSON))
    await service.until("2026-11-26 10:30")
    assert service.said == ["utter_nudge/invitation + utter_choose_time"]


async def test_an_invitation_and_its_repeat_do_not_come_together(store: DatabaseStore) -> None:
    """Her referent answers her herself for days: both are due when the robot is back."""
    service, amina = await with_time_to_offer(store)
    await service.opens(amina, "invitation", why="referent")
    conversation = t.conversation.update().where(t.conversation.c.id == amina)
    async with store.transaction() as tx:
        await tx.db.execute(conversation.values(taken_by=1))
    await service.until("2026-11-26 12:00")
    assert service.said == []
    async with store.transaction() as tx:
        await tx.db.execute(conversation.values(taken_by=None))
    await service.until("2026-11-27 19:59")
    assert service.said == ["utter_nudge/invitation + utter_choose_time"]
    await service.until("2026-11-30 19:59")
    assert service.said[1:] == ["utter_nudge/again + utter_choose_time"]


async def test_a_week_without_anything_free_is_told(store: DatabaseStore) -> None:
    service, amina = await with_time_to_offer(store, slots=0)
    await invited(service, amina)
    await service.until("2026-12-20 12:00")
    assert service.carrier.sent == []
    assert {(mail.to, mail.values["kind"]) for mail in service.mailer.sent} == {
        (CLAIRE.email, "nothing_free")
    }


# what is nobody's business


async def test_a_sensitive_text_is_erased_with_the_conversation(service: NudgingService, amina: int) -> None:
    await service.opens(amina, "obstacle", kind="health")
    await service.until("2026-11-30 10:01")
    assert service.said == ["utter_nudge/obstacle"]
    (message,) = await service.store.rows(t.message)
    assert (message["responses"], message["personal"]) == ([], True)
    await service.until("2026-11-30 10:40")
    (message,) = await service.store.rows(t.message)
    async with service.store.transaction() as tx:
        assert tx.cipher.open(message["text_sealed"]) == ""


async def test_a_nudge_keeps_its_lines_when_a_sensitive_talk_is_forgotten(store: DatabaseStore) -> None:
    """She spoke of her health a moment before: what is forgotten then is not the reminder on her screen."""
    service, amina = await with_time_to_offer(store)
    await service.books(amina, "2026-11-26 14:30")
    await service.until("2026-11-24 09:45")
    async with store.transaction() as tx:
        her = await tx.conversation(amina, service.clock.now())
        await tx.save_state(amina, replace(her.state, assessment=Assessment("health", "doctor")))
    await service.says("un")
    await service.until("2026-11-24 12:00")
    assert service.said[-1] == TWO_DAYS
    await service.says("1")
    await service.worker.drain()
    assert service.said[-1] == "utter_kept + utter_meet_somewhere"


# the share that is left without


async def test_the_control_share_gets_nothing_and_its_acts_are_counted(store: DatabaseStore) -> None:
    service = NudgingService(store, rules=replace(RULES, control_share=1.0))
    amina = await service.amina()
    await service.opens(amina, "obstacle", kind="mobility")
    await service.books(amina, "2026-12-03 14:30")
    await service.until("2026-11-30 11:00")
    async with store.transaction() as tx:
        await close_follow_ups(tx, amina, "obstacle", "done", service.clock.now())
    await service.until("2026-12-20 12:00")
    assert service.said == [
        TWO_DAYS,
        MORNING,
    ]  # an appointment is always reminded of; "how did it go" is a question
    row = next(row for row in await store.rows(t.nudge) if row["kind"] == "obstacle")
    assert (row["state"], row["acted_at"]) == ("control", paris("2026-11-30 11:00"))


async def test_nobody_who_is_not_hers_is_told_anything(service: NudgingService) -> None:
    karim = await service.somebody(KARIM_PHONE)
    await service.opens(karim, "contract")
    await service.until("2026-11-26 11:00")
    assert service.carrier.sent == [(KARIM_PHONE, f"fr:{CONTRACT}")]
    assert AMINA_PHONE not in str(service.carrier.sent)
