"""What the content team does with the questions left without an answer: list, label, export."""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from gateway.adapters.content_files import read_training_lines
from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.encryption import Cipher, new_key
from gateway.commands import questions
from gateway.commands.questions import as_line, inserted, nearest
from gateway.domain.questions import KeptQuestion, Kind
from gateway.errors import NotReady
from gateway.settings import ROOT, Settings

DAY = date(2026, 11, 23)
PTI = KeptQuestion(Kind.ASKED_AGAIN, "fr", "c koi le pti", (("faq/pti", 0.412), ("faq/rsa_amount", 0.2)), DAY)

FRENCH = """version: "3.1"
# Aide pour manger.
nlu:
  - intent: faq/food_aid
    examples: |
      - Où manger ?   # pas un commentaire
      - frigo vide

  # Le détail : l'argent
  - intent: faq/food_aid.money
    examples: |
      - plus rien pr finir le mois
rules: []
responses:
  utter_faq/food_aid:
  - text: "Il y a de l'aide."   # les guillemets restent
"""
ARABIC = """version: "3.1"
nlu:
# --- manger ---
- intent: faq/food_aid
  examples: |
    - فين ناكل"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bot" / "data").mkdir(parents=True)
    (tmp_path / "bot" / "data" / "food_aid.yml").write_text(FRENCH, encoding="utf-8")
    (tmp_path / "locales" / "ar").mkdir(parents=True)
    (tmp_path / "locales" / "ar" / "nlu.yml").write_text(ARABIC, encoding="utf-8")
    (tmp_path / "tests" / "understanding").mkdir(parents=True)
    measured = json.dumps({"text": "Un colis de nourriture"})
    (tmp_path / "tests" / "understanding" / "test.jsonl").write_text(measured + "\n", encoding="utf-8")
    monkeypatch.setattr(questions, "ROOT", tmp_path)
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'test.db'}", secret_keys=new_key(), var=tmp_path)
    monkeypatch.setattr(questions, "_settings", lambda: settings)
    return tmp_path


@pytest.fixture
def keep(root: Path) -> Callable[..., None]:
    def kept(*new: KeptQuestion) -> None:
        async def done() -> None:
            settings = questions._settings()
            engine = open_engine(settings.database)
            await migrate(engine)
            store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
            async with store.transaction() as tx:
                for question in new:
                    await tx.keep_question(question)
            await engine.dispose()

        asyncio.run(done())

    return kept


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def done(*arguments: str) -> str:
        parser = ArgumentParser()
        questions.add_arguments(parser)
        assert questions.run(parser.parse_args(arguments)) == 0
        return capsys.readouterr().out

    return done


Keep, Run = Callable[..., None], Callable[..., str]


def french(root: Path) -> str:
    return (root / "bot" / "data" / "food_aid.yml").read_text(encoding="utf-8")


def test_it_lists_them_oldest_first(keep: Keep, run: Run) -> None:
    keep(PTI, replace(PTI, on=date(2026, 11, 1), kind=Kind.REFUSED_ANSWER, candidates=(), text="avant"))
    assert run() == (
        "2 · réponse refusée · fr · 2026-11-01 · —\n    avant\n"
        "1 · redemandée · fr · 2026-11-23 · faq/pti 0.41, faq/rsa_amount 0.20\n    c koi le pti\n"
    )


def test_it_lists_them_for_programs(keep: Keep, run: Run) -> None:
    assert run("--json") == ""
    keep(PTI)
    assert json.loads(run("--json")) == {
        "id": 1, "kind": "asked_again", "language": "fr", "date": "2026-11-23", "intent": "",
        "candidates": [{"name": "faq/pti", "confidence": 0.412}, {"name": "faq/rsa_amount", "confidence": 0.2}],
        "text": "c koi le pti",
    }  # fmt: skip


def test_it_says_when_there_is_none(root: Path, run: Run) -> None:
    assert run() == "Aucune question en attente.\n"


# labels


def test_it_labels_one_and_shows_it(keep: Keep, run: Run) -> None:
    keep(PTI)
    assert run("label", "1", "faq/food_aid") == "1 → faq/food_aid\n"
    assert run().endswith("    c koi le pti\n    → faq/food_aid\n")


def test_it_lets_a_label_rewrite_the_words(keep: Keep, run: Run) -> None:
    keep(PTI)
    run("label", "1", "faq/food_aid", "--text", "c koi la banque alimentaire 0612345678")
    assert "    c koi la banque alimentaire …\n" in run()


def test_it_refuses_a_wrong_meaning_and_names_the_nearest(keep: Keep, run: Run) -> None:
    keep(PTI)
    with pytest.raises(NotReady, match=r"faq/food_aide.*faq/food_aid, faq/food_aid.money"):
        run("label", "1", "faq/food_aide")
    assert "→" not in run()


def test_it_refuses_a_question_that_is_not_there(root: Path, run: Run) -> None:
    with pytest.raises(NotReady, match="La question 4 n'existe pas"):
        run("label", "4", "faq/food_aid")


@pytest.mark.parametrize(
    ("asked", "found"),
    [("pti", "faq/pti"), ("faq/rsa_amout", "faq/rsa_amount"), ("rsa_montant", "faq/rsa_amount"), ("", None)],
)
def test_it_finds_near_names(asked: str, found: str | None) -> None:
    near = nearest(asked, {"faq/pti", "faq/rsa_amount", "obstacle/housing", "greet"})
    assert near[:1] == ([found] if found else [])


# export


def test_it_writes_a_line_under_its_meaning_and_nothing_else(root: Path, keep: Keep, run: Run) -> None:
    keep(PTI, replace(PTI, language="ar", text="واش كاين الماكلة"), replace(PTI, text="pas encore"))
    run("label", "1", "faq/food_aid")
    run("label", "2", "faq/food_aid")
    assert run("export") == (
        "bot/data/food_aid.yml · faq/food_aid : c koi le pti\n"
        "locales/ar/nlu.yml · faq/food_aid : واش كاين الماكلة\n"
        "2 phrases ajoutées. Relisez-les, puis ./run check --content.\n"
    )
    assert french(root) == FRENCH.replace(
        "      - frigo vide\n", "      - frigo vide\n      - c koi le pti\n"
    )
    arabic = (root / "locales" / "ar" / "nlu.yml").read_text(encoding="utf-8")
    assert arabic == f"{ARABIC}\n    - واش كاين الماكلة\n"
    assert run().count("·") == 4  # the third alone is still there
    assert run("export") == "0 phrases ajoutées.\n"


def test_it_writes_a_new_meaning_in_a_language_that_had_no_line(root: Path, keep: Keep, run: Run) -> None:
    keep(replace(PTI, language="ar", text="ما عندي والو"))
    run("label", "1", "faq/food_aid.money")
    run("export")
    assert read_training_lines(root, "ar") == {
        "faq/food_aid": ["فين ناكل"], "faq/food_aid.money": ["ما عندي والو"],
    }  # fmt: skip


def test_it_skips_a_line_that_is_there_already(root: Path, keep: Keep, run: Run) -> None:
    keep(replace(PTI, text="FRIGO  vide"), PTI, replace(PTI, text="C koi le PTI"))
    for number in ("1", "2", "3"):
        run("label", number, "faq/food_aid")
    told = run("export")
    assert "1 : « FRIGO vide » y est déjà." in told
    assert "3 : « C koi le PTI » y est déjà." in told
    assert french(root).count("pti") == 1
    assert run() == "Aucune question en attente.\n"


def test_it_never_writes_a_line_under_two_meanings(root: Path, keep: Keep, run: Run) -> None:
    keep(replace(PTI, text="frigo vide"))
    run("label", "1", "faq/food_aid.money")
    assert "est déjà sous faq/food_aid :" in run("export")
    assert french(root) == FRENCH
    assert "frigo vide" in run()  # still to be settled


def test_it_learns_nothing_of_what_measures(root: Path, keep: Keep, run: Run) -> None:
    keep(replace(PTI, text="un colis de nourriture"))
    run("label", "1", "faq/food_aid")
    assert "sert à mesurer" in run("export")
    assert french(root) == FRENCH


def test_it_says_when_a_language_has_no_lines(root: Path, keep: Keep, run: Run) -> None:
    keep(replace(PTI, language="xx"))
    run("label", "1", "faq/food_aid")
    assert "pas de phrases en xx" in run("export")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- bonjour", "bonjour"),
        ("[Niort](ville) {x}", "Niort (ville) x"),
        ("un\n- intent: deux", "un - intent: deux"),
        ("# pas: 'un' \"commentaire\" | > &", "# pas: 'un' \"commentaire\" | > &"),
        ("می\u200cخواهم\ufeff\uffff", "می\u200cخواهم"),
        (" - ", ""),
    ],
)
def test_it_writes_one_plain_line_whatever_was_said(text: str, line: str) -> None:
    assert as_line(text) == line
    if line:
        found = yaml.safe_load(inserted(FRENCH, "faq/food_aid", line))["nlu"][0]["examples"]
        assert found.splitlines()[-1] == f"- {line}"


def test_it_keeps_the_ends_of_lines() -> None:
    windows = FRENCH.replace("\n", "\r\n")
    assert inserted(windows, "faq/food_aid", "x").replace("      - x\r\n", "") == windows


def test_it_knows_every_file_of_the_project_as_it_is_laid_out() -> None:
    for path in [
        *sorted((ROOT / "bot" / "data").glob("*.yml")),
        *sorted((ROOT / "locales").glob("*/nlu.yml")),
    ]:
        content = path.read_text(encoding="utf-8")
        before = questions._intents(content)
        if not before:
            continue
        for intent in (next(iter(before)), list(before)[-1], "faq/none_yet"):
            after = inserted(content, intent, "zzz")
            assert len(after.splitlines()) - len(content.splitlines()) == (1 if intent in before else 3)
            assert questions._intents(after) == {**before, intent: [*before.get(intent, []), "zzz"]}
