"""Tells the pages open in this process that something was said. Missing a call only delays."""

import asyncio


class Hub:
    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Event]] = {}

    def tell(self, conversation_id: int) -> None:
        for event in self._waiting.get(conversation_id, set()):
            event.set()

    async def wait(self, conversation_id: int, seconds: float) -> bool:
        """True when somebody told, False when the time is over."""
        event = asyncio.Event()
        self._waiting.setdefault(conversation_id, set()).add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting[conversation_id].discard(event)
            if not self._waiting[conversation_id]:
                del self._waiting[conversation_id]
