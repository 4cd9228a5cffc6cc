"""Liste chaque texte tel qu'il part : segments, lisibilité, traduction, source, âge."""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from statistics import mean
from typing import Any

import textstat

from gateway.adapters.content_files import ContentFiles, Response
from gateway.adapters.nudge_files import read_nudges
from gateway.domain.conversation import Channel, Reply
from gateway.domain.language import LANGUAGES
from gateway.domain.nudge import Kinds
from gateway.domain.sms import weigh
from gateway.settings import ROOT, Settings

# The longest values that placeholders can take, so that a budget kept here is kept for everybody.
LONGEST = {
    "service": "Département des Deux-Sèvres",
    "referent": "Marie-Christine",
    "first_name": "Marie-Christine",
    "source": "Décret 2026-220 du 30/03/2026, Légifrance",
    "date": "2026-09-23",
    "number": "09 39 98 00 79",
    "url": "https://www.rdv-solidarites.fr/prendre_rdv?departement=79&invitation_token=ABCD2345",
    "when": "2026-12-23T08:30:00+00:00",  # a Wednesday, in December
    "place": "Maison départementale des solidarités de Niort",
    "topic": "obstacle/job_search",
}
USUAL_NAME = "Nathalie"
BUDGET = {"fr": 2, "en": 2, "pt": 3, "es": 3, "ro": 3}  # segments; the others: 4, four in five of them 3
WORDS_A_SENTENCE = 12
EASE = 70.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="un objet par ligne")
    parser.add_argument(
        "--stale", action="store_true", help="seulement ce qui expire bientôt ou reste à confirmer"
    )
    parser.add_argument("--language", choices=LANGUAGES, help="une seule langue")


def run(arguments: argparse.Namespace) -> int:
    settings = Settings.read()
    words = ContentFiles(ROOT, {"service": settings.service_name})
    kinds = read_nudges(ROOT, settings.departement)
    amounts: list[dict[str, Any]] = []
    rows = [r for r in listed(words, kinds) if arguments.language in (None, r["language"])]
    if arguments.stale:
        soon = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()
        rows = [
            r
            for r in rows
            if r["language"] == "fr" and (r["valid_until"] < soon or r["source"] == "à confirmer")
        ]
        amounts = expiring(words, soon)
    for row in rows:
        print(json.dumps(row, ensure_ascii=False) if arguments.json else _line(row))
    for row in amounts:
        print(json.dumps(row, ensure_ascii=False) if arguments.json else _amount_line(row))
    if not arguments.json and not arguments.stale:
        print(_summary(rows))
    return 0


def listed(words: ContentFiles, kinds: Kinds) -> Iterator[dict[str, Any]]:
    """Each response, in each language, as SMS and as web text, without its amounts and with them."""
    for name, response in words.responses.items():
        replies = _as_said(name, kinds)
        for language, channel, day in product(LANGUAGES, Channel, _days(words, response)):
            said = response.web if response.web and channel is Channel.WEB else response.text
            said = response.amounts if day else said
            rendered = words.render(replies, language, channel, day)
            text = rendered.text
            if channel is Channel.SMS and rendered.rest:
                text = _whole(words, replies, language, day)
            about = words.sourced(name, day)
            weight = weigh(text)
            yield {
                "name": name,
                "language": language,
                "channel": channel.value,
                "text": text,
                "segments": weight.segments if channel is Channel.SMS else 0,
                "encoding": weight.encoding,
                "ease": ease(said) if language == "fr" else None,
                "words_a_sentence": words_a_sentence(said) if language == "fr" else None,
                "translated": translated(words, response, language),
                "source": about.get("source", ""),
                "checked_on": about.get("checked_on", ""),
                "valid_until": response.metadata.get("valid_until", ""),
                "file": response.file,
                "amounts": bool(day),
            }


def _days(words: ContentFiles, response: Response) -> list[str]:
    """No day: without amounts. Then, if the response names any, a day on which they are all valid."""
    named = [a for name, a in words.amounts.items() if f"{{{name}}}" in response.amounts]
    day = max((a.since for a in named), default="")
    return ["", day] if words.amounts_said(response.name, day) else [""]


def expiring(words: ContentFiles, day: str) -> list[dict[str, Any]]:
    """The amounts that are said no more on that day, with the responses that name them."""
    return [
        {
            "amount": amount.name,
            "value": str(amount.value),
            "source": amount.reference,
            "checked_on": amount.checked_on,
            "valid_until": amount.valid_until,
            "said_by": [r.name for r in words.responses.values() if f"{{{amount.name}}}" in r.amounts],
        }
        for amount in words.amounts.values()
        if amount.valid_until < day
    ]


