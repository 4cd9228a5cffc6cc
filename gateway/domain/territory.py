"""Where she lives: her commune, by its name however it is spelt, an old name, or a postal code."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.text import folded

# Words that stand around a place: "j'habite à Niort", "I live in Niort", "79000 niort svp".
_AROUND = frozenset(
    {
        "j", "je", "suis", "habite", "vis", "a", "au", "aux", "dans", "sur", "de", "la", "ville", "commune", "village",
        "mon", "ma", "chez", "c", "est", "code", "postal", "cp", "svp", "merci", "pres", "moi", "ici", "bonjour", "oui", "loin", "habitons", "vivo", "moro", "cote", "en",
        "i", "live", "in", "at", "the", "my", "is", "town", "from",
    }
)  # fmt: skip
_POSTAL_CODE = re.compile(r"\b\d{5}\b")
_SPACED = re.compile(r"\b(\d\d) (\d{3})\b")
ALIKE = 0.85  # below, two names are two places
MOST = 8  # as many as a menu can hold


class Body(StrEnum):
    """The local bodies that an answer can name. Values are columns of territories/*/communes.csv."""

    MISSION_LOCALE = "mission_locale"
    EMPLOYMENT = "employment_body"
    SOLIDARITY = "mds"


@dataclass(frozen=True)
class Commune:
    """`bodies`: name and certainty (high, medium, low) of each local body that serves it."""

    insee: str
    name: str
    postal_codes: tuple[str, ...]
    epci: str
    population: int = 0
    bodies: Mapping[Body, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Located:
    """One commune: found. Several: to be asked by number. None: `outside` says that it is a place elsewhere."""

    communes: tuple[Commune, ...] = ()
    outside: bool = False


class Territory:
    """`prefix`: how the département's postal codes begin; `epcis`: names of intercommunalités, by SIREN."""

    def __init__(
        self,
        communes: Iterable[Commune],
        aliases: Mapping[str, str],
        prefix: str,
        epcis: Mapping[str, str] | None = None,
    ) -> None:
        self.communes = {c.insee: c for c in communes}
        self.epcis = dict(epcis or {})
        self._prefix = prefix
        self._names = {plain_name(c.name): c.insee for c in self.communes.values()}
        for old, insee in aliases.items():
            if insee in self.communes:
                self._names.setdefault(plain_name(old), insee)

    def find(self, text: str) -> Located:
        """What she wrote when she was asked where she lives."""
        plain = _SPACED.sub(r"\1\2", folded(text))  # digits of any alphabet; "79 000"
        code = _POSTAL_CODE.search(plain)
        rest = _POSTAL_CODE.sub(" ", plain)
        named = self._named(rest)
        if named:
            return Located((named,))
        if code and len([w for w in rest.split() if w not in _AROUND]) <= 2:  # not "I owe 10000 euros to…"
            return self._by_code(code[0])
        return Located()

    def _named(self, text: str) -> Commune | None:
        words = [w for w in plain_name(text).split() if w not in _AROUND]
        said = " ".join(words)
        if len(said) < 3 or len(words) > 6:
            return None
        if said in self._names:
            return self.communes[self._names[said]]
        alike = [name for name in self._names if name[0] == said[0]]  # "jardin" is not Ardin
        close = difflib.get_close_matches(said, alike, n=2, cutoff=ALIKE)
        places = list(dict.fromkeys(self._names[name] for name in close))
        return self.communes[places[0]] if len(places) == 1 else None

    def _by_code(self, code: str) -> Located:
        here = [c for c in self.communes.values() if code in c.postal_codes]
        if not here:
            return Located(outside=not code.startswith(self._prefix))
        here.sort(key=lambda c: -c.population)
        if len({c.epci for c in here}) == 1:
            return Located((here[0],))
        return Located(
            tuple(here[:MOST])
        )  # bodies differ from one to the next: she picks, or writes the name


def plain_name(name: str) -> str:
    """Without accents, hyphens and articles, "saint" in one spelling."""
    words = folded(name).replace("-", " ").split()
    written = {"st": "saint", "ste": "sainte"}
    return " ".join(written.get(w, w) for w in words if w not in ("l", "la", "le", "les", "d"))


NOWHERE = Territory((), {}, "")  # a département that has no file: nothing is ever located
