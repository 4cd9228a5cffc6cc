"""The rules of the content, each a function that returns what to correct: file, name, what to do."""

import re
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import polib
import yaml

from gateway.adapters.content_files import ContentFiles, read_responses
from gateway.commands.content import BUDGET, EASE, WORDS_A_SENTENCE, ease, listed, words_a_sentence
from gateway.commands.messages import wanted
from gateway.domain.keywords import command_in
from gateway.domain.language import LANGUAGES
from gateway.settings import ROOT, Settings

METADATA = ("source", "checked_on", "valid_until", "audience")
PLACEHOLDERS = {"service", "number", "referent", "source", "date", "first_name"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Words in capitals that are names, not orders to write them.
NAMES = {"RSA", "CAF", "MSA", "SMS", "SPIE", "CCAS", "MDS", "APL", "CPF", "RIB", "SAMU", "FLE", "OK", "AEE", "PMI", "RAM", "RPE"}  # fmt: skip


def files() -> list[str]:
    """Every file reads, every response has its metadata, every button leads somewhere."""
    problems = []
    for path in sorted((ROOT / "bot" / "data").glob("*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as wrong:
            mark = getattr(wrong, "problem_mark", None)
            problems.append(
                f"{path.name}, ligne {mark.line + 1 if mark else '?'} : écriture YAML à corriger (guillemets, retraits)"
            )
            continue
        for name, variants in (content.get("responses") or {}).items():
            problems += [f"{path.name}, {name} : {p}" for p in _response(name, variants)]
    responses = read_responses(ROOT / "bot" / "data") if not problems else {}
    intents = set(_lines("fr"))
    for response in responses.values():
        for title, payload in response.buttons:
            if payload.startswith("/") and payload[1:] not in intents:
                problems.append(
                    f"{response.file}, {response.name} : le bouton « {title} » mène à {payload}, qui n'existe pas"
                )
    return problems


def _response(name: str, variants: Any) -> list[str]:
    if not isinstance(variants, list) or not variants or not str(variants[0].get("text") or "").strip():
        return ["un texte est attendu"]
    about, text = variants[0].get("metadata") or {}, str(variants[0]["text"])
    problems = [f"metadata.{key} manque" for key in METADATA if not about.get(key)]
    for key in ("checked_on", "valid_until"):
        if about.get(key) and not (isinstance(about[key], str) and _DATE.fullmatch(about[key])):
            problems.append(f'metadata.{key} s\'écrit entre guillemets : "2026-11-23"')
    if name.startswith("utter_faq/") and not about.get("label"):
        problems.append("metadata.label manque (le nom court de ce sens)")
    unknown = set(_PLACEHOLDER.findall(text)) - PLACEHOLDERS
    if unknown:
        problems.append(f"{{{', '.join(unknown)}}} n'est pas une valeur connue")
    return problems


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
                f"{language} : catalogue en retard sur bot/data ; lancez ./run messages, puis traduisez"
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
    words = ContentFiles(ROOT, {"service": Settings.read().service_name})
    rows = [r for r in listed(words) if r["channel"] == "sms"]
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
    for response in read_responses(ROOT / "bot" / "data").values():
        where = f"{response.file}, {response.name}"
        if (measured := ease(response.text)) < EASE:
            problems.append(
                f"{where} : lisibilité {measured:.0f}, {EASE:.0f} au moins (mots et phrases plus courts)"
            )
        if (length := words_a_sentence(response.text)) > WORDS_A_SENTENCE:
            problems.append(f"{where} : {length} mots par phrase, {WORDS_A_SENTENCE} au plus")
    return problems


def capital_words() -> list[str]:
    """A word in capitals that an answer tells her to write must do something."""
    words = ContentFiles(ROOT)
    problems = []
    for response in words.responses.values():
        for language in LANGUAGES:
            text = words.say(response.name, response.text, language)
            for word in re.findall(r"\b[A-ZÀ-Ü]{3,}\b", text):
                if word not in NAMES and command_in(word, words.vocabularies) is None:
                    problems.append(
                        f"{response.file}, {response.name} [{language}] : le mot {word} ne déclenche rien"
                    )
    return problems


def training_lines(least: int = 12, least_elsewhere: int = 6) -> list[str]:
    """Enough lines for each meaning in each language, none under two meanings."""
    problems = []
    for language in LANGUAGES:
        lines = _lines(language)
        floor = least if language == "fr" else least_elsewhere
        for intent in sorted(set(_lines("fr")) | set(lines)):
            if len(lines.get(intent, ())) < floor:
                problems.append(
                    f"{language}, {intent} : {len(lines.get(intent, ()))} phrases, {floor} au moins"
                )
        everywhere = Counter(line.lower() for found in lines.values() for line in set(found))
        problems += [f"{language} : « {line} » est sous deux sens" for line, n in everywhere.items() if n > 1]
    return problems


def _lines(language: str) -> dict[str, list[str]]:
    """intent → what people say, in one language."""
    paths: list[Path] = (
        sorted((ROOT / "bot" / "data").glob("*.yml"))
        if language == "fr"
        else [ROOT / "locales" / language / "nlu.yml"]
    )
    found: dict[str, list[str]] = {}
    for path in paths:
        if not path.exists():
            continue
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu") or ():
            lines = [line.strip()[1:].strip() for line in entry["examples"].splitlines() if line.strip()]
            found.setdefault(entry["intent"], []).extend(lines)
    return found
