"""One year: `python -m tests.year 7 1000`, a seed and how many people. What was broken, and what there was to break."""

import asyncio
import json
import logging
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from gateway.adapters.database import jobs, tables
from tests.year.almanac import PARIS, forbidden
from tests.year.debts import Accountant
from tests.year.life import Life
from tests.year.oracle import Judge
from tests.year.rules import Rule, rules
from tests.year.world import World


@dataclass(frozen=True)
class Year:
    """`wrong`: the rule that was broken → where. The rest: how many, so that a reader sees that there was something to check."""

    seed: int
    wrong: dict[str, list[str]]
    texts: dict[str, int]
    let_go: dict[str, int]
    owed: dict[str, int]
    happened: dict[str, int]


async def year(seed: int, people: int) -> Year:
    world = World(seed)
    jobs.time = world.leases  # type: ignore[assignment]
    errors = list[str]()
    structlog.configure(
        processors=[lambda _logger, _name, event: _note(errors, event)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    await world.product.open()
    await Life(world, people).begins()
    await world.live()
    return await _judged(world, seed, errors)


def _note(errors: list[str], event: Any) -> Any:
    errors.append(str(event))
    raise structlog.DropEvent


async def _judged(world: World, seed: int, errors: list[str]) -> Year:
    store, facts, files = world.product.store, world.facts, rules()
    rows = await store.rows(tables.nudge)
    messages = await store.rows(tables.message)
    unasked = {row["sid"] for row in messages if row["in_reply_to"] is None}
    for her in facts.people:
        her.unasked = [text for text in her.texts if text.kind or text.sid in unasked]
    follow_ups = [(row["id"], json.loads(row["values_sealed"])) for row in await store.rows(tables.follow_up)]
    rebooks = {known["appointment"]: id_ for id_, known in follow_ups if known.get("why") == "noshow"}
    mails = [row["key"].split(":") for row in await store.rows(tables.mail) if row["template"] == "silent"]
    judge = Judge(facts, files)
    judge.judges()
    accounts = Accountant(facts, files, rows, rebooks, {(key[1], int(key[3])) for key in mails})
    accounts.settles()
    wrong = {**judge.wrong, **accounts.wrong}
    if errors:
        wrong["an error in the log"] = errors
    let_go = Counter(f"{row['kind']}: {row['why']}" for row in rows if row["state"] == "ended")
    texts = Counter(text.kind or "others" for her in facts.people for text in her.texts)
    return Year(seed, wrong, dict(texts), dict(let_go), dict(accounts.paid), _happened(world, files))


def _happened(world: World, files: dict[str, Rule]) -> dict[str, int]:
    facts, people = world.facts, world.facts.people
    hours = [hours for one in facts.meetings.values() for _, hours in one.known.changes]
    reminders = [text for her in people for text in her.unasked if text.starts_at]
    numbers = Counter(her.number.last for her in people)
    return {
        "people": len(people),
        "appointments": len(facts.meetings),
        **Counter(f"appointments {one.status}" for one in hours),
        "texts before a day or an hour of rest": sum(_brought_forward(text, files) for text in reminders),
        "texts overseas": sum(len(her.unasked) for her in people if her.zone != PARIS),
        "stops": sum(len(her.stopped.changes) for her in people),
        "topics stopped": sum(len(topic.changes) for her in people for topic in her.topics_off.values()),
        "hours chosen": sum(len(her.hour.changes) for her in people),
        **{f"numbers {what}": many for what, many in numbers.items()},
        "dangers": sum(len(her.dangers) for her in people),
        "taken over": sum(len(her.taken.changes) for her in people),
        "messages of hers": sum(len(her.wrote) for her in people),
        "campaigns stopped": sum(one.stopped is not None for one in facts.campaigns),
        "deaths of the worker": len(facts.away) - 1,
        "troubles of the carrier": len(facts.trouble),
        "clock put back": len(facts.put_back),
    }


def _brought_forward(text: Any, files: dict[str, Rule]) -> bool:
    rule = files[text.kind] if text.kind else None
    if rule is None or rule.counted_from != "starts_at":
        return False
    return forbidden(rule.due(text.starts_at, PARIS, None, text.starts_at), PARIS)


if __name__ == "__main__":
    found = asyncio.run(year(int(sys.argv[1]), int(sys.argv[2])))
    print(json.dumps(asdict(found), indent=1, ensure_ascii=False))
