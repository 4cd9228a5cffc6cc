"""What a wave decides: said, put off, let go; what follows; and what stands on her screen then."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.appointment import Appointment, Hold, Status
from gateway.domain.campaign import Campaign
from gateway.domain.choosing import Choosing
from gateway.domain.conversation import Conversation, Reply, State, Told
from gateway.domain.menu import Choice
from gateway.domain.nudge import FollowUp, Matter, NudgeKind, Planned
from gateway.domain.obstacle import Assessment
from gateway.domain.verdict import Person
from gateway.ports import DueNudge
from gateway.usecases.matters import NudgeRules, about_appointment, about_campaign, about_follow_up
from gateway.usecases.nudging import Nudging, Wave
from tests.usecases.fakes import AMINA, CLAIRE, NOW, FakeWords, conversation, newcomer
from tests.usecases.nudge_store import (
    AFTERWARDS,
    AGAIN,
    CAMPAIGN,
    CONTRACT,
    DAY,
    DECLARATION,
    HOUR,
    INVITATION,
    MORNING,
    OBSTACLE,
    RULES,
    UNFINISHED,
)
from tests.usecases.test_offering import slot

HER = conversation(beneficiary=AMINA, referent=CLAIRE)
START = NOW + 3 * HOUR
THEIRS = Appointment(
    5, 1, 1, START, START + HOUR, place="7 rue du Lac", beneficiary_id=1, referent_first_name="Claire",
    created_at=NOW - 9 * DAY,
)  # fmt: skip
MEETING = about_appointment(THEIRS)
WORDS = FakeWords(
    simple={
        "utter_welcome", "utter_meet_in_person", "utter_meet_somewhere", "utter_choose_time", "utter_news",
        *(kind.says for kind in RULES.kinds.values()),
    }
)  # fmt: skip


def followed(about: str, **more: Any) -> Matter:
    values = more.pop("values", {})
    one = FollowUp(6, about, 1, 1, NOW - 8 * DAY, values, more.pop("due_on", None))
    return replace(about_follow_up(one, RULES), **more)


TALK, SIGN = followed("talk"), followed("contract")


def due(
    kind: NudgeKind, matter: Matter, step: int = 1, id_: int = 101, who: Conversation = HER, **more: Any
) -> DueNudge:
    about: dict[str, Any] = {"version": matter.version, "due_at": NOW, **more}
    known = who.beneficiary.id if who.beneficiary else None
    version, at = about["version"], about["due_at"]
    return DueNudge(id_, Planned(kind.id, matter.about, matter.id, version, who.id, known, step, at))


def wave(
    *taken: tuple[DueNudge, Matter | None],
    her: Person | None = None,
    rules: NudgeRules = RULES,
    offers: dict[int, Told] | None = None,
    words: FakeWords = WORDS,
) -> Wave:
    about = {(one.planned.about, one.planned.matter_id): matter for one, matter in taken if matter}
    people = [(one, her or Person(HER)) for one, _ in taken]
    return Nudging(words, rules, offers or {}, NOW).decided(people, about)


def menu(found: Wave) -> list[tuple[str, str]]:
    return [(choice.title, choice.payload) for choice in found.said[0].state.menu]


def following(found: Wave) -> list[tuple[str, int, Any]]:
    return [(one.kind, one.step, one.due_at) for one, _ in found.following]


# what she reads


def test_a_reminder_says_when_with_whom_and_how_to_answer() -> None:
    found = wave((due(MORNING, MEETING), MEETING))
    (said,) = found.said
    assert said.responses == ["utter_nudge/morning", "utter_meet_in_person"]
    assert said.text == "fr:utter_nudge/morning + fr:utter_meet_in_person"
    assert menu(found) == [
        ("text:utter_i_come_title", "NUDGED 101 morning 5 keep"),
        ("text:utter_move_title", "NUDGED 101 morning 5 move"),
        ("text:utter_cancel_title", "NUDGED 101 morning 5 cancel"),
    ]
    assert (said.nudge_id, said.to, said.personal) == (101, HER, False)
    assert said.state.nudged == (101, "morning", False)


def test_the_lines_are_those_of_the_kind() -> None:
    kind = replace(CONTRACT, lines=(("label:faq/debt", "/faq/debt"), ("utter_yes_title", "done")))
    rules = replace(RULES, kinds={"contract": kind})
    assert menu(wave((due(kind, SIGN), SIGN), rules=rules)) == [
        ("label:faq/debt", "/faq/debt"),
        ("text:utter_yes_title", "NUDGED 101 contract 6 done"),
    ]


def test_her_language_is_kept() -> None:
    found = wave((due(MORNING, MEETING), MEETING), her=Person(replace(HER, language="uk")))
    assert found.said[0].text.startswith("uk:")
    unknown = wave((due(MORNING, MEETING), MEETING), her=Person(replace(HER, language="")))
    assert unknown.said[0].text.startswith("fr:")


def test_who_was_never_written_to_is_welcomed_first_and_once() -> None:
    new = newcomer(beneficiary=AMINA, language="fr")
    found = wave((due(MORNING, MEETING), MEETING), her=Person(new))
    assert found.said[0].responses[0] == "utter_welcome"
    assert found.said[0].state.welcomed
    welcomed = Person(replace(new, state=found.said[0].state))
    assert wave((due(MORNING, MEETING), MEETING), her=welcomed).said[0].responses[0] == "utter_nudge/morning"


def test_a_menu_stays_when_the_nudge_has_none() -> None:
    shown = (Choice("1", "RSA", "/menu/rsa"),)
    quiet_kind = replace(CONTRACT, lines=())
    rules = replace(RULES, kinds={"contract": quiet_kind})
    her = Person(replace(HER, state=State(welcomed=True, menu=shown)))
    assert wave((due(quiet_kind, SIGN), SIGN), her=her, rules=rules).said[0].state.menu == shown
    assert wave((due(CONTRACT, SIGN), SIGN), her=her).said[0].state.menu != shown


def test_what_she_was_telling_waits_for_her() -> None:
    half_told = Assessment("mobility", "means")
    her = Person(replace(HER, state=State(welcomed=True, assessment=half_told)))
    assert wave((due(UNFINISHED, TALK), TALK), her=her).said[0].state.assessment == half_told


def test_a_text_too_long_has_its_continuation() -> None:
    words = replace(WORDS, long={"utter_nudge/contract"})
    (said,) = wave((due(CONTRACT, SIGN), SIGN), words=words).said
    assert said.text.endswith("(1)")
    assert said.state.rest == "the rest"
    assert [c.payload for c in said.state.rest_menu] == [
        f"NUDGED 101 contract 6 {d}" for d in ("done", "later", "help")
    ]


@pytest.mark.parametrize(
    ("kind", "words", "response", "personal"),
    [
        ("mobility", WORDS, "utter_nudge/obstacle", False),
        ("health", WORDS, "utter_nudge/obstacle", True),
        ("health", replace(WORDS, simple={*WORDS.simple, "utter_nudge/obstacle.discreet"}), "utter_nudge/obstacle.discreet", True),
    ],
)  # fmt: skip
def test_a_sensitive_obstacle_is_not_named_and_leaves_no_trace(
    kind: str, words: FakeWords, response: str, personal: bool
) -> None:
    matter = followed("obstacle", values={"kind": kind})
    (said,) = wave((due(OBSTACLE, matter), matter), words=words).said
    assert said.responses == [response]
    assert said.personal == personal


def test_an_obstacle_may_have_words_of_its_own() -> None:
    words = replace(
        WORDS, simple={*WORDS.simple, "utter_nudge/obstacle.mobility", "utter_nudge/obstacle.health"}
    )
    for kind, response in (("mobility", "utter_nudge/obstacle.mobility"), ("health", "utter_nudge/obstacle")):
        matter = followed("obstacle", values={"kind": kind})
        assert wave((due(OBSTACLE, matter), matter), words=words).said[0].responses == [response]


def test_a_campaign_says_the_referents_own_words_as_they_are() -> None:
    own = about_campaign(Campaign(8, 1, "t", NOW - HOUR, NOW, text="Café jeudi à 10 h, ça vous dit ?"))
    (said,) = wave((due(CAMPAIGN, own), own)).said
    assert said.text == "Café jeudi à 10 h, ça vous dit ?"
    assert said.responses == []
    new = Person(newcomer(beneficiary=AMINA))
    assert wave((due(CAMPAIGN, own), own), her=new).said[0].text.startswith("fr:utter_welcome\nCafé")


def test_a_campaign_says_a_response_in_her_language() -> None:
    known = about_campaign(Campaign(8, 1, "t", NOW - HOUR, NOW, response="utter_news"))
    her = Person(replace(HER, language="en"))
    assert wave((due(CAMPAIGN, known), known), her=her).said[0].text == "en:utter_news"
    stopped = replace(known, open=False)
    assert wave((due(CAMPAIGN, stopped), stopped)).ended == [(101, "ended", "no_longer_true")]


# what cannot be said


def test_what_has_no_words_is_not_sent_empty() -> None:
    gone = about_campaign(Campaign(8, 1, "t", NOW - HOUR, NOW, response="utter_gone_since"))
    new = Person(newcomer(beneficiary=AMINA))
    for found in (
        wave((due(CAMPAIGN, gone), gone)),
        wave((due(CAMPAIGN, gone), gone), her=new),  # nor as a mere welcome
        wave((due(CONTRACT, SIGN), SIGN), words=FakeWords(simple={"utter_welcome"})),
    ):
        assert found.said == []
        assert [id_ for id_, _ in found.broken] == [101]
        assert found.later == [(101, NOW + HOUR)]


def test_one_that_cannot_be_said_keeps_nobody_waiting() -> None:
    broken = replace(MEETING, values={})  # no meeting to show
    found = wave((due(MORNING, broken), broken), (due(CONTRACT, SIGN, id_=102), SIGN))
    assert found.broken == [(101, "morning")]
    assert found.later == [(101, NOW + HOUR)]
    assert [one.nudge_id for one in found.said] == [102]


def test_it_is_not_tried_for_ever() -> None:
    old = due(MORNING, replace(MEETING, moments={**MEETING.moments}), due_at=NOW - 7 * DAY + HOUR)
    broken = replace(MEETING, values={})
    found = wave((old, broken))
    assert found.later == []
    assert found.ended == [(101, "ended", "too_late")]


def test_a_kind_that_nobody_wants_any_more_is_let_go() -> None:
    assert wave((due(MORNING, MEETING), MEETING), rules=replace(RULES, kinds={})).ended == [
        (101, "ended", "no_longer_true")
    ]


def test_one_person_hears_one_thing_at_a_time() -> None:
    found = wave((due(MORNING, MEETING), MEETING), (due(CONTRACT, SIGN, id_=102), SIGN))
    assert [one.nudge_id for one in found.said] == [101]
    assert found.later == [(102, NOW + timedelta(minutes=1))]


def test_what_is_let_go_does_not_hold_the_next_one_back() -> None:
    off = about_appointment(replace(THEIRS, status=Status.REVOKED))
    found = wave((due(MORNING, off), off), (due(CONTRACT, SIGN, id_=102), SIGN))
    assert found.ended == [(101, "ended", "no_longer_true")]
    assert [one.nudge_id for one in found.said] == [102]


# what follows


def test_a_reminder_is_said_once() -> None:
    assert wave((due(MORNING, MEETING), MEETING)).following == []
    ended = about_appointment(replace(THEIRS, starts_at=NOW - 4 * HOUR, ends_at=NOW - 2 * HOUR))
    assert wave((due(AFTERWARDS, ended), ended)).following == []


def test_it_is_said_once_more_then_who_follows_her_is_told() -> None:
    first = wave((due(CONTRACT, SIGN), SIGN))
    assert following(first) == [("contract", 2, NOW + 7 * DAY)]
    second = wave((due(CONTRACT, SIGN, step=2), SIGN))
    assert following(second) == [("contract", 3, NOW + 7 * DAY)]
    third = wave((due(CONTRACT, SIGN, step=3), SIGN))
    assert (third.said, third.following) == ([], [])
    assert third.ended == [(101, "told", "")]
    assert [(one.id, told) for one, _, _, told in third.silent] == [(101, "contract")]


def test_nobody_is_told_of_what_is_over_or_has_changed() -> None:
    for matter in (replace(SIGN, open=False), replace(SIGN, version=SIGN.version + 1), None):
        found = wave((due(CONTRACT, SIGN, step=3), matter))
        assert found.silent == []
        assert found.ended == [(101, "ended", "no_longer_true")]


def test_who_follows_the_new_owner_of_her_number_is_not_told() -> None:
    another = Person(replace(HER, beneficiary=replace(AMINA, id=2)))
    found = wave((due(CONTRACT, SIGN, step=3), SIGN), her=another)
    assert (found.silent, found.ended) == ([], [(101, "ended", "not_hers")])


def test_it_follows_at_her_hour() -> None:
    (step,) = wave((due(CONTRACT, SIGN), SIGN), her=Person(HER, hour=18)).following
    assert step[0].due_at == NOW + 7 * DAY + 8 * HOUR


def test_what_follows_is_for_the_same_person() -> None:
    """A campaign is about nobody; a département may want it said twice."""
    twice = replace(CAMPAIGN, times=2)
    own = about_campaign(Campaign(8, 1, "t", NOW - HOUR, NOW, text="Café jeudi"))
    found = wave((due(twice, own), own), rules=replace(RULES, kinds={"campaign": twice}))
    ((again, capped),) = found.following
    assert (again.conversation_id, again.beneficiary_id, again.step, capped) == (1, 1, 2, True)


def test_one_that_came_too_late_breaks_no_series() -> None:
    """A fortnight away, say: the second one is said in its turn, and in the end her referent is told."""
    late = due(CONTRACT, SIGN, due_at=NOW - 7 * DAY)
    found = wave((late, SIGN))
    assert found.ended == [(101, "ended", "too_late")]
    assert following(found) == [("contract", 2, NOW + 7 * DAY)]


@pytest.mark.parametrize(
    ("her", "why"),
    [
        (Person(replace(HER, opted_out=True)), "stopped"),
        (Person(HER, topics_off=frozenset({"follow_up"})), "topic_off"),
    ],
)
def test_a_quarter_without_a_word_is_followed_by_another_quarter(her: Person, why: str) -> None:
    """She stopped for a time: what she had asked for each quarter is not lost when she starts again."""
    quarter = followed("declaration")
    found = wave((due(DECLARATION, quarter), quarter), her=her)
    assert found.ended == [(101, "ended", why)]
    assert following(found) == [("declaration", 3, NOW + 7 * DAY)]
    assert wave((due(CONTRACT, SIGN), SIGN), her=her).following == []


def test_a_declaration_of_somebody_else_does_not_go_on() -> None:
    quarter = followed("declaration")
    stranger = Person(replace(HER, beneficiary=None))
    found = wave((due(DECLARATION, quarter), quarter), her=stranger)
    assert (found.ended, found.following) == ([(101, "ended", "not_hers")], [])


# time slots

THREE = [slot(1), slot(2), slot(3)]


def offer(*slots: Any, state: State | None = None) -> dict[int, Told]:
    lines = [["slot:…", f"SLOT 1 {int(one.starts_at.timestamp())} 0 0"] for one in slots]
    lines.append(["text:utter_none_suits_title", "NO_SLOT"])
    state = state or replace(HER.state, choosing=Choosing(referents=(1,)))
    changes = (Hold(tuple(slots)),) if slots else ()
    return {101: Told((Reply("utter_choose_time", {"lines": lines}),), state, changes)}


INVITED = followed("invitation", values={"why": "referent"})


def test_an_invitation_shows_what_is_free_and_holds_it() -> None:
    found = wave((due(INVITATION, INVITED), INVITED), offers=offer(*THREE))
    assert found.said[0].responses == ["utter_nudge/invitation", "utter_choose_time"]
    assert [payload.split(" ")[0] for _, payload in menu(found)] == ["SLOT", "SLOT", "SLOT", "NO_SLOT"]
    assert found.said[0].state.choosing == Choosing(referents=(1,))
    assert [hold.slots for _, hold in found.holds] == [tuple(THREE)]


def test_what_was_read_before_the_wave_does_not_undo_what_happened_since() -> None:
    """She was told something between the two: only the choice itself is taken from what was offered."""
    older = State(welcomed=True, choosing=Choosing(referents=(1,)), trail=((Reply("utter_old"),),))
    now_told = Assessment("mobility", "means")
    her = Person(replace(HER, state=State(welcomed=True, assessment=now_told, commune="79191")))
    (said,) = wave((due(INVITATION, INVITED), INVITED), her=her, offers=offer(*THREE, state=older)).said
    assert (said.state.assessment, said.state.commune, said.state.trail) == (now_told, "79191", ())
    assert said.state.choosing == older.choosing


@pytest.mark.parametrize("offers", [{}, offer(), {101: Told((), State(), callback="appointment")}])
def test_nobody_is_invited_to_choose_among_nothing(offers: dict[int, Told]) -> None:
    found = wave((due(AGAIN, INVITED), INVITED), offers=offers)
    assert (found.said, found.holds, found.following, found.ended) == ([], [], [], [])
    assert found.later == [(101, NOW + DAY)]


@pytest.mark.parametrize("kind", [INVITATION, AGAIN])
def test_a_week_without_anything_free_is_told_to_who_follows_her(kind: NudgeKind) -> None:
    found = wave((due(kind, INVITED, due_at=NOW - 6 * DAY), INVITED))
    assert found.ended == [(101, "ended", "nothing_free")]
    assert [told for _, _, _, told in found.silent] == ["nothing_free"]


def test_what_begins_anew_tells_nobody() -> None:
    quarter = followed("declaration")
    (silent,) = wave((due(DECLARATION, quarter, step=3), quarter)).silent
    assert silent[3] == ""


# the share that is left without


def share(of: float) -> NudgeRules:
    return replace(RULES, control_share=of)


def test_the_control_share_is_left_without_but_what_begins_anew_does() -> None:
    found = wave(
        (due(OBSTACLE, matter := followed("obstacle", values={"kind": "mobility"})), matter), rules=share(1.0)
    )
    assert found.said == []
    assert found.ended == [(101, "control", "control")]
    assert found.following == []  # not said a second time either
    quarter = followed("declaration")
    found = wave((due(DECLARATION, quarter), quarter), rules=share(1.0))
    assert following(found) == [("declaration", 3, NOW + 7 * DAY)]


def test_a_reminder_of_an_appointment_is_never_left_out() -> None:
    assert wave((due(MORNING, MEETING), MEETING), rules=share(1.0)).said


def test_who_is_held_back_for_now_is_not_counted_yet() -> None:
    busy = Person(replace(HER, silent_for=timedelta(0)))
    found = wave((due(CONTRACT, SIGN), SIGN), rules=share(1.0), her=busy)
    assert (found.ended, len(found.later)) == ([], 1)


def test_the_share_draws_people_and_not_messages() -> None:
    """Half of the people, each the same both times."""
    fates: list[Sequence[bool]] = []
    for number in range(40):
        her = Person(replace(HER, pseudonym=f"p{number}"))
        fates.append(
            [
                bool(wave((due(CONTRACT, SIGN, step=step), SIGN), her=her, rules=share(0.5)).said)
                for step in (1, 2)
            ]
        )
    assert all(first == second for first, second in fates)
    assert 10 < sum(first for first, _ in fates) < 30
