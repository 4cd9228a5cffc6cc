"""What stands in her way: asked in three questions at most, told to her referent if she agrees, and what can help.

Nothing is stored from here: where she stands and an answer go in, what to say and to change comes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.domain.conversation import Conversation, Outcome, Reply, State, Told
from gateway.domain.menu import Choice
from gateway.domain.obstacle import (
    MISSES,
    Assessment,
    Change,
    ObstacleKind,
    Obstacles,
    Share,
    SharedObstacle,
    Step,
    Withdraw,
    alert,
    answered,
    back,
    begun,
    detailing,
)

# Payloads that only this file makes and reads. The gateway alone writes them: a person's text is never one.
ANSWER, KIND, PAGE, NOTHING = "ANSWER", "KIND", "PAGE", "NOTHING"
HELP, SERVICES, SERVICE, MORE, NEXT = "HELP", "SERVICES", "SERVICE", "MORE", "NEXT"
MINE, REDO, ERASE, AIDS, SHARED = "MINE", "REDO", "ERASE", "AIDS", "SHARED"
COMMANDS = {
    ANSWER, KIND, PAGE, NOTHING, HELP, MORE, NEXT, MINE, REDO, ERASE, AIDS, SHARED,
    "FREINS", "MES FREINS", "EFFACER", "PAS MOI",
}  # fmt: skip

A_PAGE = 7  # kinds of the guided list at once; 8 is the next page
A_WHILE = timedelta(hours=12)  # after such a silence she is told where she was


@dataclass(frozen=True)
class Assessing:
    """One turn of an assessment. `today`: ISO date."""

    obstacles: Obstacles
    who: Conversation
    today: str
    commune: str = ""

    # where she is

    @property
    def told(self) -> Assessment | None:
        """None also when the kind or the question is gone since she was asked: she may tell it anew."""
        told = self.who.state.assessment
        kind = self.obstacles.kinds.get(told.kind) if told else None
        known = kind and told and told.step in {*kind.opening, *kind.details, Step.CONSENT, Step.HELP}
        return told if known else None

    @property
    def shared(self) -> Sequence[SharedObstacle]:
        return [s for s in self.who.shared if s.kind in self.obstacles.kinds]

    def asking(self) -> bool:
        """The question is on her screen: what she writes may answer it."""
        told = self.told
        if told is None or not told.asks:
            return False
        return any(c.payload.startswith(f"{ANSWER} {_place(told)} ") for c in self.who.state.menu)

    def pending(self) -> bool:
        """A question waits, on her screen or behind something else."""
        return bool(self.told and self.told.asks)

    def consenting(self) -> bool:
        return bool(self.told and self.told.step in (Step.CONSENT, Step.PREFACE))

    def personal(self, outcome: Outcome) -> bool:
        """The turn speaks of a sensitive kind: being told, waiting its turn, shown or taken back."""
        kinds = [self.who.state.assessment, outcome.state.assessment]
        named = {k for told in kinds if told for k in (told.kind, *told.queue)}
        named |= {c.kind for c in outcome.changes if isinstance(c, Withdraw)}
        for reply in outcome.replies:
            if reply.response == "utter_change_obstacle":
                named.add(str(reply.values["kind"]))
            if reply.response == "utter_my_obstacles":
                named |= {s.kind for s in self.who.shared}
        return any(k not in self.obstacles.kinds or self._kind(k).sensitive for k in named)

    def question(self, told: Assessment) -> Reply:
        at = {"at": _place(told)}
        match told.step:
            case Step.CONSENT:
                return Reply("utter_may_i_tell", at)
            case Step.PREFACE | Step.SEVERITY:
                return Reply(f"utter_ask/{told.step}", at)
        return Reply(f"utter_ask/{told.kind}.{told.step}", at)

    # ways in

    def spontaneous(self, met: Sequence[ObstacleKind]) -> Told:
        """She said it in her words: one human sentence, then the first question."""
        kind, *others = met
        told = self.told
        if told and told.asks and told.kind == kind.id and self.asking():
            return self.resumed()
        queue = [k.id for k in others]
        if told and told.asks and told.kind not in (kind.id, *queue):
            queue.append(told.kind)  # what she was telling comes back after
        fresh = begun(kind, queue)
        # What she says of her health or of justice in her own words is not kept, and she is told so.
        erased = (Reply("utter_message_erased"),) if any(k.sensitive for k in met) else ()
        return Told((Reply(f"utter_{kind.says}"), *erased, self.question(fresh)), self._at(fresh))

    def listed(self, page: int = 1) -> Told:
        """ "What stands in your way?", seven at a time."""
        kinds = list(self.obstacles.kinds.values())
        if (page - 1) * A_PAGE >= len(kinds):
            return Told((Reply("utter_own_words"),), self.who.state)
        shown = kinds[(page - 1) * A_PAGE : page * A_PAGE]
        lines = [[f"name:{k.says}", f"{KIND} {k.id}"] for k in shown]
        lines.append(["text:utter_something_else", f"{PAGE} {page + 1}"])
        lines.append(["text:utter_nothing_blocks_title", NOTHING])
        return Told((Reply("utter_what_blocks", {"lines": lines}),), self.who.state)

    def picked(self, kinds: Sequence[str]) -> Told:
        """One or several kinds of the list, by number."""
        fresh = begun(self._kind(kinds[0]), kinds[1:])
        return Told((Reply(f"utter_{self._kind(kinds[0]).says}"), self.question(fresh)), self._at(fresh))

    # the steps

    def obey(self, command: str, argument: str) -> Told:
        """A choice of one of our menus, or one of our keywords."""
        anywhere: dict[str, Callable[[], Told]] = {
            "FREINS": lambda: self.resumed() if self.pending() else self.listed(),
            "MES FREINS": self.summary,
            SHARED: lambda: self.summary(int(argument)),
            "EFFACER": self._erase_last,
            "PAS MOI": lambda: Told((Reply("utter_not_me"),), State(welcomed=True), unbind=True),
            PAGE: lambda: self.listed(int(argument)),
            NOTHING: lambda: Told((Reply("utter_nothing_blocks"),), replace(self.who.state, assessment=None)),
            HELP: lambda: Told((Reply(f"utter_{argument}"),), self.who.state, self.looked_at(argument)),
            KIND: lambda: self.picked([argument]),
            REDO: lambda: self.picked([argument]),
            MINE: lambda: self._one(argument),
            ERASE: lambda: self._withdrawn(argument),
            AIDS: lambda: self._helped(Assessment(argument, Step.HELP, shared=True)),
        }
        if command in anywhere:
            return anywhere[command]()
        told = self.told
        if told is None:  # forgotten meanwhile: the list again
            return self.listed()
        inside: dict[str, Callable[[], Told]] = {
            ANSWER: lambda: self._answered(told, argument),
            MORE: lambda: self._detailed(told),
            NEXT: lambda: self.picked(told.queue) if told.queue else self._helped(told),
        }
        return inside[command]()

    def back(self) -> Told:
        """ "retour": the question before; at the first one, the list."""
        told = self.told
        before = back(self._kind(told.kind), told) if told else None
        if before is None:
            return self.listed()
        return Told((self.question(before),), self._at(before))

    def unanswered(self) -> Told:
        """Words where a number was expected: asked again, twice; then she is shown what helps."""
        told = self._open()
        if told.misses >= MISSES:
            return self._helped(replace(told, misses=0))
        told = replace(told, misses=told.misses + 1)
        return Told((Reply("utter_answer_by_number"), self.question(told)), self._at(told))

    def resumed(self) -> Told:
        """Where she was, and the question again."""
        told = self._open()
        return Told((self._reminder(told), self.question(told)), self.who.state)

    def summary(self, page: int = 1) -> Told:
        """MES FREINS: what her referent sees, by number; else where she was, else the list."""
        if not self.shared:
            if self.pending():
                return self.resumed()
            listed = self.listed()
            return replace(listed, replies=(Reply("utter_no_obstacles"), *listed.replies))
        shown = self.shared[(page - 1) * A_PAGE : page * A_PAGE]
        lines = [[f"name:{self._kind(s.kind).says}", f"{MINE} {s.kind}", s.severity] for s in shown]
        more = len(self.shared) > page * A_PAGE
        lines.append(["text:utter_something_else", f"{SHARED} {page + 1}" if more else f"{PAGE} 1"])
        return Told((Reply("utter_my_obstacles", {"lines": lines}),), self.who.state)

    def help(self, told: Assessment) -> Reply:
        """The schemes for it, what is near her, more questions, the next obstacle, an appointment."""
        kind = self._kind(told.kind)
        lines = [[f"label:{scheme}", f"{HELP} {scheme}"] for scheme in kind.schemes[:4]]
        lines.append(["text:utter_near_me_title", f"{SERVICES} {kind.id}"])
        if kind.details and told.answers and not told.detailed:
            lines.append(["text:utter_more_questions_title", MORE])
        if told.queue:
            following = self._kind(told.queue[0])
            # A sensitive one is not named on her screen before she comes to it.
            lines.append(["text:utter_more" if following.sensitive else f"next:{following.says}", NEXT])
        lines.append(["text:utter_appointment_title", "/book_appointment"])
        return Reply("utter_help_list", {"lines": lines})

    def _answered(self, told: Assessment, argument: str) -> Told:
        at, _, code = argument.partition(" ")
        if at != _place(told):  # an older question, still on her screen
            return self.resumed() if told.asks else self._helped(told)
        kind = self._kind(told.kind)
        after = answered(kind, told, code, may_share=self.who.referent is not None)
        said: list[Reply] = []
        if self._long_silence() and after.asks:
            said.append(self._reminder(told))
        urgent = alert(kind, told, code)
        if urgent.startswith("danger_"):  # its number, and nothing else in that turn
            state = replace(self.who.state, assessment=None, menu=(), rest="", rest_menu=())
            return Told((Reply(f"utter_{urgent}"),), state, callback="danger")
        if urgent:
            said.append(Reply(f"utter_{urgent}"))
        if after.asks:
            said.append(self.question(after))
        else:
            said += [*self._conclusion(told, after, code), self.help(after)]
        changes: tuple[Change, ...] = (Share(self._shared(after)),) if after.shared else ()
        if told.step == Step.CONSENT and not after.shared and self._known(told.kind):
            changes = (Withdraw(told.kind),)  # told again, and this time she says no
        return Told(tuple(said), self._at(after), changes, callback="asked" if urgent else "")

    def _conclusion(self, told: Assessment, after: Assessment, code: str) -> list[Reply]:
        if told.step == Step.PREFACE:
            return [Reply("utter_preface_refused")] if code != "yes" else []
        if told.step == Step.CONSENT:
            return [Reply("utter_shared" if after.shared else "utter_not_shared")]
        if not after.shared and after.answers and not self.who.referent:
            return [Reply("utter_not_kept")]
        return []

    def _detailed(self, told: Assessment) -> Told:
        after = detailing(self._kind(told.kind), told)
        return Told((self.question(after),), self._at(after))

    def _shared(self, told: Assessment) -> SharedObstacle:
        before = self._known(told.kind)
        return SharedObstacle(
            kind=told.kind,
            severity=told.severity,
            answers=told.answers,
            on=self.today,
            channel=self.who.channel.value,
            version=self.obstacles.consent_version,
            proposed=self._kind(told.kind).schemes,
            chosen=before.chosen if before else (),
            commune=self.commune,
        )

    def looked_at(self, what: str) -> tuple[Change, ...]:
        return self._chosen(self.told, what) if self.told else ()

    def _chosen(self, told: Assessment, what: str) -> tuple[Change, ...]:
        """What she looked at is told with the obstacle, when she agreed to tell it."""
        before = self._known(told.kind)
        if before is None or what in before.chosen:
            return ()
        return (Share(replace(before, chosen=(*before.chosen, what))),)

    def _erase_last(self) -> Told:
        """EFFACER: what is being told, else the last thing shared."""
        if self.told:
            return self._withdrawn(self.told.kind)
        if self.shared:
            return self._withdrawn(self.shared[-1].kind)
        return Told((Reply("utter_nothing_to_erase"),), self.who.state)

    def _withdrawn(self, kind: str) -> Told:
        return Told(
            (Reply("utter_erased"),), replace(self.who.state, assessment=None, menu=()), (Withdraw(kind),)
        )

    def _helped(self, told: Assessment) -> Told:
        told = replace(told, step=Step.HELP)
        return Told((self.help(told),), self._at(told))

    def _one(self, kind: str) -> Told:
        about = {"topic": self._kind(kind).says, "kind": kind}
        return Told((Reply("utter_change_obstacle", about),), self.who.state)

    def _open(self) -> Assessment:
        if self.told is None:
            raise LookupError("no assessment is open")
        return self.told

    def _reminder(self, told: Assessment) -> Reply:
        return Reply("utter_back_to", {"topic": self._kind(told.kind).says})

    def _known(self, kind: str) -> SharedObstacle | None:
        return next((s for s in self.shared if s.kind == kind), None)

    def _long_silence(self) -> bool:
        return self.who.silent_for is not None and self.who.silent_for > A_WHILE

    def _kind(self, name: str) -> ObstacleKind:
        return self.obstacles.kinds[name]

    def _at(self, told: Assessment) -> State:
        return replace(self.who.state, assessment=told, rest="", rest_menu=(), asking="")


def _place(told: Assessment) -> str:
    """Names one question of one kind, in the payloads of its answers."""
    return f"{told.kind}.{told.step}"


def shown_kinds(menu: Sequence[Choice]) -> dict[int, str]:
    """digit → kind, while the guided list is on her screen."""
    return {int(c.digit): c.payload.split(" ")[1] for c in menu if c.payload.startswith(f"{KIND} ")}
