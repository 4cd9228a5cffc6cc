"""A referent is new: her first mail says what the service does, and where her calendar is."""

from datetime import datetime

from gateway.domain.people import Referent
from gateway.ports import Transaction


async def welcome_referent(tx: Transaction, referent_id: int, referent: Referent, now: datetime) -> list[int]:
    """Written once, however often she is imported. Returns the jobs to ring."""
    values = {"first_name": referent.first_name, "secret": await tx.calendar_secret(referent_id)}
    mail_id = await tx.add_mail(f"referent:{referent_id}", referent.email, "referent", values, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else []
