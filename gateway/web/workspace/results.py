"""What works: what became of each kind of nudge, and whether those who got one do more than those left without."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from gateway.domain.effect import last_months
from gateway.usecases.sharing import LEAST
from gateway.usecases.writing import PRICE
from gateway.web.workspace import plots, wording
from gateway.web.workspace.access import written
from gateway.web.workspace.result_rows import (
    NO_ACT,
    Found,
    acting,
    acts,
    by_rank,
    compared,
    euros,
    lines,
    lines_by_month,
    month,
    name,
    row,
)
from gateway.web.workspace.session import Signed, page, signed_in
from gateway.web.workspace.today import day_of

router = APIRouter(prefix="/workspace")

SignedIn = Annotated[Signed, Depends(signed_in)]
PERIODS = {"30": "30 derniers jours", "90": "90 derniers jours", "365": "12 derniers mois"}
USUAL, MONTHS = "90", 12


@router.get("/results", response_class=HTMLResponse)
async def results(request: Request, signed: SignedIn, period: str = "", kind: str = "") -> Response:
    """`period`: days until now; `kind`: one of them alone."""
    period = period if period in PERIODS else USUAL
    everything = await _found(request, signed, period)
    kinds = everything.kinds
    kind = kind if kind in kinds else ""
    found = everything.of(kind)
    versus = [compared(one, found.least(one.about)) for one in found.comparisons]
    months = [month(day, theirs, found) for day, theirs in found.months.items()]
    return page(
        request, "workspace/results.html", signed,
        period=period, periods=PERIODS.items(), kind=kind, kinds=[("", "Tous"), *((k, name(k)) for k in kinds)],
        since=f"{wording.day(found.since)} {found.since.year}", team=found.team, least=LEAST, price=euros(PRICE),
        rows=[row(one, found.least(one.about)) for one in found.tallies],
        held=any(one.control for one in found.tallies),
        acts=plots.bars([(name(one.kind), [acts(one, found)]) for one in found.tallies if one.kind not in NO_ACT]),
        compared=versus, sides=plots.bars([(one["name"], one["bars"]) for one in versus]),
        any_month=any(found.months.values()), months=months, course=plots.over_time([one["shape"] for one in months]),
    )  # fmt: skip


@router.get("/results.csv")
async def as_file(request: Request, signed: SignedIn, period: str = "", by: str = "") -> Response:
    """`by` "month": the last twelve; else the period, with what was compared."""
    found = await _found(request, signed, period if period in PERIODS else USUAL)
    by_month = by == "month"
    file = "ce-qui-marche-par-mois.csv" if by_month else "ce-qui-marche.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"}
    content = written(lines_by_month(found) if by_month else lines(found))
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


async def _found(request: Request, signed: Signed, period: str) -> Found:
    wiring, her = request.app.state.wiring, signed.referent
    now, zone = wiring.clock.now(), wiring.timezone
    today = now.astimezone(zone).date()
    since = today - timedelta(days=int(period))
    days = last_months(today, MONTHS)
    bounds = [day_of(day, zone)[0] for day in days]
    begins, _ = day_of(since, zone)
    async with wiring.store.transaction() as tx:
        tallies = await tx.tallies(her.id, [begins, bounds[-1]], now)
        by_month = [acting(one) for one in await tx.tallies(her.id, bounds, now)]
        versus = await tx.comparisons(her.id, begins, now)
    return Found(
        since,
        sorted((acting(one) for one in tallies), key=by_rank),
        sorted((one for one in versus if one.kind not in NO_ACT), key=by_rank),
        {
            day: sorted((one for one in by_month if one.stretch == n), key=by_rank)
            for n, day in enumerate(days[:-1])
        },
        her.leads and her.structure != "",
    )
