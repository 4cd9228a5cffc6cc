"""Sealing everything anew with the first key, beside a running service; and whether the keys are the right ones.

Every column whose name ends in `sealed` is walked, whatever its table. A cell is replaced only where it still holds
what was read: what the service writes meanwhile is never lost, and is sealed with the first key already.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Column, Table, bindparam, func, select, tuple_, update

from gateway.adapters.database.engine import Database
from gateway.adapters.database.tables import conversation, metadata
from gateway.adapters.encryption import Cipher

BATCH = 100  # rows read, then written, each in one short transaction
PAUSE = 0.02  # seconds between two batches: SQLite has one writer, and it must not always be this one
PASSES = 5  # over one table, while old keys are still found in it


@dataclass(frozen=True)
class Resealed:
    """Of one table: cells seen in its last pass, sealed anew in all, that no key opens, still under an older key."""

    table: str
    cells: int = 0
    resealed: int = 0
    unreadable: int = 0
    left: int = 0


@dataclass(frozen=True)
class _Stale:
    key: tuple[Any, ...]
    column: str
    old: bytes
    new: bytes


def sealed_columns() -> Mapping[Table, Sequence[Column[Any]]]:
    found = {t: [c for c in t.columns if c.name.endswith("sealed")] for t in metadata.sorted_tables}
    return {table: columns for table, columns in found.items() if columns}


async def reseal(engine: Database, cipher: Cipher, change: bool = True) -> AsyncIterator[Resealed]:
    """Table after table. `change=False` only counts. May be stopped and begun again at any moment."""
    for table, columns in sealed_columns().items():
        resealed, passes = 0, PASSES if change else 1
        for _ in range(passes):
            seen = await _pass(engine, cipher, table, columns, change)
            resealed += seen.resealed
            if not seen.left:
                break
        yield Resealed(table.name, seen.cells, resealed, seen.unreadable, seen.left)


async def _pass(
    engine: Database, cipher: Cipher, table: Table, columns: Sequence[Column[Any]], change: bool
) -> Resealed:
    """`left`: found under an older key. They are replaced unless somebody held or changed them: another pass tells."""
    cells = unreadable = left = resealed = 0
    after: tuple[Any, ...] | None = None
    while True:
        rows = await _page(engine, table, columns, after)
        if not rows:
            return Resealed(table.name, cells, resealed, unreadable, left)
        stale: list[_Stale] = []
        after = tuple(rows[-1][key.name] for key in table.primary_key)
        for row in rows:
            for column in columns:
                if (old := row[column.name]) is None:
                    continue
                cells += 1
                if cipher.is_newest(old):
                    continue
                try:
                    key = tuple(row[k.name] for k in table.primary_key)
                    stale.append(_Stale(key, column.name, old, cipher.reseal(old)))
                except InvalidToken:
                    unreadable += 1
        left += len(stale)
        if change and stale:
            resealed += await _write(engine, table, stale)
        await asyncio.sleep(PAUSE)


async def _page(
    engine: Database, table: Table, columns: Sequence[Column[Any]], after: tuple[Any, ...] | None
) -> Sequence[Mapping[Any, Any]]:
    keys = list(table.primary_key)
    page = select(*keys, *columns).order_by(*keys).limit(BATCH)
    if after is not None:
        page = page.where(tuple_(*keys) > after)
    async with engine.begin() as db:
        return (await db.execute(page)).mappings().all()


async def _write(engine: Database, table: Table, stale: Sequence[_Stale]) -> int:
    """Rows that somebody holds are passed over: waiting for them, both of us could wait for ever."""
    keys, written = list(table.primary_key), 0
    async with engine.begin() as db:
        ours = select(*keys).where(tuple_(*keys).in_({one.key for one in stale}))
        free = {
            tuple(row) for row in await db.execute(ours.with_for_update(skip_locked=True, key_share=True))
        }
        for name in {one.column for one in stale}:
            column = table.columns[name]
            here = [key == bindparam(f"key_{key.name}") for key in keys]
            change = update(table).where(*here, column == bindparam("old")).values({name: bindparam("new")})
            values = [
                {"old": one.old, "new": one.new, **{f"key_{k.name}": v for k, v in zip(keys, one.key, strict=True)}}
                for one in stale
                if one.column == name and one.key in free
            ]  # fmt: skip
            if values:
                await db.execute(change, values)
            written += len(values)
    return written


async def keys_fit(engine: Database, cipher: Cipher) -> bool:
    """Whether the newest and the oldest conversation open with these keys, and are found by their index."""
    ends = select(func.min(conversation.c.id)).union(select(func.max(conversation.c.id)))
    known = select(conversation.c.address_sealed, conversation.c.address_index)
    async with engine.begin() as db:
        rows = (await db.execute(known.where(conversation.c.id.in_(ends)))).all()
    try:
        return all(cipher.index(cipher.open(row.address_sealed)) == row.address_index for row in rows)
    except InvalidToken:
        return False
