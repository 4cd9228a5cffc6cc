"""Local services, as the last import left them. Public descriptions: nothing here is sealed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, delete, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import service
from gateway.domain.service import Service, Wanted, suitable

if TYPE_CHECKING:
    from gateway.adapters.database.store import DatabaseStore

AT_ONCE = 1000  # rows of one INSERT


class LocalServices:
    db: AsyncConnection | InlineConnection

    async def replace_services(self, services: Sequence[Service]) -> None:
        """All the former ones go, these come: readers see the old list or the new one, never half."""
        if self.db.dialect.name == "postgresql":  # two imports at once: one after the other; readers go on
            await self.db.execute(text("LOCK TABLE service IN SHARE ROW EXCLUSIVE MODE"))
        await self.db.execute(delete(service))
        for start in range(0, len(services), AT_ONCE):
            await self.db.execute(insert(service), [_row(s) for s in services[start : start + AT_ONCE]])

    async def services_about(self, thematiques: Iterable[str]) -> Sequence[Service]:
        """Those of one of these themes, wherever they are and whoever they are for."""
        # JSON as text: both databases keep a list of slugs as '["famille--garde-denfants"]'.
        written = cast(service.c.thematiques, Text)
        about = or_(*(written.contains(f'"{t}"', autoescape=True) for t in thematiques))
        rows = (await self.db.execute(select(service).where(about))).mappings()
        return [_service(row) for row in rows]

    async def service(self, service_id: str) -> Service | None:
        rows = await self.db.execute(select(service).where(service.c.id == service_id))
        row = rows.mappings().first()
        return _service(row) if row else None


class DatabaseServices:
    """Services of the store, each question in a short transaction of its own.

    Not to be asked from inside another transaction: SQLite has one at a time, and would wait for itself.
    """

    def __init__(self, store: "DatabaseStore") -> None:
        self._store = store

    async def near(self, wanted: Wanted) -> Sequence[Service]:
        if not wanted.thematiques:
            return []
        async with self._store.transaction() as tx:
            candidates = await tx.services_about(wanted.thematiques)
        return suitable(candidates, wanted)

    async def one(self, service_id: str) -> Service | None:
        async with self._store.transaction() as tx:
            return await tx.service(service_id)


def _row(new: Service) -> dict[str, Any]:
    return {**vars(new), "thematiques": list(new.thematiques), "zones": list(new.zones)}


def _service(row: Mapping[Any, Any]) -> Service:
    return Service(**{**row, "thematiques": tuple(row["thematiques"]), "zones": tuple(row["zones"])})
