"""A referent writes to her, in her own words: neither translated nor folded, weighed before it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conversation import Channel, Conversation
from gateway.domain.people import Referent
from gateway.domain.quiet import QuietHours
from gateway.domain.sms import Weight, to_gsm7, weigh
from gateway.domain.text import MAX_CHARACTERS, cleaned
from gateway.ports import Transaction
from gateway.usecases.noticing import not_before, tell_her

PRICE = 0.0798  # euros a segment to a French mobile, an order of magnitude to think with
MANY = 3  # segments; above, she is asked whether she means it


@dataclass(frozen=True)
class Price:
    """What a text costs. `lighter`: segments it would have without its rare letters (ê, ç…)."""

    weight: Weight
    characters: int
    euros: float
    lighter: int

    @property
    def heavy(self) -> bool:
        return self.weight.segments > MANY


def price_of(text: str) -> Price:
    text = cleaned(text)
    weight = weigh(text)
    segments = weight.segments if text else 0
    return Price(weight, len(text), segments * PRICE, weigh(to_gsm7(text)).segments)


def why_not(who: Conversation, dead_number: bool, text: str) -> str:
    """What keeps this from being sent: "stopped", "dead", "empty", "long"; "" when nothing does."""
    if who.opted_out:
        return "stopped"
    if dead_number:
        return "dead"
    if not cleaned(text):
        return "empty"
    return "long" if len(text.strip()) > MAX_CHARACTERS else ""


async def write_to_her(
    tx: Transaction, who: Conversation, referent: Referent, text: str, quiet: QuietHours, now: datetime
) -> Sequence[int]:
    """Stores it as this referent's words. Returns the jobs to ring; ask `why_not` first.

    Her menus stay: a digit still answers the robot's last question. At night it waits for the morning,
    unless she wrote a moment ago.
    """
    if who.channel is Channel.SMS and not_before(who, quiet, now):
        key, to = f"written:{who.id}:{now.timestamp()}", who.beneficiary.id if who.beneficiary else None
        values = {"text": cleaned(text), "referent_id": referent.id, "to": to}
        return await tell_her(tx, key, who.id, "written", values, now)
    await tx.add_outbound(who, None, cleaned(text), (), now, written_by=referent.id)
    return [await tx.arm("deliver", who.id, now)] if who.channel is Channel.SMS else ()
