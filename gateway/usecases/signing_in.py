"""A referent signs in: a link by mail, good once, for a quarter of an hour."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from gateway.ports import Transaction


async def send_link(tx: Transaction, email: str, token: str, after: str, now: datetime) -> Sequence[int]:
    """The jobs to ring; none when nobody has this address, or when she has enough links already.

    `token`: random, only in the mail. `after`: the address in the workspace that the link leads to, or "".
    """
    referent_id = await tx.referent_id(email)
    if referent_id is None or not await tx.add_sign_in(referent_id, token, now):
        return ()
    referent = await tx.referent(referent_id)
    if referent is None:
        return ()
    # To the address that we keep: one that only folds to it may be another mailbox.
    key = f"sign_in:{hashlib.sha256(token.encode()).hexdigest()[:40]}"
    mail_id = await tx.add_mail(key, referent.email, "sign_in", {"token": token, "after": after}, now)
    return [await tx.arm("mail", mail_id, now)] if mail_id else ()
