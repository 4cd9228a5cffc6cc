"""What the core needs from the world. Each is one file of gateway/adapters."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from gateway.domain.conversation import Channel, Conversation, Inbound, Outcome, Reply, State
from gateway.domain.keywords import Vocabularies
from gateway.domain.menu import Choice
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.domain.questions import Exchange, KeptQuestion
from gateway.domain.safety import Lexicon
from gateway.domain.service import Service, Wanted


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC. The product's time: the simulator may move it."""
        ...


@dataclass(frozen=True)
class Question:
    """`text` is hers; or `payload` is a menu choice, made by the gateway ("/faq/rsa_amount")."""

    pseudonym: str
    sid: str
    channel: Channel
    text: str = ""
    payload: str = ""
    again: bool = False  # an earlier try may have been understood: look before asking


class Assistant(Protocol):
    """Understands and decides. Raises AssistantSilent; never returns an empty answer."""

    async def answer(self, question: "Question") -> Sequence[Reply]:
        """Asked again with the same `sid`, it gives the same answer and changes nothing."""
        ...

    async def meaning(self, text: str) -> str:
        """The likeliest meaning ("obstacle/mobility"), outside any conversation; "" when in doubt."""
        ...

    async def forget(self, pseudonym: str) -> None: ...


class Services(Protocol):
    """Local services, as imported from data·inclusion."""

    async def near(self, wanted: Wanted) -> Sequence[Service]:
        """Three at most, the best first."""
        ...

    async def one(self, service_id: str) -> Service | None: ...


class LanguageGuesser(Protocol):
    def guess(self, text: str) -> tuple[str, float]:
        """(language, score between 0 and 1), among all the languages it knows."""
        ...


@dataclass(frozen=True)
class Rendered:
    """`text` is complete, menu lines included; `rest` is what did not fit its segments."""

    text: str
    menu: tuple[Choice, ...] = ()
    rest: str = ""
    rest_menu: tuple[Choice, ...] = ()


class Words(Protocol):
    """The content: every sentence, in every language."""

    vocabularies: Vocabularies
    lexicons: Sequence[Lexicon]

    def has(self, response: str) -> bool: ...

    def label(self, intent: str, language: str) -> str:
        """Short name of a meaning ("faq/rsa_amount" → "Montant du RSA"); "" when it has none."""
        ...

    def sourced(self, response: str, today: str = "") -> Mapping[str, Any]:
        """Metadata: source, checked_on… of a response as it is said that day; empty when unknown."""
        ...

    def language_choices(self) -> Sequence[tuple[str, str]]:
        """(code, name as its speakers write it), in the order of the menu."""
        ...

    def render(self, replies: Sequence[Reply], language: str, channel: Channel, today: str) -> Rendered:
        """`today`, ISO: an amount is said on the days when it is valid."""
        ...

    def rest(self, text: str, menu: tuple[Choice, ...], language: str, channel: Channel) -> Rendered:
        """The continuation of an answer that was cut."""
        ...


@dataclass(frozen=True)
class Outbound:
    """A message to her, stored and not yet taken by the carrier."""

    id: int
    address: str
    text: str
    unsure: bool = False  # an earlier try may have gone through
    attempts: int = 0
    created_at: datetime | None = None


@dataclass(frozen=True)
class EarlyReport:
    """A delivery report about a number of the carrier that we had not noted yet."""

    id: int
    sid: str
    status: str
    code: int | None
    at: datetime


class SmsCarrier(Protocol):
    async def send(self, to: str, text: str) -> str:
        """The carrier's id. Raises SendLater, SendUnsure, NumberUnreachable, OptedOut."""
        ...

    async def find_recent(self, to: str, text: str, since: datetime) -> Sequence[str]:
        """The carrier's ids of messages with this text sent to this number since then."""
        ...


@dataclass(frozen=True)
class Mail:
    """`template` is a file of gateway/mails: its first line is the subject."""

    id: int
    to: str
    template: str
    values: Mapping[str, str]


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises MailLater. The same mail sent twice shows once."""
        ...


class Queue(Protocol):
    """A doorbell: the job table is the record, losing a ring only delays."""

    async def ring(self, job_id: int) -> None: ...


@dataclass(frozen=True)
class SharedBy:
    """Whose obstacle it is: `person` is her pseudonym, `first_name` for her referent's eyes."""

    person: str
    first_name: str
    obstacle: SharedObstacle


@dataclass(frozen=True)
class Job:
    id: int
    kind: str  # converse, deliver, mail, forget, report
    subject: int  # id of the conversation or of the mail
    attempts: int
    rearmed: int
    payload: Mapping[str, Any]


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager["Transaction"]:
        """Committed when the block ends well, rolled back when it raises."""
        ...


