"""The service itself, for who answers for it: is it running, what waits, what failed, what it cost."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.domain.running import BROKEN, Fault, Lately, Look, Spent, Standing, Waiting, by, quantile
from gateway.usecases.delivery import BAD_NUMBER
from gateway.usecases.sharing import LEAST
from gateway.usecases.watching import Watch
from gateway.usecases.writing import PRICE
from gateway.web.faults import FAULTS
from gateway.web.workspace import wording
from gateway.web.workspace.questions import leading
from gateway.web.workspace.result_rows import HIDDEN, NOTHING, euros
from gateway.web.workspace.session import Signed, page

router = APIRouter(prefix="/workspace")

Leading = Annotated[Signed, Depends(leading)]
# Told by a word, by a sign and by a colour.
STATES = {"well": ("✓", "En marche", ""), "watch": ("!", "À surveiller", "warm"), "broken": ("✕", "En panne", "bad")}  # fmt: skip
WAITS, DAY = wording.WORDS["service_waits"], wording.WORDS["service_day"]
SPENT = {**wording.WORDS["nudge_kinds"], **wording.WORDS["service_spent"]}
HELD = wording.WORDS["nudge_held_back"]
FAILURES = wording.WORDS["failures"]


@router.get("/service", response_class=HTMLResponse)
async def service(request: Request, signed: Leading) -> Response:
    wiring = request.app.state.wiring
    watch: Watch = wiring.watch
    look, (measured, spent) = await watch.look(), await watch.measured()
    here, lately, spent = look.standing or Standing(), measured.get("24h"), spent or ()
    return page(
        request, "workspace/service.html", signed,
        wrong=[check(fault, look) for fault in look.faults],
        well=[check(fault, look) for fault in Fault if fault not in look.faults and concerns(fault, look)],
        last=list(seen(look, wiring.timezone)),
        waits=list(waits(here, look.at)), counted=lately is not None,
        day=list(of_a_day(lately or Lately(), here)), errors=list(errors(lately or Lately())),
        nudges=held_back(lately or Lately()), month=wording.month(f"{look.at.astimezone(wiring.timezone):%Y-%m}"),
        total=cost(sum(one.messages for one in spent), sum(one.segments for one in spent)),
        kinds=list(parts(spent, "kind", SPENT)), languages=list(parts(spent, "language", {})),
        price=euros(PRICE), least=LEAST,
    )  # fmt: skip


def concerns(fault: Fault, look: Look) -> bool:
    """False where nothing can be said: the database is away, or has a disk of its own."""
    if fault is Fault.DISK:
        return look.room is not None
    return fault is Fault.ASSISTANT or look.standing is not None


def check(fault: Fault, look: Look) -> Mapping[str, str]:
    words, here = FAULTS[fault], fault in look.faults
    sign, state, colour = STATES["well" if not here else "broken" if fault in BROKEN else "watch"]
    return {
        "name": words.name, "sign": sign, "state": state, "colour": colour, "do": words.do, "see": words.see,
        "says": words.wrong if here else words.well,
    }  # fmt: skip


def seen(look: Look, zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    """When the robot, the people and the carrier last gave a sign."""
    here = look.standing or Standing()
    title = "Le robot répond depuis" if look.assistant else "Le robot ne répond plus depuis"
    for name, moment in (
        (title, look.assistant_since),
        ("Dernier message reçu", here.received_at),
        ("Dernier SMS parti", here.sent_at),
    ):
        yield name, wording.when(moment, zone) if moment else "jamais"


def waits(here: Standing, now: datetime) -> Iterable[tuple[str, str]]:
    for part in ("unanswered", "unsent", "nudges", "mails", "calls", "work"):
        yield WAITS[part], _waiting(getattr(here, part), now)
    yield WAITS["tried_again"], str(here.tried_again)
    yield WAITS["calendars"], str(here.calendars)


def _waiting(one: Waiting, now: datetime) -> str:
    if not one.count:
        return "aucun"
    return f"{one.count}, le plus ancien depuis {format_timedelta(one.age(now), threshold=1.2, locale='fr')}"


def of_a_day(lately: Lately, here: Standing) -> Iterable[tuple[str, str]]:
    yield DAY["received"], str(sum(lately.received.values()))
    yield DAY["answered"], str(sum(lately.answered.values()))
    yield DAY["stored"], _times(lately.stored)
    yield DAY["carried"], _times(lately.carried)
    yield DAY["asked_again"], str(lately.asked_again)
    yield DAY["refused"], str(here.questions.get("refused_answer", 0))
    yield DAY["apologies"], str(lately.apologies)
    yield DAY["dangers"], str(lately.dangers)
    yield DAY["calls"], str(sum(lately.calls.values()))
    yield DAY["stops"], str(sum(lately.stops.values()))
    wrong = sum(count for code, count in lately.errors.items() if code in BAD_NUMBER)
    yield DAY["wrong_numbers"], str(wrong + lately.not_hers)


def _times(seconds: Sequence[float]) -> str:
    half, most = quantile(seconds, 0.5), quantile(seconds, 0.95)
    if half is None or most is None:
        return NOTHING
    return f"une fois sur deux en {_seconds(half)}, 19 fois sur 20 en {_seconds(most)}"


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return "moins de 0,1\u00a0s"
    return f"{seconds:.1f}\u00a0s".replace(".", ",") if seconds < 60 else f"{seconds / 60:.0f}\u00a0min"


def errors(lately: Lately) -> Iterable[tuple[str, str, int]]:
    """(code, what it means, how many), the most frequent first."""
    for code, count in sorted(lately.errors.items(), key=lambda one: (-one[1], one[0])):
        yield str(code), _begun(FAILURES.get(code, "voyez la documentation de Twilio")), count


def held_back(lately: Lately) -> Mapping[str, Any]:
    """Over all the kinds: a kind and a reason together could point at somebody."""
    why, said = Counter[str](), 0
    for (_kind, state, reason), count in lately.nudges.items():
        if state == "said":
            said += count
        else:
            why[HELD.get("control" if state == "control" else reason, "une autre raison")] += count
    return {"said": said, "why": [(_begun(reason), count) for reason, count in why.most_common()]}


def _begun(words: str) -> str:
    """With a capital; STOP stays as it is."""
    return words[:1].upper() + words[1:]


def parts(spent: Sequence[Spent], part: str, names: Mapping[str, str]) -> Iterable[Mapping[str, str]]:
    """One line each; under five messages nothing is told of them."""
    for name, (messages, segments) in by(spent, part).items():
        title = names.get(name, name) if part == "kind" else wording.language(name).capitalize()
        few = {"messages": HIDDEN, "segments": NOTHING, "euros": NOTHING}
        yield {"name": title, **(few if messages < LEAST else cost(messages, segments))}


def cost(messages: int, segments: int) -> dict[str, str]:
    told = (f"{number:,}".replace(",", "\u202f") for number in (messages, segments))
    return {**dict(zip(("messages", "segments"), told, strict=True)), "euros": euros(segments * PRICE)}
