"""A message to many: what each will read, what it costs, what keeps it from leaving; launched once."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from gateway.domain.campaign import Audience, Campaign, Draft, Group
from gateway.domain.conversation import State
from gateway.domain.nudge import About, NudgeKind, Planned, Topic
from gateway.domain.obstacle import Obstacles
from gateway.domain.quiet import QuietHours
from gateway.domain.verdict import Person
from gateway.ports import DueNudge
from gateway.usecases.campaigning import launch, previewed, why_not
from gateway.usecases.matters import NudgeRules, about_campaign
from gateway.usecases.nudging import Nudging
from gateway.usecases.writing import PRICE
from tests.usecases.fakes import NOW, PARIS, FakeStore, FakeWords, conversation

QUIET = QuietHours(time(20), time(8), PARIS)
EVERYBODY = Audience()
FAIR = "utter_campaign/job_fair"
TODAY = "2026-11-23"


def own(text: str) -> Draft:
    return Draft(EVERYBODY, text=text)


@pytest.mark.parametrize(
    ("draft", "why"),
    [
        (own("Bonjour"), ""), (Draft(EVERYBODY, FAIR), ""), (Draft(EVERYBODY, FAIR, " \n"), ""),
        (Draft(EVERYBODY), "empty"), (own("  \u200e \x00"), "empty"), (Draft(EVERYBODY, FAIR, "et"), "both"),
        (Draft(EVERYBODY, "utter_welcome"), "unknown"), (own("x" * 1600), ""), (own("x" * 1601), "long"),
    ],
)  # fmt: skip
def test_it_tells_what_keeps_it_from_leaving(draft: Draft, why: str) -> None:
    assert why_not(draft, {FAIR}) == why


def test_it_shows_what_each_will_read_and_what_it_costs() -> None:
    groups = [Group("fr", False, "", 40), Group("ar", False, "", 2), Group("fr", True, "", 10)]
    shown = previewed(FakeWords(), Draft(EVERYBODY, FAIR), groups, TODAY)
    assert [(one.language, one.first, one.people, one.text) for one in shown.readings] == [
        ("fr", False, 40, f"fr:{FAIR}"),
        ("ar", False, 2, f"ar:{FAIR}"),
        ("fr", True, 10, f"fr:utter_welcome + fr:{FAIR}"),
    ]
    assert (shown.people, shown.segments, shown.languages) == (52, 52, {"fr": 50, "ar": 2})
    assert shown.euros == pytest.approx(52 * PRICE)
    assert shown.takes(2.0) == timedelta(seconds=26)
    assert not shown.heavy


@pytest.mark.parametrize(
    ("text", "encoding", "each", "heavy"),
    [
        ("Bonjour", "GSM-7", 1, False), ("Être là", "UCS-2", 1, False), ("é" * 161, "GSM-7", 2, False),
        ("ê" * 141, "UCS-2", 3, False), ("ê" * 202, "UCS-2", 4, True), ("a" * 460, "GSM-7", 4, True),
    ],
)  # fmt: skip
def test_it_weighs_her_own_words_as_she_wrote_them(text: str, encoding: str, each: int, heavy: bool) -> None:
    groups = [Group("fr", False, "", 3), Group("ar", False, "", 1)]
    shown = previewed(FakeWords(), own(f" {text}\r\n"), groups, TODAY)
    assert {(one.text, one.weight.encoding, one.weight.segments) for one in shown.readings} == {
        (text, encoding, each)
    }
    assert shown.segments == 4 * each
    assert shown.heavy is heavy
    assert all(one.translated for one in shown.readings), "nothing was promised"


def test_it_does_not_call_heavy_what_only_a_first_word_of_presentation_lengthens() -> None:
    shown = previewed(FakeWords(), own("a" * 450), [Group("fr", True, "", 3)], TODAY)
    assert shown.readings[0].weight.segments == 4
    assert not shown.heavy


def test_it_counts_those_who_are_left_out_by_their_reasons() -> None:
    groups = [
        Group("fr", False, "", 3), Group("fr", False, "stopped", 2), Group("ar", True, "stopped", 1),
        Group("fr", False, "number_failed", 4),
    ]  # fmt: skip
    shown = previewed(FakeWords(), own("Bonjour"), groups, TODAY)
    assert shown.people == 3
    assert shown.left_out == {"stopped": 3, "number_failed": 4}


@dataclass
class FrenchOnly(FakeWords):
    """Arabic is still to be translated."""

    def render(self, replies: Any, language: str, channel: Any, today: str) -> Any:
        return super().render(replies, "fr" if language == "ar" else language, channel, today)


def test_it_tells_who_will_read_french_for_want_of_a_translation() -> None:
    groups = [
        Group("ar", False, "", 1),
        Group("ar", True, "", 1),
        Group("en", False, "", 1),
        Group("fr", False, "", 1),
    ]
    shown = previewed(FrenchOnly(), Draft(EVERYBODY, FAIR), groups, TODAY)
    assert [one.translated for one in shown.readings] == [False, False, True, True]


@pytest.mark.parametrize("draft", [own("Bonjour, être là ?"), Draft(EVERYBODY, FAIR)])
@pytest.mark.parametrize("language", ["fr", "ar", ""])
@pytest.mark.parametrize("first", [False, True])
def test_it_shows_the_very_text_that_will_be_sent(draft: Draft, language: str, first: bool) -> None:
    words = FakeWords(simple={FAIR, "utter_welcome"})
    kind = NudgeKind("campaign", About.CAMPAIGN, topic=Topic.NEWS, control=False)
    rules = NudgeRules({"campaign": kind}, QUIET, Obstacles())
    matter = about_campaign(Campaign(7, 1, "a", NOW, NOW, draft.response, draft.text))
    her = Person(conversation(language=language, state=State(welcomed=not first)))
    due = DueNudge(1, Planned("campaign", "campaign", 7, 0, her.who.id, None, 1, NOW))
    (said,) = Nudging(words, rules, {}, NOW).decided([(due, her)], {("campaign", 7): matter}).said
    (shown,) = previewed(words, draft, [Group(language or "fr", first, "", 1)], TODAY).readings
    assert shown.text == said.text


# launched


@dataclass
class Campaigns(FakeStore):
    kept: dict[str, Campaign] = field(default_factory=dict)

    async def add_campaign(self, new: Campaign) -> int | None:
        if new.token in self.kept:
            return None
        self.kept[new.token] = replace(new, id=len(self.kept) + 1)
        return len(self.kept)


async def test_it_launches_a_form_sent_twice_once() -> None:
    store, draft = Campaigns(), Draft(Audience(communes=("Niort",)), text=" Bonjour\x00 ")
    async with store.transaction() as tx:
        first: Any = await launch(tx, draft, 5, "a", 12, QUIET, NOW)  # type: ignore[arg-type]
        again = await launch(tx, replace(draft, text="Autre"), 5, "a", 12, QUIET, NOW)  # type: ignore[arg-type]
    assert (first, again) == ([1], None)
    assert store.jobs == [("campaign", 1, NOW)]
    assert store.kept == {"a": Campaign(1, 5, "a", NOW, NOW, "", "Bonjour", draft.audience.filters, 12)}


async def test_it_begins_in_the_morning_when_it_is_launched_at_night() -> None:
    store, night = Campaigns(), datetime(2026, 11, 28, 21, 0, tzinfo=UTC)  # a Saturday
    async with store.transaction() as tx:
        await launch(tx, own("Bonjour"), 5, "a", 1, QUIET, night)  # type: ignore[arg-type]
    assert store.kept["a"].created_at == night
    assert store.kept["a"].starts_at == datetime(2026, 11, 30, 7, 0, tzinfo=UTC)
    assert store.jobs == [("campaign", 1, night)], "it is planned at once"
