"""The ports, with visible lists: what was asked, said, sent, kept."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Channel, Conversation, Inbound, Outcome, Reply, State
from gateway.domain.keywords import Vocabularies, Vocabulary
from gateway.domain.menu import Choice, numbered
from gateway.domain.nudge import FollowUp
from gateway.domain.obstacle import SharedObstacle
from gateway.domain.people import Beneficiary, CallbackRequest, Referent
from gateway.domain.questions import Exchange, KeptQuestion
from gateway.domain.safety import Lexicon
from gateway.errors import AssistantSilent
from gateway.ports import Mail, Outbound, Question, Rendered

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
AMINA_PHONE, KARIM_PHONE = "+33639980001", "+33639980002"
CLAIRE = Referent("claire.moreau@example.org", "Claire Moreau", id=1)
AMINA = Beneficiary(AMINA_PHONE, "Amina", "fr", "79000", "Niort", id=1)
TEAM = "equipe@example.org"

FRENCH = Vocabulary.of(
    "fr",
    {
        "ask_for": ["français"],
        "hello": ["bonjour"],
        "polite": ["svp", "merci", "bonjour"],
        "yes": ["oui", "ok"],
        "no": ["non"],
        "digits": {2: ["deux"], 0: ["zéro"]},
        "keywords": {
            "STOP": ["arrêt"], "START": ["reprendre"], "MENU": [], "AIDE": [], "RDV": [],
            "LANGUE": [], "PLUS": ["suite"], "SIMPLE": [], "SOURCE": [], "RETOUR": [],
            "PERSONNE": ["appelez moi"],
        },
    },
)  # fmt: skip
ENGLISH = Vocabulary.of("en", {"ask_for": ["english"], "hello": ["hello"], "digits": {2: ["two"]}})
DANGER = Lexicon.of({"suicide": ["veux mourir"], "roof": ["dors dehors"]}, ["mourir de rire"])

MENUS = {
    "utter_menu/main": [("RSA", "/menu/rsa"), ("Arrêter", "STOP"), ("Quelqu'un", "/talk_to_human")],
    "utter_stop": [("Oui, arrêter", "STOP"), ("Non, continuer", "/menu/main")],
}
LABELS = {
    "faq/rsa_amount": "Montant du RSA",
    "faq/food_aid": "Aide alimentaire",
    "talk_to_human": "Quelqu'un",
}


@dataclass
class FakeWords:
    """A response is rendered as its name; `long` ones are cut in two."""

    vocabularies: Vocabularies = Vocabularies((FRENCH, ENGLISH))  # noqa: RUF009 read only
    lexicons: Sequence[Lexicon] = (DANGER,)
    metadata: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    simple: set[str] = field(default_factory=set)
    long: set[str] = field(default_factory=set)

    def has(self, response: str) -> bool:
        return response in self.simple

    def label(self, intent: str, language: str) -> str:
        return LABELS.get(intent, "")

    def sourced(self, response: str, today: str = "") -> Mapping[str, Any]:
        return self.metadata.get(response, {})

    def campaign_messages(self) -> Sequence[tuple[str, str]]:
        return ()

    def language_choices(self) -> Sequence[tuple[str, str]]:
        return [("fr", "Français"), ("en", "English")]

    def render(self, replies: Sequence[Reply], language: str, channel: Channel, today: str) -> Rendered:
        text = " + ".join(f"{language}:{r.response}" for r in replies)
        menu: tuple[Choice, ...] = ()
        for reply in replies:
            menu = self._menu(reply) or menu
        if any(r.response in self.long for r in replies):
            return Rendered(f"{text} (1)", numbered([("la suite", "PLUS")]), "the rest", menu)
        return Rendered(text, menu)

    def rest(self, text: str, menu: tuple[Choice, ...], language: str, channel: Channel) -> Rendered:
        return Rendered(f"{language}:{text}", menu)

    def _menu(self, reply: Reply) -> tuple[Choice, ...]:
        if reply.values.get("languages"):
            names = [Choice(str(i), n, f"LANGUE {c}") for i, (c, n) in enumerate(self.language_choices(), 1)]
            return (*names, Choice("8", "Autre", "LANGUE other"))
        if shown := reply.values.get("choices"):
            return tuple(Choice(*c) for c in shown)
        if meanings := reply.values.get("meanings"):
            return numbered((LABELS[m], f"/{m}") for m in meanings)
        if lines := reply.values.get("lines"):
            return numbered((line[0], line[1]) for line in lines)
        return numbered(MENUS.get(reply.response, ()))


@dataclass
class FakeAssistant:
    """Says what `says` holds for a text or a payload; silent where it holds nothing."""

    says: dict[str, Sequence[Reply]] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    meanings: dict[str, str] = field(default_factory=dict)
    otherwise: Sequence[Reply] = ()

    async def answer(self, question: Question) -> Sequence[Reply]:
        self.asked.append(question)
        replies = self.says.get(question.payload or question.text, self.otherwise)
        if not replies:
            raise AssistantSilent("silent")
        return replies

    async def meaning(self, text: str) -> str:
        return self.meanings.get(text, "")

    async def forget(self, pseudonym: str) -> None:
        self.forgotten.append(pseudonym)


@dataclass
class FakeGuesser:
    scores: dict[str, tuple[str, float]] = field(default_factory=dict)

    def guess(self, text: str) -> tuple[str, float]:
        return self.scores.get(text, ("fr", 0.9))


@dataclass
class FakeCarrier:
    """Fails as `failures` say, in order, then sends. `sent`: (number, text)."""

    failures: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    looked: list[tuple[str, str, datetime]] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    not_yet: dict[str, Exception] = field(
        default_factory=dict
    )  # the carrier's number → why it is not forgotten

    async def redact(self, sid: str) -> None:
        if sid in self.not_yet:
            raise self.not_yet[sid]
        self.redacted.append(sid)

    async def send(self, to: str, text: str) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((to, text))
        return f"SM{len(self.sent)}"

    async def find_recent(self, to: str, text: str, since: datetime) -> Sequence[str]:
        self.looked.append((to, text, since))
        return self.already


@dataclass
class FakeMailer:
    failures: list[Exception] = field(default_factory=list)
    sent: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(mail)


@dataclass
class FakeClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def conversation(**changes: Any) -> Conversation:
    """A person who has been welcomed and writes French, unless told otherwise."""
    known = Conversation(
        id=1, channel=Channel.SMS, address=AMINA_PHONE, pseudonym="p1", language="fr", language_sure=True,
        state=State(welcomed=True),
    )  # fmt: skip
    return replace(known, **changes)


def newcomer(**changes: Any) -> Conversation:
    return conversation(**{"language": "", "language_sure": False, "state": State(), **changes})


@dataclass
class FakeStore:
    """Both the store and its transaction; what a failed block did is undone."""

    conversations: dict[int, Conversation] = field(default_factory=dict)
    inbound: list[tuple[int, Inbound]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    outbound: list[dict[str, Any]] = field(default_factory=list)
    turns: list[Outcome] = field(default_factory=list)
    stopped: list[tuple[int, str]] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    failing: dict[int, int | None] = field(default_factory=dict)
    early: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    callbacks: list[CallbackRequest] = field(default_factory=list)
    mails: dict[str, Mail] = field(default_factory=dict)
    referents: dict[str, Referent] = field(default_factory=dict)
    beneficiaries: dict[str, tuple[Beneficiary, str]] = field(default_factory=dict)
    jobs: list[tuple[str, int, datetime]] = field(default_factory=list)
    questions: list[KeptQuestion] = field(default_factory=list)
    shared: dict[tuple[int, str], SharedObstacle] = field(default_factory=dict)
    erased: list[int] = field(default_factory=list)
    unbound: list[int] = field(default_factory=list)
    followed: dict[str, FollowUp] = field(default_factory=dict)
    nudges_answered: list[int] = field(default_factory=list)
    nudges_ended: list[int] = field(default_factory=list)
    acted: list[tuple[str, int]] = field(default_factory=list)
    forgotten_plans: list[tuple[str, int]] = field(default_factory=list)
    ended_plans: list[tuple[int, str]] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["FakeStore"]:
        before = copy.deepcopy(self.__dict__)
        try:
            yield self
        except BaseException:
            self.__dict__.update(before)
            raise

    async def arm(self, kind: str, subject: int, due_at: datetime) -> int:
        self.jobs.append((kind, subject, due_at))
        return len(self.jobs)

    # conversations

    async def conversation_at(self, channel: Channel, address: str, now: datetime, language: str = "") -> int:
        for known in self.conversations.values():
            if (known.channel, known.address) == (channel, address):
                return known.id
        new = len(self.conversations) + 1
        self.conversations[new] = newcomer(id=new, channel=channel, address=address, language=language)
        return new

    async def conversation(self, conversation_id: int, now: datetime) -> Conversation:
        return self.conversations[conversation_id]

    async def shared_obstacles(self, conversation_id: int) -> Sequence[SharedObstacle]:
        return [s for (c, _), s in self.shared.items() if c == conversation_id]

    async def share_obstacle(self, conversation_id: int, shared: SharedObstacle, now: datetime) -> None:
        self.shared[conversation_id, shared.kind] = shared

    async def withdraw_obstacle(self, conversation_id: int, kind: str, now: datetime) -> None:
        self.shared.pop((conversation_id, kind), None)

    async def unbind(self, conversation_id: int) -> None:
        self.unbound.append(conversation_id)

    async def wait_no_more(self, conversation_id: int) -> None:
        pass

    async def save_state(self, conversation_id: int, state: State) -> None:
        self.conversations[conversation_id] = replace(self.conversations[conversation_id], state=state)

    async def erase_personal(self, conversation_id: int) -> bool:
        self.erased.append(conversation_id)
        return any(row["status"] == "queued" for row in self.outbound)

    async def save_turn(self, before: Conversation, outcome: Outcome, now: datetime) -> None:
        self.turns.append(outcome)

    async def nudge_answered(self, nudge_id: int, now: datetime) -> None:
        self.nudges_answered.append(nudge_id)

    async def nudges_stopped(self, conversation_id: int, now: datetime) -> None:
        self.nudges_ended.append(conversation_id)

    async def nudges_acted(self, about: str, matter_id: int, now: datetime) -> None:
        self.acted.append((about, matter_id))

    async def forget_planned(self, about: str, matter_id: int, but_version: int | None = None) -> None:
        self.forgotten_plans.append((about, matter_id))

    async def end_all_planned(self, conversation_id: int, why: str, now: datetime) -> None:
        self.ended_plans.append((conversation_id, why))

    async def open_follow_up(self, key: str, new: FollowUp) -> int:
        known = self.followed.get(key)
        self.followed[key] = replace(new, id=known.id if known else len(self.followed) + 1)
        return self.followed[key].id

    async def follow_ups(self, ids: Sequence[int]) -> Sequence[FollowUp]:
        return [one for one in self.followed.values() if one.id in ids]

    async def open_follow_ups(self, conversation_id: int, about: str = "") -> Sequence[FollowUp]:
        return [
            one for one in self.followed.values()
            if one.conversation_id == conversation_id and not one.closed_at and about in ("", one.about)
        ]  # fmt: skip

    async def close_follow_up(self, follow_up_id: int, outcome: str, now: datetime) -> bool:
        for key, one in self.followed.items():
            if one.id == follow_up_id and not one.closed_at:
                self.followed[key] = replace(one, closed_at=now, outcome=outcome)
                return True
        return False

    async def opt_out(self, conversation_id: int, source: str, now: datetime, topic: str = "all") -> None:
        self.stopped.append((conversation_id, source))

    async def opt_in(self, conversation_id: int, source: str, now: datetime, topic: str = "all") -> None:
        self.started.append(conversation_id)

    async def number_failed(self, conversation_id: int, code: int | None) -> bool:
        if conversation_id in self.failing:
            return False
        self.failing[conversation_id] = code
        return True

    # messages

    async def add_inbound(
        self, conversation_id: int, sid: str, text: str, media: int, carrier_stop: str, now: datetime
    ) -> int | None:
        if any(known.sid == sid for _, known in self.inbound):
            return None
        added = Inbound(len(self.inbound) + 1, sid, text, now, media, carrier_stop)
        self.inbound.append((conversation_id, added))
        return added.id

    async def next_unanswered(self, conversation_id: int) -> Inbound | None:
        waiting = [m for c, m in self.inbound if c == conversation_id and m.id not in self.answered]
        return waiting[0] if waiting else None

    async def previous_text(self, conversation_id: int, before_id: int) -> str:
        earlier = [m.text for c, m in self.inbound if c == conversation_id and m.id < before_id]
        return earlier[-1] if earlier else ""

    async def close_inbound(self, inbound_id: int, now: datetime, erase: bool = False) -> bool:
        if inbound_id in self.answered:
            return False
        if erase:
            self.erased.append(inbound_id)
        self.answered.append(inbound_id)
        return True

    async def add_outbound(
        self,
        to: Conversation,
        inbound_id: int | None,
        text: str,
        responses: Sequence[str],
        now: datetime,
        personal: bool = False,
        written_by: int | None = None,
    ) -> int:
        row = {
            "id": len(self.outbound) + 1, "to": to.address, "conversation": to.id, "text": text,
            "responses": list(responses), "status": "queued", "sid": None, "code": None, "unsure": False,
            "attempts": 0, "at": now, "in_reply_to": inbound_id,
        }  # fmt: skip
        self.outbound.append(row)
        return len(self.outbound)

    async def next_outbound(self, conversation_id: int) -> Outbound | None:
        for row in self.outbound:
            if row["conversation"] == conversation_id and row["status"] == "queued":
                return Outbound(
                    row["id"], row["to"], row["text"], row["unsure"], row["attempts"], row["at"]
                )  # fmt: skip
        return None

    def _row(self, outbound_id: int) -> dict[str, Any]:
        return self.outbound[outbound_id - 1]

    async def mark_attempt(self, outbound_id: int) -> None:
        row = self._row(outbound_id)
        row.update(unsure=True, attempts=row["attempts"] + 1)

    async def mark_refused(self, outbound_id: int) -> None:
        self._row(outbound_id).update(unsure=False)

    async def cancel_queued(self, conversation_id: int) -> None:
        for row in self.outbound:
            if row["conversation"] == conversation_id and row["status"] == "queued" and not row["unsure"]:
                row["status"] = "cancelled"

    async def mark_sent(self, outbound_id: int, sid: str, now: datetime) -> int | None:
        status, code = self.early.get(sid, ("sent", None))
        self._row(outbound_id).update(sid=sid, status=status, code=code, unsure=False)
        return code

    async def mark_failed(self, outbound_id: int, code: int | None) -> None:
        self._row(outbound_id).update(status="failed", code=code, unsure=False)

    async def unknown_sid(self, sids: Sequence[str]) -> str | None:
        known = {row["sid"] for row in self.outbound}
        return next((sid for sid in sids if sid not in known), None)

    async def carrier_status(self, sid: str, status: str, code: int | None) -> int | None:
        for row in self.outbound:
            if row["sid"] == sid:
                row.update(status=status, code=code)
                return int(row["conversation"])
        return None

    async def keep_early_status(self, sid: str, status: str, code: int | None, now: datetime) -> int:
        self.early[sid] = (status, code)
        return list(self.early).index(sid) + 1

    # questions for the content team

    async def previous_exchange(self, conversation_id: int, before_id: int) -> Exchange | None:
        earlier = [m for c, m in self.inbound if c == conversation_id and m.id < before_id]
        if not earlier:
            return None
        rows = [row for row in self.outbound if row["in_reply_to"] == earlier[-1].id]
        return Exchange(earlier[-1].text, tuple(name for row in rows for name in row["responses"]))

    async def keep_question(self, new: KeptQuestion) -> None:
        self.questions.append(new)

    # people

    async def add_callback(self, request: CallbackRequest) -> bool:
        if any(known.message_id == request.message_id for known in self.callbacks):
            return False
        self.callbacks.append(request)
        return True

    async def add_mail(
        self, key: str, to: str, template: str, values: Mapping[str, str], now: datetime
    ) -> int | None:
        if key in self.mails:
            return None
        self.mails[key] = Mail(len(self.mails) + 1, to, template, dict(values))
        return len(self.mails)

    async def save_referent(self, new: Referent) -> int:
        self.referents[new.email.lower()] = new
        return len(self.referents)

    async def referent_id(self, email: str) -> int | None:
        known = list(self.referents)
        return known.index(email.lower()) + 1 if email.lower() in known else None

    async def beneficiary_named(self, phone: str) -> str:
        known = self.beneficiaries.get(phone)
        return known[0].first_name if known else ""

    async def save_beneficiary(self, new: Beneficiary, referent_email: str) -> int:
        self.beneficiaries[new.phone] = (new, referent_email)
        return len(self.beneficiaries)
