"""Who is in the conversation."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.text import folded


@dataclass(frozen=True)
class Referent:
    """The professional who follows beneficiaries. `communes` are names, as imported."""

    email: str
    name: str
    phone: str = ""
    structure: str = ""
    communes: tuple[str, ...] = ()
    id: int = 0
    leads: bool = False  # sees the people of her whole structure

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else ""


@dataclass(frozen=True)
class Beneficiary:
    """A person bound to a phone number by an import or by her referent.

    `audience` holds values of the content's own list (new_rsa, under_26…).
    """

    phone: str
    first_name: str = ""
    language: str = ""
    postal_code: str = ""
    commune: str = ""
    audience: tuple[str, ...] = ()
    id: int = 0
    external_id: str = ""  # her number in RDV Service Public


def is_somebody_else(ours: str, theirs: str) -> bool:
    """Whether two first names of one number are two people's: numbers are given again. Unsaid proves nothing.

    >>> is_somebody_else("Amina", "AMINA B."), is_somebody_else("Amina", "Léa"), is_somebody_else("", "Léa")
    (False, True, False)
    """
    one, other = folded(ours).split(), folded(theirs).split()
    return bool(one and other) and one[0] != other[0]


# Reasons of a request: a second one of these is dealt with by the call that the first will bring.
ANSWERED_BY_ONE_CALL = ("asked", "appointment", "language", "unanswered")
ASK_FOR_A_CALL = (*ANSWERED_BY_ONE_CALL, "danger")  # the others only tell about an appointment


@dataclass(frozen=True)
class CallbackRequest:
    """She asked for a person, or a danger was recognised."""

    conversation_id: int
    message_id: int
    reason: str  # see mails/callback.txt
    at: datetime
