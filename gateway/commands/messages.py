"""Met à jour les catalogues : les textes français vont dans locales/<langue>/LC_MESSAGES/messages.po."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from gateway.adapters.content_files import read_responses
from gateway.domain.language import LANGUAGES
from gateway.settings import ROOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minor", metavar="NOM", action="append", default=[],
        help="cette réponse n'a changé que d'une virgule : ses traductions restent bonnes",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    responses = read_responses(ROOT)
    unknown = [name for name in arguments.minor if name not in responses]
    if unknown:
        print(f"Réponse inconnue : {', '.join(unknown)}")
        return 1
    for language in LANGUAGES:
        if language != "fr":
            path = ROOT / "locales" / language / "LC_MESSAGES" / "messages.po"
            print(f"{language} : {updated(path, language, wanted(), set(arguments.minor))}")
    return 0


def wanted() -> list[tuple[str, str, str]]:
    """(response's name, French, file) of every sentence to translate, in the order of the files."""
    responses = read_responses(ROOT)
    seen: dict[tuple[str, str], str] = {}
    for response in responses.values():
        for sentence in response.sentences:
            seen.setdefault((response.name, sentence), response.file)
    return [(name, french, file) for (name, french), file in seen.items()]


def updated(path: Path, language: str, sentences: list[tuple[str, str, str]], minor: set[str]) -> str:
    """Writes the catalogue again: translations kept, new sentences empty, changed ones fuzzy."""
    old: dict[tuple[str, str], Message] = {}
    if path.exists():
        with path.open("rb") as known:
            old = {(str(m.context), str(m.id)): m for m in read_po(known) if m.id}
    fresh = Catalog(
        locale=language, project="Coup de pouce", version="1", charset="utf-8",
        creation_date=datetime(2026, 11, 23, tzinfo=UTC), revision_date=datetime(2026, 11, 23, tzinfo=UTC),
        language_team=language, last_translator="Coup de pouce", copyright_holder="Coup de pouce",
        fuzzy=False,
    )  # fmt: skip
    names = {(name, french) for name, french, _ in sentences}
    gone = {key: m for key, m in old.items() if key not in names}
    todo = fuzzy = 0
    for name, french, file in sentences:
        before = old.get((name, french))
        text, flags = (str(before.string), set(before.flags)) if before else ("", set())
        if name in minor:
            flags.discard("fuzzy")
        if before is None:
            # the sentence of the same response that disappeared, if there is just one, was this one
            former = [m for (n, _), m in gone.items() if n == name and m.string]
            if len(former) == 1:
                text = str(former[0].string)
                flags = set() if name in minor else {"fuzzy"}
        fresh.add(french, text, context=name, locations=[(f"bot/{file}", None)], flags=flags)
        todo += not text
        fuzzy += "fuzzy" in flags
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        write_po(out, fresh, width=100, sort_output=False, include_lineno=False)
    return f"{len(names)} phrases, {todo} à traduire, {fuzzy} à relire"
