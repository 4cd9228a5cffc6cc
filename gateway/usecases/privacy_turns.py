"""The turns about her data: what we keep of her, and erasing it, asked once and confirmed by a number.

They are her rights: answered after STOP too.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.conversation import IDLE, Outcome, Reply, State
from gateway.domain.keywords import command_in
from gateway.domain.menu import chosen
from gateway.domain.privacy import GOODBYE
from gateway.ports import Records
from gateway.usecases.composing import Composing
from gateway.usecases.privacy import NO_RECORDS, known_of

MY_DATA, ERASE_MY_DATA = "MES DONNEES", "EFFACER MES DONNEES"  # keywords
FORGET_ME, FORGET, KEEP_ALL = (
    "FORGET_ME",
    "FORGET",
    "KEEP_ALL",
)  # payloads that only this file makes and reads
COMMANDS = {MY_DATA, ERASE_MY_DATA, FORGET_ME, FORGET, KEEP_ALL}
INTENT = "utter_delete_my_data"  # she asks in her own words: the two keywords are told after the answer


@dataclass(frozen=True, kw_only=True)
class PrivacyTurns(Composing):
    records: Records = NO_RECORDS

    async def _about_her_data(self, command: str, argument: str) -> Outcome:
        if command == MY_DATA:
            return await self._held()
        if command == KEEP_ALL:
            return self._answer_about_data(Reply("utter_data_kept"))
        if command == FORGET and self.now - datetime.fromisoformat(argument) < IDLE:
            return self._forgotten()
        return await self._may_i_forget()

    async def _her_rights(self, text: str) -> Outcome | None:
        """After STOP: the two keywords, and the answer to what they ask."""
        said = self.words.vocabularies
        command, argument = command_in(text, said) or "", ""
        if choice := chosen(text, self.who.state.menu, said.digits):
            command, _, argument = choice.payload.partition(" ")
        return await self._about_her_data(command, argument) if command in COMMANDS else None

    def _just_asked(self, text: str) -> bool:
        """The answer to this keyword stands on her screen."""
        leads_to = {MY_DATA: FORGET_ME, ERASE_MY_DATA: FORGET}.get(
            command_in(text, self.words.vocabularies) or ""
        )
        return leads_to in {choice.payload.partition(" ")[0] for choice in self.who.state.menu}

    async def _held(self) -> Outcome:
        held, person = await self.records.held(self.who, self.now), self.who.beneficiary
        said = [Reply(f"utter_my_data/{what}", {what: told}) for what, told in known_of(person).items()]
        if person and self.who.referent:
            said.append(Reply("utter_my_data/referent", {"referent": self.who.referent.first_name}))
        if held.since:
            since = {"number": held.messages, "date": held.since.isoformat()}
            said.append(Reply("utter_my_data/messages", since))
        if held.appointments:
            said.append(Reply("utter_my_data/appointments", {"number": held.appointments}))
        if held.obstacles:
            said.append(Reply("utter_my_data/obstacles", {"number": held.obstacles}))
        lines = [["text:utter_erase_all_title", FORGET_ME]]
        how = Reply("utter_my_data/how", {"lines": lines})
        return self._answer_about_data(Reply("utter_my_data"), *said, how)

    async def _may_i_forget(self) -> Outcome:
        said = [Reply("utter_erase_my_data")]
        if (await self.records.held(self.who, self.now)).coming:
            said.append(Reply("utter_erase_my_data/appointments"))
        if self.who.opted_out:
            said.append(Reply("utter_erase_my_data/stopped"))
        elif self.who.beneficiary:
            said.append(Reply("utter_erase_my_data/back"))
        lines = [
            ["text:utter_erase_for_good_title", f"{FORGET} {self.now.isoformat()}"],
            ["text:utter_erase_nothing_title", KEEP_ALL],
        ]
        return self._answer_about_data(*said, Reply("utter_erase_my_data/sure", {"lines": lines}))

    def _forgotten(self) -> Outcome:
        after = "stopped" if self.who.opted_out else "again"
        return replace(self._say(Reply(GOODBYE), Reply(f"{GOODBYE}/{after}"), state=State()), forget=True)

    def _answer_about_data(self, *replies: Reply) -> Outcome:
        """After STOP exactly these; else as any answer, with a welcome at first contact."""
        return self._say(*replies) if self.who.opted_out else self._compose(replies, self._guess())
