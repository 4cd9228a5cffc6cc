"""She asks for a person or an appointment, or says that she cannot come: somebody is told."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from gateway.ports import Clock, Store
from gateway.usecases.handover import acknowledgement, ask_for_a_person

Ring = Callable[[Sequence[int]], Awaitable[None]]


class AskForAPerson(Action):  # type: ignore[misc]  # rasa-sdk has no types
    """`reason` is one of usecases/handover.py. Asked twice with one message, it notes one request."""

    def __init__(self, name: str, reason: str, store: Store, clock: Clock, team: str, ring: Ring) -> None:
        self._name, self._reason = name, reason
        self._store, self._clock, self._team, self._ring = store, clock, team, ring

    def name(self) -> str:
        return self._name

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
            jobs = await ask_for_a_person(tx, who, message_id, self._reason, self._team, now)
        reply = acknowledgement(who, self._reason)
        dispatcher.utter_message(response=reply.response, **dict(reply.values))
        await self._ring(jobs)
        return []


REASONS = {
    "action_ask_for_a_person": "asked",
    "action_ask_for_an_appointment": "appointment",
    "action_move_appointment": "move",
    "action_cancel_appointment": "cancel",
    "action_when_is_my_appointment": "when",
    "action_late_or_absent": "late",
}


def actions(store: Store, clock: Clock, team: str, ring: Ring) -> list[Action]:
    return [AskForAPerson(name, reason, store, clock, team, ring) for name, reason in REASONS.items()]
