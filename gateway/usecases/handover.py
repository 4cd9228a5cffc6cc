"""She asks for a person, or a danger was recognised: it is noted once, and somebody is told."""

from datetime import datetime

from gateway.domain.conversation import Channel, Conversation, Reply
from gateway.domain.people import ANSWERED_BY_ONE_CALL, CallbackRequest
from gateway.ports import Transaction

APPOINTMENT = ("move", "cancel", "when", "late")


async def ask_for_a_person(
    tx: Transaction,
    who: Conversation,
    message_id: int,
    reason: str,
    team: str,
    now: datetime,
    receiver: int = 0,
) -> list[int]:
    """Notes the request under the message's id and writes the mail. Returns the jobs to ring.

    `reason`: see mails/callback.txt. `receiver`: the referent who expects her, when it is about an appointment. A request for a call of the last day is still being dealt with:
    no second mail. A danger, or an appointment that she cannot keep, is always told.
    """
    new = await tx.add_callback(CallbackRequest(who.id, message_id, reason, now))
    # From a page there is no number to call: she was told which one to text.
    unreachable = who.channel is Channel.WEB and not receiver
    if not new or (who.callback_open and reason in ANSWERED_BY_ONE_CALL) or unreachable:
        return []
    expects = await tx.referent(receiver) if receiver else who.referent
    to = expects.email if expects else team
    values = _about(who, reason=reason)
    mail_id = await tx.add_mail(f"callback:{message_id}", to, "callback", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


async def tell_number_failed(tx: Transaction, who: Conversation, team: str, now: datetime) -> list[int]:
    """Her number refuses messages for good: her referent is told, once."""
    to = who.referent.email if who.referent else team
    mail_id = await tx.add_mail(f"number:{who.id}", to, "number", _about(who), now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


async def tell_undelivered(tx: Transaction, who: Conversation, team: str, now: datetime) -> list[int]:
    """The carrier was away for too long: her number is not to blame, and her referent is told, once a day."""
    to = who.referent.email if who.referent else team
    key = f"undelivered:{who.id}:{now.date()}"
    mail_id = await tx.add_mail(key, to, "undelivered", _about(who), now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


def acknowledgement(who: Conversation, reason: str) -> Reply:
    """What she is told: never an hour that nobody can promise."""
    if reason in APPOINTMENT:
        known = who.referent is not None
        values = {"referent": who.referent.first_name} if who.referent else {}
        return Reply("utter_told_referent" if known else "utter_told", values)
    kind = "book_appointment" if reason == "appointment" else "talk_to_human"
    if who.callback_open:
        return Reply("utter_talk_to_human_again")
    if who.referent:
        return Reply(f"utter_{kind}_referent", {"referent": who.referent.first_name})
    return Reply(f"utter_{kind}")


def _about(who: Conversation, **more: str) -> dict[str, str]:
    """What the mail may say: who to call. Nothing of what she wrote."""
    name = who.beneficiary.first_name if who.beneficiary else ""
    phone = who.address if who.channel is Channel.SMS else ""
    return {"first_name": name, "phone": phone, "language": who.language or "fr", **more}
