"""What is held about a person, as a copy for her, and forgetting her. The edge commits, then rings.

Forgetting: her appointments to come are cancelled and who expects her is told; all that is hers is deleted; what the
carrier and Rasa have of it is asked back from them by the job `elsewhere`; the last words, and then her number, go by
the job `vanish`. Past appointments are deleted too: an hour, a place and a referent would tell who came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.domain.appointment import Status
from gateway.domain.conversation import Channel, Conversation
from gateway.domain.people import Beneficiary
from gateway.domain.privacy import GOODBYE, LAST_WORDS, PAGE_STAYS, Held
from gateway.ports import Transaction
from gateway.usecases.booking import tell_referents

# What the copy calls what we hold.
_FRENCH = {
    "person": "personne", "conversation": "conversation", "messages": "messages", "appointments": "rendez_vous",
    "obstacles": "difficultes_partagees", "consents": "accords", "opt_outs": "desinscriptions",
    "nudges": "rappels_et_relances", "follow_ups": "suivis", "callbacks": "demandes_de_rappel",
    "notices": "avis", "waiting": "liste_d_attente", "accesses": "consultations_de_la_page",
    "first_name": "prenom", "phone": "telephone", "language": "langue", "postal_code": "code_postal",
    "commune": "commune", "audience": "public", "external_id": "numero_rdv_service_public", "referent": "referent",
    "created_at": "le", "last_turn_at": "dernier_message_le", "nudge_hour": "heure_choisie", "direction": "de",
    "status": "etat", "text": "texte", "erased": "texte_efface", "written_by": "ecrit_par",
    "starts_at": "debut", "ends_at": "fin", "kind": "sorte", "place": "lieu", "source": "origine",
    "severity": "gravite", "answers": "reponses", "on": "le", "channel": "canal", "version": "version_du_texte",
    "proposed": "aides_proposees", "chosen": "aides_regardees", "purpose": "pour", "subject_index": "au_sujet_de",
    "given_at": "donne_le", "withdrawn_at": "retire_le", "topic": "sujet", "at": "le", "ended_at": "termine_le",
    "planned_at": "prevu_le", "state": "etat", "why": "raison", "said_at": "dit_le", "answered_at": "repondu_le",
    "acted_at": "fait_le", "about": "sujet", "opened_at": "ouvert_le", "due_on": "pour_le", "closed_at": "clos_le",
    "outcome": "issue", "reason": "raison", "done_at": "dit_le", "since": "depuis", "action": "geste", "by": "par",
}  # fmt: skip
_FROM = {"in": "la personne", "out": "le service"}


class NoRecords:
    """Nothing is counted: for who answers without a database."""

    async def held(self, who: Conversation, now: datetime) -> Held:
        return Held(obstacles=len(who.shared))


NO_RECORDS = NoRecords()


@dataclass(frozen=True)
class Forgotten:
    """`jobs`: to ring. `cancelled`: appointments; `elsewhere`: others, that RDV Service Public keeps. `gone` False: something leaves first."""

    jobs: Sequence[int]
    cancelled: int = 0
    elsewhere: int = 0
    gone: bool = True


async def copy_of(tx: Transaction, phone: str, now: datetime) -> dict[str, Any] | None:
    """All that is held at this number, as JSON values; None when nothing is."""
    known = await tx.known_at(phone, now)
    if known is None:
        return None
    who = await tx.conversation(known, now)
    rows = await tx.held_rows(who)
    return {"copie_du": now.isoformat(), **{_FRENCH[name]: _in_french(rows[name]) for name in rows}}


def _in_french(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            named = {_FRENCH.get(str(name), str(name)): _in_french(one) for name, one in value.items()}
            return {**named, "de": _FROM[value["direction"]]} if "direction" in value else named
        case list() | tuple():
            return [_in_french(one) for one in value]
    return value


async def forget(tx: Transaction, who: Conversation, now: datetime, answering: int = 0) -> Forgotten:
    """`answering`: her message, when she asks for it herself."""
    jobs, cancelled, elsewhere = list[int](), 0, 0
    for theirs in await tx.upcoming(who.id, now):
        if not theirs.ours:
            elsewhere += 1
        elif after := await tx.set_status(theirs.id, theirs.sequence, Status.EXCUSED, now):
            jobs += await tell_referents(tx, after, "cancelled", now)
            cancelled += 1
    await tx.erase(who, now, answering)
    await tx.arm("elsewhere", 0, now)  # nobody waits for it: the sweep comes by
    return Forgotten(jobs, cancelled, elsewhere)


async def forget_at_her_word(
    tx: Transaction, who: Conversation, message_id: int, last_words: str, now: datetime
) -> list[int]:
    """In the transaction of her turn. The last words leave, then vanish too."""
    done = await forget(tx, who, now, message_id)
    await tx.add_outbound(who, message_id, last_words, [GOODBYE], now)
    if who.channel is Channel.WEB:
        return [*done.jobs, await tx.arm("vanish", who.id, now + PAGE_STAYS)]
    deliver = await tx.arm("deliver", who.id, now)
    return [*done.jobs, deliver, await tx.arm("vanish", who.id, now + LAST_WORDS)]


async def forget_number(tx: Transaction, phone: str, now: datetime) -> Forgotten | None:
    """Without a word to her. None: nothing is held about this number."""
    known = await tx.known_at(phone, now)
    return None if known is None else await forget_conversation(tx, known, now)


async def forget_conversation(tx: Transaction, conversation_id: int, now: datetime) -> Forgotten:
    done = await forget(tx, await tx.conversation(conversation_id, now), now)
    if await tx.vanish(conversation_id, now):
        return done
    later = await tx.arm("vanish", conversation_id, now + LAST_WORDS)
    return Forgotten([*done.jobs, later], done.cancelled, done.elsewhere, gone=False)


def known_of(person: Beneficiary | None) -> Mapping[str, str]:
    """What an import told of her, that she may be told: nothing where the number is bound to nobody."""
    if person is None:
        return {}
    return {name: said for name, said in (("name", person.first_name), ("place", person.commune)) if said}
