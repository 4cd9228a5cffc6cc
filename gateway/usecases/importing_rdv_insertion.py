"""People come in by a file made for rdv-insertion, or exported by it. Only what we need of it is kept.

Such a file knows little of her: what another import told stays where this one is silent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.domain.conversation import Channel
from gateway.domain.people import Beneficiary, is_somebody_else
from gateway.domain.phone_number import can_be_texted
from gateway.domain.territory import Territory
from gateway.domain.text import as_name, folded
from gateway.errors import BadRow
from gateway.ports import Store, Transaction
from gateway.usecases.importing import SOMEBODY_ELSE, UNKNOWN_REFERENT, Imported, PhoneReader, in_turns
from gateway.usecases.reading_csv import Row, column, rows

FIELDS = ("phone", "first_name", "referent_email", "postal_code", "commune", "address", "language")

_BETWEEN_NUMBERS = re.compile(r"[/;,|\n]|\bou\b|\bet\b")
_MAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+")
_POSTAL_CODE = re.compile(r"(?<!\d)\d{5}(?!\d)")
_CEDEX = re.compile(r"\bcedex\b.*", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """`columns`: titles that mean one of FIELDS, the first that says something counts. `languages`: name → code."""

    columns: Mapping[str, Sequence[str]]
    languages: Mapping[str, str] = field(default_factory=dict)

    def values(self, row: Row, name: str) -> Iterator[str]:
        """What the row says for a field, as many times as it has such a column that is filled."""
        return filter(None, (row.get(column(title), "") for title in self.columns.get(name, ())))

    def value(self, row: Row, name: str) -> str:
        return next(self.values(row, name), "")


@dataclass(frozen=True)
class RdvInsertion:
    layout: Layout
    territory: Territory
    read_phone: PhoneReader

    async def import_people(self, store: Store, content: bytes, now: datetime) -> Imported:
        """Raises BadRow when no column holds phone numbers."""
        lines = list(rows(content, (), {}))
        titles = self.layout.columns["phone"]
        if lines and not any(column(title) in lines[0][1] for title in titles):
            raise BadRow(1, f"colonne absente : {' ou '.join(titles)}")
        kept, refused = 0, []
        seen: dict[str, int] = {}
        async for batch in in_turns(lines):
            async with store.transaction() as tx:
                for line, row in batch:
                    phone = self._phone(row)
                    referent = await self._referent(tx, row)
                    if not phone:
                        refused.append(BadRow(line, "pas de numéro de mobile lisible"))
                    elif phone in seen:
                        refused.append(BadRow(line, f"numéro déjà présent ligne {seen[phone]}"))
                    elif referent is None:
                        refused.append(BadRow(line, UNKNOWN_REFERENT))
                    elif is_somebody_else(
                        await tx.beneficiary_named(phone), self.layout.value(row, "first_name")
                    ):
                        refused.append(BadRow(line, SOMEBODY_ELSE))
                    else:
                        seen[phone] = line
                        await _save(tx, self._beneficiary(phone, row), referent, now)
                        kept += 1
        return Imported(kept, tuple(refused))

    def _phone(self, row: Row) -> str:
        """The first mobile number; a cell may hold several numbers."""
        for cell in self.layout.values(row, "phone"):
            for typed in (cell, *_BETWEEN_NUMBERS.split(cell)):
                if can_be_texted(number := self.read_phone(typed) or ""):
                    return number
        return ""

    async def _referent(self, tx: Transaction, row: Row) -> str | None:
        """The first address that we know; "" when the row names nobody, None when we know none of them."""
        cell = self.layout.value(row, "referent_email")
        for found in _MAIL.finditer(cell):
            if await tx.referent_id(found[0]) is not None:
                return found[0]
        return None if cell else ""

    def _beneficiary(self, phone: str, row: Row) -> Beneficiary:
        postal_code, commune = self._place(row)
        said = folded(self.layout.value(row, "language"))
        language = {folded(name): code for name, code in self.layout.languages.items()}.get(said, "")
        first_name = as_name(self.layout.value(row, "first_name"))
        return Beneficiary(phone, first_name, language, postal_code, commune)

    def _place(self, row: Row) -> tuple[str, str]:
        """(postal code, commune), cut out of the address when they have no column of their own."""
        code = _POSTAL_CODE.search(self.layout.value(row, "postal_code"))
        postal_code, commune = code[0] if code else "", self.layout.value(row, "commune")
        for address in self.layout.values(row, "address"):
            for found in reversed([*_POSTAL_CODE.finditer(address)]):
                postal_code = postal_code or found[0]
                commune = commune or self._known(_beside(address, found))
        return postal_code, self._known(commune) or commune

    def _known(self, name: str) -> str:
        """A commune of the territory as it is spelt; "" for anything else: a street says where she lives."""
        located = self.territory.find(_CEDEX.sub("", name)).communes
        return located[0].name if len(located) == 1 else ""


def _beside(address: str, code: re.Match[str]) -> str:
    """`4 rue X 79000 Niort` and `4 rue X, Niort, 79000` → `Niort`."""
    after = address[code.end() :].strip(" ,")
    before = address[: code.start()].strip(" ,").rpartition(",")[2]
    return after or before


async def _save(tx: Transaction, new: Beneficiary, referent: str, now: datetime) -> None:
    conversation = await tx.conversation_at(Channel.SMS, new.phone, now)
    who = await tx.conversation(conversation, now)
    if old := who.beneficiary:
        new = replace(
            old,
            phone=new.phone,
            first_name=new.first_name or old.first_name,
            language=new.language or old.language,
            postal_code=new.postal_code or old.postal_code,
            commune=new.commune or old.commune,
        )
    await tx.save_beneficiary(new, referent or (who.referent.email if who.referent else ""))
