"""Campaigns: a referent's message to many of her people."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.database.engine import InlineConnection
from gateway.adapters.database.tables import (
    beneficiary,
    campaign,
    conversation,
    job,
    message,
    nudge,
    opt_out,
    referent,
)
from gateway.adapters.encryption import Cipher
from gateway.domain.campaign import (
    Audience,
    Campaign,
    CampaignRow,
    Choices,
    Group,
    Reached,
    Results,
)
from gateway.domain.conversation import Channel
from gateway.domain.nudge import About, Topic
from gateway.domain.people import Referent
from gateway.domain.verdict import Why

FAILED = ("failed", "undelivered")
UNSAID = "fr"  # the language of who has not said hers


class Campaigns:
    db: AsyncConnection | InlineConnection
    cipher: Cipher

    @property
    def insert(self) -> Any:
        raise NotImplementedError

    async def add_campaign(self, new: Campaign) -> int | None:
        """None when a campaign with this token exists: a form sent twice."""
        added = self.insert(campaign).values(
            referent_id=new.referent_id, token=new.token, response=new.response,
            text_sealed=self.cipher.seal(new.text) if new.text else None, filters=dict(new.filters),
            people=new.people, created_at=new.created_at, starts_at=new.starts_at,
        )  # fmt: skip
        return (await self.db.execute(added.on_conflict_do_nothing().returning(campaign.c.id))).scalar()

    async def campaigns(self, ids: Sequence[int]) -> Sequence[Campaign]:
        rows = await self.db.execute(select(campaign).where(campaign.c.id.in_(ids)))
        return [self._campaign(row) for row in rows.mappings()]

    async def campaign_going(self, campaign_id: int) -> Campaign | None:
        """None when it is stopped. Who stops it waits for the end of this transaction."""
        one = select(campaign).where(campaign.c.id == campaign_id, campaign.c.stopped_at.is_(None))
        row = (await self.db.execute(one.with_for_update())).mappings().first()
        return self._campaign(row) if row else None

    async def campaign_is_planned(self, campaign_id: int) -> None:
        """How many people it is for is known now: some may have stopped since the preview."""
        planned = select(func.count()).select_from(nudge).where(_of([campaign_id])).scalar_subquery()
        await self.db.execute(update(campaign).where(campaign.c.id == campaign_id).values(people=planned))

    async def stop_campaign(self, campaign_id: int, referent_id: int, now: datetime) -> bool:
        """Nothing more of it leaves. False when it was stopped before."""
        going = update(campaign).where(campaign.c.id == campaign_id, campaign.c.stopped_at.is_(None))
        stopped = await self.db.execute(going.values(stopped_at=now, stopped_by=referent_id))
        to_come = update(nudge).where(_of([campaign_id]), nudge.c.state == "planned")
        await self.db.execute(to_come.values(state="ended", why=Why.NO_LONGER_TRUE.value, said_at=now))
        return bool(stopped.rowcount == 1)

    def _campaign(self, row: Mapping[Any, Any]) -> Campaign:
        known = {name: row[name] for name in Campaign.__dataclass_fields__ if name != "text"}
        return Campaign(**known, text=self.cipher.open(row["text_sealed"]))

    # whom it is for

    async def audience_choices(self, author_id: int, mine: bool) -> Choices:
        hers = _followed(author_id, mine)

        async def counted(value: ColumnElement[Any], source: Any) -> Sequence[tuple[str, int]]:
            values = (
                select(value.label("value")).select_from(source).where(hers, value != "").subquery().c.value
            )
            rows = await self.db.execute(select(values, func.count()).group_by(values).order_by(values))
            return [(row[0], row[1]) for row in rows]

        each = self._audiences()
        people = select(func.count()).select_from(beneficiary).where(hers)
        return Choices(
            int((await self.db.execute(people)).scalar_one()),
            await counted(beneficiary.c.commune, beneficiary),
            await counted(each.c.value, beneficiary.join(each, true())),
            await counted(_language(), _with_conversation()),
        )

    async def count_audience(self, author_id: int, audience: Audience) -> Sequence[Group]:
        """Those who are left out too, each under the first reason that holds. The largest group first."""
        first = conversation.c.state_sealed.is_(None)
        chosen = (
            select(_language().label("language"), first.label("first"), _why().label("why"))
            .select_from(_with_conversation())
            .where(*self._chosen(author_id, audience))
            .subquery()
        )
        counted = select(*chosen.c, func.count().label("people")).group_by(*chosen.c)
        rows = (await self.db.execute(counted)).mappings()
        found = [Group(row["language"], bool(row["first"]), row["why"], row["people"]) for row in rows]
        return sorted(found, key=lambda one: (-one.people, one.language, one.first, one.why))

    async def start_conversations(self, author_id: int, audience: Audience, limit: int, now: datetime) -> int:
        """For those who have none yet, `limit` of them: they were imported elsewhere and nobody ever wrote. How many."""
        without = select(beneficiary.c.phone_index, beneficiary.c.phone_sealed)
        without = without.select_from(_with_conversation()).where(
            *self._chosen(author_id, audience), conversation.c.id.is_(None)
        )
        rows = (await self.db.execute(without.order_by(beneficiary.c.id).limit(limit))).mappings()
        new = [
            {
                "channel": Channel.SMS.value, "address_index": row["phone_index"],
                "address_sealed": row["phone_sealed"], "pseudonym": secrets.token_hex(8), "created_at": now,
            }
            for row in rows
        ]  # fmt: skip
        if new:
            await self.db.execute(self.insert(conversation).on_conflict_do_nothing(), new)
            await self.give_back_refusals(now)
        return len(new)

    async def give_back_refusals(self, now: datetime, address_index: str = "") -> None:
        raise NotImplementedError

    async def reachable(
        self, author_id: int, audience: Audience, after: int, limit: int
    ) -> Sequence[Reached]:
        """The next ones after person `after` who have a conversation, in the order of their import, but for those left out."""
        found = select(
            conversation.c.id, beneficiary.c.id, beneficiary.c.postal_code, conversation.c.nudge_hour
        ).select_from(_with_conversation())
        here = [
            *self._chosen(author_id, audience),
            conversation.c.id.is_not(None),
            beneficiary.c.id > after,
            _why() == "",
        ]
        rows = await self.db.execute(found.where(*here).order_by(beneficiary.c.id).limit(limit))
        return [Reached(*row) for row in rows]

    def _chosen(self, author_id: int, audience: Audience) -> list[ColumnElement[bool]]:
        chosen = [_followed(author_id, audience.mine)]
        if audience.communes:
            chosen.append(beneficiary.c.commune.in_(audience.communes))
        if audience.languages:
            chosen.append(_language().in_(audience.languages))
        if audience.audiences:
            each = self._audiences()
            chosen.append(exists(select(each.c.value).where(each.c.value.in_(audience.audiences))))
        return chosen

    def _audiences(self) -> Any:
        """The values of a person's audience, a row each."""
        postgresql = self.db.dialect.name == "postgresql"
        each = func.json_array_elements_text if postgresql else func.json_each
        return each(beneficiary.c.audience).table_valued("value")

    # what became of it

    async def campaigns_seen_by(self, referent_id: int, limit: int) -> Sequence[CampaignRow]:
        """Hers, and those of the team that she leads, the last one first."""
        seen = _seen_by(referent_id).order_by(campaign.c.created_at.desc(), campaign.c.id.desc())
        return await self._campaign_rows(seen.limit(limit))

    async def campaign_seen_by(self, referent_id: int, token: str) -> CampaignRow | None:
        """None when there is none of this name, or when it is not hers to see."""
        one = _seen_by(referent_id).where(campaign.c.token == token)
        return next(iter(await self._campaign_rows(one)), None)

    async def _campaign_rows(self, query: Select[Any]) -> Sequence[CampaignRow]:
        rows = (await self.db.execute(query)).mappings().all()
        results = await self.campaign_results([row["id"] for row in rows])
        return [
            CampaignRow(
                self._campaign(row),
                Referent("", self.cipher.open(row["name_sealed"])).first_name,
                results[row["id"]],
            )
            for row in rows
        ]

    async def campaign_results(self, ids: Sequence[int]) -> Mapping[int, Results]:
        """How many people, by campaign."""
        alike = (nudge.c.matter_id, nudge.c.state, nudge.c.why, message.c.status)
        counted = func.count(), func.count(nudge.c.answered_at), func.count(nudge.c.stopped_at)
        counts = select(*alike, *counted).select_from(
            nudge.outerjoin(message, message.c.id == nudge.c.message_id)
        )
        totals: dict[int, dict[str, int]] = {one: defaultdict(int) for one in ids}
        held: dict[int, dict[str, int]] = {one: defaultdict(int) for one in ids}
        for row in await self.db.execute(counts.where(_of(ids)).group_by(*alike)):
            one, state, why, status, people, answered, stopped = row
            totals[one]["answered"] += answered
            totals[one]["opted_out"] += stopped
            if state == "planned":
                totals[one]["waiting"] += people
            elif state != "said" or status == "cancelled":  # cancelled: she wrote STOP before it left
                held[one][why or Why.STOPPED.value] += people
            else:
                totals[one]["said"] += people
                totals[one]["delivered"] += people * (status == "delivered")
                totals[one]["failed"] += people * (status in FAILED)
        preparing = await self._preparing(ids)
        return {one: Results(**totals[one], held=held[one], preparing=one in preparing) for one in ids}

    async def _preparing(self, ids: Sequence[int]) -> set[int]:
        at_work = select(job.c.subject).where(
            job.c.kind == "campaign", job.c.subject.in_(ids), job.c.state != "done"
        )
        return set((await self.db.execute(at_work)).scalars())


