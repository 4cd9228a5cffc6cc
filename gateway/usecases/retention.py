"""How long each thing is kept, and what then becomes of it: the one table. docs/rgpd.md says the same, and a test compares.

`days` are the defaults; those of `SETTINGS` can be changed by the département.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.conversation import Channel
from gateway.ports import Transaction
from gateway.usecases.privacy import forget_conversation

AT_ONCE = 1000  # rows of one transaction: whoever waits for an answer comes in between
PEOPLE_AT_ONCE = 20
TOLD_BEFORE = timedelta(days=30)  # who follows them is told that long before they are erased, at least
TOLD_AHEAD = timedelta(days=62)  # one mail a month: told so early, nobody is kept for longer than promised
SHOWN = 50  # people named by a link in one mail


@dataclass(frozen=True)
class Line:
    """`what`, `then` and `why` are read by people, in docs/rgpd.md."""

    id: str
    what: str
    days: int
    then: str
    why: str

    @property
    def kept(self) -> str:
        """ "3 ans", "90 jours"."""
        years, rest = divmod(self.days, 365)
        if rest:
            return f"{self.days} jour" + "s" * (self.days > 1)
        return f"{years} an" + "s" * (years > 1)


TABLE = (
    Line("messages", "Texte des messages reçus et envoyés", 365, "texte effacé, ligne gardée pour compter", "répondre, reprendre où la personne en était"),
    Line("questions", "Questions sans réponse, liées à personne", 90, "supprimées", "améliorer les réponses"),
    Line("mails", "E-mails aux référents", 90, "contenu et destinataire effacés", "savoir ce qui a été dit, renvoyer"),
    Line("callbacks", "Demandes de rappel closes", 365, "supprimées", "ne perdre aucune demande"),
    Line("appointments", "Rendez-vous passés", 730, "supprimés", "suivi, bilan avec la personne"),
    Line("notices", "Avis dits à la personne", 90, "supprimés", "ne pas dire deux fois"),
    Line("nudges", "Rappels et relances terminés", 730, "liés à personne, gardés pour compter", "mesurer ce qu'ils apportent"),
    Line("follow_ups", "Suivis clos", 730, "liés à personne, gardés pour compter", "mesurer ce qu'ils apportent"),
    Line("opt_outs", "Désinscriptions terminées (START)", 1095, "supprimées", "prouver ce qui a été demandé"),
    Line("consents", "Accords retirés", 1095, "supprimés", "prouver l'accord et son retrait"),
    Line("accesses", "Journal des consultations", 1095, "supprimé", "savoir qui a lu quoi"),
    Line("sign_ins", "Liens de connexion des référents", 90, "supprimés", "sécurité"),
    Line("sessions", "Sessions des référents", 90, "supprimées", "sécurité"),
    Line("early_statuses", "Accusés de l'opérateur en attente", 7, "supprimés", "attendre le message dont ils parlent"),
    Line("holds", "Créneaux proposés, non choisis", 1, "supprimés", "ne pas proposer à deux personnes"),
    Line("jobs", "Travaux terminés de la machine", 90, "supprimés", "suivre une panne"),
    Line("campaigns", "Texte des messages à plusieurs", 365, "texte effacé, nombres gardés", "savoir ce qui a été dit"),
    Line("external_events", "Dernières nouvelles de RDV Service Public", 730, "supprimées", "ignorer une nouvelle plus ancienne"),
    Line("pages", "Conversations de la page web, sans message", 90, "effacées", "reprendre la conversation"),
    Line("people", "Personnes sans message ni rendez-vous", 730, "effacées, un mois après un avis au référent", "ne rien garder d'inutile"),
    Line("no_numbers", "Personnes sans numéro ni rendez-vous", 730, "effacées", "les retrouver si leur numéro revient"),
    Line("referents", "Référents partis : ni personne suivie, ni connexion", 1095, "nom, mail et numéro effacés", "savoir qui a lu quoi"),
)  # fmt: skip
SETTINGS = ("messages", "questions", "mails", "callbacks", "nudges", "accesses", "people")
_AS_LONG_AS = {
    "follow_ups": "nudges",
    "campaigns": "messages",
    "no_numbers": "people",
    "referents": "accesses",
}


def days_of(line: Line, chosen: Mapping[str, int]) -> int:
    """What is followed up is kept as long as its nudges, and so on."""
    return chosen.get(_AS_LONG_AS.get(line.id, line.id), line.days)


async def erase_old(tx: Transaction, line: Line, days: int, now: datetime) -> tuple[int, bool]:
    """One transaction's worth of a line. (How many, whether more may be left)."""
    before = now - timedelta(days=days)
    if line.id == "questions":
        return await tx.forget_questions(before.date()), False
    if line.id == "pages":
        return await _forget_all(tx, await tx.quiet_people(Channel.WEB, before, PEOPLE_AT_ONCE), now)
    if line.id == "people":
        await tx.start_counting(now, AT_ONCE)
        await tx.heard_again()
        found = await tx.warned_people(before, now - TOLD_BEFORE, PEOPLE_AT_ONCE)
        return await _forget_all(tx, found, now)
    if line.id == "referents":
        await tx.look_for_referents(now)
    done = await tx.outlive(line.id, before, now, AT_ONCE)
    return done, done >= AT_ONCE


async def tell_of_quiet(tx: Transaction, days: int, team: str, now: datetime) -> list[int]:
    """Once a month: who will soon have been quiet for so long, each to who follows them. Returns the jobs to ring.

    Each is told of once, and has a month from then on, whatever the settings become.
    """
    last_heard = now + TOLD_AHEAD - timedelta(days=days)
    by_referent: dict[int, list[int]] = defaultdict(list)
    for conversation_id, referent_id in await tx.unwarned_people(last_heard):
        by_referent[referent_id or 0].append(conversation_id)
    jobs = []
    for referent_id, people in sorted(by_referent.items()):
        referent = await tx.referent(referent_id)
        shown = [(await tx.conversation(one, now)).pseudonym for one in people[:SHOWN]]
        on = (now + TOLD_BEFORE).date().isoformat()
        values = {"count": str(len(people)), "people": " ".join(shown), "on": on}
        key, to = f"quiet:{now:%Y-%m}:{referent_id}", referent.email if referent else team
        if mail_id := await tx.add_mail(key, to, "quiet", values, now):
            jobs.append(await tx.arm("mail", mail_id, now))
            await tx.warned(people, now)
    return jobs


async def _forget_all(
    tx: Transaction, found: Sequence[tuple[int, int | None]], now: datetime
) -> tuple[int, bool]:
    for conversation_id, _ in found:
        await forget_conversation(tx, conversation_id, now)
    return len(found), len(found) >= PEOPLE_AT_ONCE
