"""deploy/grafana.json and deploy/alerts.yml look at what exists."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.domain.running import Lately, Look, Spent, Standing, Waiting
from gateway.metrics import RECEIVED, exposition
from gateway.settings import ROOT
from gateway.web.faults import FAULTS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DEPLOY, GUIDE = ROOT / "deploy", ROOT / "docs" / "exploitation.md"
# What happened, with one of each.
STANDING = Standing(
    jobs={"mail": Waiting(1, NOW)}, questions={"asked_again": 1}, received_at=NOW, sent_at=NOW
)
LATELY = Lately(
    {"sms": 1}, {"sms": 1}, 1, 1, 1, 1, {"danger": 1}, {("all", "message"): 1}, {("invitation", "said", ""): 1},
    {30005: 1}, (1.0,), (2.0,),
)  # fmt: skip


def exposed() -> dict[str, set[str]]:
    """The labels of each metric."""
    RECEIVED.labels(channel="sms", repeat="false")
    look = Look(NOW, STANDING, True, NOW, room=1)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(
        exposition(look, {"5m": LATELY, "24h": LATELY}, [Spent("fr", "answer", 1, 1)]).decode()
    ):
        found.setdefault(family.name, set()).update(family.samples[0].labels if family.samples else ())
        for one in family.samples:
            found.setdefault(one.name, set()).update(one.labels)
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    board = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


QUERIES = {rule["alert"]: rule["expr"] for rule in rules()} | {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]
}
EXPOSED = exposed()
OF_PROMQL = {
    "max",
    "min",
    "sum",
    "by",
    "time",
    "rate",
    "absent",
    "histogram_quantile",
    "and",
    "or",
    "on",
    "le",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_it_has_every_metric_that_is_looked_at(query: str) -> None:
    """Names, and the labels that they are chosen and grouped by."""
    bare = re.sub(r"\bby \([^)]*\)|\{[^}]*\}|\[[^]]*\]", "", query)
    names = set(re.findall(r"[a-z][a-z_]+", bare)) - OF_PROMQL
    assert names <= {*EXPOSED, "up"}, names - set(EXPOSED)
    assert names
    if "up" in names:
        return  # Prometheus's own: whether we answer at all
    chosen = re.findall(r"[{,]\s*([a-z_]+)\s*[=!]", query)
    grouped = [
        label for found in re.findall(r"\bby \(([^)]*)\)", query) for label in re.split(r",\s*", found)
    ]
    assert {*chosen, *grouped} <= set().union(*(EXPOSED[name] for name in names))


def test_it_looks_at_every_fault() -> None:
    asked = " ".join(rule["expr"] for rule in rules())
    for name in (
        "database_up", "rasa_answers", 'what="jobs"', "database_room_bytes", 'what="unanswered"', 'what="unsent"',
        'what="nudges"', 'what="mails"', "calendars_failing", "silence_seconds",
    ):  # fmt: skip
        assert name in asked


def test_it_is_a_dashboard_that_opens() -> None:
    found = panels()
    assert len(found) > 25
    ids = [panel["id"] for panel in found]
    assert len(set(ids)) == len(ids)
    for panel in found:
        assert panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_it_says_what_an_alert_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] == "ticket" or rule["annotations"]["see"]


def test_it_points_at_faults_that_are_explained() -> None:
    """In docs/exploitation.md: from the alerts, and from the page and the command that say what is wrong."""
    wanted = {rule["annotations"].get("see") for rule in rules()} | {words.see for words in FAULTS.values()}
    (table,) = re.findall(
        r"^## Les pannes$(.*?)^## ", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    explained = set(re.findall(r"^\| (.+?) \|", table, re.MULTILINE))
    assert wanted - {None} <= explained, wanted - explained
