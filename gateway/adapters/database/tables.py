"""The tables. Columns named `*_sealed` are encrypted, `*_index` are keyed hashes.

conversation   one person on one channel, and where she stands
message        what came in and what went out, each once
job            work to be done, one row a kind and subject, claimed with a lease
opt_out        STOP, with its date and where it came from
callback       who asked for a person, urgent first
mail           mails to referents, each once
referent, beneficiary   people, as imported
early_status   a delivery report that came before we knew the carrier's number
obstacle       what she told her referent, sealed whole: its kind alone may speak of her health
consent        when she agreed to tell it, how, and when she took it back
question       what the assistant could not answer, for the content team; linked to nobody
service        a local service that can help, as imported from data·inclusion; public
opening, absence        when a referent receives; time slots are computed from them, never stored
appointment    who sees whom, when, where, and what became of it
occupied       the five-minute cells that appointments take: its key keeps two from overlapping
hold           what was just offered to somebody: others are offered it last
waiting        who waits for a place
calendar, event, busy   a referent's own calendar (CalDAV): its address, what we wrote there, when she is busy
notice         something to tell her that she did not ask for, said in a turn of its own
follow_up      what stays open until it is done: an invitation, an obstacle, a declaration, a contract, a talk
nudge          a reminder or a nudge: planned, said once, or why it was not; and what it brought
campaign       a message of a referent to many of her people
pace           when the next unasked message may leave, for each of our numbers
sign_in, session, access   the workspace: links by mail, who is signed in, who looked at whom
refusal        a number whose owner was forgotten, and what must still not be written there: its keyed index alone
leftover       what the carrier or Rasa still has of somebody forgotten, until they have forgotten it too
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware and UTC on both sides; SQLite would give naive times back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


referent = Table(
    "referent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email_index", String(64), nullable=False, unique=True),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("phone_sealed", LargeBinary),
    Column("structure", String(200), nullable=False, default=""),
    Column("communes", JSON, nullable=False, default=list),
    Column("leads", Boolean, nullable=False, default=False),  # sees the people of her whole structure
    Column("calendar_index", String(64), unique=True, index=True),  # of the secret in her calendar's address
    Column("calendar_sealed", LargeBinary),
    Column("external_id", String(64), nullable=False, default="", index=True),  # in RDV Service Public
    Column("idle_since", UtcDateTime),  # nothing shows that she still works here, since that look
)

beneficiary = Table(
    "beneficiary",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("phone_index", String(64), nullable=False, unique=True),
    Column("phone_sealed", LargeBinary, nullable=False),
    Column("first_name_sealed", LargeBinary),
    Column("language", String(8), nullable=False, default=""),
    Column("postal_code", String(10), nullable=False, default=""),
    Column("commune", String(100), nullable=False, default=""),
    Column("audience", JSON, nullable=False, default=list),
    Column("referent_id", ForeignKey("referent.id"), index=True),
    Column("external_id", String(64), nullable=False, default="", index=True),  # in RDV Service Public
    Column("no_number_since", UtcDateTime),  # hers was taken away: nobody can write to her
)

conversation = Table(
    "conversation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("channel", String(8), nullable=False),
    Column("address_index", String(64), nullable=False),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("pseudonym", String(32), nullable=False, unique=True),
    Column("language", String(8), nullable=False, default=""),
    Column("language_sure", Boolean, nullable=False, default=False),
    Column("state_sealed", LargeBinary),
    Column("reminded_on", String(10), nullable=False, default=""),
    Column("number_error", Integer),
    Column("unbound", Boolean, nullable=False, default=False),  # "this is not me": the number is nobody's
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_turn_at", UtcDateTime),
    # A referent answers herself, the robot is silent. No foreign key here and below: SQLite could add such a
    # column only by making the table anew, which its own foreign keys forbid.
    Column("taken_by", Integer),
    Column("taken_at", UtcDateTime),
    Column("warned_at", UtcDateTime),  # who follows her was told that she will be erased, if nothing is heard
    Column("nudge_hour", Integer),  # the hour at which she wants what she did not ask for
    UniqueConstraint("channel", "address_index"),
)

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("direction", String(3), nullable=False),  # in: from her; out: to her
    Column("sid", String(64), unique=True),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # in
    Column("media", Integer, nullable=False, default=0),
    Column("carrier_stop", String(8), nullable=False, default=""),
    Column("answered_at", UtcDateTime),
    # out
    Column("in_reply_to", ForeignKey("message.id")),
    Column("status", String(16), nullable=False, default="received"),
    Column("error_code", Integer),
    Column("unsure", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent_at", UtcDateTime),
    Column("segments", Integer, nullable=False, default=0),
    Column("encoding", String(8), nullable=False, default=""),
    Column("responses", JSON, nullable=False, default=list),
    Column("written_by", Integer),  # the referent whose own words these are
    Column("personal", Boolean, nullable=False, default=False),  # health, justice: hidden, then erased
    Column("erased_at", UtcDateTime),  # its text was kept long enough
    Index("ix_message_conversation_status", "conversation_id", "direction", "status"),
    Index("ix_message_created", "created_at"),  # what happened lately
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("subject", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(8), nullable=False, default="ready"),  # ready, running, done
    Column("owner", String(40), nullable=False, default=""),
    Column("lease_until", Float, nullable=False, default=0.0),  # real seconds: the simulator's clock may jump
    Column("attempts", Integer, nullable=False, default=0),
    Column("rearmed", Integer, nullable=False, default=0),
    Column("payload", JSON, nullable=False, default=dict),
    UniqueConstraint("kind", "subject"),
    Index("ix_job_state_due", "state", "due_at"),
)

opt_out = Table(
    "opt_out",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("topic", String(32), nullable=False, default="all"),
    Column("source", String(16), nullable=False),  # message, carrier
    Column("at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

callback = Table(
    "callback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, unique=True),
    Column("reason", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Integer),  # the referent who dealt with it
)

mail = Table(
    "mail",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("to_sealed", LargeBinary, nullable=False),
    Column("template", String(32), nullable=False),
    Column("values_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("erased_at", UtcDateTime),  # its values were kept long enough
)

early_status = Table(
    "early_status",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sid", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("error_code", Integer),
    Column("at", UtcDateTime, nullable=False),
)

obstacle = Table(
    "obstacle",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("kind_index", String(64), nullable=False),  # keyed: finds the kind again, without naming it
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("conversation_id", "kind_index"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("subject_index", String(64), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Column("channel", String(8), nullable=False),
    Column("version", String(16), nullable=False),  # of the words she agreed to
    Column("withdrawn_at", UtcDateTime),
)

question = Table(
    "question",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # asked_again, out_of_scope, refused_answer
    Column("language", String(8), nullable=False),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("candidates", JSON, nullable=False, default=list),
    Column("day", Date, nullable=False, index=True),  # no hour: it would lead to the message
    Column("intent", String(80), nullable=False, default=""),
    Column("exported_on", Date),
)

service = Table(
    "service",
    metadata,
    Column("id", String(200), primary_key=True),  # data·inclusion's own
    Column("name", String(150), nullable=False),
    Column("structure", String(150), nullable=False, default=""),
    Column("thematiques", JSON, nullable=False, default=list),
    Column("phone", String(32), nullable=False, default=""),  # as people read it
    Column("hours", Text, nullable=False, default=""),  # OSM opening hours
    Column("commune", String(5), nullable=False, default=""),  # INSEE code
    Column("address", Text, nullable=False, default=""),
    Column("zones", JSON, nullable=False, default=list),
    Column("remote", Boolean, nullable=False, default=False),
    Column("in_person", Boolean, nullable=False, default=True),
    Column("by_users", Boolean, nullable=False, default=True),
    Column("updated_on", Date, nullable=False),
    Column("fictional", Boolean, nullable=False, default=False),
)

opening = Table(
    "opening",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column("day", Date, nullable=False),
    Column("start", Time, nullable=False),  # wall clock of the referent
    Column("end", Time, nullable=False),
    Column("slot_minutes", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("place", String(200), nullable=False, default=""),
    Column("weekly", Boolean, nullable=False, default=False),
    Column("until", Date),
    Column("exceptions", JSON, nullable=False, default=list),  # ISO dates
    Column("notice_hours", Integer, nullable=False),
    Column("horizon_days", Integer, nullable=False),
    UniqueConstraint("referent_id", "day", "start", "end", "weekly"),
)

absence = Table(
    "absence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("substitute_id", ForeignKey("referent.id")),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("beneficiary_id", ForeignKey("beneficiary.id")),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("place", String(200), nullable=False, default=""),
    Column("status", String(16), nullable=False),
    Column("uid", String(64), nullable=False, unique=True),
    Column("sequence", Integer, nullable=False, default=0),
    Column("source", String(32), nullable=False, default=""),
    Column("external_id", String(64), nullable=False, default=""),
    Column("url_sealed", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index("ix_appointment_referent_starts", "referent_id", "starts_at"),
    Index("ix_appointment_source_external", "source", "external_id"),
)

occupied = Table(
    "occupied",
    metadata,
    Column("referent_id", ForeignKey("referent.id"), primary_key=True),
    Column("cell", Integer, primary_key=True),
    Column("appointment_id", ForeignKey("appointment.id"), nullable=False, index=True),
)

hold = Table(
    "hold",
    metadata,
    Column("referent_id", ForeignKey("referent.id"), primary_key=True),
    Column("starts_at", UtcDateTime, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), primary_key=True, index=True),
    Column("until", UtcDateTime, nullable=False),
)

waiting = Table(
    "waiting",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, unique=True),
    Column("referents", JSON, nullable=False),  # ids: any of them will do
    Column("since", UtcDateTime, nullable=False),
)

calendar = Table(
    "calendar",
    metadata,
    Column("referent_id", ForeignKey("referent.id"), primary_key=True),
    Column("url_sealed", LargeBinary, nullable=False),
    Column("username_sealed", LargeBinary, nullable=False),
    Column("password_sealed", LargeBinary, nullable=False),
    Column("read_at", UtcDateTime),  # the last time that it answered
    Column("error", String(64), nullable=False, default=""),  # a CalendarError's name; shown to the referent
    Column("failed_at", UtcDateTime),
)

event = Table(
    "event",
    metadata,
    Column("appointment_id", ForeignKey("appointment.id"), primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), primary_key=True),
    Column("sequence", Integer, nullable=False),  # of the appointment, as written there
    Column("etag", String(200), nullable=False, default=""),
)

busy = Table(
    "busy",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(80), nullable=False, unique=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("kind", String(24), nullable=False),
    Column("values_sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ready_at", UtcDateTime),  # its hour has come: the next turn says it
    Column("done_at", UtcDateTime),
)

follow_up = Table(
    "follow_up",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),  # keyed where it could speak of her health
    Column("about", String(16), nullable=False),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("beneficiary_id", Integer),
    Column("values_sealed", LargeBinary, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due_on", Date),
    Column("closed_at", UtcDateTime),
    Column("outcome", String(16), nullable=False, default=""),
)

nudge = Table(
    "nudge",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("about", String(16), nullable=False),
    Column("matter_id", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("beneficiary_id", Integer),
    Column("step", Integer, nullable=False),
    Column("capped", Boolean, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # moved on when it must wait
    Column("planned_at", UtcDateTime, nullable=False),  # the due_at that it was born with
    Column("state", String(8), nullable=False, default="planned"),  # planned, said, ended, control, told
    Column("why", String(24), nullable=False, default=""),  # a Why: what kept it from being said
    Column("message_id", Integer, index=True),
    Column("said_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("acted_at", UtcDateTime),
    Column("stopped_at", UtcDateTime),  # she opted out after it
    Index("ix_nudge_state_due", "state", "due_at"),
    Index("ix_nudge_next", "state", "capped", "due_at"),
    Index("ix_nudge_matter", "about", "matter_id"),
    Index("ix_nudge_conversation_said", "conversation_id", "said_at"),
)

campaign = Table(
    "campaign",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column(
        "token", String(32), nullable=False, unique=True
    ),  # names it in addresses; a form sent twice is one campaign
    Column("response", String(80), nullable=False, default=""),
    Column("text_sealed", LargeBinary),  # her own words, when it is no response
    Column("filters", JSON, nullable=False, default=dict),
    Column("people", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime),
    Column("stopped_by", Integer),
)

pace = Table(
    "pace",
    metadata,
    Column("sender", String(64), primary_key=True),
    Column("free_at", Float, nullable=False),  # real seconds
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_index", String(64), nullable=False, unique=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

session = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_index", String(64), nullable=False, unique=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("id_token_sealed", LargeBinary),  # ProConnect's, for its logout
)

access = Table(
    "access",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("referent_id", ForeignKey("referent.id"), nullable=False),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", String(32), nullable=False),  # read, write, take_over, status…
)

refusal = Table(
    "refusal",
    metadata,
    Column("address_index", String(64), primary_key=True),
    Column("topic", String(32), primary_key=True),  # of opt_out; or "not_hers": this number denied a person
)

leftover = Table(
    "leftover",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", String(16), nullable=False),  # carrier, assistant
    Column("name", String(64), nullable=False),  # the carrier's number of a message, a pseudonym of Rasa
    Column("since", UtcDateTime, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
)