class Transaction(Protocol):
    """What the use cases ask of the database. See adapters/database for what each promises."""

    # conversations
    async def find_conversation(self, channel: Channel, address: str) -> int | None: ...
    async def conversation_at(
        self, channel: Channel, address: str, now: datetime, language: str = ""
    ) -> int: ...
    async def conversation(self, conversation_id: int, now: datetime) -> Conversation: ...
    async def by_pseudonym(self, pseudonym: str) -> int | None: ...
    async def save_turn(self, before: Conversation, outcome: Outcome, now: datetime) -> None: ...
    async def opt_out(self, conversation_id: int, source: str, now: datetime) -> None: ...
    async def opt_in(self, conversation_id: int, source: str, now: datetime) -> None: ...
    async def number_failed(self, conversation_id: int, code: int | None) -> bool: ...

    # her messages: add_inbound gives None for a sid already stored, close_inbound False for one
    # already answered
    async def add_inbound(
        self, conversation_id: int, sid: str, text: str, media: int, carrier_stop: str, now: datetime
    ) -> int | None: ...
    async def next_unanswered(self, conversation_id: int) -> Inbound | None: ...
    async def unanswered(self, conversation_id: int) -> Sequence[Inbound]: ...
    async def previous_text(self, conversation_id: int, before_id: int) -> str: ...
    async def inbound_by_sid(self, sid: str) -> int | None: ...
    async def close_inbound(self, inbound_id: int, now: datetime, erase: bool = False) -> bool: ...

    # ours
    async def add_outbound(
        self,
        to: Conversation,
        inbound_id: int | None,
        text: str,
        responses: Sequence[str],
        now: datetime,
        personal: bool = False,
    ) -> int: ...
    async def erase_personal(self, conversation_id: int) -> bool: ...
    async def next_outbound(self, conversation_id: int) -> Outbound | None: ...
    async def mark_attempt(self, outbound_id: int) -> None: ...
    async def mark_refused(self, outbound_id: int) -> None: ...
    async def cancel_queued(self, conversation_id: int) -> None: ...
    async def mark_sent(self, outbound_id: int, sid: str, now: datetime) -> int | None: ...
    async def mark_failed(self, outbound_id: int, code: int | None) -> None: ...
    async def unknown_sid(self, sids: Sequence[str]) -> str | None: ...
    async def carrier_status(self, sid: str, status: str, code: int | None) -> int | None: ...
    async def keep_early_status(self, sid: str, status: str, code: int | None, now: datetime) -> int: ...
    async def early_report(self, early_id: int) -> EarlyReport | None: ...
    async def forget_early_report(self, early_id: int) -> None: ...

    # people: add_callback gives False when this message had already asked
    async def add_callback(self, request: CallbackRequest) -> bool: ...
    async def add_mail(
        self, key: str, to: str, template: str, values: Mapping[str, str], now: datetime
    ) -> int | None: ...
    async def mail(self, mail_id: int) -> Mail | None: ...
    async def mark_mail_sent(self, mail_id: int, now: datetime) -> None: ...
    async def save_referent(self, new: Referent) -> int: ...
    async def referent_id(self, email: str) -> int | None: ...
    async def save_beneficiary(self, new: Beneficiary, referent_email: str) -> int: ...

    # questions for the content team
    async def previous_exchange(self, conversation_id: int, before_id: int) -> Exchange | None: ...
    async def keep_question(self, new: KeptQuestion) -> None: ...
    async def forget_questions(self, before: date) -> int: ...

    # obstacles that she told her referent
    async def share_obstacle(self, conversation_id: int, shared: SharedObstacle, now: datetime) -> None: ...
    async def withdraw_obstacle(self, conversation_id: int, kind: str, now: datetime) -> None: ...
    async def shared_obstacles(self, conversation_id: int) -> Sequence[SharedObstacle]: ...
    async def obstacles_of_referent(self, email: str) -> Sequence[SharedBy]: ...
    async def obstacles_of_everybody(self) -> Sequence[SharedBy]: ...
    async def unbind(self, conversation_id: int) -> None: ...
    async def save_state(self, conversation_id: int, state: State) -> None: ...

    # local services
    async def replace_services(self, services: Sequence[Service]) -> None: ...

    # work: one job a kind and subject
    async def arm(self, kind: str, subject: int, due_at: datetime) -> int: ...
    async def claim(self, job_id: int, now: datetime, owner: str) -> Job | None: ...
    async def renew(self, claimed: Job, owner: str) -> bool: ...
    async def finish(self, claimed: Job, owner: str) -> bool: ...
    async def postpone(self, claimed: Job, owner: str, due_at: datetime) -> None: ...
    async def due(self, now: datetime, limit: int) -> Sequence[int]: ...
