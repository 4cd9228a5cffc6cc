"""What to answer, in this order: danger, STOP, keywords, a digit of the last menu, then Rasa.

Nothing is stored or sent from here: a turn goes in, an Outcome comes out.
"""

from dataclasses import dataclass, replace

from gateway.domain.conversation import Outcome, Reply, State
from gateway.domain.keywords import command_in, language_asked
from gateway.domain.language import Guess
from gateway.domain.menu import PERSON, Choice, chosen, corrected, digit_in
from gateway.domain.pace import Pace
from gateway.domain.safety import danger_in
from gateway.domain.text import folded, has_words, parts
from gateway.errors import AssistantSilent
from gateway.ports import Assistant, Question
from gateway.usecases import assessing, learning, locating, nudge_turns, offering, privacy_turns
from gateway.usecases.composing import ASK_LANGUAGE, MENU
from gateway.usecases.nudge_turns import NudgeTurns
from gateway.usecases.privacy_turns import PrivacyTurns
from gateway.usecases.reading import exact_answer, said_in_words

# A choice that names its answer needs no understanding: it is given even when Rasa is away.
READY = ("/faq/", "/menu/")
OBSTACLE = "utter_obstacle/"
# Never proposed as a meaning: "did you mean good morning?" helps nobody; a person is always 0 below.
SMALL_TALK = {
    "greet", "thanks", "goodbye", "help", "affirm", "deny", "insult", "out_of_scope",
    "stop", "start", "start_over", "go_back", "repeat_simpler", "talk_to_human",
}  # fmt: skip
# In the middle of a question these mean that it was not answered.
NOT_AN_ANSWER = {
    "utter_not_understood", "utter_rephrase", "utter_affirm", "utter_deny", "utter_out_of_scope",
    "utter_choose_number", "utter_emoji", "utter_empty", "utter_picture",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answering(NudgeTurns, PrivacyTurns):
    """One turn. `last_try`: Rasa has been silent long enough."""

    assistant: Assistant
    previous_text: str
    pace: Pace = Pace.CALM
    again: bool = False
    last_try: bool = False

    async def outcome(self) -> Outcome:
        """The whole turn, rendered."""
        return self._unfinished(self._discreet(self.rendered(await self._decided())))

    def apology(self) -> Outcome:
        """The one sentence for when nothing else works, and a person who calls back."""
        sorry = self._compose((Reply("utter_later"),), self._guess(), callback="unanswered")
        return self._discreet(self.rendered(sorry))

    # the order of design and of safety

    async def _decided(self) -> Outcome:
        for step in (self._danger, self._stop_or_start):
            if (found := step()) is not None:
                return found
        text = self.inbound.text
        if slowed := self._slowed():
            return await self._still_asked(text) or slowed
        if self.who.opted_out:
            return await self._her_rights(text) or self._silenced()
        for read in (
            self._left_to_a_person,
            self._ruled,
            self._where,
            self._several,
            self._menu,
            self._wished,
        ):
            if (found := await read(text)) is not None:
                return found
        return await self._ask_rasa(text=text) if has_words(text) else self._wordless()

    async def _ruled(self, text: str) -> Outcome | None:
        """Words that mean one thing whatever was said before."""
        asking = self._assessing().asking() or self._asked_by_a_nudge()
        if asking and (choice := exact_answer(text, self.who.state.menu)):
            return await self._choose(choice)  # "Personne" answers the question; elsewhere it calls somebody
        if language := language_asked(text, self.words.vocabularies):
            return await self._speak(language)
        command = command_in(text, self.words.vocabularies)
        return await self._obey(command) if command else None

    def _danger(self) -> Outcome | None:
        kind = danger_in(self.inbound.text, self.words.lexicons)
        if kind is None:
            return None
        alarm = self._alarm(kind)
        spoken = [
            known.language
            for known, lexicon in zip(self.words.vocabularies, self.words.lexicons, strict=False)
            if danger_in(self.inbound.text, [lexicon])
        ]
        # "quero morrer": too short to tell a language by, but only one of them says danger in these words.
        if not self.who.language and len(spoken) == 1:
            return replace(alarm, language=spoken[0])
        return alarm

    def _alarm(self, kind: str) -> Outcome:
        reply = Reply(f"utter_danger_{kind}")
        state = replace(
            self.who.state,
            menu=(), rest="", rest_menu=(), welcomed=True, last=(reply,), asking="", assessment=None,
        )  # fmt: skip
        return self._say(reply, state=state, callback="danger", urgent=True, sensitive=True)

    def _stop_or_start(self) -> Outcome | None:
        said = self.inbound.carrier_stop or command_in(self.inbound.text, self.words.vocabularies)
        if said == "STOP":
            # The carrier that dealt with it has confirmed it too; a second STOP needs no second word.
            quiet = bool(self.inbound.carrier_stop) or self.who.opted_out
            state = replace(self.who.state, assessment=None)  # half told: nothing of it is kept
            return self._say(*(() if quiet else (Reply("utter_stop_confirmed"),)), state=state, stop=True)
        if said == "START":
            if self.inbound.carrier_stop:
                return self._say(start=True)
            name = "utter_start_confirmed" if self.who.opted_out else "utter_start"
            return self._say(Reply(name), start=True)
        return self._say() if self.inbound.carrier_stop else None

    def _slowed(self) -> Outcome | None:
        """She writes too fast, or is a machine: told once, then nothing until it calms."""
        if self.pace is Pace.CALM or self.who.taken_by is not None:
            return None
        said = {Pace.FAST: "utter_too_fast", Pace.MANY: "utter_too_many"}.get(self.pace)
        if said and not self.who.opted_out:
            return self._say(Reply(said), keep=True)
        return Outcome((), self.who.language, self.who.language_sure, self.who.state)

    async def _still_asked(self, text: str) -> Outcome | None:
        """Her rights, however fast she writes; two machines would never stop."""
        return None if self.pace is Pace.LOOP or self._just_asked(text) else await self._her_rights(text)

    def _silenced(self) -> Outcome:
        """She had stopped and writes again: told at most once a day how to come back."""
        if self.who.reminded_on == self.today:
            return self._say()
        return self._say(Reply("utter_stopped_reminder"), reminded_on=self.today)

    async def _left_to_a_person(self, text: str) -> Outcome | None:
        """Her referent answers herself in this conversation: the robot is silent, but for a place that it offered."""
        if self.who.taken_by is None:
            return None
        said = self.words.vocabularies
        choice = chosen(text, self.who.state.menu, said.digits, said.yes, said.no)
        if choice and choice.payload.partition(" ")[0] in offering.COMMANDS:
            return await self._choose(choice)
        return self._say(keep=True)

    async def _where(self, text: str) -> Outcome | None:
        """Her commune, when it was asked for."""
        said = self.words.vocabularies
        if not self.who.state.asking or not has_words(text) or digit_in(text, said.digits) is not None:
            return None
        if folded(text) in said.yes | said.no or tuple(folded(text).split()) in said.polite:
            return None
        return await self._located(locating.answered(text, self.who, self.territory))

    async def _located(self, asked: locating.Asked | None, what_for: str = "") -> Outcome | None:
        """`what_for`: why her commune was asked for, when that is not in her state any more."""
        if asked is None:
            return None
        replies, state = asked
        if not replies:
            why = what_for or self.who.state.asking
            wanted, _, kind = why.removesuffix(locating.AGAIN).partition(" ")
            located = replace(self, who=replace(self.who, state=state))
            if wanted == locating.APPOINTMENT:
                return await located._booked(await located._offering().new())
            return await located._near_her(kind or state.asking)
        # The name of a town is French whoever writes it: no evidence of her language.
        told = self._say(*replies, state=state)
        return replace(told, language=self._language(), language_sure=self.who.language_sure)

    async def _menu(self, text: str) -> Outcome | None:
        """A digit, a label or a yes / no that answers the last menu."""
        said, state = self.words.vocabularies, self.who.state
        text = corrected(text, said.no)
        if self._is_a_date(text):
            return await self._wished(text)
        choice = chosen(text, state.menu, said.digits, said.yes, said.no)
        if choice is None and self._assessing().asking():
            choice = said_in_words(text, state.menu, said, self._assessing().consenting())
        if choice := choice or self._agreed(text) or self._hour_said(text):
            return await self._choose(choice)
        digit = digit_in(text, said.digits)
        if digit is None:
            return None
        if digit == "0":
            return self._person("asked")
        if not state.welcomed:
            return self._compose((ASK_LANGUAGE,), Guess(self._language(), self.who.language_sure))
        if state.menu:
            if self._assessing().asking():
                return self._tell(self._assessing().unanswered())
            choices = [[c.digit, c.title, c.payload] for c in state.menu]
            return self._say(Reply("utter_choose_number", {"choices": choices}), keep=True)
        return self._compose((Reply("utter_no_menu"), *MENU), self._guess())

    async def _choose(self, choice: Choice) -> Outcome:
        if choice.payload == PERSON:
            return self._person("asked")
        answer = f"utter_{choice.payload.removeprefix('/')}"
        if choice.payload.startswith(READY) and self.words.has(answer):
            return self._compose((Reply(answer),), self._guess())
        if choice.payload == "/book_appointment":
            return await self._booked(await self._offering().asked())
        if choice.payload.startswith("/"):
            return await self._ask_rasa(payload=choice.payload)
        command, _, argument = choice.payload.partition(" ")
        return await self._do(command, argument)

    async def _do(self, command: str, argument: str) -> Outcome:
        """A choice that only the gateway understands."""
        if command == "LANGUE" and argument:
            return await self._speak(argument)
        if command == locating.NEAR:
            replies, state = locating.near(argument, self.who, self.territory)
            return self._say(*replies, state=state)
        if command == locating.COMMUNE:
            picked = locating.picked(argument, self.who, self.territory)
            located = await self._located(picked, argument.partition(" ")[2])
            return located or self._compose(MENU, self._guess())
        if command in assessing.COMMANDS:
            return self._tell(self._assessing().obey(command, argument))
        if command in offering.COMMANDS:
            return await self._booked(await self._offering().obey(command, argument))
        if command in nudge_turns.COMMANDS:
            return await self._about_nudges(command, argument)
        if command in privacy_turns.COMMANDS:
            return await self._about_her_data(command, argument)
        if command in (assessing.SERVICES, assessing.SERVICE):
            kind, _, service_id = argument.partition(" ")
            return await self._near_her(kind, service_id)
        return await self._obey(command)

    # keywords

    async def _obey(self, command: str) -> Outcome:
        state = self.who.state
        if command == "PERSONNE":
            return self._person("asked")
        if command == "RDV":
            return await self._booked(await self._offering().asked())
        if command == "PLUS":
            return self._rest()
        if command == "SOURCE":
            return self._say(self._source(), state=state)
        if command == "SIMPLE" and self._assessing().asking():
            return self._tell(self._assessing().resumed())
        if command == "SIMPLE":
            return self._compose(self._simpler(), self._guess())
        if command == "RETOUR":
            return self._back()
        if command in (*assessing.COMMANDS, *nudge_turns.COMMANDS, *privacy_turns.COMMANDS):
            return await self._do(command, "")
        if command == "STOP":  # chosen in a menu: the written word was dealt with before
            return self._say(Reply("utter_stop_confirmed"), stop=True)
        replies = {
            "AIDE": (Reply("utter_help"),),
            "LANGUE": (ASK_LANGUAGE,),
        }.get(command, MENU)
        return self._compose(replies, self._guess())

    async def _speak(self, language: str) -> Outcome:
        """Another language; what she had asked, or what was said last, is said again in it."""
        if language == "more":
            return self._say(Reply("utter_change_language", {"languages": 2}))
        if language == "other":
            return self._say(Reply("utter_language_other"), callback="language", keep=True)
        guess = Guess(language, sure=True)
        choosing = any(c.payload.startswith("LANGUE") or c.payload == "PLUS" for c in self.who.state.menu)
        if self._offering().choosing():
            told = await self._offering().again()
            said = (Reply("utter_language_changed"), *told.replies)
            return replace(self._compose(said, guess, state=told.state), changes=told.changes)
        if self._assessing().asking() or (self._assessing().pending() and choosing):
            again = self._assessing().resumed().replies
            return self._compose((Reply("utter_language_changed"), *again), guess)
        if self.who.state.waiting and self._is_a_question(self.previous_text):
            answer = await self._ask_rasa(text=self.previous_text, guess=guess)
            if answer.urgent:
                return answer  # nothing else is pushed in that turn
            return replace(answer, replies=(Reply("utter_language_changed"), *answer.replies))
        return self._switched(guess)

    def _rest(self) -> Outcome:
        state = self.who.state
        if not (state.rest or state.rest_menu):
            return self._say(Reply("utter_nothing_more"), keep=True)
        part = self.words.rest(state.rest, state.rest_menu, self._language(), self.who.channel)
        after = replace(state, menu=part.menu, rest=part.rest, rest_menu=part.rest_menu)
        return Outcome(state.last, self._language(), self.who.language_sure, after, text=part.text)

    def _source(self) -> Reply:
        for reply in self.who.state.last:
            about = self.words.sourced(reply.response, self.today)
            if about.get("source") in (None, "service"):
                continue
            values = {"source": about["source"], "date": about.get("checked_on", "")}
            confirmed = about["source"] != "à confirmer"
            return Reply("utter_source" if confirmed else "utter_source_unconfirmed", values)
        return Reply("utter_source_none")

    def _simpler(self) -> tuple[Reply, ...]:
        last = self.who.state.last
        for reply in last:
            simpler = reply.response.replace("utter_faq/", "utter_simple/")
            if simpler != reply.response and self.words.has(simpler):
                return (Reply("utter_repeat_simpler"), Reply(simpler))
        if not last:
            return (Reply("utter_nothing_to_repeat"),)
        return last

    def _back(self) -> Outcome:
        state = self.who.state
        if self._assessing().asking():
            return self._tell(self._assessing().back())
        if not state.trail:
            return self._compose((Reply("utter_go_back"), *MENU), self._guess(), last=MENU)
        before = replace(state, trail=state.trail[:-1], last=())
        return self._compose(state.trail[-1], self._guess(), state=before)

    def _wordless(self) -> Outcome:
        if self._assessing().asking():
            return self._tell(self._assessing().unanswered())
        name = (
            "utter_picture" if self.inbound.media else "utter_emoji" if self.inbound.text else "utter_empty"
        )
        return self._compose((Reply(name),), self._guess())

    # understanding

    async def _ask_rasa(self, text: str = "", payload: str = "", guess: Guess | None = None) -> Outcome:
        guess = guess or self._guess()
        question = Question(self.who.pseudonym, self.inbound.sid, self.who.channel, text, payload, self.again)
        try:
            replies = tuple(await self.assistant.answer(question))
        except AssistantSilent:
            if not self.last_try:
                raise
            return self.apology()
        heard = text == self.inbound.text  # not a choice, nor a question of before
        said_no = heard and learning.denied(text, replies, self.words.vocabularies.no)
        considered, replies = learning.weighed(replies), learning.to_say(replies)
        outcome = await self._met(replies, text, guess) or await self._understood(replies, guess, text)
        if heard and self._assessing().asking() and not outcome.urgent:
            outcome = self._back_to_the_question(outcome)
        return replace(outcome, asked_rasa=True, heard=heard, denied=said_no, considered=considered)

    async def _met(self, replies: tuple[Reply, ...], text: str, guess: Guess) -> Outcome | None:
        """She tells what stands in her way, one thing or several."""
        met = self.obstacles.met_by(replies[0].response) if replies else None
        if met is None:
            return None
        others = [
            kind
            for part in parts(text)
            if (kind := self.obstacles.met_by(f"utter_{await self.assistant.meaning(part)}"))
        ]
        kinds = {kind.id: kind for kind in (*others, met)} if len(others) > 1 else {met.id: met}
        return self._tell(self._assessing().spontaneous(list(kinds.values())), guess)

    def _back_to_the_question(self, outcome: Outcome) -> Outcome:
        """What she said in the middle was dealt with; the question is asked again."""
        if outcome.state.assessment != self.who.state.assessment:
            return outcome
        if any(reply.values.get("lines") for reply in outcome.replies):
            return outcome  # another question is on her screen: this one waits its turn
        inside, names = self._assessing(), {r.response for r in outcome.replies}
        if names & NOT_AN_ANSWER:
            return self._tell(inside.unanswered())
        return replace(outcome, replies=(*outcome.replies, *inside.resumed().replies))

    async def _understood(self, replies: tuple[Reply, ...], guess: Guess, text: str) -> Outcome:
        """Some names ask for what only the gateway knows: what was said before, her language."""
        name = replies[0].response
        if name.startswith("utter_danger_"):
            return self._alarm(name.removeprefix("utter_danger_"))
        if name == "utter_repeat_simpler":
            return self._compose(self._simpler(), guess)
        if name == "utter_go_back":
            return self._back()
        if (booked := await self._about_appointment(name, text)) is not None:
            return booked
        if name == ASK_LANGUAGE.response:
            named = self._language_named(text)
            return (
                self._compose((ASK_LANGUAGE,), guess)
                if named is None
                else self._switched(Guess(named, sure=True))
            )
        if name == "utter_who_is_my_referent" and self.who.referent:
            replies = (Reply("utter_your_referent", {"referent": self.who.referent.first_name}),)
        if name == privacy_turns.INTENT:
            replies = (*replies, Reply("utter_my_data/keywords"))
        if name == "utter_not_understood":
            return self._compose((self._meanings(replies[0]),), guess)
        if name == "utter_start_over":
            return self._compose(replies, guess, state=State(welcomed=self.who.state.welcomed))
        return self._compose(replies, guess)

    def _meanings(self, reply: Reply) -> Reply:
        names = [c["name"] for c in reply.values.get("candidates", ())]
        known = [n for n in names if n not in SMALL_TALK and self.words.label(n, "fr")][:3]
        return (
            Reply("utter_not_understood", {"meanings": [*known, "talk_to_human"]})
            if known
            else Reply("utter_rephrase")
        )

    def _language_named(self, text: str) -> str | None:
        said = set(folded(text).split())
        named = {v.language for v in self.words.vocabularies if said & v.names}
        return named.pop() if len(named) == 1 else None

    def _is_a_question(self, text: str) -> bool:
        """False for what a rule had dealt with: a digit, a keyword, the name of a language."""
        known = self.words.vocabularies
        ruled = digit_in(text, known.digits) or command_in(text, known) or language_asked(text, known)
        return has_words(text) and not ruled

    def _switched(self, guess: Guess) -> Outcome:
        """The last answer again, in the new language; the menu when there was none worth it."""
        answers = ("utter_faq/", "utter_simple/", "utter_menu/")
        again = tuple(r for r in self.who.state.last if r.response.startswith(answers)) or MENU
        return self._compose((Reply("utter_language_changed"), *again), guess, last=again)