def _team(referent_id: int) -> Select[Any]:
    """Ids of the referents of the team that she leads: the rule of `covered_by`, without those whom she replaces."""
    lead = referent.alias("lead")
    team = select(referent.c.id).join(lead, lead.c.structure == referent.c.structure)
    return team.where(lead.c.id == referent_id, lead.c.leads, lead.c.structure != "")


def _followed(author_id: int, mine: bool) -> ColumnElement[bool]:
    """A row of `beneficiary` is one of her people, or of those of the team that she leads, and has a number."""
    whose = beneficiary.c.referent_id
    theirs = whose == author_id if mine else whose.in_(_team(author_id))
    return and_(theirs, beneficiary.c.no_number_since.is_(None))


def _with_conversation() -> Any:
    """Beneficiaries, each with the conversation on her number, whoever holds it now."""
    here = and_(
        conversation.c.channel == Channel.SMS.value, conversation.c.address_index == beneficiary.c.phone_index
    )
    return beneficiary.outerjoin(conversation, here)


def _language() -> ColumnElement[str]:
    """The one in which she is written to."""
    said = (func.nullif(conversation.c.language, ""), func.nullif(beneficiary.c.language, ""))
    return func.coalesce(*said, UNSAID)


def _why() -> ColumnElement[str]:
    """Why she is left out, a Why; "" when she is not."""

    def stopped(topic: str) -> ColumnElement[bool]:
        still = exists().where(
            opt_out.c.conversation_id == conversation.c.id, opt_out.c.topic == topic, opt_out.c.ended_at.is_(None)
        )  # fmt: skip
        return still.correlate(conversation)

    return case(
        (conversation.c.unbound, Why.NOT_HERS.value),
        (conversation.c.number_error.is_not(None), Why.NUMBER_FAILED.value),
        (stopped("all"), Why.STOPPED.value),
        (stopped(Topic.NEWS.value), Why.TOPIC_OFF.value),
        else_="",
    )


def _seen_by(referent_id: int) -> Select[Any]:
    author = campaign.join(referent, referent.c.id == campaign.c.referent_id)
    hers = or_(campaign.c.referent_id == referent_id, campaign.c.referent_id.in_(_team(referent_id)))
    return select(campaign, referent.c.name_sealed).select_from(author).where(hers)


def _of(ids: Sequence[int]) -> ColumnElement[bool]:
    return and_(nudge.c.about == About.CAMPAIGN.value, nudge.c.matter_id.in_(ids))
