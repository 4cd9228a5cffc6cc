"""A file of bot/nudges says one kind; a mistake is told with the file's name and what to do."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from gateway.adapters.nudge_files import length, read_nudges
from gateway.domain.nudge import NudgeKind, Topic
from gateway.errors import NotReady
from gateway.settings import ROOT

EVERYTHING = """
nudge:
  about: appointment
  only: {status: [booked], kind: [in_person, phone]}
  count_from: starts_at
  wait: "-2 days"
  at: "10:00"
  since: "1 day"
  times: 2
  every: "3 hours"
  then: referent
  useless_at: starts_at
  renews: 3
  topic: reminder
  capped: false
  control: false
  shows: meeting
  lines:
    - [utter_i_come_title, keep]
    - [utter_list_title, /faq/prepare_appointment]
responses: {}
"""
SHORT = "nudge: {about: declaration, count_from: due_on}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("bot/nudges", "territories/79", "territories/86"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write(root: Path, name: str, content: str) -> None:
    (root / name).write_text(content, encoding="utf-8")


def test_it_reads_all_that_a_file_may_say(root: Path) -> None:
    write(root, "bot/nudges/two_days.yml", EVERYTHING)
    assert read_nudges(root, "79") == {
        "two_days": NudgeKind(
            "two_days", "appointment", "starts_at", timedelta(days=-2), time(10),
            {"status": frozenset({"booked"}), "kind": frozenset({"in_person", "phone"})},
            timedelta(days=1), 2, timedelta(hours=3), "referent", "starts_at", 3, Topic.REMINDER, False, False,
            (("utter_i_come_title", "keep"), ("utter_list_title", "/faq/prepare_appointment")), "meeting",
        )
    }  # fmt: skip


def test_what_a_file_does_not_say_is_careful(root: Path) -> None:
    """It counts towards two a week, and she is asked once."""
    write(root, "bot/nudges/declaration.yml", SHORT)
    (kind,) = read_nudges(root, "79").values()
    assert kind == NudgeKind("declaration", "declaration", "due_on")
    assert (kind.capped, kind.times, kind.topic) == (True, 1, Topic.FOLLOW_UP)


def test_a_single_value_needs_no_brackets(root: Path) -> None:
    """Without care, "booked" would be read as six letters, and the reminder never said."""
    write(root, "bot/nudges/morning.yml", "nudge: {about: appointment, only: {status: booked}}")
    assert read_nudges(root, "79")["morning"].only == {"status": frozenset({"booked"})}


def test_a_file_of_words_is_no_kind(root: Path) -> None:
    write(root, "bot/nudges/declaration.yml", SHORT)
    write(root, "bot/nudges/titles.yml", "responses: {utter_yes_title: [{text: Oui}]}")
    write(root, "bot/nudges/empty.yml", "")
    assert list(read_nudges(root, "79")) == ["declaration"]


def test_a_departement_changes_what_it_wants_and_nobody_elses(root: Path) -> None:
    write(root, "bot/nudges/two_days.yml", EVERYTHING)
    write(root, "bot/nudges/declaration.yml", SHORT)
    own = 'two_days: {wait: "-3 days", at: "17:00"}\ndeclaration: {off: true}\n'
    write(root, "territories/79/nudges.yml", own)
    (changed,) = read_nudges(root, "79").values()
    assert (changed.id, changed.wait, changed.at) == ("two_days", timedelta(days=-3), time(17))
    assert changed.since == timedelta(days=1)  # the rest stays as it is
    assert set(read_nudges(root, "86")) == {"two_days", "declaration"}
    assert read_nudges(root, "86")["two_days"].at == time(10)


@pytest.mark.parametrize("own", ["", "declaration:", "declaration: {off: false}"])
def test_a_departement_may_change_nothing(root: Path, own: str) -> None:
    write(root, "bot/nudges/declaration.yml", SHORT)
    write(root, "territories/79/nudges.yml", own)
    assert list(read_nudges(root, "79")) == ["declaration"]


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("useless_at", "useless", "« useless » n'est pas un réglage connu"),
        ("about: appointment", "topic: news", "« about » manque"),
        ("appointment", "birthday", "« birthday » est inconnu, attendu : appointment, campaign"),
        ("count_from: starts_at", "count_from: due_on", "« due_on » est inconnu"),
        ("useless_at: starts_at", "useless_at: noon", "« noon » est inconnu"),
        ('"-2 days"', '"deux jours"', "« deux jours » n'est pas une durée"),
        ('"-2 days"', "2", "« 2 » n'est pas une durée"),
        ('"10:00"', "10:00", 'n\'est pas une heure entre guillemets, par exemple "10:00"'),
        ('"10:00"', '"25:00"', "« 25:00 » n'est pas une heure"),
        ('"10:00"', '"10h"', "« 10h » n'est pas une heure"),
        ("times: 2", "times: 0", "« 0 » n'est pas un nombre, 1 au moins"),
        ("times: 2", "times: deux", "« deux » n'est pas un nombre"),
        ("renews: 3", "renews: true", "n'est pas un nombre, 0 au moins"),
        ("then: referent", "then: boss", "« boss » est inconnu, attendu : referent"),
        ("topic: reminder", "topic: sport", "« sport » est inconnu"),
        ("capped: false", 'capped: "false"', "« false » n'est ni true ni false"),
        ("shows: meeting", "shows: map", "« map » est inconnu"),
        ("only: {status: [booked], kind: [in_person, phone]}", "only: [booked]", "ne dit pas de quoi"),
        ("{status: [booked], kind", "{state: [booked], kind", "« state » est inconnu, attendu : kind"),
        ("[booked]", "[no]", "« status » veut des mots entre guillemets"),
        ("[utter_i_come_title, keep]", "[utter_i_come_title]", "chaque ligne est [titre, réponse]"),
        ("[utter_i_come_title, keep]", "[utter_i_come_title, no]", "chaque ligne est [titre, réponse]"),
        (
            "[utter_i_come_title, keep]",
            "[utter_i_come_title, je viens]",
            "« je viens » n'est pas une réponse",
        ),
        ("/faq/prepare_appointment", "/faq/mes papiers", "« /faq/mes papiers » n'est pas une réponse"),
        ("[utter_i_come_title, keep]", "keep", "chaque ligne est [titre, réponse]"),
        ("about: appointment", "- about", "l'écriture YAML est à corriger"),
        (EVERYTHING, "nudge: [about, appointment]", "des réglages sont attendus"),
        (EVERYTHING, "nudge:", "des réglages sont attendus"),
        (EVERYTHING, "- nudge", "des réglages sont attendus"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_to_do(
    root: Path, written: str, instead: str, said: str
) -> None:
    assert written in EVERYTHING
    write(root, "bot/nudges/two_days.yml", EVERYTHING.replace(written, instead, 1))
    with pytest.raises(NotReady) as refused:
        read_nudges(root, "79")
    assert str(refused.value).startswith("bot/nudges/two_days.yml : ")
    assert said in str(refused.value)
    assert str(refused.value).endswith("Voir docs/contenu.md, « Un rappel ».")


@pytest.mark.parametrize("name", ["aide logement", "Relance", "été", "a" * 41])
def test_a_name_that_no_answer_could_carry_is_refused(root: Path, name: str) -> None:
    """ "NUDGED 101 aide logement 5 done" would be read as six words, when she answers."""
    write(root, f"bot/nudges/{name}.yml", SHORT)
    with pytest.raises(NotReady, match="son nom ne va pas"):
        read_nudges(root, "79")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ('two_days: {at: "midi"}', "two_days, at: « midi » n'est pas une heure"),
        ("two_days: {heure: 10}", "two_days, « heure » n'est pas un réglage connu"),
        ("two_days: [off]", "des réglages sont attendus"),
        ("two_days: {off: non}", "two_days, off: « non » n'est ni true ni false"),
        ("- two_days", "des réglages sont attendus"),
        ("two_days: {", "l'écriture YAML est à corriger"),
    ],
)
def test_a_wrong_change_is_told_with_the_departements_own_file(root: Path, own: str, said: str) -> None:
    write(root, "bot/nudges/two_days.yml", EVERYTHING)
    write(root, "territories/79/nudges.yml", own)
    with pytest.raises(NotReady) as refused:
        read_nudges(root, "79")
    assert str(refused.value).startswith("territories/79/nudges.yml : ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3 days", timedelta(days=3)),
        ("-2 days", timedelta(days=-2)),
        ("1 day", timedelta(days=1)),
        ("90 minutes", timedelta(minutes=90)),
        ("-1 hour", timedelta(hours=-1)),
    ],
)
def test_it_reads_a_length(written: str, meant: timedelta) -> None:
    assert length(written) == meant


@pytest.mark.parametrize("written", ["", "3", "days", "3 weeks", "+3 days", "3 days ago", "1.5 hours", None])
def test_it_refuses_what_is_no_length(written: object) -> None:
    with pytest.raises(ValueError, match="n'est pas une durée"):
        length(written)


def test_the_files_of_the_repository_are_right() -> None:
    for departement in ("79", "974"):
        assert read_nudges(ROOT, departement)
