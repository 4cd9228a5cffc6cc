"""What she told her referent: sealed, kind included; the consent beside it; gone when she takes it back."""

import dataclasses

from gateway.adapters.database import tables as t
from gateway.adapters.database.store import DatabaseStore
from gateway.domain.conversation import Channel, Reply, State
from gateway.domain.obstacle import Assessment, SharedObstacle
from tests.usecases.fakes import AMINA, CLAIRE, KARIM_PHONE, NOW

HEALTH = SharedObstacle(
    "health", None, {"doctor": "no"}, "2026-11-23", "sms", "2026-11-23", ("faq/find_doctor",)
)
NO_CAR = dataclasses.replace(HEALTH, kind="mobility", severity=3, answers={"means": "none"})


async def person(store: DatabaseStore, phone: str = AMINA.phone, followed: bool = True) -> int:
    async with store.transaction() as tx:
        if followed:
            await tx.save_referent(CLAIRE)
            await tx.save_beneficiary(dataclasses.replace(AMINA, phone=phone), CLAIRE.email)
        return await tx.conversation_at(Channel.SMS, phone, NOW)


async def share(store: DatabaseStore, who: int, *shared: SharedObstacle) -> None:
    async with store.transaction() as tx:
        for one in shared:
            await tx.share_obstacle(who, one, NOW)


async def test_it_gives_back_what_she_shared_and_keeps_one_of_each_kind(store: DatabaseStore) -> None:
    amina = await person(store)
    changed = dataclasses.replace(NO_CAR, severity=1)
    await share(store, amina, HEALTH, NO_CAR, changed)
    async with store.transaction() as tx:
        assert list(await tx.shared_obstacles(amina)) == [HEALTH, changed]
    assert len(await store.rows(t.consent)) == 2


async def test_it_says_in_clear_neither_the_kind_nor_the_answers(store: DatabaseStore) -> None:
    amina, karim = await person(store), await person(store, KARIM_PHONE)
    await share(store, amina, HEALTH)
    await share(store, karim, HEALTH)
    rows = [*await store.rows(t.obstacle), *await store.rows(t.consent)]
    assert not [row for row in rows if "health" in str(row) or "doctor" in str(row)]
    indexes = [row["kind_index"] for row in await store.rows(t.obstacle)]
    assert len(set(indexes)) == 2, "two people with one kind of obstacle look nothing alike"


async def test_it_deletes_what_she_takes_back_and_ends_the_consent(store: DatabaseStore) -> None:
    amina = await person(store)
    await share(store, amina, HEALTH, NO_CAR)
    async with store.transaction() as tx:
        await tx.withdraw_obstacle(amina, "health", NOW)
        assert [s.kind for s in await tx.shared_obstacles(amina)] == ["mobility"]
    ended = [row["withdrawn_at"] for row in await store.rows(t.consent)]
    assert sorted(moment is None for moment in ended) == [False, True]


async def test_it_notes_a_new_consent_after_the_old_one_was_withdrawn(store: DatabaseStore) -> None:
    amina = await person(store)
    await share(store, amina, NO_CAR)
    async with store.transaction() as tx:
        await tx.withdraw_obstacle(amina, "mobility", NOW)
    await share(store, amina, NO_CAR)
    assert len(await store.rows(t.consent)) == 2


async def test_it_shows_a_referent_her_own_people_only(store: DatabaseStore) -> None:
    amina, stranger = await person(store), await person(store, KARIM_PHONE, followed=False)
    await share(store, amina, NO_CAR)
    await share(store, stranger, HEALTH)
    async with store.transaction() as tx:
        (mine,) = await tx.obstacles_of_referent(CLAIRE.email)
        assert (mine.first_name, mine.obstacle) == (AMINA.first_name, NO_CAR)
        assert list(await tx.obstacles_of_referent("paul@example.org")) == []


async def test_it_knows_nobody_behind_a_number_that_is_not_hers(store: DatabaseStore) -> None:
    amina = await person(store)
    await share(store, amina, NO_CAR)
    async with store.transaction() as tx:
        await tx.unbind(amina)
        who = await tx.conversation(amina, NOW)
        assert (who.beneficiary, who.referent) == (None, None)
        assert list(await tx.obstacles_of_referent(CLAIRE.email)) == []


async def test_it_keeps_where_she_stands_sealed(store: DatabaseStore) -> None:
    amina = await person(store)
    told = Assessment("health", "doctor", {"doctor": "no"}, queue=("money",))
    async with store.transaction() as tx:
        await tx.save_state(amina, State(assessment=told))
        assert (await tx.conversation(amina, NOW)).state.assessment == told
    assert "health" not in str(await store.rows(t.conversation))


async def test_it_erases_both_sides_of_a_personal_turn(store: DatabaseStore) -> None:
    amina = await person(store)
    async with store.transaction() as tx:
        inbound = await tx.add_inbound(amina, "SM1", "je suis malade", 0, "", NOW)
        assert inbound
        await tx.close_inbound(inbound, NOW, erase=True)
        who = await tx.conversation(amina, NOW)
        names = [Reply("utter_obstacle/health").response]
        out = await tx.add_outbound(who, inbound, "Un médecin vous suit ?", names, NOW, personal=True)
        assert await tx.erase_personal(amina), "not sent yet: its words are still needed"
        await tx.mark_sent(out, "SM2", NOW)
        assert not await tx.erase_personal(amina)
        texts = [m["text"] for m in await tx.messages_of(amina)]
    assert texts == ["", ""]
    assert [row["responses"] for row in await store.rows(t.message)] == [[], []]
