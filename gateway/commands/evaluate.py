"""Mesure la compréhension : des phrases jamais vues, une par ligne {text, topic, also_ok, lang}."""

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2

from gateway.adapters.content_files import ContentFiles
from gateway.commands.content_rules import topic_of
from gateway.commands.rasa_process import RasaProcess
from gateway.commands.train import model
from gateway.domain.keywords import command_in, language_asked
from gateway.domain.safety import danger_in
from gateway.errors import NotReady
from gateway.settings import ROOT

# What the rules that stand before Rasa mean as topics.
COMMANDS = {
    "STOP": "stop", "START": "start", "MENU": "help", "AIDE": "help", "RDV": "book_appointment",
    "LANGUE": "change_language", "SIMPLE": "repeat_simpler", "PERSONNE": "talk_to_human", "RETOUR": "go_back",
}  # fmt: skip
DANGER = {
    "suicide": {"suicidal"},
    "violence": {"violence", "emergency_danger"},
    "child": {"emergency_danger", "violence"},
    "roof": {"emergency_housing"},
    "emergency": {"emergency_danger", "violence", "suicidal"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="fichier .jsonl")
    parser.add_argument("--confusions", type=int, default=15, help="nombre d'erreurs montrées")


def run(arguments: argparse.Namespace) -> int:
    try:
        lines = [json.loads(line) for line in arguments.file.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as failure:
        raise NotReady(f"{arguments.file} est illisible : {failure}") from None
    from gateway.commands.demo import free_port

    with tempfile.TemporaryDirectory() as var:
        free_port(5055, "5055 libre")
        rasa = RasaProcess(model(), 5055, "http://127.0.0.1:9/", "none", Path(var))
        rasa.start()
        try:
            rasa.wait()
            results = asyncio.run(_understand(lines, rasa.url))
        finally:
            rasa.stop()
    _report(results, arguments.confusions)
    return 0


async def _understand(lines: list[dict[str, Any]], url: str) -> list[tuple[dict[str, Any], str, str]]:
    """(line, verdict, understood) for each line: right, asked again, or wrong."""
    words = ContentFiles(ROOT)
    results = []
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        for line in lines:
            understood = before_rasa(line["text"], words)
            if not understood:
                answer = await client.post("/model/parse", json={"text": line["text"].lstrip("/ ") or "."})
                understood = {_whole_name(answer.json())}
            results.append((line, *verdict(line, understood)))
    return results


def before_rasa(text: str, words: ContentFiles) -> set[str]:
    """Topics that a rule decides before any understanding; empty when none does."""
    if kind := danger_in(text, words.lexicons):
        return DANGER[kind]
    if language_asked(text, words.vocabularies):
        return {"change_language"}
    command = command_in(text, words.vocabularies)
    if command in COMMANDS:
        return {COMMANDS[command]}
    return set()


def _whole_name(parsed: dict[str, Any]) -> str:
    name = str(parsed["intent"]["name"])
    selected = parsed.get("response_selector", {}).get(name)
    return str(selected["response"]["intent_response_key"]) if selected else name


def verdict(line: dict[str, Any], understood: Iterable[str]) -> tuple[str, str]:
    names = set(understood)
    topics = {topic_of(n) for n in names}
    shown = " ".join(sorted(topics))
    if topics & {line["topic"], *line.get("also_ok", ())}:
        return "right", shown
    if any(n == "nlu_fallback" or n.startswith("menu/") for n in names):
        return "asked", shown
    return "wrong", shown


def _report(results: list[tuple[dict[str, Any], str, str]], confusions: int) -> None:
    for key in ("lang", "register", "topic"):
        groups: dict[str, Counter[str]] = {}
        for line, said, _ in results:
            groups.setdefault(str(line.get(key, "")), Counter())[said] += 1
        print(f"\n{key:<28}{'lignes':>8}{'juste':>9}{'redemandé':>11}{'faux':>8}")
        for name, counts in sorted(groups.items()):
            print(_row(name, counts))
    total = Counter(said for _, said, _ in results)
    print("\n" + _row("TOUT", total))
    wrong = Counter((line["topic"], got) for line, said, got in results if said == "wrong")
    print("\nConfusions (attendu → compris)")
    for (expected, got), count in wrong.most_common(confusions):
        print(f"  {expected} → {got} : {count}")


def _row(name: str, counts: Counter[str]) -> str:
    n = sum(counts.values())
    return (
        f"{name:<28}{n:>8}{counts['right'] / n:>9.1%}{counts['asked'] / n:>11.1%}{counts['wrong'] / n:>8.1%}"
    )
