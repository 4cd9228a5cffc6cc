"""What a command asks of the service's database, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.adapters.database.engine import migrate, open_engine
from gateway.adapters.database.store import DatabaseStore, DatabaseTransaction
from gateway.adapters.encryption import Cipher
from gateway.commands.demo import demonstration_settings
from gateway.settings import Settings


def settings_here() -> Settings:
    """Those of the environment; without secrets, those of the demonstration."""
    settings = Settings.read()
    return settings if settings.secret_keys.get_secret_value() else demonstration_settings()


def asked[T](settings: Settings, work: Callable[[DatabaseTransaction], Awaitable[T]]) -> T:
    async def done() -> T:
        engine = open_engine(settings.database)
        try:
            await migrate(engine)
            store = DatabaseStore(engine, Cipher(settings.secret_keys.get_secret_value()))
            async with store.transaction() as tx:
                return await work(tx)
        finally:
            await engine.dispose()

    return asyncio.run(done())
