"""She asks for a person, or a danger was recognised: it is noted once, and somebody is told."""

from datetime import datetime

from gateway.domain.conversation import Channel, Conversation, Reply
from gateway.domain.people import CallbackRequest
from gateway.ports import Transaction

REASONS = {
    "asked": "La personne demande à parler à quelqu'un.",
    "appointment": "La personne demande un rendez-vous.",
    "language": "La personne parle une autre langue. Un interprète est utile.",
    "unanswered": "Le service n'a pas su répondre à son message.",
    "danger": "Message urgent. Les numéros d'urgence lui ont été donnés.",
    "number": "Ses messages n'arrivent plus. Le numéro est à vérifier.",
}


async def ask_for_a_person(
    tx: Transaction, who: Conversation, message_id: int, reason: str, team: str, now: datetime
) -> list[int]:
    """Notes the request under the message's id and writes the mail. Returns the jobs to ring.

    A request of the last day is still being dealt with: no second mail, except for a danger.
    """
    new = await tx.add_callback(CallbackRequest(who.id, message_id, reason, now))
    if not new or (who.callback_open and reason != "danger"):
        return []
    to = who.referent.email if who.referent else team
    mail_id = await tx.add_mail(f"callback:{message_id}", to, *_mail(who, reason), now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


async def tell_number_failed(tx: Transaction, who: Conversation, team: str, now: datetime) -> list[int]:
    """Her number refuses messages for good: her referent is told, once."""
    to = who.referent.email if who.referent else team
    mail_id = await tx.add_mail(f"number:{who.id}", to, *_mail(who, "number"), now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []


def acknowledgement(who: Conversation, reason: str) -> Reply:
    """What she is told: never an hour that nobody can promise."""
    kind = "book_appointment" if reason == "appointment" else "talk_to_human"
    if who.callback_open:
        return Reply("utter_talk_to_human_again")
    if who.referent:
        return Reply(f"utter_{kind}_referent", {"referent": who.referent.first_name})
    return Reply(f"utter_{kind}")


def _mail(who: Conversation, reason: str) -> tuple[str, str]:
    """(subject, text). The subject names nobody; nothing of what she wrote is repeated."""
    urgent = reason == "danger"
    subject = "Urgent : une personne à rappeler" if urgent else "Une personne à rappeler"
    if reason == "number":
        subject = "Un numéro à vérifier"
    name = who.beneficiary.first_name if who.beneficiary else ""
    lines = [
        REASONS[reason],
        "",
        f"Prénom : {name or 'inconnu'}",
        f"Téléphone : {who.address}"
        if who.channel is Channel.SMS
        else "Contact : conversation sur le site, sans téléphone",
        f"Langue : {who.language or 'fr'}",
    ]
    return subject, "\n".join(lines)
