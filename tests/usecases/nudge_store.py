"""A store that keeps nudges, and a few kinds of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from gateway.domain.appointment import Appointment, Status
from gateway.domain.campaign import Campaign
from gateway.domain.nudge import NudgeKind, Planned, Topic
from gateway.domain.obstacle import ObstacleKind, Obstacles
from gateway.domain.quiet import QuietHours
from gateway.ports import DueNudge
from gateway.usecases.matters import NudgeRules
from tests.usecases.fakes import PARIS, FakeStore

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OF_APPOINTMENT = (
    ("utter_i_come_title", "keep"),
    ("utter_move_title", "move"),
    ("utter_cancel_title", "cancel"),
)
OF_OBSTACLE = (("utter_yes_title", "done"), ("utter_not_yet_title", "later"), ("utter_help_title", "help"))

MORNING = NudgeKind(
    "morning", "appointment", "starts_at", at=time(8), only={"status": frozenset({"booked"})},
    useless_at="starts_at", topic=Topic.REMINDER, capped=False, control=False, lines=OF_APPOINTMENT, shows="meeting",
)  # fmt: skip
TWO_DAYS = replace(MORNING, id="two_days", wait=-2 * DAY, at=time(10), since=DAY)
AFTERWARDS = NudgeKind(
    "afterwards", "appointment", "ends_at", 2 * HOUR, only={"status": frozenset({"booked", "seen"})},
    topic=Topic.REMINDER, capped=False,
    lines=(("utter_well_title", "well"), ("utter_question_title", "badly"), ("utter_absent_title", "absent")),
)  # fmt: skip
INVITATION = NudgeKind("invitation", "invitation", only={"why": frozenset({"referent"})}, shows="time_slots")
AGAIN = replace(INVITATION, id="again", wait=3 * DAY, at=time(10), times=2, every=4 * DAY, then="referent")
NOSHOW = replace(AGAIN, id="noshow", only={"why": frozenset({"noshow"})}, wait=DAY, times=1)
OBSTACLE = NudgeKind(
    "obstacle", "obstacle", wait=7 * DAY, at=time(10), times=2, every=14 * DAY, lines=OF_OBSTACLE
)
DECLARATION = NudgeKind(
    "declaration", "declaration", "due_on", 4 * DAY, time(10), times=2, renews=3, lines=OF_OBSTACLE
)
CONTRACT = NudgeKind(
    "contract", "contract", wait=3 * DAY, at=time(10), times=2, then="referent", lines=OF_OBSTACLE
)
UNFINISHED = NudgeKind(
    "unfinished", "talk", wait=DAY, lines=(("utter_resume_title", "resume"), ("utter_no_title", "no"))
)
CAMPAIGN = NudgeKind("campaign", "campaign", "starts_at", topic=Topic.NEWS)

ALL = [
    MORNING,
    TWO_DAYS,
    AFTERWARDS,
    INVITATION,
    AGAIN,
    NOSHOW,
    OBSTACLE,
    DECLARATION,
    CONTRACT,
    UNFINISHED,
    CAMPAIGN,
]
HOLIDAYS = {date(2026, 12, 25), date(2027, 1, 1)}
QUIET = QuietHours.read("20:00-08:00", PARIS, HOLIDAYS.__contains__)
CAR = ObstacleKind("mobility", "obstacle/mobility", ("means",))
HEALTH = ObstacleKind("health", "obstacle/health", ("doctor",), sensitive=True)
RULES = NudgeRules(
    {kind.id: kind for kind in ALL}, QUIET, Obstacles({"mobility": CAR, "health": HEALTH}, "2026-11")
)


@dataclass
class NudgeStore(FakeStore):
    appointments_known: dict[int, Appointment] = field(default_factory=dict)
    planned: dict[str, tuple[DueNudge, bool]] = field(default_factory=dict)
    said: dict[str, DueNudge] = field(default_factory=dict)
    hours: dict[int, int | None] = field(default_factory=dict)
    topics: list[tuple[int, str, bool]] = field(default_factory=list)

    @property
    def due(self) -> dict[str, datetime]:
        """Kind, and step when it is not the first → when."""
        return {
            one.planned.kind + (f" {one.planned.step}" if one.planned.step > 1 else ""): one.planned.due_at
            for one, _ in self.planned.values()
        }

    def is_said(self, kind: str) -> DueNudge:
        """As a wave would do."""
        key = next(key for key, (one, _) in self.planned.items() if one.planned.kind == kind)
        self.said[key] = self.planned.pop(key)[0]
        return self.said[key]

    async def appointment(self, appointment_id: int) -> Appointment | None:
        return self.appointments_known.get(appointment_id)

    async def appointments(self, ids: Sequence[int]) -> Sequence[Appointment]:
        return [self.appointments_known[one] for one in ids if one in self.appointments_known]

    async def campaigns(self, ids: Sequence[int]) -> Sequence[Campaign]:
        return ()

    async def upcoming(self, conversation_id: int, now: datetime) -> Sequence[Appointment]:
        return [
            one for one in self.appointments_known.values()
            if one.conversation_id == conversation_id and one.status is Status.BOOKED and one.ends_at > now
        ]  # fmt: skip

    async def plan_nudges(self, new: Sequence[tuple[Planned, bool]]) -> None:
        for one, capped in new:
            if one.key not in self.planned and one.key not in self.said:
                self.planned[one.key] = (DueNudge(100 + len(self.planned) + len(self.said), one), capped)

    async def forget_planned(self, about: str, matter_id: int, but_version: int | None = None) -> None:
        await super().forget_planned(about, matter_id, but_version)
        for key, (due, _) in list(self.planned.items()):
            one = due.planned
            kept = but_version is not None and one.version == but_version and one.step > 1
            if (one.about, one.matter_id) == (about, matter_id) and not kept:
                del self.planned[key]

    async def planned_nudges(self, about: str, matter_id: int) -> Sequence[DueNudge]:
        found = [one for one, _ in self.planned.values()]
        return [one for one in found if (one.planned.about, one.planned.matter_id) == (about, matter_id)]

    async def postpone_nudges(self, later: Sequence[tuple[int, datetime]]) -> None:
        for id_, at in later:
            for key, (one, capped) in self.planned.items():
                if one.id == id_:
                    self.planned[key] = (replace(one, planned=replace(one.planned, due_at=at)), capped)

    async def nudge_of(self, nudge_id: int, conversation_id: int) -> DueNudge | None:
        hers = [one for one in self.said.values() if one.planned.conversation_id == conversation_id]
        return next((one for one in hers if one.id == nudge_id), None)

    async def nudge_hour(self, conversation_id: int) -> int | None:
        return self.hours.get(conversation_id)

    async def save_nudge_hour(self, conversation_id: int, hour: int | None) -> None:
        self.hours[conversation_id] = hour

    async def renew_follow_up(self, follow_up_id: int, due_on: date) -> None:
        for key, one in self.followed.items():
            if one.id == follow_up_id:
                self.followed[key] = replace(one, due_on=due_on, closed_at=None, outcome="")

    async def opt_out(self, conversation_id: int, source: str, now: datetime, topic: str = "all") -> None:
        await super().opt_out(conversation_id, source, now, topic)
        self.topics.append((conversation_id, topic, True))

    async def opt_in(self, conversation_id: int, source: str, now: datetime, topic: str = "all") -> None:
        await super().opt_in(conversation_id, source, now, topic)
        self.topics.append((conversation_id, topic, False))
