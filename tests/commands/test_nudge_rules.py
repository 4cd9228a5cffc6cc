"""What editors of reminders rely on: a kind that could say nothing, or whose answer leads nowhere, is refused."""

from pathlib import Path

import pytest

from gateway.adapters.content_files import ContentFiles
from gateway.adapters.nudge_files import read_nudges
from gateway.commands import nudge_rules
from gateway.commands.content import listed
from gateway.settings import ROOT

KIND = """
nudge:
  about: obstacle
  wait: "7 days"
  at: "10:00"
  lines:
    - [utter_yes_title, done]
    - [utter_help_title, help]
    - [utter_list_title, /faq/debt]
    - ["label:faq/debt", /faq/debt]
responses:
  utter_nudge/news: [{text: "{topic} : avez-vous pu avancer ?"}]
  utter_nudge/news.childcare: [{text: "Avez-vous pu appeler la crèche ?"}]
  utter_nudge/news.discreet: [{text: "Avez-vous pu avancer ?"}]
  utter_nudge/news.done: [{text: "Bravo."}]
  utter_why/news: [{text: "Vous m'en aviez parlé."}]
  utter_yes_title: [{text: "Oui"}]
  utter_help_title: [{text: "Aidez-moi"}]
  utter_list_title: [{text: "La liste"}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("bot/data", "bot/nudges", "territories/79"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bot/obstacles.yml").write_text("kinds: {childcare: {}}", encoding="utf-8")
    (tmp_path / "bot/data/debt.yml").write_text(
        "responses: {utter_faq/debt: [{text: Oui}]}", encoding="utf-8"
    )
    (tmp_path / "bot/nudges/words.yml").write_text(
        "responses: {utter_why_none: [{text: Rien}]}", encoding="utf-8"
    )
    return tmp_path


def problems(root: Path, kind: str) -> list[str]:
    (root / "bot/nudges/news.yml").write_text(kind, encoding="utf-8")
    return nudge_rules.kinds(root, "79")


def test_it_accepts_a_good_kind_and_a_file_of_words(root: Path) -> None:
    assert problems(root, KIND) == []


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        ("wait:", "waits:", "« waits » n'est pas un réglage connu"),
        ('"7 days"', '"une semaine"', "n'est pas une durée"),
        ("about: obstacle", "about: birthday", "birthday"),
        ("news.childcare:", "news.creche:", "utter_nudge/news.creche n'est jamais dit"),
        ("la crèche ?", "{name} ?", "{name} peut manquer dans utter_nudge/news.childcare"),
        ("utter_why/news:", "utter_why/new:", "utter_why/news manque"),
        ("utter_nudge/news:", "utter_nudge/new:", "utter_nudge/news manque"),
        ("{topic}", "{when}", "{when} peut manquer"),
        ("utter_yes_title: [", "utter_yess_title: [", "le titre utter_yes_title n'existe pas"),
        ("news.done", "news.don", "« done » n'a pas de réponse ; écrivez utter_nudge/news.done"),
        (
            "[utter_list_title, /faq/debt",
            "[utter_list_title, /faq/debts",
            "« /faq/debts » n'a pas de réponse",
        ),
        ("utter_help_title: [", "utter_why_none: [", "utter_why_none est écrit deux fois"),
        ("  lines:", "  shows: time_slots\n  lines:", "ne sont pas dites"),
    ],
)
def test_it_says_what_to_correct(root: Path, written: str, instead: str, problem: str) -> None:
    assert written in KIND
    assert any(problem in found for found in problems(root, KIND.replace(written, instead)))


def test_it_wants_the_departement_to_change_what_exists(root: Path) -> None:
    (root / "territories/79/nudges.yml").write_text('new: {at: "09:00"}', encoding="utf-8")
    assert problems(root, KIND) == ["territories/79/nudges.yml : new n'est pas un fichier de bot/nudges"]


def test_it_finds_the_shipped_kinds_right() -> None:
    assert nudge_rules.kinds(ROOT, "79") == []


def test_it_lists_a_reminder_as_it_leaves() -> None:
    """With whom, where, and its lines: that is what she pays for."""
    words = ContentFiles(ROOT)
    rows = [r for r in listed(words, read_nudges(ROOT, "79")) if r["name"] == "utter_nudge/two_days"]
    (sms,) = [r for r in rows if (r["language"], r["channel"]) == ("fr", "sms")]
    assert sms["text"].endswith("Niort.\n1 Je viens\n2 Changer de jour\n3 Annuler\n0 Une personne")
    assert sms["segments"] == 2
