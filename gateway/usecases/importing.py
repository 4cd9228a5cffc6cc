"""People come in by CSV: bad rows are told with their line and reason, good rows are kept.

Running it twice changes nothing.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from gateway.domain.conversation import Channel
from gateway.domain.language import LANGUAGES
from gateway.domain.people import Beneficiary, Referent, is_somebody_else
from gateway.domain.text import as_name
from gateway.errors import BadRow
from gateway.ports import Store, Transaction
from gateway.usecases.reading_csv import Row, listed, rows, said_yes
from gateway.usecases.welcoming import welcome_referent

PhoneReader = Callable[[str], str | None]

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
MAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
AT_ONCE = 200  # lines of one transaction
PAUSE = 0.1  # seconds in which the gateway beside us may write: SQLite lets in one program at a time
SOMEBODY_ELSE = "ce numéro est celui d'une autre personne : à vérifier avec elle"
UNKNOWN_REFERENT = "référent inconnu : importez d'abord les référents"


@dataclass(frozen=True)
class Imported:
    kept: int
    refused: tuple[BadRow, ...]


async def in_turns(lines: Iterable[tuple[int, Row]]) -> AsyncIterator[Sequence[tuple[int, Row]]]:
    """All the lines are read before the first is given: a file that cannot be read changes nothing."""
    for number, batch in enumerate(batched(list(lines), AT_ONCE)):
        if number:
            await asyncio.sleep(PAUSE)
        yield batch


async def import_referents(store: Store, content: bytes, now: datetime) -> Imported:
    """Columns: email, name, phone, structure, communes (separated by ";"), team_lead.

    Who is new gets her first mail, with her calendar's address.
    """
    kept, refused = 0, []
    async for batch in in_turns(rows(content, ("email", "name"))):
        async with store.transaction() as tx:
            for line, row in batch:
                if not MAIL.fullmatch(row["email"]):
                    refused.append(BadRow(line, "adresse e-mail illisible"))
                elif not row["name"]:
                    refused.append(BadRow(line, "nom absent"))
                else:
                    await _save_referent(tx, _referent(row), now)
                    kept += 1
    return Imported(kept, tuple(refused))


def _referent(row: Row) -> Referent:
    return Referent(
        row["email"], as_name(row["name"]), row.get("phone", ""), as_name(row.get("structure", ""), 200),
        tuple(listed(row.get("communes", ""))), leads=said_yes(row.get("team_lead", "")),
    )  # fmt: skip


async def _save_referent(tx: Transaction, new: Referent, now: datetime) -> None:
    known = await tx.referent_id(new.email)
    saved = await tx.save_referent(new)
    if known is None:
        await welcome_referent(tx, saved, new, now)  # the gateway beside us looks for work each second


async def import_beneficiaries(
    store: Store, content: bytes, read_phone: PhoneReader, now: datetime
) -> Imported:
    """Columns: phone, first_name, language, postal_code, commune, referent_email, audience (";").

    Each has a page in the workspace from now on, whether she writes or not.
    """
    kept, refused = 0, []
    seen: dict[str, int] = {}
    async for batch in in_turns(rows(content, ("phone",))):
        async with store.transaction() as tx:
            for line, row in batch:
                phone = read_phone(row["phone"])
                reason = await _wrong(tx, row, phone, seen)
                if phone is None or reason:
                    refused.append(BadRow(line, reason))
                    continue
                seen[phone] = line
                await tx.save_beneficiary(_beneficiary(phone, row), row.get("referent_email", ""))
                await tx.conversation_at(Channel.SMS, phone, now)
                kept += 1
    return Imported(kept, tuple(refused))


async def _wrong(tx: Transaction, row: Row, phone: str | None, seen: Mapping[str, int]) -> str:
    """Why this row cannot be kept; "" when it can."""
    if phone is None:
        return "numéro de téléphone illisible"
    if phone in seen:
        return f"numéro déjà présent ligne {seen[phone]}"
    if row.get("language", "").lower() not in ("", *LANGUAGES):
        return f"langue inconnue : {', '.join(LANGUAGES)}"
    if is_somebody_else(await tx.beneficiary_named(phone), row.get("first_name", "")):
        return SOMEBODY_ELSE
    referent = row.get("referent_email", "")
    return UNKNOWN_REFERENT if referent and await tx.referent_id(referent) is None else ""


def _beneficiary(phone: str, row: Row) -> Beneficiary:
    return Beneficiary(
        phone, as_name(row.get("first_name", "")), row.get("language", "").lower(), row.get("postal_code", ""),
        row.get("commune", ""), tuple(listed(row.get("audience", ""))),
    )  # fmt: skip
