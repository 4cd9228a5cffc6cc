"""What nudges are about, as it stands now: the trigger of each is one function here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from gateway.domain.appointment import Appointment, Status
from gateway.domain.campaign import Campaign
from gateway.domain.nudge import About, FollowUp, Kinds, Matter
from gateway.domain.obstacle import Obstacles
from gateway.domain.quiet import QuietHours
from gateway.domain.time_zone import zone_of
from gateway.ports import Transaction

MatterKey = tuple[str, int]  # about, id


@dataclass(frozen=True)
class NudgeRules:
    """What the département decides: which kinds, when nobody is written to, what share is left without, to compare."""

    kinds: Kinds
    quiet: QuietHours
    obstacles: Obstacles
    control_share: float = 0.0

    @classmethod
    def none(cls) -> "NudgeRules":
        """No nudge of any kind; still nothing at night."""
        return cls({}, QuietHours.read("20:00-08:00", ZoneInfo("Europe/Paris")), Obstacles())

    @property
    def zone(self) -> ZoneInfo:
        return self.quiet.zone

    def quiet_for(self, postal_code: str) -> QuietHours:
        return self.quiet.at_home(zone_of(postal_code, self.zone))


async def matters(
    tx: Transaction, wanted: Iterable[MatterKey], rules: NudgeRules
) -> Mapping[MatterKey, Matter]:
    """Those that still exist."""
    by_table: dict[str, set[int]] = {}
    for about, id_ in wanted:
        table = about if about in (About.APPOINTMENT, About.CAMPAIGN) else "follow_up"
        by_table.setdefault(table, set()).add(id_)
    found = [about_appointment(a) for a in await tx.appointments(sorted(by_table.get(About.APPOINTMENT, ())))]
    found += [about_follow_up(f, rules) for f in await tx.follow_ups(sorted(by_table.get("follow_up", ())))]
    found += [about_campaign(c) for c in await tx.campaigns(sorted(by_table.get(About.CAMPAIGN, ())))]
    return {(matter.about, matter.id): matter for matter in found}


def about_appointment(theirs: Appointment) -> Matter:
    """Its version is its time: reminders of another time are void, a change of status alone repeats nothing.

    Open whatever its status: each kind says by `only` for which it is.
    """
    opened = theirs.created_at or theirs.starts_at
    return Matter(
        About.APPOINTMENT, theirs.id, theirs.conversation_id, theirs.beneficiary_id,
        moments={"opened_at": opened, "starts_at": theirs.starts_at, "ends_at": theirs.ends_at},
        version=int(theirs.starts_at.timestamp()),
        open=theirs.status not in (Status.EXCUSED, Status.REVOKED),
        facts={"status": theirs.status.value, "kind": theirs.kind.value, "ours": "yes" if theirs.ours else "no"},
        values={
            "when": theirs.starts_at.isoformat(), "referent": theirs.referent_first_name,
            "appointment": theirs.id, "_appointment": theirs,
        },
    )  # fmt: skip


def about_follow_up(one: FollowUp, rules: NudgeRules, zone: ZoneInfo | None = None) -> Matter:
    """`zone`: of her clock; that of the département when nobody asks for the hour."""
    moments = {"opened_at": one.opened_at}
    if one.due_on:  # the beginning of that day
        midnight = datetime.combine(one.due_on, time.min, zone or rules.zone)
        moments["due_on"] = midnight.astimezone(one.opened_at.tzinfo)
    facts, values = _details(one, rules)
    return Matter(
        one.about, one.id, one.conversation_id, one.beneficiary_id, moments, one.version,
        open=one.closed_at is None, facts=facts, values={**values, "follow_up": one.id},
    )  # fmt: skip


def _details(one: FollowUp, rules: NudgeRules) -> tuple[Mapping[str, str], Mapping[str, object]]:
    """Facts that a kind may ask for by `only`, and the values of its placeholders."""
    known: Mapping[str, Callable[[FollowUp, NudgeRules], tuple[Mapping[str, str], Mapping[str, object]]]] = {
        About.OBSTACLE: _obstacle,
        About.INVITATION: _invitation,
    }
    return known[one.about](one, rules) if one.about in known else ({}, dict(one.values))


def _obstacle(one: FollowUp, rules: NudgeRules) -> tuple[Mapping[str, str], Mapping[str, object]]:
    kind = rules.obstacles.kinds.get(str(one.values.get("kind", "")))
    if kind is None:
        return {"sensitive": "yes", "discreet": "yes"}, {}
    hidden = kind.sensitive or kind.discreet
    facts = {
        "kind": kind.id,
        "sensitive": "yes" if kind.sensitive else "no",
        "discreet": "yes" if hidden else "no",
    }
    return facts, {} if hidden else {"topic": kind.says}


def _invitation(one: FollowUp, _rules: NudgeRules) -> tuple[Mapping[str, str], Mapping[str, object]]:
    return {"why": str(one.values.get("why", ""))}, dict(one.values)


def about_campaign(one: Campaign) -> Matter:
    """The conversation is that of each nudge: a campaign is about nobody."""
    return Matter(
        About.CAMPAIGN, one.id, 0, None,
        moments={"opened_at": one.created_at, "starts_at": one.starts_at},
        open=one.stopped_at is None,
        values={"_campaign": one},
    )  # fmt: skip
