"""What a turn says: in which language, with a welcome at first contact, rendered for her channel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Conversation, Inbound, Outcome, Reply, State, Told
from gateway.domain.language import Guess, first_language, later_language
from gateway.domain.territory import NOWHERE, Territory
from gateway.ports import LanguageGuesser, Words
from gateway.usecases import locating
from gateway.usecases.handover import acknowledgement

MENU = (Reply("utter_menu/main"),)
ASK_LANGUAGE = Reply("utter_change_language", {"languages": 1})


@dataclass(frozen=True, kw_only=True)
class Composing:
    """One turn. `zone`: the time zone of what she reads."""

    words: Words
    guesser: LanguageGuesser
    who: Conversation
    inbound: Inbound
    now: datetime
    zone: ZoneInfo
    territory: Territory = NOWHERE

    @property
    def today(self) -> str:
        """Her date, ISO."""
        return self.now.astimezone(self.zone).date().isoformat()

    def _language(self) -> str:
        return self.who.language or "fr"

    def _guess(self) -> Guess:
        text, scored = self.inbound.text, self.guesser.guess(self.inbound.text)
        if not self.who.language:
            return first_language(text, scored, self.words.vocabularies)
        language = later_language(
            self.who.language, text, scored, self.words.vocabularies, self.who.language_sure
        )
        return Guess(language, self.who.language_sure or language != self.who.language)

    def _say(
        self, *replies: Reply, state: State | None = None, keep: bool = False, **changes: object
    ) -> Outcome:
        """Exactly these replies: no welcome, no language question. `keep`: the menu stays as it was."""
        state = state or self.who.state
        guess = self._guess()
        language, sure = guess.language, guess.sure
        if not (keep or changes.get("urgent") or not replies):
            state = replace(state, waiting=False)
        return Outcome(replies, language, sure, state, **changes)  # type: ignore[arg-type]

    def _compose(
        self,
        replies: Sequence[Reply],
        guess: Guess,
        state: State | None = None,
        last: tuple[Reply, ...] | None = None,
        callback: str = "",
    ) -> Outcome:
        """A full turn: welcome at first contact, the answer, and her language asked when unsure."""
        state = state or self.who.state
        replies = said = tuple(replies)
        ask = not guess.sure and not state.waiting and not state.welcomed
        if not state.welcomed:
            # The welcome says good morning: after it comes the answer, or the menu.
            greeted = any(r.response == "utter_greet" for r in replies)
            said = MENU if greeted else replies
            replies = (Reply("utter_welcome"), *(() if greeted and ask else said))
        if ask and ASK_LANGUAGE not in replies:
            replies = (*replies, ASK_LANGUAGE)
        after = replace(state.after(last or said), welcomed=True, waiting=ask)
        return Outcome(replies, guess.language, guess.sure or state.waiting, after, callback=callback)

    def _person(self, reason: str) -> Outcome:
        return self._compose((acknowledgement(self.who, reason),), self._guess(), callback=reason)

    def _tell(self, told: Told, guess: Guess | None = None) -> Outcome:
        """Said as it is, but for a first contact, which is welcomed."""
        guess = guess or self._guess()
        outcome = self._compose(told.replies, guess, state=told.state, callback=told.callback)
        if told.unbind:
            outcome = replace(outcome, state=told.state)
        return replace(
            outcome,
            changes=told.changes,
            unbind=told.unbind,
            urgent=told.callback == "danger",
            receiver=told.receiver,
        )

    def rendered(self, outcome: Outcome) -> Outcome:
        """The text to send, and the menu she will see, put into the state."""
        if not outcome.replies or outcome.text:
            return outcome
        replies = locating.located(outcome.replies, self.who, self.territory, self.words)
        part = self.words.render(replies, outcome.language, self.who.channel, self.today)
        state = outcome.state
        if part.menu or part.rest or not state.menu:
            state = replace(state, menu=part.menu, rest=part.rest, rest_menu=part.rest_menu)
        return replace(outcome, text=part.text, state=state)
