"""What a text says of days and hours: each thing with its bound ("after", "until"…) and whether it is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

from gateway.domain.time_words import SMALL, Token

BOUNDS = ("after", "from", "before", "until")
_FOLLOWS = {f"{bound}_follows": bound for bound in BOUNDS}
_FILLING = {SMALL, "ending", "day_before", "hour_before", "day_after", "in"}
_MAY_BE_A_CHOICE = 4  # "le 2" answers the menu, "le 12" is a day
_LATE_PARTS = ("afternoon", "evening")


@dataclass(frozen=True)
class Said:
    """`about` says which of the values is set: days, dates, part, hour, kind, soonest, any, month.

    `first` and `last` are days, both meant; `hour` is on the clock.
    """

    about: str
    value: str = ""  # part, kind
    days: frozenset[int] = frozenset()
    first: date = date.min
    last: date = date.max
    hour: time = time(0)
    bound: str = ""
    refused: bool = False


@dataclass
class _At:
    """A thing, and which tokens of the clause say it."""

    said: Said
    start: int
    end: int


def said_in(clause: Sequence[Token], today: date) -> tuple[list[Said], int]:
    """What the clause says, in order, and in how many tokens."""
    things = list(_bounded(clause, today))
    _refuse(clause, things)
    return [thing.said for thing in things], sum(thing.end - thing.start for thing in things)


def _bounded(clause: Sequence[Token], today: date) -> Iterator[_At]:
    """Each thing that is said, with the "after" before it, or the one that follows it."""
    bound, i = "", 0
    while i < len(clause):
        thing = _thing(clause, i, today)
        if thing is None and (bound or _bound_after(clause, i + 1)):
            thing = _bare(clause, i, today)
        if thing is None:
            named = next((b for b in BOUNDS if b in clause[i]), "")
            bound = named or (bound if _FILLING & clause[i].meanings.keys() else "")
            i += 1
            continue
        if follows := _bound_after(clause, thing.end):
            bound, after = follows
            thing.end = after
        thing.said, bound = replace(thing.said, bound=bound), ""
        yield thing
        i = thing.end


def _bound_after(clause: Sequence[Token], i: int) -> tuple[str, int] | None:
    """The bound that stands after its thing ("salıdan sonra"), and where it ends."""
    for j in range(i, min(i + 2, len(clause))):
        for kind, bound in _FOLLOWS.items():
            if kind in clause[j]:
                return bound, j + 1
        if not _FILLING & clause[j].meanings.keys():
            return None
    return None


def _thing(clause: Sequence[Token], i: int, today: date) -> _At | None:
    for reader in (_relative, _week_of, _date, _hour, _weekday, _word):
        if thing := reader(clause, i, today):
            return thing
    return None


def _skip(clause: Sequence[Token], i: int, *kinds: str) -> int:
    while i < len(clause) and any(kind in clause[i] for kind in kinds):
        i += 1
    return i


def _has(clause: Sequence[Token], i: int, kind: str) -> bool:
    return 0 <= i < len(clause) and kind in clause[i]


def _relative(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """ "dans deux semaines", "in 3 days", "iki hafta sonra"."""
    j = i
    led = "in" in clause[i]
    if led:
        j = _skip(clause, i + 1, SMALL)
    count = 1
    if _has(clause, j, "number") or _has(clause, j, "word_number"):
        token = clause[j]
        count = int(token.meanings.get("number") or token["word_number"])
        j = _skip(clause, j + 1, SMALL) if led else j + 1
    elif not led:
        return None
    unit = next((u for u in ("week", "day_unit") if _has(clause, j, u)), "")
    if not unit or not 1 <= count <= 60:
        return None
    end = j + 1
    if not led:
        if not _has(clause, end, "in_follows"):
            return None
        end += 1
    if unit == "week":
        monday = _monday(today) + timedelta(weeks=count)
        return _At(Said("dates", first=monday, last=monday + timedelta(days=6)), i, end)
    day = today + timedelta(days=count)
    return _At(Said("dates", first=day, last=day + timedelta(days=1 if count > 4 else 0)), i, end)


def _week_of(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """ "la semaine du 7 décembre"."""
    on = _date(clause, i + 1, today) if "week" in clause[i] and i + 1 < len(clause) else None
    if on is None:
        return None
    monday = _monday(on.said.first)
    return _At(Said("dates", first=max(monday, today), last=monday + timedelta(days=6)), i, on.end)


def _date(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """ "12/11", "12 novembre", "november 12", "le 12"."""
    if "date" in clause[i]:
        numbers = [int(n) for n in clause[i]["date"].split("x")]
        return _on(numbers[0], numbers[1], today, i, i + 1)
    if "month" in clause[i] and (j := _skip(clause, i + 1, SMALL)) and _has(clause, j, "number"):
        end = j + (2 if _has(clause, j + 1, "day_after") else 1)
        return _on(int(clause[j]["number"]), int(clause[i]["month"]), today, i, end)
    named = "day_before" in clause[i]
    j = _skip(clause, i, "day_before")
    if not _has(clause, j, "number"):
        return None
    number, end = int(clause[j]["number"]), j + 1
    if _has(clause, end, "day_after"):
        named, end = True, end + 1
    month = _skip(clause, end, SMALL, "day_before")
    if _has(clause, month, "month"):
        return _on(number, int(clause[month]["month"]), today, i, month + 1)
    heard = end == len(clause) or clause[end].meanings
    if not named or not heard or _has(clause, end, "hour_after") or _unit(clause, end):
        return None
    return None if number <= _MAY_BE_A_CHOICE else _in_month(number, today, i, end)


def _unit(clause: Sequence[Token], i: int) -> bool:
    return _has(clause, i, "week") or _has(clause, i, "day_unit")


def _hour(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """ "14h30", "14 h", "à 14", "2pm", "5 de la tarde"."""
    if "hour" in clause[i]:
        hour, minute = map(int, clause[i]["hour"].split("h"))
        return _clock(clause, hour, minute, i, i + 1)
    j = _skip(clause, i, "hour_before")
    written = _has(clause, j, "word_number") and (j > i or _has(clause, j + 1, "hour_after"))
    if not written and not _has(clause, j, "number"):
        return None
    number = int(clause[j].meanings.get("number") or clause[j]["word_number"])
    marked = _has(clause, j + 1, "hour_after")
    minute, end = 0, j + (2 if marked else 1)
    if marked and _has(clause, end, "number") and clause[end].text in ("15", "30", "45"):
        minute, end = int(clause[end].text), end + 1
    heard = end == len(clause) or clause[end].meanings
    if not marked and not (j > i and heard and not _unit(clause, end)):
        part = _skip(clause, end, SMALL)
        if not (_has(clause, part, "part") and part > end):  # "10 de la mañana"
            return None
    if clause[end - 1].text == "pm":
        number += 12 if number < 12 else 0
    return _clock(clause, number, minute, i, end)


def _clock(clause: Sequence[Token], hour: int, minute: int, start: int, end: int) -> _At | None:
    """The hour that is meant: "5 de la tarde" is 17:00, and so is a bare 5, when nobody receives."""
    part = _skip(clause, end, SMALL, "hour_after")
    if _has(clause, part, "part") and hour <= 12:
        end = part + 1
        hour += 12 if clause[part]["part"] in _LATE_PARTS and hour < 12 else 0
    elif hour < 7:
        hour += 12
    return _At(Said("hour", hour=time(hour, minute)), start, end) if hour < 24 else None


def _weekday(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """ "mardi", "mardi 12", "mardi 12 novembre"."""
    if "day" not in clause[i]:
        return None
    day = int(clause[i]["day"])
    j = _skip(clause, i + 1, SMALL, "day_before")
    if j < len(clause) and ("number" in clause[j] or "date" in clause[j]):
        if full := _date(clause, j, today):
            return _At(full.said, i, full.end)
        alone = j + 1 == len(clause) or clause[j + 1].meanings
        if "number" in clause[j] and alone and not _has(clause, j + 1, "hour_after"):
            for ahead in range(60):
                on = today + timedelta(days=ahead)
                if on.day == int(clause[j]["number"]) and on.isoweekday() == day:
                    return _At(Said("dates", first=on, last=on), i, j + 1)
    return _At(Said("days", days=frozenset({day})), i, i + 1)


def _word(clause: Sequence[Token], i: int, today: date) -> _At | None:
    token, end = clause[i], i + 1
    after_a_day = any("day" in t for t in clause[max(i - 2, 0) : i])
    if "near" in token and not ("part" in token and after_a_day):  # "martes mañana"
        return _At(_near(token["near"], today), i, end)
    if "part" in token:
        return _At(Said("part", token["part"]), i, end)
    if "kind" in token:
        return _At(Said("kind", token["kind"]), i, end)
    if "month" in token:
        return _At(_month(int(token["month"]), today), i, end)
    return None


def _near(name: str, today: date) -> Said:
    monday = _monday(today)
    on = {"today": 0, "tomorrow": 1, "after_tomorrow": 2}
    days = {"early_week": {1, 2}, "mid_week": {2, 3, 4}, "late_week": {4, 5}, "weekend": {6, 7}}
    days["weekdays"] = {1, 2, 3, 4, 5}
    # said on Saturday, "this week" is the one that comes
    weeks = {
        "this_week": (0, 13 if today.isoweekday() > 5 else 6),
        "next_week": (7, 13),
        "in_two_weeks": (14, 20),
    }
    if name in on:
        day = today + timedelta(days=on[name])
        return Said("dates", first=day, last=day)
    if name in days:
        return Said("days", days=frozenset(days[name]))
    if name in weeks:
        first, last = (monday + timedelta(days=n) for n in weeks[name])
        return Said("dates", first=max(first, today), last=last)
    if name == "next_month":
        return replace(_month(today.month % 12 + 1, today), about="dates")
    if name.startswith("today_"):
        return Said("today", name.removeprefix("today_"), first=today, last=today)
    return Said(name)  # soonest, any


def _month(month: int, today: date) -> Said:
    """The whole month: a weak word, "mars" is also a planet and "mai" is Romanian for "more"."""
    year = today.year + (month < today.month)
    after = date(year + month // 12, month % 12 + 1, 1)
    return Said("month", first=max(date(year, month, 1), today), last=after - timedelta(days=1))


def _bare(clause: Sequence[Token], i: int, today: date) -> _At | None:
    """A number beside "after" or "before": an hour, or a day when it cannot be one."""
    if "number" not in clause[i] or _unit(clause, i + 1):
        return None
    if i + 1 < len(clause) and not clause[i + 1].meanings:
        return None  # "avant 12 ans"
    number = int(clause[i]["number"])
    if number <= 20:
        return _clock(clause, number, 0, i, i + 1)
    return _in_month(number, today, i, i + 1)


def _on(day: int, month: int, today: date, start: int, end: int) -> _At | None:
    """This year, or the next one when it is past."""
    for year in (today.year, today.year + 1):
        try:
            on = date(year, month, day)
        except ValueError:
            continue
        if on >= today:
            return _At(Said("dates", first=on, last=on), start, end)
    return None


def _in_month(day: int, today: date, start: int, end: int) -> _At | None:
    for ahead in range(62):
        on = today + timedelta(days=ahead)
        if on.day == day:
            return _At(Said("dates", first=on, last=on), start, end)
    return None


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _refuse(clause: Sequence[Token], things: list[_At]) -> None:
    """ "pas mardi" refuses what follows, else what comes before: "mardi je peux pas". "salı gelemem" the other way.

    "non" refuses only what comes before. "mardi oui" takes it as said; "mardi bien pas" does not.
    """
    said_yes = [t for t in things if _has(clause, t.end, "yes") and not _has(clause, t.end + 1, "not")]
    for i, token in enumerate(clause):
        ahead = [t for t in things if t.start > i and t not in said_yes]
        behind = [t for t in things if t.end <= i and t not in said_yes]
        refused: list[_At] = []
        if "not" in token:
            refused = ahead or behind
        elif "not_after" in token:
            refused = behind or ahead
        elif "refusal" in token:
            refused = behind
        for thing in refused:
            thing.said = replace(thing.said, refused=True)
