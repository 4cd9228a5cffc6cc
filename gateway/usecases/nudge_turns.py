"""The turns about nudges: an answer to one, why it came, what she wants no more, and at what hour."""

import re
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from gateway.domain.conversation import Channel, Outcome, Reply, State
from gateway.domain.menu import Choice
from gateway.domain.nudge import About, Kinds, Topic, later_quarter
from gateway.domain.nudge_changes import Answered, HourChosen, NudgeChange, RemindMe, TopicStopped
from gateway.domain.text import folded
from gateway.usecases.appointment_turns import AppointmentTurns
from gateway.usecases.composing import MENU
from gateway.usecases.handover import acknowledgement
from gateway.usecases.nudging import NUDGED
from gateway.usecases.obstacle_turns import ObstacleTurns
from gateway.usecases.offering import CANCEL, KEEP, MOVE

# Payloads that only this file makes and reads.
TOPIC_OFF, TOPIC_ON, HOUR, REMIND, REMIND_ON = "TOPIC_OFF", "TOPIC_ON", "HOUR", "REMIND", "REMIND_ON"
WHY, HOURS = "POURQUOI", "HEURE"  # also keywords
STOPS = {"STOP RAPPEL": Topic.REMINDER, "STOP RELANCE": Topic.FOLLOW_UP, "STOP INFO": Topic.NEWS}
COMMANDS = {NUDGED, TOPIC_OFF, TOPIC_ON, HOUR, REMIND, REMIND_ON, WHY, HOURS, *STOPS}

OF_APPOINTMENT = {"keep": KEEP, "move": MOVE, "cancel": CANCEL}
CALLS = {"help", "badly"}  # answers after which somebody calls
OFFERS = {"choose", "absent"}  # answers after which time slots are offered
ASKED_HOURS = (9, 12, 15, 18)
_WORDS = re.compile(r"\d+|[^\W\d]+")  # "18h" is two
THE_FIFTH, A_QUARTER = timedelta(days=4), 3  # as bot/nudges/declaration.yml counts


