"""What the core needs from the world. Each is one file of gateway/adapters."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from gateway.domain.appointment import Absence, Appointment, Opening, Status, TimeSlot
from gateway.domain.calendars import CalendarAccount, CalendarState, Written
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


@dataclass(frozen=True)
class Occupied:
    """A stretch of a referent's time that is not free: an appointment, or something in her own calendar."""

    referent_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Schedule:
    """All that time slots are computed from, for some referents. `held`: offered to others a moment ago."""

    openings: Sequence[Opening] = ()
    absences: Sequence[Absence] = ()
    occupied: Sequence[Occupied] = ()
    held: frozenset[tuple[int, datetime]] = frozenset()


class Diary(Protocol):
    """Appointments and free time, read when a turn needs them."""

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        """Those that she may be told of, the next one first: booked, and not over."""
        ...

    async def free(self, referents: Sequence[int], conversation_id: int, now: datetime) -> "Free":
        """Time slots of these referents, and of their substitutes while they are away, earliest first."""
        ...

    async def referents_of(self, commune: str) -> Sequence[int]:
        """Ids of those who serve a commune (its name, as imported)."""
        ...

    async def somebody_opens(self, now: datetime) -> bool:
        """False where no referent offers any time: people are then called back."""
        ...


class Invitations(Protocol):
    """Where another tool keeps the appointments: she chooses her time on its page."""

    async def invitation_link(self, user_external_id: str) -> str:
        """Hers alone. Raises ToolFailed."""
        ...


@dataclass(frozen=True)
class Free:
    """`held`: those of the slots that were offered to somebody else less than ten minutes ago."""

    slots: Sequence[TimeSlot] = ()
    held: frozenset[TimeSlot] = frozenset()
    names: Mapping[int, str] = field(default_factory=dict)  # referent's id → first name
    opens: bool = True  # False: none of these referents has opened any time


