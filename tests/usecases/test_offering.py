"""An appointment by answering 1, 2 or 3: what is said, and what is asked of the edge."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.appointment import Appointment, Book, Cancel, Hold, Kind, TimeSlot, Wait
from gateway.domain.conversation import Channel, Conversation, Told
from gateway.domain.menu import Choice
from gateway.domain.wishes import Part, Wishes
from gateway.ports import Free
from gateway.usecases.offering import NO_DIARY, Offering
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, conversation


def slot(days: int, hour: int = 9, referent: int = 1, **about: Any) -> TimeSlot:
    at = (NOW + timedelta(days=days)).replace(hour=hour - 1, minute=0)  # Paris, in winter
    return TimeSlot(at, at + timedelta(minutes=30), referent, **about)


def booked(days: int, **about: Any) -> Appointment:
    at = slot(days)
    return Appointment(5, 1, 1, at.starts_at, at.ends_at, **{"referent_first_name": "Claire", **about})


@dataclass
class FakeDiary:
    slots: list[TimeSlot] = field(default_factory=list)
    coming: list[Appointment] = field(default_factory=list)
    serves: dict[str, list[int]] = field(default_factory=dict)
    held: frozenset[TimeSlot] = frozenset()

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        return self.coming

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        return Free(self.slots, self.held, {1: "Claire", 2: "Paul"})

    async def referents_of(self, commune: str) -> Sequence[int]:
        return self.serves.get(commune, [])

    async def somebody_opens(self, now: datetime) -> bool:
        return bool(self.slots)


FOLLOWED = conversation(beneficiary=AMINA, referent=CLAIRE)
FIVE = [slot(day) for day in range(1, 6)]


def offering(diary: Any, who: Conversation = FOLLOWED, commune: str = "") -> Offering:
    return Offering(diary, who, NOW, PARIS, commune)


def names(told: Told) -> list[str]:
    return [reply.response for reply in told.replies]


def lines(told: Told) -> list[str]:
    return [line[1] for reply in told.replies for line in reply.values.get("lines", ())]


def slots_of(told: Told) -> list[str]:
    return [payload for payload in lines(told) if payload.startswith("SLOT ")]


async def test_it_offers_three_time_slots_and_holds_them() -> None:
    told = await offering(FakeDiary(FIVE)).asked()
    assert names(told) == ["utter_choose_time"]
    assert len(slots_of(told)) == 3
    assert lines(told)[3:] == ["OTHERS", "NO_SLOT"]
    (hold,) = told.changes
    assert isinstance(hold, Hold)
    assert len(hold.slots) == 3


async def test_it_shows_the_appointment_that_she_has_rather_than_a_second_one() -> None:
    told = await offering(FakeDiary(FIVE, [booked(2)])).asked()
    assert names(told) == ["utter_my_appointment", "utter_meet_somewhere"]
    assert lines(told)[:3] == ["MOVE 5", "CANCEL 5", "LATE 5"]


async def test_others_are_others_while_there_are_any() -> None:
    diary = FakeDiary(FIVE)
    first = await offering(diary).asked()
    again = await offering(diary, replace(FOLLOWED, state=first.state)).obey("OTHERS", "")
    assert not set(slots_of(first)) & set(slots_of(again)[:2])


async def test_it_books_what_she_chose() -> None:
    chosen = FIVE[1]
    told = await offering(FakeDiary(FIVE)).obey("SLOT", f"1 {int(chosen.starts_at.timestamp())} 0 0")
    assert names(told) == ["utter_booked", "utter_meet_somewhere", "utter_change_hint"]
    assert told.changes == (Book(chosen, None, 0), Hold(), Wait(waits=False))


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"kind": Kind.PHONE}, "utter_meet_phone"),
        ({"kind": Kind.VIDEO}, "utter_meet_video"),
        ({"place": "7 rue du Lac"}, "utter_meet_in_person"),
        ({}, "utter_meet_somewhere"),
    ],
)
async def test_it_says_how_they_meet(about: dict[str, Any], said: str) -> None:
    one = slot(2, **about)
    told = await offering(FakeDiary([one])).obey("SLOT", f"1 {int(one.starts_at.timestamp())} 0 0")
    assert names(told)[1] == said


async def test_it_offers_again_what_somebody_else_took_meanwhile() -> None:
    gone = slot(9)
    told = await offering(FakeDiary(FIVE)).obey("SLOT", f"1 {int(gone.starts_at.timestamp())} 0 0")
    assert names(told) == ["utter_slot_taken", "utter_choose_time"]
    assert not any(isinstance(change, Book) for change in told.changes)


async def test_it_says_the_same_again_when_she_answers_twice() -> None:
    mine = booked(2)
    told = await offering(FakeDiary(FIVE, [mine])).obey("SLOT", f"1 {int(mine.starts_at.timestamp())} 0 0")
    assert names(told)[0] == "utter_my_appointment"
    assert told.changes == ()


async def test_it_moves_the_appointment_that_she_saw() -> None:
    diary = FakeDiary(FIVE, [booked(20, sequence=3)])
    offer = await offering(diary).move()
    assert offer is not None
    assert names(offer) == ["utter_move_from", "utter_choose_time"]
    _, _, arguments = slots_of(offer)[0].partition(" ")
    told = await offering(diary, replace(FOLLOWED, state=offer.state)).obey("SLOT", arguments)
    assert names(told)[0] == "utter_moved"
    assert isinstance(told.changes[0], Book)
    assert (told.changes[0].moving, told.changes[0].sequence) == (5, 3)


async def test_it_moves_nothing_that_changed_meanwhile() -> None:
    diary = FakeDiary(FIVE, [booked(20, sequence=4)])
    told = await offering(diary).obey("SLOT", f"1 {int(FIVE[0].starts_at.timestamp())} 5 3")
    assert names(told)[:2] == ["utter_changed_meanwhile", "utter_my_appointment"]
    assert told.changes == ()


async def test_it_asks_once_before_it_cancels() -> None:
    diary = FakeDiary(FIVE, [booked(2, sequence=1)])
    asked = await offering(diary).cancel()
    assert asked is not None
    assert lines(asked) == ["UNBOOK 5 1", "MOVE 5", "KEEP 5"]
    assert asked.changes == ()
    told = await offering(diary).obey("UNBOOK", "5 1")
    assert names(told) == ["utter_cancelled"]
    assert told.changes == (Cancel(5, 1),)


async def test_it_cancels_nothing_that_changed_meanwhile() -> None:
    told = await offering(FakeDiary(FIVE, [booked(2, sequence=2)])).obey("UNBOOK", "5 1")
    assert names(told)[0] == "utter_changed_meanwhile"
    assert told.changes == ()


async def test_it_leaves_an_appointment_of_another_tool_to_that_tool() -> None:
    theirs = booked(2, source="rdv_service_public", url="https://rdv.example.org/x")
    for told in (
        await offering(FakeDiary([], [theirs])).move(),
        await offering(FakeDiary([], [theirs])).cancel(),
    ):
        assert told is not None
        assert names(told)[-1] == "utter_change_there"


async def test_her_wishes_choose() -> None:
    diary = FakeDiary([slot(1, 9), slot(1, 15), slot(2, 16)])
    first = await offering(diary).asked()
    told = await offering(diary, replace(FOLLOWED, state=first.state)).wished(
        Wishes(parts=frozenset({Part.AFTERNOON}))
    )
    hours = [datetime.fromtimestamp(int(s.split()[2]), PARIS).hour for s in slots_of(told)]
    assert hours == [15, 16]


async def test_it_says_when_nothing_is_free_then_and_shows_the_rest() -> None:
    told = await offering(FakeDiary([slot(1, 9)])).new(Wishes(parts=frozenset({Part.EVENING})))
    assert names(told) == ["utter_nothing_then", "utter_choose_time"]


async def test_she_may_wait_for_a_place() -> None:
    diary = FakeDiary([])
    none = await offering(diary).asked()
    assert names(none) == ["utter_none_free"]
    told = await offering(diary, replace(FOLLOWED, state=none.state)).obey("WAIT", "")
    assert names(told) == ["utter_waiting"]
    assert told.changes == (Wait((1,)),)


async def test_a_person_calls_where_nobody_opens_time() -> None:
    assert (await offering(NO_DIARY).asked()).callback == "appointment"
    assert (await offering(NO_DIARY, conversation()).asked()).callback == "appointment"


async def test_a_number_that_nobody_knows_is_asked_where_she_lives() -> None:
    diary = FakeDiary(FIVE, serves={"Parthenay": [2]})
    asked = await offering(diary, conversation()).asked()
    assert names(asked) == ["utter_ask_commune"]
    assert asked.state.asking == "appointment"
    assert slots_of(await offering(diary, conversation(), "Parthenay").new())
    assert (await offering(diary, conversation(), "Thouars").new()).callback == "appointment"


async def test_a_page_is_never_called() -> None:
    page = conversation(channel=Channel.WEB)
    diary = FakeDiary([slot(1, kind=Kind.PHONE), slot(2)], serves={"Niort": [1]})
    told = await offering(diary, page, "Niort").asked()
    assert len(slots_of(told)) == 1


async def test_one_appointment_at_a_time_for_a_number_that_nobody_knows() -> None:
    told = await offering(FakeDiary(FIVE, [booked(2)]), conversation(), "Niort").new()
    assert names(told)[0] == "utter_my_appointment"


def test_it_knows_that_time_slots_are_on_her_screen() -> None:
    state = replace(FOLLOWED.state, menu=(Choice("1", "…", "SLOT 1 2 0 0"),))
    assert offering(NO_DIARY, replace(FOLLOWED, state=state)).choosing()
    assert not offering(NO_DIARY).choosing()


async def test_whoever_expects_her_is_told_that_she_is_late() -> None:
    told = await offering(
        FakeDiary([], [replace(booked(1), referent_id=2, referent_first_name="Paul")])
    ).late()
    assert told is not None
    assert (told.callback, told.receiver) == ("late", 2)
    assert told.replies[-1].values["referent"] == "Paul"


async def test_an_appointment_that_has_begun_is_neither_cancelled_nor_moved() -> None:
    now = Appointment(5, 1, 1, NOW - timedelta(minutes=5), NOW + timedelta(minutes=25), sequence=1)
    diary = FakeDiary(FIVE, [now])
    for told in (
        await offering(diary).cancel(),
        await offering(diary).move(),
        await offering(diary).obey("UNBOOK", "5 1"),
    ):
        assert told is not None
        assert (told.callback, told.changes) == ("late", ())


async def test_each_appointment_can_be_reached() -> None:
    theirs, ours = booked(2, source="rdv_service_public"), replace(booked(4), id=6)
    diary = FakeDiary(FIVE, [theirs, ours])
    told = await offering(diary).asked()
    assert names(told)[-1] == "utter_change_by_person"
    assert lines(told) == ["SHOW 6"]
    shown = await offering(diary).obey("SHOW", "6")
    assert lines(shown)[0] == "MOVE 6"
    assert lines(shown)[4] == "SHOW 5"
    asked = await offering(diary).cancel()
    assert asked is not None
    assert lines(asked)[0].startswith("UNBOOK 6")


async def test_the_day_that_she_names_tells_which_one() -> None:
    diary = FakeDiary(FIVE, [booked(2), replace(booked(4), id=6)])
    day = (NOW + timedelta(days=4)).isoweekday()
    told = await offering(diary).cancel(wishes=Wishes(days=frozenset({day})))
    assert told is not None
    assert lines(told)[0].startswith("UNBOOK 6")


async def test_a_place_that_she_waited_for_replaces_the_one_she_has() -> None:
    free, old = slot(3), booked(20, sequence=2)
    diary = FakeDiary([], [old])
    none = await offering(diary).move()
    assert none is not None
    diary.slots = [free]
    told = await offering(diary, replace(FOLLOWED, state=none.state)).obey(
        "FREED", f"1 {int(free.starts_at.timestamp())}"
    )
    assert told.changes[0] == Book(free, 5, 2)