@dataclass(frozen=True, kw_only=True)
class NudgeTurns(ObstacleTurns, AppointmentTurns):
    nudges: Kinds = field(default_factory=dict)

    async def _about_nudges(self, command: str, argument: str) -> Outcome:
        if self.who.channel is Channel.WEB and command in (*STOPS, WHY, HOURS):
            return self._compose((Reply("utter_why_none"),), self._guess())  # nothing is ever sent to a page
        if command in STOPS:
            return self._topics_off(STOPS[command])
        match command:
            case "NUDGED":
                return await self._nudged(argument)
            case "TOPIC_OFF":
                return self._topic_off(Topic(argument))
            case "TOPIC_ON":
                topics = [Topic(topic) for topic in argument.split(" ")]
                back = [TopicStopped(topic, False) for topic in topics]
                return self._changed(Reply(f"utter_topic_on/{topics[-1]}"), *back)
            case "HEURE":
                lines = [[f"text:utter_hour_{hour}_title", f"{HOUR} {hour}"] for hour in ASKED_HOURS]
                return self._say(Reply("utter_which_hour", {"lines": lines}))
            case "HOUR":
                return self._changed(Reply("utter_hour_noted"), HourChosen(int(argument)))
            case "REMIND":
                return self._which_month()
            case "REMIND_ON":
                return self._reminded(date.fromisoformat(argument))
        return self._why()

    def _asked_by_a_nudge(self) -> bool:
        """The lines of a nudge are on her screen: what she writes may be one of them, whatever else it means."""
        return any(c.payload.startswith(f"{NUDGED} ") for c in self.who.state.menu)

    def _agreed(self, text: str) -> Choice | None:
        """ "oui", "ok", to a reminder: she comes."""
        if folded(text) not in self.words.vocabularies.yes:
            return None
        return next((c for c in self.who.state.menu if c.payload.endswith(" keep")), None)

    def _hour_said(self, text: str) -> Choice | None:
        """ "le soir", "18h": words of one of the hours on her screen, "midi" of the shortest."""
        said, found = set(_WORDS.findall(folded(text))), list[tuple[int, str, Choice]]()
        for choice in self.who.state.menu:
            title = set(_WORDS.findall(folded(choice.title)))
            if choice.payload.startswith(f"{HOUR} ") and said and said <= title:
                found.append((len(title), choice.digit, choice))
        return min(found)[2] if 0 < len(found) <= 2 else None  # "le" is in most of them

    def _changed(self, reply: Reply, *changes: NudgeChange) -> Outcome:
        return replace(self._compose((reply,), self._guess()), changes=changes)

    # an answer

    async def _nudged(self, argument: str) -> Outcome:
        """ "<nudge's id> <kind> <matter's id> <what it does>"."""
        nudge_id, kind_id, matter_id, does = argument.split(" ")
        kind = self.nudges.get(kind_id)
        if kind is None:
            return self._compose(MENU, self._guess())
        answered = Answered(int(nudge_id), kind.about, int(matter_id), does, kind.renews)
        outcome = await self._answer(f"{kind.says}.{does}", does, matter_id)
        if kind.about == About.TALK and does == "no":  # let go, or she would be asked again
            outcome = replace(outcome, state=replace(outcome.state, assessment=None, choosing=None))
        return replace(outcome, changes=(*outcome.changes, answered))

    async def _answer(self, name: str, does: str, matter_id: str) -> Outcome:
        before = (Reply(name),) if self.words.has(name) else ()
        if does in OF_APPOINTMENT:
            return await self._booked(await self._offering().obey(OF_APPOINTMENT[does], matter_id))
        if does == "resume":
            return await self._resumed()
        if does in OFFERS:
            told = await self._offering().new()
            if not told.replies:  # nobody opens time here: somebody calls
                return await self._booked(told)
            return await self._booked(replace(told, replies=(*before, *told.replies)))
        if does in CALLS:
            said = (*before, acknowledgement(self.who, "asked"))
            return self._compose(said, self._guess(), callback="asked")
        return self._compose(before or (Reply("utter_nudge_over"),), self._guess())

    async def _resumed(self) -> Outcome:
        """What she had begun: a question about what stands in her way, or the choice of a time."""
        if self._assessing().pending():
            return self._tell(self._assessing().resumed())
        if self.who.state.choosing:
            return await self._booked(await self._offering().again())
        return self._compose(MENU, self._guess())

    # why, and what she wants no more

    def _why(self) -> Outcome:
        kind = self.nudges.get(self.who.state.nudged[1]) if self.who.state.nudged else None
        if kind is None:
            return self._compose((Reply("utter_why_none"),), self._guess())
        still_asked = [c for c in self.who.state.menu if c.payload.startswith(f"{NUDGED} ")]
        lines = [
            *([f"={c.title}", c.payload] for c in still_asked),
            ["text:utter_change_hour_title", HOURS],
            ["text:utter_stop_topic_title", f"{TOPIC_OFF} {kind.topic}"],
        ]
        return self._say(Reply(kind.why, {"lines": lines}))

    def _topics_off(self, topic: Topic) -> Outcome:
        """ "STOP RAPPEL" just after a nudge of another topic is said of that one too: she calls all of them so."""
        nudged = self.who.state.nudged
        last = self.nudges.get(nudged[1]) if nudged and not nudged[2] else None
        also = (last.topic,) if last and last.topic is not topic and topic is Topic.REMINDER else ()
        return self._topic_off(topic, *also)

    def _topic_off(self, *topics: Topic) -> Outcome:
        lines = [["text:utter_put_back_title", f"{TOPIC_ON} {' '.join(topics)}"]]
        name = topics[0] if len(topics) == 1 else "all"
        outcome = self._compose((Reply(f"utter_topic_off/{name}", {"lines": lines}),), self._guess())
        return replace(outcome, changes=tuple(TopicStopped(topic) for topic in topics))

    # the quarterly declaration

    def _which_month(self) -> Outcome:
        """It comes every three months: one of the next three is hers."""
        if self.who.channel is Channel.WEB:
            return self._compose((Reply("utter_remind_by_sms"),), self._guess())
        month = self.now.astimezone(self.zone).date().replace(day=1)
        lines = []
        for _ in range(3):
            lines.append([f"month:{month.isoformat()}", f"{REMIND_ON} {month.isoformat()}"])
            month = (month + timedelta(days=32)).replace(day=1)
        return self._say(Reply("utter_remind_declaration", {"lines": lines}))

    def _reminded(self, due_on: date) -> Outcome:
        """`due_on`: the first of a month. When its fifth is over, the next quarter's is the one to come."""
        today = self.now.astimezone(self.zone).date()
        while due_on + THE_FIFTH <= today:
            due_on = later_quarter(due_on, A_QUARTER)
        said = Reply("utter_declaration_noted", {"date": (due_on + THE_FIFTH).isoformat()})
        return self._changed(said, RemindMe(due_on))

    # a conversation that stays unfinished

    def _unfinished(self, outcome: Outcome) -> Outcome:
        """Notes that she stopped in the middle, or no longer is."""
        was, left = self._in_the_middle(self.who.state), self._in_the_middle(outcome.state)
        return replace(outcome, unfinished=left) if was or left else outcome

    def _in_the_middle(self, state: State) -> bool:
        there = replace(self, who=replace(self.who, state=state))
        told = state.assessment
        if told and told.asks:
            kind = self.obstacles.kinds.get(told.kind)
            return kind is not None and not kind.sensitive
        return bool(state.choosing) and there._offering().choosing()
