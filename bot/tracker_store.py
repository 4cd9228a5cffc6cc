"""Rasa's memory, made to forget: intents and slots stay, what she wrote does not.

Where she was in the conversation is kept by the gateway. Here a conversation is one row of JSON:
in SQLite for the demonstration, in Redis in production. A trailing `restart` event, which the
gateway sends once a conversation has been idle for 30 minutes, drops the row.
"""

import copy
import json
import logging
import sqlite3
import time
from typing import Any, Callable, Dict, Iterable, List, Optional

import redis
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import RedisTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, Restarted
from rasa.shared.core.trackers import DialogueStateTracker

logger = logging.getLogger(__name__)

PATIENCE = 0.5  # seconds for Redis to answer
LEFT_ALONE = 2.0  # seconds without a question, once it gave no answer


def forgetful(events: Iterable[Event]) -> List[Dict[str, Any]]:
    """The events as dictionaries, without what she wrote nor the odds of each meaning."""
    kept = []
    for event in events:
        data = copy.copy(event.as_dict())
        if data["event"] == "user":
            parsed = data.get("parse_data") or {}
            data["text"] = ""
            data["parse_data"] = {
                "text": "",
                "intent": parsed.get("intent", {}),
                "entities": [],
                "intent_ranking": [],
                "response_selector": {},
            }
        if data["event"] == "entities":
            continue
        kept.append(data)
    return kept


def is_over(tracker: DialogueStateTracker) -> bool:
    """True when the gateway asked to forget this conversation."""
    return any(isinstance(e, Restarted) for e in list(tracker.events)[-2:])


class ForgetfulSQLite(TrackerStore):
    """`tracker_store: {type: bot.tracker_store.ForgetfulSQLite, url: path of the file}`."""

    def __init__(
        self,
        domain: Optional[Domain] = None,
        host: Optional[str] = None,
        event_broker: Optional[EventBroker] = None,
        **kwargs: Any,
    ) -> None:
        self._db = sqlite3.connect(host or ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS tracker (sender_id TEXT PRIMARY KEY, events TEXT)")
        super().__init__(domain, event_broker)

    async def save(self, tracker: DialogueStateTracker) -> None:
        await self.stream_events(tracker)
        if is_over(tracker):
            self._db.execute("DELETE FROM tracker WHERE sender_id = ?", (tracker.sender_id,))
            return
        self._db.execute(
            "INSERT INTO tracker VALUES (?, ?)"
            " ON CONFLICT (sender_id) DO UPDATE SET events = excluded.events",
            (tracker.sender_id, json.dumps(forgetful(tracker.events))),
        )

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        row = self._db.execute("SELECT events FROM tracker WHERE sender_id = ?", (sender_id,)).fetchone()
        if row is None:
            return None
        return DialogueStateTracker.from_dict(sender_id, json.loads(row[0]), self.domain.slots)

    async def keys(self) -> Iterable[str]:
        return [r[0] for r in self._db.execute("SELECT sender_id FROM tracker")]


class ForgetfulRedis(RedisTrackerStore):
    """`tracker_store: {type: bot.tracker_store.ForgetfulRedis, url: redis://…}`; kept a day at most.

    While Redis is away Rasa answers without its memory: the gateway knows where she was.
    """

    def __init__(
        self,
        domain: Domain,
        host: str = "redis://localhost:6379/0",
        event_broker: Optional[EventBroker] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker=event_broker, record_exp=86400)
        self.red = redis.Redis.from_url(
            host, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
        self._away_until = 0.0  # monotonic seconds

    async def save(self, tracker: DialogueStateTracker, timeout: Optional[float] = None) -> None:
        await self.stream_events(tracker)
        key = self.key_prefix + tracker.sender_id
        if is_over(tracker):
            self.red.delete(key)  # what must be forgotten is tried again when it fails
            return
        row = json.dumps({"name": tracker.sender_id, "events": forgetful(tracker.events)})
        self._asked(lambda: self.red.set(key, row, ex=timeout or self.record_exp))

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        row = self._asked(lambda: self.red.get(self.key_prefix + sender_id))
        return self.deserialise_tracker(sender_id, row) if row else None

    async def retrieve_full_tracker(self, sender_id: str) -> Optional[DialogueStateTracker]:
        return await self.retrieve(sender_id)

    def _asked(self, order: Callable[[], Any]) -> Any:
        """None while Redis is away: it stops this whole process, so it is not asked again at once."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return order()
        except redis.RedisError as failure:
            self._away_until = time.monotonic() + LEFT_ALONE
            logger.warning("Redis is away: %s", type(failure).__name__)
            return None
