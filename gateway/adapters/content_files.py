"""The words, read from bot/data and locales: what Rasa names, said in her language.

bot/data/*.yml           responses: French text, buttons, metadata
bot/nudges/*.yml         the same, for what is said unasked: Rasa does not read these
bot/words/*.yml          the same, for what the gateway says by itself
bot/amounts.yml          the figures that they may say, with their dates
locales/<lang>/          keywords.yml, LC_MESSAGES/messages.po (msgid: the French; msgctxt: the response's name)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po

from gateway.adapters.amount_files import Amount, read_amounts
from gateway.adapters.opening_hours import in_words
from gateway.domain.conversation import Channel, Reply
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.language import LANGUAGES
from gateway.domain.menu import PERSON, Choice, numbered
from gateway.domain.safety import Lexicon
from gateway.domain.text import folded
from gateway.ports import Rendered
from gateway.rendering import fitted

PARIS = ZoneInfo("Europe/Paris")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_MAIN_ANSWER = re.compile(r"utter_faq/\w+")  # of a topic, not of one of its details


BY = {"phone": "utter_by_phone_title", "video": "utter_by_video_title"}  # in person goes without saying


@dataclass(frozen=True)
class Response:
    """One entry of `responses:`. `buttons` are (title, payload); `web` is its text on the page, if it differs;
    `amounts` is its text with figures, said while all of them are valid."""

    name: str
    text: str
    web: str = ""
    buttons: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""  # in bot/
    amounts: str = ""

    @property
    def sentences(self) -> list[str]:
        """Everything to translate: the text, the titles, the label (a campaign's is read by referents alone)."""
        label = None if self.metadata.get("campaign") else self.metadata.get("label")
        about = (label, self.metadata.get("name"))
        return [s for s in (self.text, self.web, self.amounts, *(t for t, _ in self.buttons), *about) if s]


def read_yaml(path: Path) -> dict[str, Any]:
    """libyaml's reader: ten times faster, which a start feels."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}


def word_files(root: Path) -> list[Path]:
    """The files that hold responses."""
    return [
        path
        for folder in ("data", "nudges", "words")
        for path in sorted((root / "bot" / folder).glob("*.yml"))
    ]


def read_responses(root: Path) -> dict[str, Response]:
    """Every response of bot/data, bot/nudges and bot/words, by name."""
    found: dict[str, Response] = {}
    for path in word_files(root):
        content = read_yaml(path)
        for name, variants in (content.get("responses") or {}).items():
            first = variants[0]
            others = {v["channel"]: str(v["text"]).strip() for v in variants[1:] if v.get("channel")}
            buttons = tuple((b["title"], b["payload"]) for b in first.get("buttons") or ())
            found[name] = Response(
                name, str(first["text"]).strip(), others.get("web", ""), buttons, first.get("metadata") or {},
                f"{path.parent.name}/{path.name}", others.get("amounts", ""),
            )  # fmt: skip
    return found


def read_catalogue(path: Path) -> dict[tuple[str, str], str]:
    """(response's name, French) → translation; fuzzy and empty ones are left out."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file)
    return {
        (str(m.context), str(m.id)): str(m.string) for m in catalogue if m.id and m.string and not m.fuzzy
    }


def read_training_lines(root: Path, language: str) -> dict[str, list[str]]:
    """intent → what people say, in one language."""
    french = sorted((root / "bot" / "data").glob("*.yml"))
    found: dict[str, list[str]] = {}
    for path in french if language == "fr" else [root / "locales" / language / "nlu.yml"]:
        for entry in (read_yaml(path).get("nlu") or ()) if path.exists() else ():
            lines = [line.strip()[1:].strip() for line in entry["examples"].splitlines() if line.strip()]
            found.setdefault(entry["intent"], []).extend(lines)
    return found


class ContentFiles:
    """The `Words` port. `defaults` are placeholders known everywhere ({service}); moments are said in `zone`."""

    def __init__(self, root: Path, defaults: Mapping[str, str] | None = None, zone: ZoneInfo = PARIS) -> None:
        self.zone = zone
        self.responses = read_responses(root)
        self.amounts = read_amounts(root / "bot" / "amounts.yml")
        self.defaults = dict(defaults or {})
        self.catalogues: dict[str, dict[tuple[str, str], str]] = {}
        self.about: dict[str, Mapping[str, Any]] = {}
        vocabularies, lexicons = [], []
        for language in LANGUAGES:
            folder = root / "locales" / language
            raw = read_yaml(folder / "keywords.yml")
            self.about[language] = raw
            vocabularies.append(Vocabulary.of(language, raw))
            lexicons.append(
                Lexicon.of(raw.get("danger") or {}, raw.get("not_danger") or (), raw.get("mailing") or ())
            )
            self.catalogues[language] = read_catalogue(folder / "LC_MESSAGES" / "messages.po")
        self.vocabularies = Vocabularies(vocabularies)
        self.lexicons: Sequence[Lexicon] = lexicons

    def has(self, response: str) -> bool:
        return response in self.responses

    def say(self, response: str, french: str, language: str) -> str:
        """One sentence in her language; French when it is not translated, never nothing."""
        return self.catalogues.get(language, {}).get((response, french), french)

    def text(
        self,
        response: str,
        language: str,
        values: Mapping[str, Any] | None = None,
        channel: Channel = Channel.SMS,
        today: str = "",
    ) -> str:
        """A response's text alone, placeholders filled. Without a day, no amount."""
        found = self.responses[response]
        if found.web and channel is Channel.WEB:
            return self._filled(self.say(response, found.web, language), language, values or {})
        if amounts := self.amounts_said(response, today):
            written = {a.name: a.written(self.locale(language)) for a in amounts}
            french = found.amounts
            return self._filled(self.say(response, french, language), language, {**(values or {}), **written})
        return self._filled(self.say(response, found.text, language), language, values or {})

    def amounts_said(self, response: str, today: str) -> Sequence[Amount]:
        """The amounts that a response names: all of them known and valid that day, or none is said."""
        found = self.responses.get(response)
        names = [n for n in _PLACEHOLDER.findall(found.amounts) if n not in self.defaults] if found else []
        amounts = [self.amounts[n] for n in names if n in self.amounts and self.amounts[n].valid(today)]
        return amounts if len(amounts) == len(names) else ()

    def label(self, intent: str, language: str) -> str:
        found = self.responses.get(f"utter_{intent}")
        label = found.metadata.get("label") if found else None
        return self.say(f"utter_{intent}", label, language) if label else ""

    def sourced(self, response: str, today: str = "") -> Mapping[str, Any]:
        found = self.responses.get(response)
        about = found.metadata if found else {}
        if amounts := self.amounts_said(response, today):
            references = " ; ".join(dict.fromkeys(a.reference for a in amounts))
            checked_on = min(a.checked_on for a in amounts)
            return {**about, "source": references, "url": amounts[0].url, "checked_on": checked_on}
        return about

    def campaign_messages(self) -> Sequence[tuple[str, str]]:
        labels = {
            name: str(r.metadata["label"]) for name, r in self.responses.items() if r.metadata.get("label")
        }
        made = [name for name in labels if self.responses[name].metadata.get("campaign")]
        answers = [name for name in labels if _MAIN_ANSWER.fullmatch(name) and name not in made]
        return [
            (name, labels[name])
            for names in (made, answers)
            for name in sorted(names, key=lambda n: folded(labels[n]))
        ]

    def language_choices(self) -> Sequence[tuple[str, str]]:
        return [(code, str(self.about[code]["name"])) for code in LANGUAGES]

    def direction(self, language: str) -> str:
        return str(self.about.get(language, {}).get("direction", "ltr"))

    def locale(self, language: str) -> str:
        return str(self.about.get(language, {}).get("locale", language))

    def render(self, replies: Sequence[Reply], language: str, channel: Channel, today: str) -> Rendered:
        texts: list[str] = []
        menu: tuple[Choice, ...] = ()
        for reply in self._with_followers(replies):
            texts.append(self.text(reply.response, language, reply.values, channel, today))
            if place := reply.values.get("near"):
                texts.append(self._place(place, language))
            menu = self._menu(reply, language) or menu
        names = {reply.response for reply in replies}
        room = 1 if names & {"utter_welcome", "utter_back_to"} else 0  # two things said in one turn
        more = self.text("utter_more", language)
        return fitted("\n".join(texts), menu, language, channel, more, room)

    def rest(self, text: str, menu: tuple[Choice, ...], language: str, channel: Channel) -> Rendered:
        return fitted(text, menu, language, channel, self.text("utter_more", language), 0)

    def _with_followers(self, replies: Sequence[Reply]) -> list[Reply]:
        """`then: utter_menu/main` in a response's metadata says that one after it."""
        said: list[Reply] = []
        for reply in replies:
            said.append(reply)
            follower = self.responses[reply.response].metadata.get("then")
            if follower and not any(r.response in (follower, "utter_change_language") for r in replies):
                said.append(Reply(follower))
        return said

    def _menu(self, reply: Reply, language: str) -> tuple[Choice, ...]:
        if reply.values.get("languages"):
            return self._languages(reply.values["languages"] == 2, language)
        if shown := reply.values.get("choices"):  # a menu she already has, shown again
            return tuple(Choice(*c) for c in shown)
        if meanings := reply.values.get("meanings"):
            return numbered((self.label(m, language), f"/{m}") for m in meanings)
        if lines := reply.values.get("lines"):
            titled = [(self._title(line, language), line[1]) for line in lines]
            return numbered([*titled, *self._ways_out(language)])
        found = self.responses[reply.response]
        if found.metadata.get("question"):
            at = reply.values.get(
                "at", ""
            )  # which question this is: an old one on her screen answers nothing
            neither = (self.text("utter_prefer_not", language), f"ANSWER {at} skip")
            asked = [
                (self.say(reply.response, title, language), payload.replace("ANSWER ", f"ANSWER {at} "))
                for title, payload in found.buttons
            ]
            return numbered([*asked, neither, *self._ways_out(language)])
        buttons = found.buttons
        if "near" in reply.values:  # the place is said: nothing left to ask
            buttons = tuple(b for b in buttons if not b[1].startswith("NEAR "))
        kind = reply.values.get("kind", "")
        return numbered(
            (self.say(reply.response, title, language), payload.replace("{kind}", str(kind)))
            for title, payload in buttons
        )

    def _ways_out(self, language: str) -> Sequence[tuple[str, str]]:
        return ((self.text("utter_person_title", language), PERSON),)

    def _title(self, line: Sequence[Any], language: str) -> str:
        """A line of a menu made in a use case: [what names it, payload, severity when it has one].

        "label:faq/debt", "name:obstacle/money", "next:obstacle/money", "text:utter_x", "=as written",
        "slot:2026-11-24T08:00:00+00:00|phone|Claire", "month:2026-12-01".
        """
        how, _, what = line[0].partition(":")
        if line[0].startswith("="):
            return str(line[0][1:])
        if how == "slot":
            return self._slot(what, language)
        if how == "month":
            return str(format_date(date.fromisoformat(what), "LLLL yyyy", self.locale(language)))
        if how == "next":
            return self.text("utter_next_title", language, {"topic": what})
        title = {"label": self.label, "name": self.name, "text": self.text}[how](what, language)
        severity = line[2] if len(line) > 2 else None
        if severity is None:
            return title
        asked = self.responses["utter_ask/severity"]
        return f"{title} : {self.say(asked.name, asked.buttons[severity][0], language)}"

    def _slot(self, slot: str, language: str) -> str:
        """ "mardi 24 novembre à 9 h (téléphone), avec Claire"."""
        moment, kind, referent = slot.split("|", 2)
        title = self.moment(datetime.fromisoformat(moment), language)
        if kind in BY:
            title += f" ({self.text(BY[kind], language)})"
        return (
            f"{title}, {self.text('utter_with_title', language, {'referent': referent})}"
            if referent
            else title
        )

    def moment(self, moment: datetime, language: str) -> str:
        """ "mardi 24 novembre à 9 h", on the wall clock."""
        pattern = str(self.about[language]["when"])
        said = str(format_datetime(moment.astimezone(self.zone), pattern, locale=self.locale(language)))
        # What no pattern can say: "mardi 1er décembre à 9 h".
        return re.sub(r"\b1 (?=\D)", "1er ", said, count=1).removesuffix(" 00") if language == "fr" else said

    def name(self, meaning: str, language: str) -> str:
        """What an obstacle is called in a list ("obstacle/money" → "Argent")."""
        french = self.responses[f"utter_{meaning}"].metadata["name"]
        return self.say(f"utter_{meaning}", french, language)

    def _place(self, place: Sequence[str], language: str) -> str:
        name, certainty = place
        sure = certainty in ("high", "medium")
        return self.text("utter_near" if sure else "utter_near_unsure", language, {"place": name})

    def _languages(self, second_page: bool, language: str) -> tuple[Choice, ...]:
        """Seven, then the others: the digits end at 8. Each under its own name; "other" always at the end."""
        choices = list(self.language_choices())
        page = choices[7:] if second_page else choices[:7]
        after = "other" if second_page or len(choices) <= 7 else "more"
        names = [Choice(str(i), name, f"LANGUE {code}") for i, (code, name) in enumerate(page, 1)]
        other = self.label("language_other", language)
        digit = "8" if after == "more" or not second_page else str(len(names) + 1)
        return (*names, Choice(digit, other, f"LANGUE {after}"))

    def _filled(self, text: str, language: str, values: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = values.get(name, self.defaults.get(name, ""))
            if name == "topic" and found:
                found = self.name(str(found), language)
            if name == "when" and found:
                found = self.moment(datetime.fromisoformat(str(found)), language)
            if name == "hours":
                found = in_words(str(found), self.locale(language))
            if name == "date" and found:
                found = format_date(date.fromisoformat(str(found)), "long", self.locale(language))
            return str(found)

        filled = _PLACEHOLDER.sub(value, text)
        # From right to left the groups of a phone number would change places: no such break between digits.
        return _BETWEEN_DIGITS.sub("\u00a0", filled) if self.direction(language) == "rtl" else filled
