"""The figures: from a dated file, said on the days when they are valid, in her language's writing."""

from pathlib import Path

import pytest

from gateway.adapters.amount_files import read_amounts
from gateway.adapters.content_files import ContentFiles
from gateway.commands import content_rules
from gateway.commands.content import expiring, listed
from gateway.domain.conversation import Channel, Reply
from gateway.domain.language import LANGUAGES
from gateway.settings import ROOT

RESPONSES = """
responses:
  utter_more:
    - text: "la suite"
  utter_faq/rsa_amount:
    - text: "Cela dépend."
      metadata: {source: "CAF", checked_on: "2026-01-01", valid_until: "2027-12-31"}
    - text: "Au plus {rsa_single} euros. {service}"
      channel: amounts
  utter_faq/both:
    - text: "Cela dépend."
    - text: "{rsa_single} ou {aah_max} euros."
      channel: amounts
  utter_faq/wrong:
    - text: "Cela dépend."
    - text: "Au plus {rsa_singel} euros."
      channel: amounts
"""

AMOUNTS = """
rsa_single: {value: 651.7, from: "2026-04-01", valid_until: "2027-03-31", checked_on: "2026-11-23", reference: "Décret 2026-220", url: "u"}
aah_max: {value: 1041.59, from: "2026-07-01", valid_until: "2026-12-31", checked_on: "2026-11-20", reference: "Décret 2026-229", url: "v"}
"""

DAY = "2026-11-23"
ABOUT = {"source": "service", "checked_on": DAY, "valid_until": "2027-11-23", "audience": ["all"]}


@pytest.fixture
def words(tmp_path: Path) -> ContentFiles:
    (tmp_path / "bot" / "data").mkdir(parents=True)
    (tmp_path / "bot" / "data" / "all.yml").write_text(RESPONSES, encoding="utf-8")
    (tmp_path / "bot" / "amounts.yml").write_text(AMOUNTS, encoding="utf-8")
    for language in LANGUAGES:
        (tmp_path / "locales" / language).mkdir(parents=True)
        (tmp_path / "locales" / language / "keywords.yml").write_text(f"name: {language}\n", encoding="utf-8")
    return ContentFiles(tmp_path, {"service": "CD79"})


def said(words: ContentFiles, name: str, day: str, channel: Channel = Channel.SMS) -> str:
    return words.render([Reply(name)], "fr", channel, day).text


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("day", ["2026-04-01", DAY, "2027-03-31"])
def test_it_says_an_amount_while_it_is_valid(words: ContentFiles, day: str, channel: Channel) -> None:
    assert said(words, "utter_faq/rsa_amount", day, channel) == "Au plus 651,70 euros. CD79"


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("day", ["2026-03-31", "2027-04-01", ""])
def test_it_says_no_amount_on_another_day(words: ContentFiles, day: str, channel: Channel) -> None:
    assert said(words, "utter_faq/rsa_amount", day, channel) == "Cela dépend."


@pytest.mark.parametrize(
    ("day", "text"),
    [
        ("2026-06-30", "Cela dépend."),
        (DAY, "651,70 ou 1041,59 euros."),
        ("2027-01-01", "Cela dépend."),
    ],
)
def test_it_says_two_amounts_or_none(words: ContentFiles, day: str, text: str) -> None:
    assert said(words, "utter_faq/both", day) == text


def test_it_says_no_amount_that_it_does_not_know(words: ContentFiles) -> None:
    assert said(words, "utter_faq/wrong", DAY) == "Cela dépend."


def test_it_says_nothing_of_amounts_without_their_file(words: ContentFiles, tmp_path: Path) -> None:
    (tmp_path / "bot" / "amounts.yml").unlink()
    assert said(ContentFiles(tmp_path), "utter_faq/rsa_amount", DAY) == "Cela dépend."


@pytest.mark.parametrize(
    ("name", "day", "source", "checked_on"),
    [
        ("utter_faq/rsa_amount", DAY, "Décret 2026-220", DAY),
        ("utter_faq/rsa_amount", "2027-04-01", "CAF", "2026-01-01"),
        ("utter_faq/both", DAY, "Décret 2026-220 ; Décret 2026-229", "2026-11-20"),
    ],
)
def test_it_gives_the_amount_s_own_source(
    words: ContentFiles, name: str, day: str, source: str, checked_on: str
) -> None:
    about = words.sourced(name, day)
    assert (about["source"], about["checked_on"]) == (source, checked_on)


