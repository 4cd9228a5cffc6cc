"""Conversations and people: found again, told apart, stopped and started."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.adapters.database import tables as t
from gateway.adapters.database.conversations import ASKED_LATELY
from gateway.adapters.database.store import DatabaseStore
from gateway.adapters.phone import e164
from gateway.domain.conversation import Channel, Conversation, Outcome, Reply, State
from gateway.domain.menu import Choice
from gateway.domain.people import CallbackRequest
from gateway.usecases.importing import Imported, import_beneficiaries, import_referents
from tests.usecases.fakes import AMINA, AMINA_PHONE, CLAIRE, KARIM_PHONE, NOW

STATE = State(
    menu=(Choice("1", "RSA", "/menu/rsa"),), last=(Reply("utter_source", {"source": "CAF"}),), rest="…", welcomed=True
)  # fmt: skip


async def at(
    store: DatabaseStore, address: str = AMINA_PHONE, channel: Channel = Channel.SMS
) -> Conversation:
    async with store.transaction() as tx:
        return await tx.conversation(await tx.conversation_at(channel, address, NOW), NOW)


async def again(store: DatabaseStore, who: Conversation, after: timedelta = timedelta()) -> Conversation:
    async with store.transaction() as tx:
        return await tx.conversation(who.id, NOW + after)


async def message(store: DatabaseStore, who: Conversation, sid: str) -> int:
    async with store.transaction() as tx:
        added = await tx.add_inbound(who.id, sid, "bonjour", 0, "", NOW)
    assert added
    return added


# conversations


async def test_it_begins_with_an_address_and_nothing_else(store: DatabaseStore) -> None:
    who = await at(store)
    assert (who.address, who.channel, who.language, who.language_sure) == (
        AMINA_PHONE,
        Channel.SMS,
        "",
        False,
    )
    assert (who.state, who.opted_out, who.callback_open) == (State(), False, False)
    assert (who.beneficiary, who.referent) == (None, None)


async def test_it_finds_a_conversation_again(store: DatabaseStore) -> None:
    who = await at(store)
    assert (await at(store)).id == who.id
    async with store.transaction() as tx:
        assert await tx.find_conversation(Channel.SMS, AMINA_PHONE) == who.id
        assert await tx.find_conversation(Channel.SMS, KARIM_PHONE) is None
        assert await tx.by_pseudonym(who.pseudonym) == who.id
        assert await tx.by_pseudonym("nobody") is None


async def test_it_tells_people_and_channels_apart(store: DatabaseStore) -> None:
    everyone = [await at(store), await at(store, KARIM_PHONE), await at(store, AMINA_PHONE, Channel.WEB)]
    assert len({who.id for who in everyone}) == 3
    assert len({who.pseudonym for who in everyone}) == 3


async def test_it_makes_one_conversation_of_two_messages_at_once(store: DatabaseStore) -> None:
    found = await asyncio.gather(*(at(store) for _ in range(8)))
    assert len({who.id for who in found}) == 1


async def test_it_gives_a_pseudonym_that_says_nothing(store: DatabaseStore) -> None:
    who = await at(store)
    assert len(who.pseudonym) == 16
    assert AMINA_PHONE[-6:] not in who.pseudonym


async def test_it_keeps_what_a_turn_changed(store: DatabaseStore) -> None:
    who = await at(store)
    async with store.transaction() as tx:
        await tx.save_turn(who, Outcome((), "ar", True, STATE, reminded_on="2026-11-23"), NOW)
    kept = await again(store, who)
    assert (kept.language, kept.language_sure, kept.state) == ("ar", True, STATE)
    assert kept.reminded_on == "2026-11-23"
    async with store.transaction() as tx:
        await tx.save_turn(kept, Outcome(), NOW)  # a turn that says nothing of these
    kept = await again(store, who)
    assert (kept.language, kept.reminded_on) == ("ar", "2026-11-23")


async def test_it_begins_in_the_language_chosen_on_the_page(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        who = await tx.conversation(await tx.conversation_at(Channel.WEB, "session", NOW, "uk"), NOW)
    assert (who.language, who.language_sure) == ("uk", True)


# STOP and START


async def test_it_stops_and_starts_and_keeps_the_dates(store: DatabaseStore) -> None:
    who, other = await at(store), await at(store, KARIM_PHONE)
    async with store.transaction() as tx:
        await tx.opt_out(who.id, "message", NOW)
        await tx.opt_out(who.id, "carrier", NOW + timedelta(hours=1))
    assert (await again(store, who)).opted_out
    assert not (await again(store, other)).opted_out
    async with store.transaction() as tx:
        await tx.opt_in(who.id, "message", NOW + timedelta(hours=2))
    assert not (await again(store, who)).opted_out
    async with store.transaction() as tx:
        await tx.opt_out(who.id, "message", NOW + timedelta(hours=3))
    assert (await again(store, who)).opted_out
    rows = [(row["source"], row["at"], row["ended_at"]) for row in await store.rows(t.opt_out)]
    assert rows == [
        ("message", NOW, NOW + timedelta(hours=2)),
        ("message", NOW + timedelta(hours=3), None),
    ]


# a person is asked for


async def test_it_notes_a_call_back_once_a_message(store: DatabaseStore) -> None:
    who = await at(store)
    first, second = await message(store, who, "SM1"), await message(store, who, "SM2")
    async with store.transaction() as tx:
        assert await tx.add_callback(CallbackRequest(who.id, first, "asked", NOW))
        assert not await tx.add_callback(CallbackRequest(who.id, first, "danger", NOW))
        assert await tx.add_callback(CallbackRequest(who.id, second, "asked", NOW))
    assert len(await store.rows(t.callback)) == 2


@pytest.mark.parametrize(
    ("after", "open_"),
    [(timedelta(), True), (ASKED_LATELY - timedelta(seconds=1), True), (ASKED_LATELY, False)],
)
async def test_it_deals_with_a_call_back_for_a_day(
    store: DatabaseStore, after: timedelta, open_: bool
) -> None:
    who = await at(store)
    asked = await message(store, who, "SM1")
    async with store.transaction() as tx:
        await tx.add_callback(CallbackRequest(who.id, asked, "asked", NOW))
    assert (await again(store, who, after)).callback_open is open_


async def test_it_writes_a_mail_once_and_gives_it_until_it_is_sent(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        mail_id = await tx.add_mail("callback:1", CLAIRE.email, "callback", {"phone": AMINA_PHONE}, NOW)
        assert mail_id
        assert await tx.add_mail("callback:1", CLAIRE.email, "callback", {}, NOW) is None
    async with store.transaction() as tx:
        mail = await tx.mail(mail_id)
        assert mail is not None
        assert (mail.id, mail.to, mail.template) == (mail_id, CLAIRE.email, "callback")
        assert mail.values == {"phone": AMINA_PHONE}
        await tx.mark_mail_sent(mail_id, NOW)
        assert await tx.mail(mail_id) is None
        assert await tx.mail(404) is None


# people


async def test_it_binds_a_person_to_her_number(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(AMINA, CLAIRE.email.upper())
    who = await at(store)
    assert who.beneficiary is not None
    assert replace(who.beneficiary, id=1) == AMINA
    assert who.referent is not None
    assert (who.referent.email, who.referent.name) == (CLAIRE.email, CLAIRE.name)
    assert (who.language, who.language_sure) == ("fr", True)


async def test_it_tells_nothing_personal_to_another_number_nor_on_the_page(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.save_referent(CLAIRE)
        await tx.save_beneficiary(AMINA, CLAIRE.email)
    for who in (await at(store, KARIM_PHONE), await at(store, AMINA_PHONE, Channel.WEB)):
        assert (who.beneficiary, who.referent) == (None, None)


async def test_it_prefers_the_language_she_writes_to_the_imported_one(store: DatabaseStore) -> None:
    async with store.transaction() as tx:
        await tx.save_beneficiary(AMINA, "")
    who = await at(store)
    async with store.transaction() as tx:
        await tx.save_turn(who, Outcome((), "ar", True), NOW)
    assert (await again(store, who)).language == "ar"


async def imported(store: DatabaseStore, referents: str, people: str) -> tuple[Imported, Imported]:
    return (
        await import_referents(store, f"email,name,structure\n{referents}\n".encode(), NOW),
        await import_beneficiaries(
            store,
            f"phone,first_name,language,postal_code,commune,referent_email\n{people}\n".encode(),
            e164,
            NOW,
        ),
    )


async def test_it_imports_twice_without_a_change(store: DatabaseStore) -> None:
    rows = ("claire@example.org,Claire Moreau,CCAS", "06 39 98 00 01,Amina,fr,79000,Niort,claire@example.org")
    assert await imported(store, *rows) == await imported(store, *rows)
    assert len(await store.rows(t.referent)) == len(await store.rows(t.beneficiary)) == 1


async def test_it_brings_people_up_to_date(store: DatabaseStore) -> None:
    await imported(
        store, "claire@example.org,Claire,CCAS", "0639980001,Amina,fr,79000,Niort,claire@example.org"
    )
    await imported(
        store, "paul@example.org,Paul,CCAS", "0639980001,Amina Lou,ar,79200,Parthenay,paul@example.org"
    )
    who = await at(store)
    assert who.beneficiary is not None
    assert who.referent is not None
    assert (who.beneficiary.first_name, who.beneficiary.commune) == ("Amina Lou", "Parthenay")
    assert who.referent.email == "paul@example.org"


@pytest.mark.parametrize(
    ("referent", "person"),
    [
        pytest.param("claire@example.org,Claire," + "CCAS " * 60, "0639980001,Amina,fr,79000,Niort,", id="structure"),
        pytest.param("claire@example.org,Claire,CCAS", "0639980001,Amina,fr,79000," + "Niort " * 40 + ",", id="commune"),
        pytest.param("claire@example.org,Claire,CCAS", "0639980001,Amina,fr,79000 Niort cedex,Niort,", id="postal code"),
    ],
)  # fmt: skip
async def test_it_does_not_stop_at_a_field_that_is_too_long(
    store: DatabaseStore, referent: str, person: str
) -> None:
    """A row that cannot be kept is told; the others are kept, whatever the database."""
    done = await imported(
        store, f"{referent}\npaul@example.org,Paul,CCAS", f"{person}\n0639980002,Karim,ar,79000,Niort,"
    )
    assert [each.kept + len(each.refused) for each in done] == [2, 2]
    assert all(each.kept >= 1 for each in done)
