"""Turns about nudges: an answer to one, why it came, what she wants no more, at what hour, and each quarter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.domain.choosing import Choosing
from gateway.domain.conversation import Channel, Conversation, Inbound, Outcome, Reply, State
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.menu import Choice, numbered
from gateway.domain.nudge_changes import Answered, HourChosen, RemindMe, TopicStopped
from gateway.domain.obstacle import Assessment
from gateway.ports import Free
from gateway.usecases.answering import Answering
from gateway.usecases.nudge_turns import STOPS
from tests.usecases.fakes import (
    AMINA,
    CLAIRE,
    FRENCH,
    NOW,
    PARIS,
    FakeAssistant,
    FakeGuesser,
    FakeWords,
    conversation,
)
from tests.usecases.nudge_store import RULES
from tests.usecases.test_offering import FIVE, FakeDiary, booked

NUDGE_WORDS = Vocabulary.of(
    "fr",
    {
        "keywords": {
            "POURQUOI": ["pourquoi ce message"], "HEURE": ["changer d'heure"], "STOP RAPPEL": ["stop rappels"],
            "STOP RELANCE": [], "STOP INFO": [],
        },
        "yes": ["oui", "ok"],
    },
)  # fmt: skip
SAID = {
    "utter_nudge/contract.done",
    "utter_nudge/contract.later",
    "utter_nudge/contract.help",
    "utter_nudge/afterwards.absent",
}
WORDS = FakeWords(Vocabularies((FRENCH, NUDGE_WORDS)), simple=SAID)
MEANS: dict[str, Sequence[Reply]] = {"merci": [Reply("utter_thanks")]}


class Person:
    """Texts, one turn after the other. `nudged`: the kind that she got last, with its lines on her screen."""

    def __init__(
        self,
        nudged: str = "",
        matter: int = 6,
        diary: FakeDiary | None = None,
        followed: bool = True,
        **about: Any,
    ) -> None:
        people: dict[str, Any] = {"beneficiary": AMINA, "referent": CLAIRE} if followed else {}
        state = about.pop("state", State(welcomed=True))
        if nudged:
            kind = RULES.kinds[nudged]
            menu = numbered((title, f"NUDGED 101 {nudged} {matter} {does}") for title, does in kind.lines)
            state = replace(state, nudged=(101, nudged, False), menu=menu)
        self.who: Conversation = conversation(**{**people, "state": state, **about})
        self.diary, self.last, self.now = diary or FakeDiary(FIVE), Outcome(), NOW

    async def writes(self, *texts: str) -> Outcome:
        for text in texts:
            self.last = await Answering(
                words=WORDS, assistant=FakeAssistant(MEANS, otherwise=[Reply("utter_rephrase")]),
                guesser=FakeGuesser(), who=self.who, inbound=Inbound(7, "SM7", text, self.now), previous_text="",
                now=self.now, zone=PARIS, obstacles=RULES.obstacles, diary=self.diary, nudges=RULES.kinds,
            ).outcome()  # fmt: skip
            self.who = replace(self.who, state=self.last.state)
        return self.last

    @property
    def payloads(self) -> Sequence[str]:
        return [choice.payload for choice in self.last.state.menu]


def responses(outcome: Outcome) -> list[str]:
    return [reply.response for reply in outcome.replies]


# an answer


@pytest.mark.parametrize(
    ("digit", "does", "said", "callback"),
    [
        ("1", "done", ["utter_nudge/contract.done"], ""),
        ("2", "later", ["utter_nudge/contract.later"], ""),
        ("3", "help", ["utter_nudge/contract.help", "utter_talk_to_human_referent"], "asked"),
    ],
)
async def test_a_digit_answers_the_nudge(digit: str, does: str, said: list[str], callback: str) -> None:
    outcome = await Person("contract").writes(digit)
    assert responses(outcome) == said
    assert outcome.changes == (Answered(101, "contract", 6, does),)
    assert outcome.callback == callback


async def test_a_call_is_asked_where_she_is_known_or_not() -> None:
    outcome = await Person("contract", followed=False).writes("3")
    assert responses(outcome) == ["utter_nudge/contract.help", "utter_talk_to_human"]


@pytest.mark.parametrize("text", ["utter_yes_title", "1 utter_yes_title", "1.", "n°1"])
async def test_its_words_answer_too(text: str) -> None:
    outcome = await Person("contract").writes(text)
    assert outcome.changes == (Answered(101, "contract", 6, "done"),)


async def test_what_is_done_each_quarter_says_how_many_months_later_it_begins_anew() -> None:
    outcome = await Person("declaration").writes("1")
    assert outcome.changes == (Answered(101, "declaration", 6, "done", 3),)
    assert responses(outcome) == ["utter_nudge_over"]  # no words of its own: something is said all the same


async def test_an_old_nudge_of_a_kind_that_is_gone_shows_the_menu() -> None:
    her = Person()
    her.who = replace(her.who, state=State(welcomed=True, menu=(Choice("1", "Oui", "NUDGED 9 gone 6 done"),)))
    outcome = await her.writes("1")
    assert (responses(outcome), outcome.changes) == (["utter_menu/main"], ())


async def test_something_else_is_answered_as_ever() -> None:
    her = Person("contract")
    assert responses(await her.writes("merci")) == ["utter_thanks"]
    assert her.last.changes == ()
    assert (await her.writes("1")).changes == (Answered(101, "contract", 6, "done"),)  # its menu stays


async def test_danger_and_stop_come_first() -> None:
    assert (await Person("contract").writes("je veux mourir")).urgent
    assert (await Person("contract").writes("STOP")).stop


# to a reminder


@pytest.mark.parametrize("text", ["1", "oui", "ok"])
async def test_she_comes(text: str) -> None:
    outcome = await Person("morning", 5, FakeDiary(FIVE, [booked(2)])).writes(text)
    assert responses(outcome)[0] == "utter_kept"
    assert outcome.changes == (Answered(101, "appointment", 5, "keep"),)


async def test_she_moves_it() -> None:
    her = Person("morning", 5, FakeDiary(FIVE, [booked(20, sequence=3)]))
    outcome = await her.writes("2")
    assert responses(outcome) == ["utter_move_from", "utter_choose_time"]
    assert outcome.changes[-1] == Answered(101, "appointment", 5, "move")
    assert her.payloads[0].endswith(" 5 3")  # moves that appointment, as she saw it


async def test_she_is_asked_before_it_is_cancelled() -> None:
    her = Person("morning", 5, FakeDiary(FIVE, [booked(2, sequence=3)]))
    assert responses(await her.writes("3")) == ["utter_confirm_cancel"]
    assert her.payloads[0] == "UNBOOK 5 3"


@pytest.mark.parametrize("digit", ["1", "2", "3"])
async def test_an_old_reminder_says_what_is_true_now(digit: str) -> None:
    """The appointment was cancelled since: nothing is kept, moved or cancelled."""
    outcome = await Person("morning", 5, FakeDiary(FIVE)).writes(digit)
    assert responses(outcome) == ["utter_no_appointment"]
    assert [change for change in outcome.changes if not isinstance(change, Answered)] == []


async def test_an_appointment_that_has_begun_is_told_to_who_waits() -> None:
    begun = replace(booked(2), starts_at=NOW - timedelta(minutes=5))
    outcome = await Person("morning", 5, FakeDiary(FIVE, [begun])).writes("3")
    assert outcome.callback == "late"
    assert [change for change in outcome.changes if not isinstance(change, Answered)] == []


# after it


async def test_who_could_not_come_is_offered_other_times() -> None:
    her = Person("afterwards", 5)
    outcome = await her.writes("3")
    assert responses(outcome) == ["utter_nudge/afterwards.absent", "utter_choose_time"]
    assert her.payloads[0].startswith("SLOT ")


class NobodyOpens(FakeDiary):
    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> Free:
        return Free(opens=False)


async def test_who_could_not_come_is_called_where_nobody_opens_time() -> None:
    outcome = await Person("afterwards", 5, NobodyOpens()).writes("3")
    assert outcome.callback == "appointment"
    assert outcome.text


async def test_something_went_badly_and_somebody_calls() -> None:
    assert (await Person("afterwards", 5).writes("2")).callback == "asked"


# a conversation left in the middle

HALF_TOLD = State(welcomed=True, assessment=Assessment("mobility", "means"))


async def test_she_goes_on_with_what_she_was_telling() -> None:
    outcome = await Person("unfinished", state=HALF_TOLD).writes("1")
    assert responses(outcome) == ["utter_back_to", "utter_ask/mobility.means"]
    assert outcome.state.assessment == HALF_TOLD.assessment


async def test_she_goes_on_with_the_choice_of_a_time() -> None:
    choosing = State(welcomed=True, choosing=Choosing(referents=(1,)))
    assert responses(await Person("unfinished", state=choosing).writes("1")) == ["utter_choose_time"]


async def test_there_may_be_nothing_left_to_go_on_with() -> None:
    assert responses(await Person("unfinished").writes("1")) == ["utter_menu/main"]


@pytest.mark.parametrize(
    "state", [HALF_TOLD, State(welcomed=True, choosing=Choosing(referents=(1,)))], ids=["told", "choosing"]
)
async def test_who_does_not_want_to_go_on_is_not_asked_again(state: State) -> None:
    her = Person("unfinished", state=state)
    outcome = await her.writes("2")
    assert outcome.changes == (Answered(101, "talk", 6, "no"),)
    assert not outcome.unfinished
    assert (outcome.state.assessment, outcome.state.choosing) == (None, None)
    assert not (await her.writes("merci")).unfinished


async def test_it_is_noted_that_she_stopped_in_the_middle() -> None:
    her = Person(diary=FakeDiary(FIVE))
    assert (await her.writes("RDV")).unfinished is True
    assert (await her.writes("1")).unfinished is False  # she chose
    assert (await her.writes("merci")).unfinished is None


async def test_what_is_sensitive_is_not_followed_up() -> None:
    health = State(welcomed=True, assessment=Assessment("health", "doctor"))
    assert (await Person(state=health).writes("merci")).unfinished is None


# why


@pytest.mark.parametrize("text", ["POURQUOI", "pourquoi ?", "Pourquoi ce message"])
async def test_it_says_why_this_came(text: str) -> None:
    her = Person("contract")
    assert responses(await her.writes(text)) == ["utter_why/contract"]
    asked = [f"NUDGED 101 contract 6 {does}" for does in ("done", "later", "help")]
    assert her.payloads == [*asked, "HEURE", "TOPIC_OFF follow_up"]  # the question may still be answered


async def test_why_may_be_asked_after_something_else() -> None:
    her = Person("morning", 5)
    assert responses(await her.writes("merci", "POURQUOI")) == ["utter_why/morning"]


async def test_nothing_came() -> None:
    for her in (Person(), Person(channel=Channel.WEB)):
        assert responses(await her.writes("POURQUOI")) == ["utter_why_none"]
    gone = Person(state=State(welcomed=True, nudged=(9, "a kind of last year", False)))
    assert responses(await gone.writes("POURQUOI")) == ["utter_why_none"]


# what she wants no more


@pytest.mark.parametrize(("text", "topic"), STOPS.items())
async def test_a_topic_is_stopped_and_the_rest_is_kept(text: str, topic: str) -> None:
    outcome = await Person().writes(text)
    assert responses(outcome) == [f"utter_topic_off/{topic}"]
    assert outcome.changes == (TopicStopped(topic),)
    assert not outcome.stop


async def test_her_own_words_stop_it_too() -> None:
    assert (await Person().writes("stop rappels svp")).changes == (TopicStopped("reminder"),)


async def test_after_a_nudge_stop_rappel_is_said_of_that_one() -> None:
    """She calls all of them reminders."""
    outcome = await Person("contract").writes("STOP RAPPEL")
    assert set(outcome.changes) == {TopicStopped("reminder"), TopicStopped("follow_up")}
    assert len(outcome.replies) == 1
    assert (await Person("morning", 5).writes("STOP RAPPEL")).changes == (TopicStopped("reminder"),)


async def test_the_others_are_said_of_themselves_alone() -> None:
    assert (await Person("contract").writes("STOP INFO")).changes == (TopicStopped("news"),)
    answered = Person("contract")
    answered.who = replace(answered.who, state=replace(answered.who.state, nudged=(101, "contract", True)))
    assert (await answered.writes("STOP RAPPEL")).changes == (TopicStopped("reminder"),)


async def test_it_is_put_back_by_a_digit() -> None:
    her = Person("contract")
    await her.writes("STOP RAPPEL")
    outcome = await her.writes("1")
    assert set(outcome.changes) == {TopicStopped("reminder", False), TopicStopped("follow_up", False)}
    assert responses(outcome)[0].startswith("utter_topic_on/")


async def test_it_is_stopped_from_the_reasons_too() -> None:
    assert (await Person("contract").writes("POURQUOI", "5")).changes == (TopicStopped("follow_up"),)


# her hour


async def test_she_says_an_hour() -> None:
    her = Person()
    assert responses(await her.writes("HEURE")) == ["utter_which_hour"]
    assert her.payloads == ["HOUR 9", "HOUR 12", "HOUR 15", "HOUR 18"]
    outcome = await her.writes("4")
    assert (responses(outcome), outcome.changes) == (["utter_hour_noted"], (HourChosen(18),))


HOURS = {9: "Le matin (9 h)", 12: "Le midi (12 h)", 15: "L'après-midi (15 h)", 18: "Le soir (18 h)"}


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("le soir", [18]),
        ("18h", [18]),
        ("9", [9]),
        ("midi", [12]),
        ("après midi", [15]),
        ("le", []),
        ("10h", []),
    ],
)
async def test_she_says_it_in_words(text: str, hours: Sequence[int]) -> None:
    menu = numbered((title, f"HOUR {hour}") for hour, title in HOURS.items())
    her = Person(state=State(welcomed=True, menu=menu))
    assert (await her.writes(text)).changes == tuple(HourChosen(hour) for hour in hours)


async def test_she_changes_it_from_the_reasons() -> None:
    assert (await Person("contract").writes("POURQUOI", "4", "1")).changes == (HourChosen(9),)


# the declaration


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=PARIS).astimezone(UTC)


async def asks(now: datetime = NOW, **about: Any) -> Person:
    """The last line of what is said of the declaration: "Me le rappeler"."""
    her = Person(state=State(welcomed=True, menu=(Choice("1", "Me le rappeler", "REMIND"),)), **about)
    her.now = now
    await her.writes("1")
    return her


@pytest.mark.parametrize(
    ("now", "months"),
    [
        ("2026-11-23 10:00", ["2026-11-01", "2026-12-01", "2027-01-01"]),
        ("2026-12-31 23:30", ["2026-12-01", "2027-01-01", "2027-02-01"]),
        ("2027-01-31 10:00", ["2027-01-01", "2027-02-01", "2027-03-01"]),
        pytest.param(
            "2027-01-01 00:30", ["2027-01-01", "2027-02-01", "2027-03-01"], id="January here, not in London"
        ),
    ],
)
async def test_one_of_the_next_three_months_is_hers(now: str, months: list[str]) -> None:
    her = await asks(at(now))
    assert responses(her.last) == ["utter_remind_declaration"]
    assert her.payloads == [f"REMIND_ON {month}" for month in months]
    assert [choice.title for choice in her.last.state.menu] == [f"month:{month}" for month in months]


@pytest.mark.parametrize(
    ("now", "digit", "due_on", "fifth"),
    [
        ("2026-11-23 10:00", "2", "2026-12-01", "2026-12-05"),
        ("2026-11-04 23:00", "1", "2026-11-01", "2026-11-05"),
        pytest.param("2026-11-05 08:00", "1", "2027-02-01", "2027-02-05", id="that very day"),
        pytest.param("2026-11-23 10:00", "1", "2027-02-01", "2027-02-05", id="it is over: the next quarter"),
        ("2026-12-20 10:00", "1", "2027-03-01", "2027-03-05"),
    ],
)
async def test_she_is_reminded_of_the_next_one_that_comes(
    now: str, digit: str, due_on: str, fifth: str
) -> None:
    outcome = await (await asks(at(now))).writes(digit)
    assert outcome.changes == (RemindMe(date.fromisoformat(due_on)),)
    (said,) = outcome.replies
    assert (said.response, said.values) == ("utter_declaration_noted", {"date": fifth})


async def test_a_month_chosen_long_after_is_that_of_a_quarter_to_come() -> None:
    her = await asks(at("2026-11-03 10:00"))
    her.now = at("2027-06-10 10:00")  # the menu is still on her screen
    assert (await her.writes("1")).changes == (RemindMe(date(2027, 8, 1)),)


async def test_a_page_cannot_be_reminded() -> None:
    her = await asks(channel=Channel.WEB)
    assert (responses(her.last), her.last.changes) == (["utter_remind_by_sms"], ())
