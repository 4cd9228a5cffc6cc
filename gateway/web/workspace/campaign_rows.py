"""Messages to many, as the pages show them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from math import ceil
from typing import Any

from babel.numbers import format_decimal

from gateway.domain.campaign import Audience, CampaignRow, Choices, Draft
from gateway.domain.people import Referent
from gateway.usecases.campaigning import Preview, Reading
from gateway.usecases.writing import MANY
from gateway.web.workspace import wording

STATES = wording.WORDS["campaign_states"]
HELD = wording.WORDS["held_back"]
AUDIENCES = wording.WORDS["audiences"]


def campaign_line(row: CampaignRow, reader: Referent, wiring: Any) -> dict[str, Any]:
    """One campaign, for `reader`."""
    one, results = row.campaign, row.results
    going = results.going and one.stopped_at is None
    return {
        "link": f"/workspace/campaigns/{one.token}",
        "when": wording.when(one.created_at, wiring.timezone),
        "by": "" if one.referent_id == reader.id else row.author,
        "title": _title(one.response, wiring),
        "text": one.text or _french(one.response, wiring),
        "own": bool(one.text),
        "to": chosen(Audience.of(one.filters)),
        "people": number(one.people),
        "state": STATES[_state(row)],
        "starts": wording.when(one.starts_at, wiring.timezone) if one.starts_at > wiring.clock.now() else "",
        "stopped": wording.when(one.stopped_at, wiring.timezone) if one.stopped_at else "",
        "going": going,
        "preparing": results.preparing,
        "counts": [
            ("En attente", number(results.waiting)),
            ("Envoyés", number(results.said)),
            ("Reçus", number(results.delivered)),
            ("Non reçus", number(results.failed)),
            ("Réponses", number(results.answered)),
            ("STOP ensuite", number(results.opted_out)),
            ("Pas envoyés", number(sum(results.held.values()))),
        ],
        "held": left_out(results.held),
    }


def _state(row: CampaignRow) -> str:
    if row.campaign.stopped_at:
        return "stopped"
    if row.results.preparing:
        return "preparing"
    return "going" if row.results.waiting else "done"


def _title(response: str, wiring: Any) -> str:
    """The label of a message of the content files."""
    return dict(wiring.words.campaign_messages()).get(response, "") if response else "Vos propres mots"


def _french(response: str, wiring: Any) -> str:
    """What it says in French today; "" when it is no more in the content files."""
    return str(wiring.words.text(response, "fr")) if wiring.words.has(response) else ""


def left_out(why: Mapping[str, int]) -> Sequence[tuple[str, str]]:
    """(reason, how many), the commonest first."""
    counted = sorted(why.items(), key=lambda one: (-one[1], one[0]))
    return [(HELD.get(reason, reason), number(people)) for reason, people in counted]


def chosen(audience: Audience) -> Sequence[str]:
    """Whom it is for, in words."""
    said = ["les personnes que vous suivez" if audience.mine else "les personnes de l'équipe"]
    if audience.communes:
        said.append(f"commune : {', '.join(audience.communes)}")
    if audience.audiences:
        said.append(f"public : {', '.join(map(public, audience.audiences))}")
    if audience.languages:
        said.append(f"langue : {', '.join(map(wording.language, audience.languages))}")
    return said


def options(choices: Choices, form: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    """What an audience may be chosen from, each list with its boxes. What was ticked stays, though nobody has it any more."""
    lists: Sequence[tuple[str, str, str, Sequence[tuple[str, int]], Callable[[str], str]]] = (
        ("commune", "Communes", "Toutes les communes", choices.communes, str),
        ("audience", "Publics", "Tous les publics", choices.audiences, public),
        ("language", "Langues", "Toutes les langues", choices.languages, wording.language),
    )
    found = []
    for name, title, everything, values, named in lists:
        known = [(f"{name}.{value}", named(value), people) for value, people in values]
        gone = sorted({field for field in form if field.startswith(f"{name}.")} - {one[0] for one in known})
        known += [(field, named(field.removeprefix(f"{name}.")), 0) for field in gone]
        if known:
            boxes = [(field, said, number(people), field in form) for field, said, people in known]
            found.append(
                {"title": title, "all": everything, "boxes": boxes, "chosen": any(b[3] for b in boxes)}
            )
    return found


def public(name: str) -> str:
    """ "under_26" → "Moins de 26 ans"; what is not known stays as it was imported."""
    return AUDIENCES.get(name, name)


def preview_lines(shown: Preview, draft: Draft, wiring: Any) -> dict[str, Any]:
    now, rules = wiring.clock.now(), wiring.worker.rules
    starts = rules.quiet.over_at(now)
    others = [(wording.language(code), number(n)) for code, n in shown.languages.items() if code != "fr"]
    return {
        "people": shown.people,
        "spoken": number(shown.people),
        "rows": [_reading(one, wiring) for one in shown.readings],
        "segments": number(shown.segments),
        "euros": euros(shown.euros),
        "starts": wording.when(starts, wiring.timezone) if starts else "",
        "takes": lasting(shown.takes(wiring.settings.send_rate)),
        "left_out": left_out(shown.left_out),
        "own": not draft.response,
        "others": others if not draft.response else (),
        "untranslated": sorted(
            {wording.language(one.language) for one in shown.readings if not one.translated}
        ),
        "heavy": shown.heavy,
        "many": MANY,
        "to": chosen(draft.audience),
    }


def _reading(one: Reading, wiring: Any) -> dict[str, Any]:
    return {
        "language": wording.language(one.language),
        "first": one.first,
        "people": number(one.people),
        "each": one.weight.segments,
        "encoding": one.weight.encoding,
        "segments": number(one.segments),
        "euros": euros(one.euros),
        "text": one.text,
        "lang": one.language if one.translated else "fr",
        "dir": wiring.words.direction(one.language) if one.translated else "ltr",
    }


def number(count: int) -> str:
    """ "31 000"."""
    return str(format_decimal(count, locale="fr"))


def euros(amount: float) -> str:
    """ "2 473,80 €"."""
    return f"{format_decimal(amount, format='#,##0.00', locale='fr')}\u00a0€"


def lasting(time: timedelta) -> str:
    """ "moins d'une minute", "environ 12 minutes", "environ 8 h 37"."""
    minutes = ceil(time.total_seconds() / 60)
    if minutes <= 1:
        return "moins d'une minute"
    if minutes < 60:
        return f"environ {minutes} minutes"
    return f"environ {number(minutes // 60)}\u00a0h" + (f"\u00a0{minutes % 60:02}" if minutes % 60 else "")
