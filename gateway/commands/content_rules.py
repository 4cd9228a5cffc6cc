"""The rules of the content, each a function that returns what to correct: file, name, what to do."""

import re
from collections import Counter
from collections.abc import Collection
from statistics import mean
from typing import Any

import polib
import yaml

from gateway.adapters.content_files import (
    ContentFiles,
    read_responses,
    read_training_lines,
    read_yaml,
    word_files,
)
from gateway.adapters.nudge_files import read_nudges
from gateway.commands.content import BUDGET, EASE, WORDS_A_SENTENCE, ease, listed, words_a_sentence
from gateway.commands.messages import wanted
from gateway.domain.keywords import command_in
from gateway.domain.language import LANGUAGES
from gateway.domain.text import folded
from gateway.settings import ROOT, Settings

EASE_ON_AVERAGE = 85.0
AMOUNT = ("name", "value", "unit", "from", "valid_until", "checked_on", "reference", "url", "openfisca")
METADATA = ("source", "checked_on", "valid_until", "audience")
PLACEHOLDERS = {
    "service",
    "number",
    "referent",
    "source",
    "date",
    "place",
    "topic",
    "name",
    "contact",
    "hours",
    "when",
    "url",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Words in capitals that are names, not orders to write them.
NAMES = {
    "AAH", "ADIL", "AEE", "ANLCI", "AME", "ARS", "ASE", "ASF", "ASS", "APL", "AVIP", "CAF", "CAN", "CBE", "CCAS", "CEJ", "CHRS", "CIE", "CMP",
    "CPAM", "CPF", "CPME", "CSS", "DALO", "EPIDE", "ENIC", "NARIC", "ESAT", "FJT", "FLE", "FSL", "HLM", "IAE", "IBAN", "MDPH", "MDS", "MEDEF", "MSA",
    "OFII", "OFPRA", "PASS", "PCH", "PEC", "PMI", "RAM", "RIB", "RPE", "RQTH", "RSA", "SAMU", "SMS", "SPIE", "SPIP", "VAE", "MDEE", "MEF",
}  # fmt: skip


def files() -> list[str]:
    """Every file reads, every response has its metadata, every button leads somewhere."""
    amounts = yaml.safe_load((ROOT / "bot" / "amounts.yml").read_text(encoding="utf-8"))
    problems = [f"amounts.yml, {name} : {p}" for name, about in amounts.items() for p in _amount(about)]
    for path in word_files(ROOT):
        where = f"{path.parent.name}/{path.name}"
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as wrong:
            mark = getattr(wrong, "problem_mark", None)
            problems.append(
                f"{where}, ligne {mark.line + 1 if mark else '?'} : écriture YAML à corriger (guillemets, retraits)"
            )
            continue
        for name, variants in (content.get("responses") or {}).items():
            problems += [f"{where}, {name} : {p}" for p in _response(name, variants, amounts)]
    responses = read_responses(ROOT) if not problems else {}
    intents = set(read_training_lines(ROOT, "fr"))
    for response in responses.values():
        for title, payload in response.buttons:
            known = payload[1:] in intents or f"utter_{payload[1:]}" in responses
            if payload.startswith("/") and not known:
                problems.append(
                    f"{response.file}, {response.name} : le bouton « {title} » mène à {payload}, qui n'existe pas"
                )
    return problems


def _amount(about: dict[str, Any]) -> list[str]:
    problems = [f"{key} manque" for key in AMOUNT if not about.get(key)]
    for key in ("from", "valid_until", "checked_on"):
        if about.get(key) and not (isinstance(about[key], str) and _DATE.fullmatch(about[key])):
            problems.append(f'{key} s\'écrit entre guillemets : "2026-04-01"')
    return problems


def _response(name: str, variants: Any, amounts: Collection[str] = ()) -> list[str]:
    if not isinstance(variants, list) or not variants or not str(variants[0].get("text") or "").strip():
        return ["un texte est attendu"]
    about, text = variants[0].get("metadata") or {}, str(variants[0]["text"])
    problems = [f"metadata.{key} manque" for key in METADATA if not about.get(key)]
    for key in ("checked_on", "valid_until"):
        if about.get(key) and not (isinstance(about[key], str) and _DATE.fullmatch(about[key])):
            problems.append(f'metadata.{key} s\'écrit entre guillemets : "2026-11-23"')
    if name.startswith(("utter_faq/", "utter_obstacle/")) and not about.get("label"):
        problems.append("metadata.label manque (le nom court de ce sens)")
    unknown = set(_PLACEHOLDER.findall(text)) - PLACEHOLDERS
    if unknown:
        problems.append(f"{{{', '.join(unknown)}}} n'est pas une valeur connue")
    for variant in variants[1:]:
        if variant.get("channel") == "amounts":
            problems += _with_amounts(str(variant.get("text") or ""), amounts)
    return problems


def _with_amounts(text: str, amounts: Collection[str]) -> list[str]:
    named = set(_PLACEHOLDER.findall(text)) - {"service", "number"}
    if not named:
        return ["channel: amounts, mais aucun montant entre accolades"]
    unknown = sorted(named - set(amounts))
    return [f"{{{', '.join(unknown)}}} n'est pas un montant de bot/amounts.yml"] if unknown else []


def translations() -> list[str]:
    """Every sentence is translated, none doubtful, every placeholder kept, catalogues up to date."""
    problems = []
    sentences = {(name, french) for name, french, _ in wanted()}
    for language in LANGUAGES:
        if language == "fr":
            continue
        path = ROOT / "locales" / language / "LC_MESSAGES" / "messages.po"
        if not path.exists():
            problems.append(f"{language} : catalogue absent ; lancez ./run messages")
            continue
        entries = {(e.msgctxt, e.msgid): e for e in polib.pofile(str(path)) if not e.obsolete}
        if set(entries) != sentences:
            problems.append(
                f"{language} : catalogue en retard sur le français ; lancez ./run messages, puis traduisez"
            )
        for (name, french), entry in entries.items():
            where = f"{language}, {name} « {french[:40]} »"
            if entry.fuzzy:
                problems.append(f"{where} : le français a changé, traduction à relire")
            elif not entry.msgstr:
                problems.append(f"{where} : à traduire")
            elif set(_PLACEHOLDER.findall(french)) != set(_PLACEHOLDER.findall(entry.msgstr)):
                problems.append(f"{where} : les valeurs entre accolades doivent rester les mêmes")
    return problems


def budget() -> list[str]:
    """Segments of every language, reading ease and length of French sentences."""
    settings = Settings.read()
    words = ContentFiles(ROOT, {"service": settings.service_name})
    kinds = read_nudges(ROOT, settings.departement)
    rows = [r for r in listed(words, kinds) if r["channel"] == "sms"]
    problems = [
        f"{row['file']}, {row['name']} [{row['language']}] : {row['segments']} segments, {most} au plus"
        for row in rows
        if row["segments"] > (most := BUDGET.get(row["language"], 4))
    ]
    for language in (code for code in LANGUAGES if code not in BUDGET):
        sizes = [r["segments"] for r in rows if r["language"] == language]
        if (short := sum(s <= 3 for s in sizes) / len(sizes)) < 0.8:
            problems.append(f"{language} : {short:.0%} des textes tiennent en 3 segments, 80 % attendus")
    average = mean(r["segments"] for r in rows if r["language"] == "fr")
    if average > 1.5:
        problems.append(f"français : {average:.2f} segments en moyenne, 1,5 au plus")
    return problems + reading()


def reading() -> list[str]:
    """French sentences short and easy enough."""
    problems = []
    eases = []
    for response in read_responses(ROOT).values():
        where = f"{response.file}, {response.name}"
        if response.metadata.get("title"):  # a line of a menu, not a sentence
            continue
        for text in (response.text, response.amounts) if response.amounts else (response.text,):
            eases.append(measured := ease(text))
            if measured < EASE:
                problems.append(
                    f"{where} : lisibilité {measured:.0f}, {EASE:.0f} au moins (mots et phrases plus courts)"
                )
            if (length := words_a_sentence(text)) > WORDS_A_SENTENCE:
                problems.append(f"{where} : {length} mots par phrase, {WORDS_A_SENTENCE} au plus")
    if mean(eases) < EASE_ON_AVERAGE:
        problems.append(f"lisibilité {mean(eases):.0f} en moyenne, {EASE_ON_AVERAGE:.0f} au moins")
    return problems


def capital_words() -> list[str]:
    """A word in capitals that an answer tells her to write must do something."""
    words = ContentFiles(ROOT)
    problems = []
    for response in words.responses.values():
        for language in LANGUAGES:
            texts = (words.say(response.name, t, language) for t in (response.text, response.amounts) if t)
            text = "\n".join(texts)
            for word in re.findall(r"\b(?:MES |PAS |STOP )?[A-ZÀ-Ü]{3,}\b", text):
                if word not in NAMES and command_in(word, words.vocabularies) is None:
                    problems.append(
                        f"{response.file}, {response.name} [{language}] : le mot {word} ne déclenche rien"
                    )
    return problems


def topics() -> list[str]:
    """Every topic is understood, answered by name, dated; every fact has its answer; every answer is in a menu."""
    responses = read_responses(ROOT)
    entries = {r.metadata["entry"] for r in responses.values() if r.metadata.get("entry")}
    lines = read_training_lines(ROOT, "fr")
    problems = []
    for topic, about in _topics().items():
        problems += [
            f"topics.yml, {topic} : le fait {e} n'a pas de réponse (entry: {e})"
            for e in about["entries"]
            if e not in entries
        ]
        if not any(topic_of(intent) == topic for intent in lines):
            problems.append(f"topics.yml, {topic} : aucune façon de le demander")
    reached = _reached(responses)
    for name in responses:
        intent = name.removeprefix("utter_")
        if intent.startswith("faq/") and intent not in reached and intent not in lines:
            problems.append(f"{responses[name].file}, {name} : ni une phrase ni un menu n'y mène")
    return problems


def _reached(responses: dict[str, Any]) -> set[str]:
    """What can be reached by number from the main menu."""
    reached, todo = set(), ["menu/main"]
    while todo:
        intent = todo.pop()
        if intent in reached:
            continue
        reached.add(intent)
        if response := responses.get(f"utter_{intent}"):
            todo += [payload.removeprefix("/") for _, payload in response.buttons]
    return reached


def _topics() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_yaml(ROOT / "bot" / "topics.yml")["topics"]
    return found


# Lines that really differ, for a topic with its details: French, another language; and for a daily topic.
LEAST, LEAST_DAILY = (12, 6), (18, 8)


def training_lines() -> list[str]:
    """Enough lines for each topic in each language, none under two meanings."""
    problems = []
    for language in LANGUAGES:
        lines = read_training_lines(ROOT, language)
        by_topic: dict[str, list[str]] = {}
        for intent, found in lines.items():
            by_topic.setdefault(topic_of(intent), []).extend(found)
        for topic, about in _topics().items():
            least = (LEAST_DAILY if about.get("daily") else LEAST)[language != "fr"]
            if (n := different(by_topic.get(topic, []), least)) < least:
                problems.append(f"{language}, {topic} : {n} phrases vraiment différentes, {least} au moins")
        everywhere = Counter(line.lower() for found in lines.values() for line in set(found))
        problems += [f"{language} : « {line} » est sous deux sens" for line, n in everywhere.items() if n > 1]
        problems += [
            f"{language} : « {line} » commence par / : enlevez-le"
            for found in lines.values() for line in found if line.startswith("/")
        ]  # fmt: skip
    return problems


def different(lines: list[str], enough: int) -> int:
    """How many lines differ by more than one word in four from all the others counted; stops at `enough`."""
    kept: list[frozenset[str]] = []
    for line in lines:
        words = frozenset(folded(line).split())
        if words and all(len(words & other) / len(words | other) < 0.75 for other in kept):
            kept.append(words)
            if len(kept) >= enough:
                break
    return len(kept)


def topic_of(intent: str) -> str:
    """`faq/rsa_amount.payment_date` → `rsa_amount`, `obstacle/housing` → `obstacle_housing`."""
    return re.split(r"\.|__", intent.removeprefix("faq/").replace("obstacle/", "obstacle_"))[0]
