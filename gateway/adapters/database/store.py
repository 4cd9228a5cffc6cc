"""The store: transactions over the tables. The only place, with its neighbours, that speaks SQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database import tables as t
from gateway.adapters.database.appointments import Appointments
from gateway.adapters.database.calendars import Calendars
from gateway.adapters.database.campaigns import Campaigns
from gateway.adapters.database.caseload import Caseload
from gateway.adapters.database.conversations import Conversations
from gateway.adapters.database.desk import Desk
from gateway.adapters.database.effects import Effects
from gateway.adapters.database.engine import Database, InlineConnection
from gateway.adapters.database.erasure import Erasure
from gateway.adapters.database.external import ExternalTools
from gateway.adapters.database.follow_ups import FollowUps
from gateway.adapters.database.jobs import Jobs
from gateway.adapters.database.messages import Messages
from gateway.adapters.database.notices import Notices
from gateway.adapters.database.nudge_rows import NudgeRows
from gateway.adapters.database.nudges import Nudges
from gateway.adapters.database.obstacles import SharedObstacles
from gateway.adapters.database.openings import Openings
from gateway.adapters.database.paces import Paces
from gateway.adapters.database.people import People
from gateway.adapters.database.questions import Questions
from gateway.adapters.database.records import HeldRows
from gateway.adapters.database.retention import Retention
from gateway.adapters.database.services import LocalServices
from gateway.adapters.database.standing import Standings
from gateway.adapters.database.workspace import Workspace
from gateway.adapters.encryption import Cipher


class DatabaseTransaction(
    Conversations, Messages, Jobs, People, SharedObstacles, Questions, LocalServices, Openings, Appointments,
    Notices, Caseload, Workspace, Desk, Calendars, ExternalTools, FollowUps, Nudges, NudgeRows, Campaigns, Effects,
    HeldRows, Erasure, Retention, Paces, Standings,
):  # fmt: skip
    """One transaction: each subject is a class of its own, and they share this connection."""

    def __init__(self, connection: AsyncConnection | InlineConnection, cipher: Cipher) -> None:
        self.db = connection
        self.cipher = cipher

    @property
    def insert(self) -> Any:
        """The INSERT that knows ON CONFLICT, of this database."""
        return postgresql.insert if self.db.dialect.name == "postgresql" else sqlite.insert


class DatabaseStore:
    def __init__(self, engine: Database, cipher: Cipher) -> None:
        self.engine = engine
        self.cipher = cipher

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DatabaseTransaction]:
        """Committed when the block ends well, rolled back when it raises. The only commit there is."""
        async with self.engine.begin() as connection:
            yield DatabaseTransaction(connection, self.cipher)

    async def ready(self) -> bool:
        async with self.engine.begin() as connection:
            return (await connection.execute(select(1))).scalar() == 1

    async def rows(self, table: Table) -> Sequence[Mapping[str, Any]]:
        """Every row of a table, sealed as it is: for tests and exports."""
        async with self.engine.begin() as connection:
            return [dict(r) for r in (await connection.execute(select(table))).mappings()]

    @property
    def tables(self) -> Any:
        return t