def test_it_lists_the_text_with_amounts_beside_the_other(words: ContentFiles) -> None:
    rows = [r for r in listed(words, {}) if r["language"] == "fr" and r["name"] == "utter_faq/rsa_amount"]
    assert [(r["channel"], r["text"].split(".")[0], r["source"]) for r in rows] == [
        ("sms", "Cela dépend", "CAF"), ("sms", "Au plus 651,70 euros", "Décret 2026-220"),
        ("web", "Cela dépend", "CAF"), ("web", "Au plus 651,70 euros", "Décret 2026-220"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ("2026-12-31", []),
        ("2027-01-01", ["aah_max"]),
        ("2027-04-01", ["rsa_single", "aah_max"]),
    ],
)
def test_it_tells_which_amounts_expire(words: ContentFiles, day: str, names: list[str]) -> None:
    assert [row["amount"] for row in expiring(words, day)] == names


# the rules


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Au plus {rsa_single} euros, dit {service}.", ""),
        ("Au plus {rsa_singel} euros.", "{rsa_singel} n'est pas un montant"),
        ("Au plus 651,69 euros.", "aucun montant entre accolades"),
        ("", "aucun montant entre accolades"),
    ],
)
def test_it_refuses_an_amount_that_nobody_wrote(text: str, problem: str) -> None:
    variants = [{"text": "Cela dépend.", "metadata": ABOUT}, {"text": text, "channel": "amounts"}]
    found = content_rules._response("utter_x", variants, {"rsa_single"})
    assert [problem in f for f in found] == ([True] if problem else [])


def test_it_refuses_an_amount_where_the_plain_text_is() -> None:
    variants = [{"text": "Au plus {rsa_single} euros.", "metadata": ABOUT}]
    assert content_rules._response("utter_x", variants, {"rsa_single"}) != []


def test_it_wants_the_reference_and_dates_of_an_amount() -> None:
    good = dict.fromkeys(content_rules.AMOUNT, "x") | dict.fromkeys(
        ("from", "valid_until", "checked_on"), DAY
    )
    assert content_rules._amount(good) == []
    assert content_rules._amount({**good, "reference": ""}) == ["reference manque"]
    assert len(content_rules._amount({**good, "valid_until": "mars"})) == 1


# the real ones


@pytest.mark.parametrize(
    ("language", "amount"),
    [
        ("fr", "1041,59"), ("en", "1041.59"), ("ar", "1041.59"), ("uk", "1041,59"), ("fa", "1041.59"), ("ps", "1041,59"),
        ("ru", "1041,59"), ("pt", "1041,59"), ("tr", "1041,59"), ("ro", "1041,59"), ("es", "1041,59"),
    ],
)  # fmt: skip
def test_it_writes_an_amount_as_in_her_language(language: str, amount: str) -> None:
    assert read_amounts(ROOT / "bot" / "amounts.yml")["aah_max"].written(language) == amount


@pytest.fixture(scope="module")
def real() -> ContentFiles:
    return ContentFiles(ROOT, {"service": "Département des Deux-Sèvres", "number": "06 39 98 00 99"})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "amount"), [("rsa_amount", "rsa_single"), ("aah", "aah_max")])
def test_it_never_leaves_an_amount_for_later(
    real: ContentFiles, language: str, name: str, amount: str
) -> None:
    """The end of a long answer is kept, and may be asked for when the amount is over."""
    figure = real.amounts[amount].written(real.locale(language))
    answer = Reply(f"utter_faq/{name}")
    for before in ((), (Reply("utter_welcome"),), (Reply("utter_language_changed"),)):
        rendered = real.render((*before, answer), language, Channel.SMS, DAY)
        assert figure in rendered.text
        assert figure not in rendered.rest
        assert figure not in real.render((*before, answer), language, Channel.SMS, "2027-04-01").text