@dataclass(frozen=True)
class Notice:
    """Something to tell her that she did not ask for. `kind` names a function of usecases/noticing.py."""

    id: int
    conversation_id: int
    kind: str
    values: Mapping[str, Any]


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
    created_at: datetime | None = None  # set when it comes out of the store


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises MailLater. The same mail sent twice shows once."""
        ...


class CalendarServer(Protocol):
    """Where referents keep their own calendars (CalDAV)."""

    def opened(self, account: CalendarAccount) -> AbstractAsyncContextManager["OpenCalendar"]:
        """Raises CalendarAway, CalendarRefused."""
        ...


class OpenCalendar(Protocol):
    """One calendar. Each verb raises CalendarAway, CalendarRefused."""

    async def busy(self, since: datetime, until: datetime) -> Sequence[tuple[datetime, datetime]]:
        """When she is busy, our own appointments left out: in order, never overlapping, within both."""
        ...

    async def write(self, appointment: Appointment, etag: str) -> str:
        """The new ETag. `etag`: of the version to replace, "" for a first one. What stands there yields to ours."""
        ...

    async def remove(self, uid: str, etag: str) -> None:
        """Nothing happens when it is not there any more."""
        ...


@dataclass(frozen=True)
class Professional:
    """Who signed in with ProConnect. `id_token` is kept to sign her out there."""

    email: str
    id_token: str


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
        written_by: int | None = None,
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
    async def beneficiary_named(self, phone: str) -> str: ...  # her first name; "" when none is known
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

    # appointments. book and move give None when the time is taken; move and set_status also when `sequence`
    # is no longer the appointment's: somebody else changed it meanwhile.
    async def schedule(
        self, referents: Sequence[int], since: datetime, until: datetime, but_for: int = 0
    ) -> Schedule: ...
    async def referents_of_commune(self, commune: str) -> Sequence[int]: ...
    async def referent(self, referent_id: int) -> Referent | None: ...
    async def save_opening(self, new: Opening) -> int: ...
    async def delete_opening(self, opening_id: int, referent_id: int) -> bool: ...
    async def openings_of(self, referent_id: int) -> Sequence[Opening]: ...
    async def save_absence(self, new: Absence) -> int: ...
    async def delete_absence(self, absence_id: int, referent_id: int) -> bool: ...
    async def absences_of(self, referent_id: int, since: datetime) -> Sequence[Absence]: ...
    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]: ...
    async def appointment(self, appointment_id: int) -> Appointment | None: ...
    async def appointments_of_referent(
        self, referent_id: int, since: datetime, until: datetime
    ) -> Sequence[Appointment]: ...
    async def book(
        self, conversation_id: int, beneficiary_id: int | None, slot: TimeSlot, now: datetime
    ) -> Appointment | None: ...
    async def move(
        self, appointment_id: int, sequence: int, slot: TimeSlot, now: datetime
    ) -> Appointment | None: ...
    async def set_status(
        self, appointment_id: int, sequence: int, status: Status, now: datetime
    ) -> Appointment | None: ...
    async def hold(self, conversation_id: int, slots: Sequence[TimeSlot], until: datetime) -> None: ...
    async def wait(self, conversation_id: int, referents: Sequence[int], now: datetime) -> None: ...
    async def wait_no_more(self, conversation_id: int) -> None: ...
    async def waiting_for(self, referent_id: int) -> Sequence[int]: ...
    async def offered_to(self, referent_id: int, starts_at: datetime) -> Sequence[int]: ...
    async def waits(self, conversation_id: int) -> bool: ...
    async def awaited(self) -> Sequence[int]: ...
    async def has_calendar(self, referent_id: int) -> bool: ...

    # calendars: the secret of her feed; her own (CalDAV), and which of our appointments stand there
    async def calendar_secret(self, referent_id: int) -> str: ...
    async def new_calendar_secret(self, referent_id: int) -> str: ...
    async def referent_by_calendar(self, secret: str) -> int | None: ...
    async def calendar_account(self, referent_id: int) -> CalendarAccount | None: ...
    async def save_calendar(self, referent_id: int, account: CalendarAccount) -> None: ...
    async def forget_calendar(self, referent_id: int) -> None: ...
    async def calendar_state(self, referent_id: int) -> CalendarState | None: ...
    async def calendar_answered(self, referent_id: int, now: datetime) -> None: ...
    async def calendar_failed(self, referent_id: int, error: str, now: datetime) -> None: ...
    async def replace_busy(
        self, referent_id: int, stretches: Sequence[tuple[datetime, datetime]]
    ) -> None: ...
    async def to_write(
        self, referent_id: int, now: datetime, until: datetime
    ) -> Sequence[tuple[int, str]]: ...
    async def to_remove(self, referent_id: int) -> Sequence[Written]: ...
    async def note_event(self, referent_id: int, appointment_id: int, sequence: int, etag: str) -> None: ...
    async def forget_event(self, referent_id: int, appointment_id: int) -> None: ...

    # what she is told without having asked: add_notice gives None when this key is already there
    async def add_notice(
        self, key: str, conversation_id: int, kind: str, values: Mapping[str, Any], now: datetime
    ) -> int | None: ...
    async def noticed(self, key: str, since: datetime) -> bool: ...
    async def pending_notices(self, conversation_id: int) -> Sequence[int]: ...
    async def notice(self, notice_id: int) -> Notice | None: ...
    async def notice_is_ready(self, notice_id: int, now: datetime) -> None: ...
    async def next_notice(self, conversation_id: int) -> Notice | None: ...
    async def close_notice(self, notice_id: int, now: datetime) -> bool: ...

    # a referent who answers herself
    async def take_over(self, conversation_id: int, referent_id: int | None, now: datetime) -> None: ...

    # the workspace: add_sign_in gives False when she has had enough links lately
    async def add_sign_in(self, referent_id: int, token: str, now: datetime) -> bool: ...

    # local services
    async def replace_services(self, services: Sequence[Service]) -> None: ...

    # work: one job a kind and subject
    async def arm(self, kind: str, subject: int, due_at: datetime) -> int: ...
    async def claim(self, job_id: int, now: datetime, owner: str) -> Job | None: ...
    async def renew(self, claimed: Job, owner: str) -> bool: ...
    async def finish(self, claimed: Job, owner: str) -> bool: ...
    async def postpone(self, claimed: Job, owner: str, due_at: datetime) -> None: ...
    async def due(self, now: datetime, limit: int) -> Sequence[int]: ...
