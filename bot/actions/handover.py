"""She asks for a person: somebody is told."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from gateway.ports import Clock, Store
from gateway.usecases.handover import acknowledgement, ask_for_a_person

Ring = Callable[[Sequence[int]], Awaitable[None]]
REASON = "asked"  # see usecases/handover.py


class AskForAPerson(Action):  # type: ignore[misc]  # rasa-sdk has no types
    """Asked twice with one message, it notes one request."""

    def __init__(self, store: Store, clock: Clock, team: str, ring: Ring) -> None:
        self._store, self._clock, self._team, self._ring = store, clock, team, ring

    def name(self) -> str:
        return "action_ask_for_a_person"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        sid = (tracker.latest_message.get("metadata") or {}).get("sid", "")
        now = self._clock.now()
        jobs: list[int] = []
        async with self._store.transaction() as tx:
            conversation_id = await tx.by_pseudonym(tracker.sender_id)
            message_id = await tx.inbound_by_sid(sid)
            if conversation_id is None or message_id is None:
                # rasa shell and tests of the bot alone: there is nobody to call back
                dispatcher.utter_message(response="utter_talk_to_human")
                return []
            who = await tx.conversation(conversation_id, now)
            jobs = await ask_for_a_person(tx, who, message_id, REASON, self._team, now)
        reply = acknowledgement(who, REASON)
        dispatcher.utter_message(response=reply.response, **dict(reply.values))
        await self._ring(jobs)
        return []


def actions(store: Store, clock: Clock, team: str, ring: Ring) -> list[Action]:
    return [AskForAPerson(store, clock, team, ring)]
