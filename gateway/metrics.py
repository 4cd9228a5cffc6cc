"""What is measured, for Prometheus. Never a number, a name or a text in a label.

Two are counted in this process: what only the web sees. All else is read from the database when it is asked for, so that any
gateway tells the whole truth, workers included; these are gauges, because what is forgotten leaves their sums.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from gateway.domain.language import LANGUAGES
from gateway.domain.running import Fault, Lately, Look, Spent, Standing, quantile

_FAST = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

RECEIVED = Counter("messages_received_total", "messages received by this process", ["channel", "repeat"])
ACKNOWLEDGED = Histogram("acknowledgement_seconds", "time to acknowledge the carrier", buckets=_FAST)

QUANTILES = (0.5, 0.95, 0.99, 1.0)
_WORD = re.compile(r"[a-z][a-z_]{0,31}")

Labelled = Iterable[tuple[Sequence[str], float]]


def exposition(look: Look, lately: Mapping[str, Lately], spent: Sequence[Spent] | None) -> bytes:
    """All of them as Prometheus reads them. `lately`: by window; empty, and `spent` None, while the database is away."""
    found = [*_of_service(look), *(_waiting(look.standing, look.at) if look.standing else ())]
    if lately:
        found += _of_late(lately)
    if spent is not None:
        found += _of_month(spent)
    return bytes(generate_latest() + generate_latest(_Read(found)))


@dataclass(frozen=True)
class _Read:
    """What was read a moment ago, as a registry gives it."""

    families: Iterable[GaugeMetricFamily]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self.families


def _gauge(name: str, about: str, labels: Sequence[str], values: Labelled) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _one(name: str, about: str, value: float | timedelta | datetime | None) -> GaugeMetricFamily:
    """Without a value when there is none to tell."""
    if isinstance(value, datetime):
        value = value.timestamp()
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return _gauge(name, about, (), [] if value is None else [((), value)])


def _word(value: str) -> str:
    """As the code or a file of ours spells it; anything else is not told."""
    return value if not value or _WORD.fullmatch(value) else "other"


def _words(values: Mapping[Any, int]) -> Labelled:
    for key, count in values.items():
        yield [_word(part) for part in (key if isinstance(key, tuple) else (key,))], count


def _of_service(look: Look) -> Iterable[GaugeMetricFamily]:
    faults = set(look.faults)
    yield _one("service_ready", "1 when nothing that people need is missing", float(look.ready))
    yield _gauge(
        "service_fault",
        "1 while this is wrong",
        ["fault"],
        [((one.value,), float(one in faults)) for one in Fault],
    )
    yield _one("database_up", "1 when the database answers", float(look.standing is not None))
    yield _one("rasa_answers", "1 when a Rasa answers a real question", float(look.assistant))
    yield _one(
        "rasa_answers_since_timestamp_seconds", "since when it answers, or does not", look.assistant_since
    )
    yield _one("database_room_bytes", "left on the disk of SQLite's file", look.room)
    yield _one("silence_seconds", "without a message, nights and rest days left out", look.silence)


def _waiting(here: Standing, now: datetime) -> Iterable[GaugeMetricFamily]:
    jobs = [((_word(kind),), one.count) for kind, one in here.jobs.items()]
    yield _gauge("jobs_due", "jobs that are due and not done", ["kind"], jobs)
    waiting = {
        "jobs": here.work, "nudges": here.nudges, "unanswered": here.unanswered, "unsent": here.unsent, "mails": here.mails,
        "calls": here.calls,
    }  # fmt: skip
    counts = [((name,), one.count) for name, one in waiting.items()]
    ages = [((name,), one.age(now).total_seconds()) for name, one in waiting.items()]
    yield _gauge("work_waiting", "how many wait for the service, or for a call", ["what"], counts)
    yield _gauge("work_oldest_seconds", "how long the oldest has waited", ["what"], ages)
    yield _one("unsent_tried_again", "answers that the carrier did not take at once", here.tried_again)
    yield _one("calendars_failing", "referents' calendars that do not answer", here.calendars)
    yield _gauge(
        "questions_kept_today", "asked again, out of scope, answer refused", ["kind"], _words(here.questions)
    )
    yield _one("last_received_timestamp_seconds", "the last message from anybody", here.received_at)
    yield _one("last_sent_timestamp_seconds", "the last message that the carrier took", here.sent_at)


def _of_late(lately: Mapping[str, Lately]) -> Iterable[GaugeMetricFamily]:
    def over(name: str, about: str, labels: Sequence[str], part: str) -> GaugeMetricFamily:
        values = [
            ([window, *of], n) for window, one in lately.items() for of, n in _words(getattr(one, part))
        ]
        return _gauge(f"recent_{name}", about, ["window", *labels], values)

    yield over("received", "messages received", ["channel"], "received")
    yield over("answered", "of these, answered", ["channel"], "answered")
    yield over("calls", "people who asked for a call", ["reason"], "calls")
    yield over("stops", "people who stopped the messages", ["topic", "source"], "stops")
    yield over("nudges", "reminders and nudges: said, or why not", ["kind", "state", "why"], "nudges")
    for part, about in (
        ("asked_again", "questions that had to be asked again"),
        ("dangers", "dangers told"),
        ("apologies", "answers that Rasa did not give: the fixed sentence"),
        ("not_hers", "numbers that are somebody else's"),
    ):
        values = [((window,), getattr(one, part)) for window, one in lately.items()]
        yield _gauge(f"recent_{part}", about, ["window"], values)
    codes = [((w, str(code)), n) for w, one in lately.items() for code, n in one.errors.items()]
    yield _gauge(
        "recent_carrier_errors", "messages that failed, by the carrier's code", ["window", "code"], codes
    )
    yield _gauge("recent_reply_seconds", "from a message to its answer: stored, carried", ["window", "step", "quantile"], _times(lately))  # fmt: skip


def _times(lately: Mapping[str, Lately]) -> Labelled:
    for window, one in lately.items():
        for step, seconds in (("stored", one.stored), ("carried", one.carried)):
            for share in QUANTILES:
                if (found := quantile(seconds, share)) is not None:
                    yield (window, step, f"{share:g}"), found


def _of_month(spent: Sequence[Spent]) -> Iterable[GaugeMetricFamily]:
    """A language that is not ours came from a browser: it is not told."""
    segments, messages = dict[tuple[str, str], int](), dict[tuple[str, str], int]()
    for one in spent:
        of = (one.language if one.language in LANGUAGES else "other", _word(one.kind))
        segments[of] = segments.get(of, 0) + one.segments
        messages[of] = messages.get(of, 0) + one.messages
    labels = ["language", "kind"]
    yield _gauge(
        "month_segments", "SMS segments carried since the first of the month", labels, segments.items()
    )
    yield _gauge("month_messages", "SMS carried since the first of the month", labels, messages.items())
