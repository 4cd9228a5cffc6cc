"""What she is told without having asked: still true when it is said, or not said."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.domain.appointment import Appointment, Hold, Status
from gateway.domain.conversation import Conversation, Outcome, State
from gateway.domain.quiet import QuietHours
from gateway.ports import Notice
from gateway.usecases.noticing import AWAKE, NoticeToSay, Noticing, not_before
from tests.usecases.fakes import AMINA, CLAIRE, NOW, PARIS, FakeWords, conversation, newcomer
from tests.usecases.test_offering import FakeDiary, slot

HER = conversation(beneficiary=AMINA, referent=CLAIRE)
TOMORROW = slot(1)
THEIRS = Appointment(5, 1, 1, TOMORROW.starts_at, TOMORROW.ends_at, referent_first_name="Claire")


async def said(
    kind: str,
    who: Conversation = HER,
    appointment: Appointment | None = None,
    diary: FakeDiary | None = None,
    waits: bool = True,
    **values: Any,
) -> Outcome:
    to_say = NoticeToSay(who, Notice(1, who.id, kind, values), appointment, waits)
    return await Noticing(FakeWords(), diary or FakeDiary(), to_say, NOW, PARIS).outcome()


def names(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


@pytest.mark.parametrize(
    ("kind", "status", "response"),
    [
        ("moved", Status.BOOKED, "utter_referent_moved"),
        ("booked", Status.BOOKED, "utter_referent_booked"),
        ("revoked", Status.REVOKED, "utter_referent_cancelled"),
    ],
)
async def test_it_tells_what_her_referent_changed(kind: str, status: Status, response: str) -> None:
    outcome = await said(kind, appointment=replace(THEIRS, status=status))
    assert names(outcome)[0] == response


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        pytest.param("moved", {"status": Status.EXCUSED}, id="she cancelled meanwhile"),
        pytest.param("moved", {"starts_at": NOW - timedelta(minutes=1)}, id="it has begun"),
        pytest.param("revoked", {"status": Status.BOOKED}, id="it was booked again"),
        pytest.param("revoked", {"status": Status.REVOKED, "starts_at": NOW}, id="its hour has come"),
    ],
)
async def test_it_says_nothing_that_is_no_longer_true(kind: str, changes: dict[str, Any]) -> None:
    assert (await said(kind, appointment=replace(THEIRS, **changes))).text == ""
    assert (await said(kind, appointment=None)).text == ""


async def test_it_says_nothing_after_stop() -> None:
    outcome = await said("moved", replace(HER, opted_out=True), THEIRS)
    assert outcome.text == ""


async def test_it_tells_nothing_to_a_number_that_is_no_longer_hers() -> None:
    stranger = replace(HER, beneficiary=None)
    assert (await said("moved", stranger, replace(THEIRS, beneficiary_id=AMINA.id))).text == ""
    assert (await said("written", stranger, text="Bonjour Amina", referent_id=1, to=AMINA.id)).text == ""


async def test_it_offers_a_place_that_is_still_free_and_holds_it() -> None:
    outcome = await said(
        "freed", diary=FakeDiary([TOMORROW]), referent=1, starts_at=TOMORROW.starts_at.isoformat()
    )
    assert names(outcome) == ["utter_place_free"]
    assert outcome.changes == (Hold((TOMORROW,)),)


async def test_it_offers_no_place_that_is_gone() -> None:
    outcome = await said("freed", diary=FakeDiary([]), referent=1, starts_at=TOMORROW.starts_at.isoformat())
    assert outcome.text == ""


@pytest.mark.parametrize("kind", ["freed", "gone"])
async def test_it_speaks_of_places_to_those_who_wait_alone(kind: str) -> None:
    at = TOMORROW.starts_at.isoformat()
    assert (await said(kind, diary=FakeDiary([TOMORROW]), waits=False, referent=1, starts_at=at)).text == ""


async def test_it_leaves_to_the_next_notice_what_has_changed_again() -> None:
    assert (await said("moved", appointment=replace(THEIRS, sequence=2), sequence=1)).text == ""
    assert (await said("moved", appointment=replace(THEIRS, sequence=1), sequence=1)).text != ""


@pytest.mark.parametrize(
    ("kind", "by", "told"),
    [("taken", 1, True), ("taken", None, False), ("back", None, True), ("back", 1, False)],
)
async def test_it_says_who_answers_now(kind: str, by: int | None, told: bool) -> None:
    outcome = await said(kind, replace(HER, taken_by=by), referent="Claire")
    assert bool(outcome.text) == told


async def test_it_gives_the_words_of_her_referent_as_they_are() -> None:
    outcome = await said("written", text="Bonjour Amina, à demain.", referent_id=1)
    assert outcome.text == "Bonjour Amina, à demain."
    assert outcome.state == HER.state


async def test_it_says_who_writes_to_somebody_who_never_wrote() -> None:
    outcome = await said("moved", newcomer(state=State()), THEIRS)
    assert names(outcome)[0] == "utter_welcome"
    assert outcome.state.welcomed


@pytest.mark.parametrize(
    ("silent_for", "waits"),
    [(None, True), (timedelta(hours=2), True), (AWAKE - timedelta(seconds=1), False)],
)
def test_it_waits_for_the_morning_unless_she_is_awake(silent_for: timedelta | None, waits: bool) -> None:
    night = datetime(2026, 11, 23, 23, 0, tzinfo=PARIS)
    quiet = QuietHours.read("20:00-08:00", PARIS)
    assert (not_before(replace(HER, silent_for=silent_for), quiet, night) is not None) == waits