def _amount_line(row: dict[str, Any]) -> str:
    return (
        f"montant {row['amount']} : {row['value']}, dans {', '.join(row['said_by']) or 'aucune réponse'}\n"
        f"    source : {row['source']} · vérifié le {row['checked_on']} · valable jusqu'au {row['valid_until']}"
    )


def _as_said(name: str, kinds: Kinds) -> tuple[Reply, ...]:
    """With what goes with it: a nudge has its lines, and the meeting or the time slots that it shows."""
    alone = Reply(name, {**LONGEST, **_menu_of(name)})
    nudge, _, words = name.removeprefix("utter_nudge/").partition(".")
    kind = kinds.get(nudge)
    if kind is None or words in {does for _, does in kind.lines}:
        return (alone,)
    if kind.shows == "time_slots":  # with the longest name they would leave no room for a sentence
        offer = "utter_choose_time"
        return alone, Reply(offer, {**LONGEST, **_menu_of(offer), "referent": USUAL_NAME})
    lines = {"lines": [[title if ":" in title else f"text:{title}", does] for title, does in kind.lines]}
    if kind.shows == "meeting":
        return alone, Reply("utter_meet_in_person", {**LONGEST, **lines})
    return (Reply(name, {**LONGEST, **lines}),)


def _menu_of(name: str) -> dict[str, Any]:
    if name.startswith("utter_choose_"):
        slot = f"slot:{LONGEST['when']}|in_person|"
        more = ("text:utter_others_title", "text:utter_none_suits_title")
        return {"lines": [[title, ""] for title in (slot, slot, slot, *more)]}
    if name == "utter_change_language":
        return {"languages": 1}
    if name == "utter_not_understood":
        return {
            "meanings": [
                "faq/driving_licence_help",
                "faq/rsa_declaration",
                "faq/spie_referent",
                "talk_to_human",
            ]
        }
    return {}


def _whole(words: ContentFiles, replies: Sequence[Reply], language: str, day: str) -> str:
    """The text with its menu, as it would be without a limit: to see by how much it is too long."""
    web = words.render(replies, language, Channel.WEB, day)
    return web.text + "".join(f"\n{c.digit} {c.title}" for c in web.menu)


def translated(words: ContentFiles, response: Response, language: str) -> bool:
    known = words.catalogues.get(language, {})
    return language == "fr" or all((response.name, s) in known for s in response.sentences)


_ADDRESS = re.compile(r"\b([\w-]+)\.(fr|org|com|gouv)\b")
_PLACEHOLDER = re.compile(r"\{\w+\}")


def plain(text: str) -> str:
    """The text as it is read: an address is one word, a placeholder a short one."""
    return _PLACEHOLDER.sub("Claire", _ADDRESS.sub(r"\1 \2", text))


def ease(text: str) -> float:
    """Kandel-Moles: 100 very easy, 70 easy, 30 hard."""
    textstat.set_lang("fr")
    return round(float(textstat.flesch_reading_ease(plain(text))), 1)


def words_a_sentence(text: str) -> float:
    sentences = [s for s in re.split(r"[.!?:]+\s|\n", plain(text) + " ") if re.search(r"\w", s)]
    return round(mean(len(re.findall(r"[\w’'-]+", s)) for s in sentences), 1) if sentences else 0.0


def _line(row: dict[str, Any]) -> str:
    state = "" if row["translated"] else " NON TRADUIT"
    figures = " avec montant" if row["amounts"] else ""
    measure = f"{row['segments']} seg {row['encoding']}" if row["channel"] == "sms" else "web"
    easy = f" facilité {row['ease']:.0f}" if row["ease"] is not None else ""
    text = row["text"].replace("\n", " / ")
    return (
        f"{row['name']} [{row['language']} {row['channel']}{figures}] {measure}{easy}{state}\n"
        f"    {text}\n    source : {row['source'] or '—'} · vérifié le {row['checked_on'] or '—'}"
        f" · valable jusqu'au {row['valid_until'] or '—'}"
    )


def _summary(rows: list[dict[str, Any]]) -> str:
    sms = [r for r in rows if r["channel"] == "sms"]
    lines = [f"\n{len({r['name'] for r in rows})} réponses"]
    for language in dict.fromkeys(r["language"] for r in sms):
        segments = [r["segments"] for r in sms if r["language"] == language]
        missing = sum(not r["translated"] for r in sms if r["language"] == language)
        short = sum(s <= 3 for s in segments) / len(segments)
        lines.append(
            f"  {language} : {mean(segments):.2f} segments en moyenne, {max(segments)} au plus,"
            f" {short:.0%} en 3 ou moins, {missing} non traduites"
        )
    eases = [r["ease"] for r in sms if r["ease"] is not None]
    if eases:
        lines.append(f"  lisibilité du français : {mean(eases):.0f} en moyenne, {min(eases):.0f} au moins")
    return "\n".join(lines)
